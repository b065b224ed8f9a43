/**
 * Settles what still waits of a notification that was cancelled, or whose time is over.
 *
 * Delivery: at least once. A duplicate finds nothing waiting.
 */
import { settleWaiting } from "../../shared/notifications/cancel.ts";
import { NotificationMessage } from "../../shared/notifications/state/contract.ts";
import { queueNames } from "../../shared/storage/names.ts";
import { onQueue } from "../define.ts";

export const settleWaitingFunction = onQueue({
  name: queueNames.notificationCancel,
  message: NotificationMessage,
  async handle({ tenantId, notificationId }, { services, log }) {
    const outcome = await settleWaiting(services.notify, tenantId, notificationId);
    log("notification.settle", { tenantId, notificationId, outcome });
    return { kind: "ack" };
  },
});
