/**
 * Looks after deliveries to webhooks whose messages were lost, every five minutes.
 *
 * Delivery: one at a time; running twice sends messages twice, which rows make harmless.
 */
import type { WebhookSender } from "../../shared/webhooks/deliver.ts";
import { onTimer, type Tools } from "../define.ts";

type Needs = { readonly webhookSender: WebhookSender };

export const sweepWebhooksFunction = onTimer({
  name: "webhooks-sweep",
  schedule: "40 */5 * * * *",
  async handle({ services, log }: Tools<Needs>) {
    const messages = await services.webhookSender.sweep();
    if (messages > 0) log("webhook.sweep", { messages });
  },
});
