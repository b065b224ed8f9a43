/** What is deleted by its age, and when. */
import { forgetOldRefreshes } from "../shared/devices/forget-refreshes.ts";
import type { Clock, Instant } from "../shared/kernel/clock.ts";
import type { ForgetDeps } from "../shared/notifications/forget-notification.ts";
import { forgetOldNotifications } from "../shared/notifications/forget-old.ts";
import type { TableAnswerStore } from "../shared/storage/answer-store.ts";
import type { QuarantineStore } from "../shared/storage/quarantine-store.ts";
import type { TenantStore } from "../shared/tenants/tenant-store.ts";
import type { Settings } from "./settings.ts";

type Parts = ForgetDeps & {
  readonly clock: Clock;
  readonly tenantStore: TenantStore;
  readonly answers: TableAnswerStore;
  readonly quarantine: QuarantineStore;
};

/** What a run deleted. */
export type Forgotten = { readonly answers: number; readonly notifications: number };

const tenantsPerPage = 100;

/** Builds the run: it deletes what is too old, while `mayGoOn`. */
export function retention({ keepMs }: Pick<Settings, "keepMs">, parts: Parts) {
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
  parts: Parts,
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
