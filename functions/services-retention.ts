/** What is deleted by its age, and when. */

import { purgeDevices } from "../shared/devices/purge-devices.ts";
import { forgetOldRefreshes } from "../shared/devices/refresh/refresh-store.ts";
import type { SiteStore } from "../shared/devices/sites/site-store.ts";
import type { Clock, Instant } from "../shared/kernel/clock.ts";
import {
  type ForgetDeps,
  forgetOldNotifications,
  purgeNotifications,
} from "../shared/notifications/retention.ts";
import type { NotificationStore } from "../shared/notifications/state/notification-store.ts";
import { tableNames } from "../shared/storage/names.ts";
import type { Storage } from "../shared/storage/storage.ts";
import { clear, ofTenant } from "../shared/storage/tables.ts";
import type { PurgeDeps, PurgeStep } from "../shared/tenants/purge.ts";
import type { PurgeStore } from "../shared/tenants/purge-store.ts";
import type { TenantStore } from "../shared/tenants/tenant-store.ts";
import type { QuarantineStore } from "../shared/work/dead-letters.ts";
import type { TableAnswerStore } from "../shared/work/idempotent-answers.ts";
import type { Settings } from "./settings.ts";

type RetentionParts = ForgetDeps & {
  readonly clock: Clock;
  readonly tenantStore: TenantStore;
  readonly answers: TableAnswerStore;
  readonly quarantine: QuarantineStore;
};

/** What a run deleted. */
export type Forgotten = { readonly answers: number; readonly notifications: number };

const tenantsPerPage = 100;

/** Builds the run: it deletes what is too old, while `mayGoOn`. */
export function retention({ keepMs }: Pick<Settings, "keepMs">, parts: RetentionParts) {
  return async (mayGoOn: () => boolean): Promise<Forgotten> => {
    const now = parts.clock.now();
    const answers = await parts.answers.forget(mayGoOn);
    if (Number.isFinite(keepMs.quarantine))
      await parts.quarantine.forget(now - keepMs.quarantine, mayGoOn);
    const notifications = Number.isFinite(keepMs.notifications)
      ? await forgetByTenant(parts, now - keepMs.notifications, mayGoOn)
      : 0;
    return { answers, notifications };
  };
}

async function forgetByTenant(
  parts: RetentionParts,
  before: Instant,
  mayGoOn: () => boolean,
): Promise<number> {
  let forgotten = 0;
  let token: string | undefined;
  do {
    const page: Awaited<ReturnType<TenantStore["list"]>> = await parts.tenantStore.list(
      tenantsPerPage,
      token,
    );
    for (const { tenantId } of page.tenants) {
      forgotten += await forgetOldNotifications(parts, tenantId, before, mayGoOn);
      await forgetOldRefreshes(parts.storage.tables, tenantId, before, mayGoOn);
    }
    token = page.next;
  } while (token !== undefined && mayGoOn());
  return forgotten;
}

// What a tenant's removal deletes, room by room.

/** The longest a function may run (host.json), and a minute for caches and clocks. */
const settleMs = 6 * 60_000;

type PurgeParts = {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly tenantStore: TenantStore;
  readonly purges: PurgeStore;
  readonly sites: SiteStore;
  readonly notifications: NotificationStore;
};

/** What purging needs, with every step. */
export function purgeServices(parts: PurgeParts): PurgeDeps {
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
