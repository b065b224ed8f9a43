/**
 * Deletes the notifications of a removed tenant: deliveries and lists first, then the rows by which they are found,
 * so that whoever comes after a death finds what is left.
 */
import { inParallel } from "../kernel/concurrency.ts";
import { clear } from "../storage/clear.ts";
import { tableNames } from "../storage/names.ts";
import type { Storage } from "../storage/storage.ts";
import type { NotificationStore } from "./notification-store.ts";

const perPage = 100;
const lanes = 4;

/** Deletes them while `mayGoOn`; true when none is left. */
export async function purgeNotifications(
  {
    storage,
    notifications,
  }: { readonly storage: Storage; readonly notifications: NotificationStore },
  tenantId: string,
  mayGoOn: () => boolean,
): Promise<boolean> {
  for (;;) {
    const ids = await notifications.ids(tenantId, perPage);
    if (ids.length === 0) return true;
    const gone = await inParallel(ids, lanes, (id) =>
      forgetNotification({ storage, notifications }, id, mayGoOn),
    );
    const cleared = ids.filter((_, at) => gone[at]);
    await storage.tables.removeRows(tableNames.notifications, tenantId, cleared);
    if (cleared.length < ids.length || !mayGoOn()) return false;
  }
}

/** Deletes everything that belongs to a notification but its own row. */
async function forgetNotification(
  { storage, notifications }: Parameters<typeof purgeNotifications>[0],
  notificationId: string,
  mayGoOn: () => boolean,
): Promise<boolean> {
  await notifications.close(notificationId);
  await notifications.removeTargets(notificationId);
  return clear(storage.tables, tableNames.deliveries, { partition: notificationId }, mayGoOn);
}
