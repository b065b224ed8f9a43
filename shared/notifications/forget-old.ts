/**
 * Deletes a tenant's old notifications, with their deliveries, lists and approvals. Ids sort by time, so that only
 * what is old is read.
 */
import type { Instant } from "../kernel/clock.ts";
import { inParallel } from "../kernel/concurrency.ts";
import { invertedTime } from "../kernel/ids.ts";
import { clear } from "../storage/clear.ts";
import { tableNames } from "../storage/names.ts";
import { textOf } from "../storage/rows.ts";
import { type ForgetDeps, forgetNotification } from "./forget-notification.ts";
import { isOpen, type NotificationState } from "./notification.ts";

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
