/** Ends a notification when nothing of it needs anybody any more. Asking too often is harmless. */
import type { Clock } from "../../kernel/clock.ts";
import type { DeliveryStore } from "../state/delivery-store.ts";
import { isOpen, move } from "../state/notification.ts";
import type { NotificationStore } from "../state/notification-store.ts";

/** What ending needs. */
export type FinishDeps = {
  readonly notifications: NotificationStore;
  readonly deliveries: DeliveryStore;
  readonly clock: Clock;
};

/** Finishes the notification with its final counts, if planning is done and no delivery is live. */
export async function finishIfDone(
  { notifications, deliveries, clock }: FinishDeps,
  tenantId: string,
  notificationId: string,
): Promise<boolean> {
  // In this order: once planning is done no row is added, so none can appear behind our back.
  const plan = await deliveries.plan(notificationId);
  if (!plan?.progress.done) return false;
  if (await deliveries.anyLive(notificationId)) return false;
  const stored = await notifications.get(tenantId, notificationId);
  if (stored === undefined) return false;
  const { notification } = stored;
  if (notification.counts !== undefined) {
    // Finished before, and a late report has changed a row since: the counts follow.
    const counts = await deliveries.counts(notificationId);
    if (JSON.stringify(counts) !== JSON.stringify(notification.counts))
      await notifications.replace({ ...notification, counts }, stored.etag);
  }
  if (isOpen(notification)) {
    const counts = await deliveries.counts(notificationId);
    const finished = move(notification, "finish", { counts, finishedAt: clock.now() });
    // A lost race means that somebody else finished it, or will be asked again.
    if (finished === undefined) return false;
    if ((await notifications.replace(finished, stored.etag)) === undefined) return false;
  }
  await notifications.close(notificationId);
  return true;
}
