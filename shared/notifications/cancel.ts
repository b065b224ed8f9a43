/** Cancels a notification: what waits is not sent; what has left is still followed to its end. */
import type { Reach } from "../devices/collections/reach.ts";
import type { Clock } from "../kernel/clock.ts";
import { fail, type Result, succeed } from "../kernel/failure.ts";
import { queueNames } from "../storage/names.ts";
import type { Queues } from "../storage/queues.ts";
import { changeRows } from "./passes/change-rows.ts";
import { endOf } from "./passes/decide-pass.ts";
import { finishIfDone } from "./passes/finish.ts";
import { unknownNotification } from "./read-notifications.ts";
import type { Step } from "./state/delivery.ts";
import { emptyCounts } from "./state/delivery-row.ts";
import type { DeliveryStore } from "./state/delivery-store.ts";
import { isOpen, isWithin, move, type Notification, wordFor } from "./state/notification.ts";
import type { NotificationStore } from "./state/notification-store.ts";

/** What cancelling needs. */
export type CancelDeps = {
  readonly notifications: NotificationStore;
  readonly deliveries: DeliveryStore;
  readonly queues: Queues;
  readonly clock: Clock;
};

/** Rows settled in one transaction. */
const rowsPerStep = 40;
const maxTries = 5;

/** A cancellation: the notification as it is now, and the state it was in. */
export type Cancelled = {
  readonly notification: Notification;
  readonly before: Notification["state"];
};

/** Marks the notification; a queue function then settles what waits. Asking twice is once. */
export async function cancelNotification(
  { notifications, queues, clock }: CancelDeps,
  tenantId: string,
  notificationId: string,
  reach?: Reach,
): Promise<Result<Cancelled>> {
  for (let tries = 0; tries < maxTries; tries += 1) {
    const stored = await notifications.get(tenantId, notificationId);
    if (stored === undefined || !isWithin(stored.notification, reach))
      return unknownNotification(notificationId);
    const { notification } = stored;
    const marked =
      notification.state === "cancelling"
        ? notification
        : move(notification, "cancel", endOfHeld(notification, clock.now()));
    if (marked === undefined) return alreadyEnded(notification, reach);
    const won =
      marked === notification || (await notifications.replace(marked, stored.etag)) !== undefined;
    if (!won) continue;
    await queues.send(queueNames.notificationCancel, { tenantId, notificationId });
    return succeed({ notification: marked, before: notification.state });
  }
  return fail("conflict", "The notification keeps changing; ask again.", { retryAfterSeconds: 2 });
}

/** What nobody approved yet ends at once: it has no deliveries. */
const endOfHeld = ({ state }: Notification, finishedAt: number) =>
  state === "pendingApproval" ? { counts: emptyCounts(), finishedAt } : {};

const alreadyEnded = (notification: Notification, reach: Reach | undefined) => {
  // The word follows counts of everybody.
  const isWhole = reach === undefined;
  const state = isWhole ? wordFor(notification, notification.counts ?? emptyCounts()) : "ended";
  return fail(
    "conflict",
    `Notification ${notification.notificationId} is ${state} already; nothing is left to cancel.`,
  );
};

/** Settles every waiting delivery of a notification that is cancelled, or whose time is over. */
export async function settleWaiting(
  deps: CancelDeps,
  tenantId: string,
  notificationId: string,
): Promise<"done" | "gone"> {
  const stored = await deps.notifications.get(tenantId, notificationId);
  if (stored === undefined) return "gone";
  const { notification } = stored;
  let from = "";
  while (isOpen(notification)) {
    const page = { from, where: "waiting gt 0", top: rowsPerStep };
    const rows = await deps.deliveries.page(notificationId, page);
    const last = rows.at(-1);
    if (last === undefined) break;
    const now = deps.clock.now();
    const steps = new Map<string, Step>();
    for (const delivery of rows.flatMap(({ deliveries }) => deliveries)) {
      const ending = delivery.state === "waiting" ? endOf(notification, delivery, now) : undefined;
      if (ending) steps.set(delivery.deviceId, ending);
    }
    const change = { notificationId, steps, now };
    await changeRows(deps.deliveries, rows, change);
    from = `${last.lastDeviceId}!`;
  }
  await finishIfDone(deps, tenantId, notificationId);
  return "done";
}
