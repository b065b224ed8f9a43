/**
 * Looks at what the devices of a few rows have reported.
 *
 * Delivery: at least once. A duplicate finds the rows not due, and waits for their next round.
 */

import { poisonedUnit } from "../../shared/notifications/care/poisoned.ts";
import { confirm } from "../../shared/notifications/passes/confirm.ts";
import { ConfirmMessage } from "../../shared/notifications/state/contract.ts";
import { queueNames } from "../../shared/storage/names.ts";
import { onQueue, type QueueOutcome } from "../define.ts";

export const confirmNotificationFunction = onQueue({
  name: queueNames.notificationConfirm,
  message: ConfirmMessage,
  async handle(message, { services, log }): Promise<QueueOutcome> {
    const outcome = await confirm(services.notify, message);
    const { after: _, reads: __, ...ids } = message;
    log("notification.confirm", { ...ids, outcome: outcome.kind });
    if (outcome.kind !== "again") return { kind: "ack" };
    const { kind, at, ...position } = outcome;
    const afterSeconds = (at - services.clock.now()) / 1000;
    return { kind, afterSeconds, message: { ...ids, ...position } };
  },
  onFailure: ({ notificationId }, error, { services: { notify, clock } }) =>
    notify.troubles.noteError(notificationId, error, clock.now()),
  async onPoison(message, { services, log }) {
    const { tenantId, notificationId } = message;
    const rows = await poisonedUnit(services.notify, message);
    log("notification.confirm-poisoned", { tenantId, notificationId, ...rows });
  },
});
