/**
 * Ends a notification that cannot be planned: nothing more of it leaves, what has left is followed to its end,
 * and the notification says why. Asking twice is once.
 */
import { queueNames } from "../storage/names.ts";
import type { Queues } from "../storage/queues.ts";
import type { DeliveryStore } from "./delivery-store.ts";
import { move, type Notification, type NotificationFailure } from "./notification.ts";
import type { NotificationStore } from "./notification-store.ts";
import { beforePlanning } from "./plan-progress.ts";

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
