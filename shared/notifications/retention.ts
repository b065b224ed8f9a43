/** Deletes everything that belongs to a notification but the row by which it is found. */

import type { Instant } from "../kernel/clock.ts";
import { inParallel } from "../kernel/concurrency.ts";
import { invertedTime } from "../kernel/ids.ts";
import { tableNames } from "../storage/names.ts";
import { textOf } from "../storage/rows.ts";
import type { Storage } from "../storage/storage.ts";
import { clear } from "../storage/tables.ts";
import { isOpen, type NotificationState } from "./state/notification.ts";
import type { NotificationStore } from "./state/notification-store.ts";

/** What forgetting needs. */
export type ForgetDeps = { readonly storage: Storage; readonly notifications: NotificationStore };

/** Deletes it while `mayGoOn`; true when nothing is left, and its row may follow. */
async function forgetNotification(
  { storage, notifications }: ForgetDeps,
  notificationId: string,
  mayGoOn: () => boolean,
): Promise<boolean> {
  await notifications.close(notificationId);
  await notifications.removeTargets(notificationId);
  return clear(storage.tables, tableNames.deliveries, { partition: notificationId }, mayGoOn);
}

// Deletes a tenant's old notifications, with their deliveries, lists and approvals. Ids sort by time, so that only
// what is old is read.

const perPage = 100;
const lanes = 4;

/** Deletes what was asked for before `before` and has ended, while `mayGoOn`; answers how many. */
export async function forgetOldNotifications(
  deps: ForgetDeps,
  tenantId: string,
  before: Instant,
  mayGoOn: () => boolean,
): Promise<number> {
  const { tables } = deps.storage;
  const old = { partition: tenantId, from: invertedTime(before) };
  let forgotten = 0;
  let token: string | undefined;
  do {
    const range = { ...old, select: ["state"] };
    const { rows, next } = await tables.page(tableNames.notifications, range, perPage, token);
    const ended = rows.filter(
      (row) => !isOpen({ state: textOf(row, "state") as NotificationState }),
    );
    const ids = ended.map(({ rowKey }) => rowKey);
    const gone = await inParallel(ids, lanes, (id) => forgetNotification(deps, id, mayGoOn));
    const cleared = ids.filter((_, at) => gone[at]);
    await tables.removeRows(tableNames.notifications, tenantId, cleared);
    forgotten += cleared.length;
    token = next;
  } while (token !== undefined && mayGoOn());
  await clear(tables, tableNames.approvals, old, mayGoOn);
  return forgotten;
}

// Deletes the notifications of a removed tenant: deliveries and lists first, then the rows by which they are found,
// so that whoever comes after a death finds what is left.

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
