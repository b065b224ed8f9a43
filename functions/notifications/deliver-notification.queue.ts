/**
 * Delivers the waiting devices of a few rows.
 *
 * Delivery: at least once. A duplicate finds the devices claimed or sent, and sends nothing.
 */

import { poisonedUnit } from "../../shared/notifications/care/poisoned.ts";
import { deliver, nextPass } from "../../shared/notifications/passes/deliver.ts";
import { UnitMessage } from "../../shared/notifications/state/contract.ts";
import { queueNames } from "../../shared/storage/names.ts";
import { onQueue, type QueueOutcome } from "../define.ts";

export const deliverNotificationFunction = onQueue({
  name: queueNames.notificationDeliver,
  message: UnitMessage,
  async handle(message, { services, log }): Promise<QueueOutcome> {
    const outcome = await deliver(services.notify, message);
    const { tenantId, notificationId, from } = message;
    log("notification.deliver", { tenantId, notificationId, from, outcome: outcome.kind });
    const next = nextPass(message, outcome);
    if (next === undefined) return { kind: "ack" };
    const afterSeconds = (next.at - services.clock.now()) / 1000;
    return { kind: "again", afterSeconds, message: next.message };
  },
  onFailure: ({ notificationId }, error, { services: { notify, clock } }) =>
    notify.troubles.noteError(notificationId, error, clock.now()),
  async onPoison(message, { services, log }) {
    const { tenantId, notificationId } = message;
    const rows = await poisonedUnit(services.notify, message);
    log("notification.deliver-poisoned", { tenantId, notificationId, ...rows });
  },
});
