/** What a tenant's removal deletes, room by room. */

import { purgeDevices } from "../shared/devices/purge-devices.ts";
import type { SiteStore } from "../shared/devices/site-store.ts";
import type { Clock } from "../shared/kernel/clock.ts";
import type { NotificationStore } from "../shared/notifications/notification-store.ts";
import { purgeNotifications } from "../shared/notifications/purge-notifications.ts";
import { clear, ofTenant } from "../shared/storage/clear.ts";
import { tableNames } from "../shared/storage/names.ts";
import type { Storage } from "../shared/storage/storage.ts";
import type { PurgeDeps, PurgeStep } from "../shared/tenants/purge.ts";
import type { PurgeStore } from "../shared/tenants/purge-store.ts";
import type { TenantStore } from "../shared/tenants/tenant-store.ts";

/** The longest a function may run (host.json), and a minute for caches and clocks. */
const settleMs = 6 * 60_000;

type Parts = {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly tenantStore: TenantStore;
  readonly purges: PurgeStore;
  readonly sites: SiteStore;
  readonly notifications: NotificationStore;
};

/** What purging needs, with every step. */
export function purgeServices(parts: Parts): PurgeDeps {
  const { storage, clock, tenantStore: store, purges } = parts;
  const { paces, approvals } = tableNames;
  const rest: PurgeStep = async (tenantId, mayGoOn) => {
    for (const table of [paces, approvals])
      if (!(await clear(storage.tables, table, ofTenant(tenantId), mayGoOn))) return false;
    return true;
  };
  const steps: readonly PurgeStep[] = [
    (tenantId, mayGoOn) => purgeNotifications(parts, tenantId, mayGoOn),
    (tenantId, mayGoOn) => purgeDevices(parts, tenantId, mayGoOn),
    rest,
  ];
  return { store, purges, queues: storage.queues, clock, steps, settleMs };
}
