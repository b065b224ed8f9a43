/**
 * Ends what no message could bring to its end: long after the notification's time, when nothing of it has moved
 * for as long. What still moves, however slowly, is waited for: a million answers take hours to read.
 */

import type { Clock, Instant } from "../../kernel/clock.ts";
import { queueNames } from "../../storage/names.ts";
import type { Queues } from "../../storage/queues.ts";
import { changeRows, deliveriesIn } from "../passes/change-rows.ts";
import { endOf, unreadable } from "../passes/decide-pass.ts";
import { finishIfDone } from "../passes/finish.ts";
import type { Step } from "../state/delivery.ts";
import {
  type DeliveryStore,
  type RowQuery,
  type StoredDeliveryRow,
  UnreadableRow,
} from "../state/delivery-store.ts";
import { move, type Notification, type NotificationFailure } from "../state/notification.ts";
import type { NotificationStore, TroubleStore } from "../state/notification-store.ts";
import { beforePlanning } from "../state/plan-progress.ts";
import type { MarkStore } from "../state/row-summaries.ts";

// Ends a notification that cannot be planned: nothing more of it leaves, what has left is followed to its end,
// and the notification says why. Asking twice is once.

/** What failing needs. */
export type FailPlanningDeps = {
  readonly notifications: NotificationStore;
  readonly deliveries: DeliveryStore;
  readonly queues: Queues;
};

/** Fails the notification if it is still being planned; answers whether it was. */
export async function failPlanning(
  { notifications, deliveries, queues }: FailPlanningDeps,
  tenantId: string,
  notificationId: string,
  failure: NotificationFailure,
): Promise<boolean> {
  const stored = await notifications.get(tenantId, notificationId);
  if (stored === undefined || stored.notification.state !== "planning") return false;
  const failing = move(stored.notification, "giveUp", { failure });
  // A lost race means that planning, or a cancellation, has got further.
  if (failing === undefined) return false;
  if ((await notifications.replace(failing, stored.etag)) === undefined) return false;
  await closePlan(deliveries, failing);
  await queues.send(queueNames.notificationCancel, { tenantId, notificationId });
  return true;
}

/** No row is added any more, so that the notification can come to its end. */
async function closePlan(deliveries: DeliveryStore, failing: Notification): Promise<void> {
  for (;;) {
    const plan = await deliveries.plan(failing.notificationId);
    if (plan?.progress.done) return;
    const progress = { ...(plan?.progress ?? beforePlanning), done: true, unsent: [] };
    if (await deliveries.commitPlan(failing, [], progress, plan?.etag)) return;
  }
}

/** What giving up needs. */
export type GiveUpDeps = {
  readonly notifications: NotificationStore;
  readonly deliveries: DeliveryStore;
  readonly marks: MarkStore;
  readonly troubles: TroubleStore;
  readonly queues: Queues;
  readonly clock: Clock;
  readonly overdueMs: number;
};

/** How long nothing must have moved, after the notification's end. */
const giveUpAfterMs = 60 * 60_000;
/** Rows given up in one transaction. */
const rowsPerStep = 32;

/**
 * True when its time is long over, nobody has got through to any of it for as long, and a message that was sent
 * anew did not help either: an app that was switched off for hours gets the chance to read the answers.
 */
export async function isStuck(
  { deliveries, marks, overdueMs }: Pick<GiveUpDeps, "deliveries" | "marks" | "overdueMs">,
  { notificationId, expiresAt }: Notification,
  now: Instant,
): Promise<boolean> {
  const since = now - giveUpAfterMs;
  if (expiresAt > since) return false;
  if (await marks.movedSince(notificationId, since)) return false;
  const plan = await deliveries.plan(notificationId);
  if (plan && !plan.progress.done && plan.progress.at > since) return false;
  if (!(await deliveries.anyLive(notificationId))) return true;
  return marks.nudgedInVain(notificationId, since, now - overdueMs);
}

/** Rows that can be read; those that cannot end on the way. */
async function readablePage(
  deliveries: DeliveryStore,
  notificationId: string,
  query: RowQuery,
): Promise<StoredDeliveryRow[]> {
  for (;;)
    try {
      return await deliveries.page(notificationId, query);
    } catch (error) {
      if (!(error instanceof UnreadableRow)) throw error;
      await deliveries.endUnreadable(notificationId, error);
    }
}

/** Ends every delivery that is still open, then the notification; or goes as far as it comes until `until`. */
export async function giveUp(
  deps: GiveUpDeps,
  notification: Notification,
  until: Instant,
): Promise<void> {
  const { tenantId, notificationId } = notification;
  const { cause } = await deps.troubles.get(notificationId);
  let from = "";
  do {
    const page = { from, where: "live gt 0", top: rowsPerStep };
    const rows = await readablePage(deps.deliveries, notificationId, page);
    const last = rows.at(-1);
    if (last === undefined) break;
    const now = deps.clock.now();
    const steps = new Map<string, Step>();
    for (const delivery of deliveriesIn(rows)) {
      const why = cause || delivery.detail;
      const ending =
        delivery.state === "waiting" ? endOf(notification, delivery, now) : unreadable(why);
      if (ending) steps.set(delivery.deviceId, ending);
    }
    await changeRows(deps.deliveries, rows, { notificationId, steps, now });
    from = `${last.lastDeviceId}!`;
  } while (deps.clock.now() < until);
  await failPlanning(deps, tenantId, notificationId, {
    code: "planning-failed",
    detail: `its devices could not be planned in time${cause && `: ${cause}`}`,
  });
  await finishIfDone(deps, tenantId, notificationId);
}
