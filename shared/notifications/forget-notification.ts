/** Deletes everything that belongs to a notification but the row by which it is found. */
import { clear } from "../storage/clear.ts";
import { tableNames } from "../storage/names.ts";
import type { Storage } from "../storage/storage.ts";
import type { NotificationStore } from "./notification-store.ts";

/** What forgetting needs. */
export type ForgetDeps = { readonly storage: Storage; readonly notifications: NotificationStore };

/** Deletes it while `mayGoOn`; true when nothing is left, and its row may follow. */
export async function forgetNotification(
  { storage, notifications }: ForgetDeps,
  notificationId: string,
  mayGoOn: () => boolean,
): Promise<boolean> {
  await notifications.close(notificationId);
  await notifications.removeTargets(notificationId);
  return clear(storage.tables, tableNames.deliveries, { partition: notificationId }, mayGoOn);
}
