/**
 * Deletes the notifications of a removed tenant: deliveries and lists first, then the rows by which they are found,
 * so that whoever comes after a death finds what is left.
 */
import { inParallel } from "../kernel/concurrency.ts";
import { tableNames } from "../storage/names.ts";
import { type ForgetDeps, forgetNotification } from "./forget-notification.ts";

const perPage = 100;
const lanes = 4;

/** Deletes them while `mayGoOn`; true when none is left. */
export async function purgeNotifications(
  deps: ForgetDeps,
  tenantId: string,
  mayGoOn: () => boolean,
): Promise<boolean> {
  for (;;) {
    const ids = await deps.notifications.ids(tenantId, perPage);
    if (ids.length === 0) return true;
    const gone = await inParallel(ids, lanes, (id) => forgetNotification(deps, id, mayGoOn));
    const cleared = ids.filter((_, at) => gone[at]);
    await deps.storage.tables.removeRows(tableNames.notifications, tenantId, cleared);
    if (cleared.length < ids.length || !mayGoOn()) return false;
  }
}
