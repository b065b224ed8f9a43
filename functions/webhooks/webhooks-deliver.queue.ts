/**
 * Makes an attempt at a delivery to a webhook.
 *
 * Delivery: at least once. A duplicate finds the attempt under way, its next one not due yet, or the delivery over.
 */
import { queueNames } from "../../shared/storage/names.ts";
import type { WebhookSender } from "../../shared/webhooks/deliver.ts";
import { WebhookMessage } from "../../shared/webhooks/webhook.ts";
import { onQueue, type Tools } from "../define.ts";

type Needs = { readonly webhookSender: WebhookSender };

export const webhooksDeliverFunction = onQueue({
  name: queueNames.webhooksDeliver,
  message: WebhookMessage,
  async handle(message, { services, log }: Tools<Needs>) {
    const { state, afterMs, deadLetter } = await services.webhookSender.deliver(message);
    log("webhook.deliver", { ...message, state });
    if (deadLetter !== undefined) return { kind: "deadLetter", reason: deadLetter };
    if (afterMs === undefined) return { kind: "ack" };
    return { kind: "again", afterSeconds: Math.ceil(afterMs / 1000) };
  },
});
