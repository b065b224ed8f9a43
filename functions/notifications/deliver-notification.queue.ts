/**
 * Delivers the waiting devices of a few rows.
 *
 * Delivery: at least once. A duplicate finds the devices claimed or sent, and sends nothing.
 */

import { poisonedUnit } from "../../shared/notifications/care/poisoned.ts";
import { deliver } from "../../shared/notifications/passes/deliver.ts";
import { UnitMessage } from "../../shared/notifications/state/contract.ts";
import { queueNames } from "../../shared/storage/names.ts";
import { onQueue, type QueueOutcome } from "../define.ts";

export const deliverNotificationFunction = onQueue({
  name: queueNames.notificationDeliver,
  message: UnitMessage,
  async handle(message, { services, log }): Promise<QueueOutcome> {
    const outcome = await deliver(services.notify, message);
    const { tenantId, notificationId, from, to } = message;
    log("notification.deliver", { tenantId, notificationId, from, outcome: outcome.kind });
    if (outcome.kind !== "again") return { kind: "ack" };
    const { until, turn, reads, handed } = outcome;
    const afterSeconds = (until - services.clock.now()) / 1000;
    const next = { tenantId, notificationId, from, to, ...turn, reads, handed };
    return { kind: "again", afterSeconds, message: next };
  },
  onFailure: ({ notificationId }, error, { services: { notify, clock } }) =>
    notify.troubles.noteError(notificationId, error, clock.now()),
  async onPoison(message, { services, log }) {
    const { tenantId, notificationId } = message;
    const rows = await poisonedUnit(services.notify, message);
    log("notification.deliver-poisoned", { tenantId, notificationId, ...rows });
  },
});
