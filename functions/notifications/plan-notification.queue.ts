/**
 * Plans a notification: its target becomes rows of deliveries, and units of rows get their turn.
 *
 * Delivery: at least once. A duplicate finds the progress row further on, or loses the race for it.
 */

import { poisonedPlan } from "../../shared/notifications/care/poisoned.ts";
import { plan } from "../../shared/notifications/passes/plan.ts";
import { NotificationMessage } from "../../shared/notifications/state/contract.ts";
import { queueNames } from "../../shared/storage/names.ts";
import { onQueue, type QueueOutcome } from "../define.ts";

/** A lost race means another planner is at work; look again when it may have died. */
const afterLostSeconds = 5;

export const planNotificationFunction = onQueue({
  name: queueNames.notificationPlan,
  message: NotificationMessage,
  async handle({ tenantId, notificationId }, { services, log }): Promise<QueueOutcome> {
    const outcome = await plan(services.notify, tenantId, notificationId);
    log("notification.plan", { tenantId, notificationId, outcome });
    switch (outcome) {
      case "planned":
      case "not-planning":
      case "gone":
        return { kind: "ack" };
      case "unfinished":
        return { kind: "again", afterSeconds: 0 };
      case "lost":
        return { kind: "again", afterSeconds: afterLostSeconds };
    }
  },
  onFailure: ({ notificationId }, error, { services: { notify, clock } }) =>
    notify.troubles.noteError(notificationId, error, clock.now()),
  async onPoison(message, { services, log }) {
    const { tenantId, notificationId } = message;
    const outcome = await poisonedPlan(services.notify, message);
    log("notification.plan-poisoned", { tenantId, notificationId, outcome });
  },
});
