/** What the API says about webhooks and deliveries to them. */
import * as z from "zod";
import { toIso } from "../kernel/clock.ts";
import { Line } from "../kernel/outside-text.ts";
import { OwnId, TenantId } from "../kernel/values.ts";
import {
  deliveryStates,
  disabledReasons,
  eventTypes,
  type Webhook,
  type WebhookDelivery,
} from "./webhook.ts";

const settings = {
  url: z
    .string()
    .max(2048)
    .regex(/^https?:\x2f\x2f[\x21-\x7e]+$/, "must be an address that begins with https://")
    .describe("Where events are posted to: https, to the internet. Redirects are not followed"),
  events: z.array(z.enum(eventTypes)).min(1).max(eventTypes.length),
  description: Line.max(200).describe("For people"),
};

/** Body of a new webhook. */
export const NewWebhook = z.strictObject({
  ...settings,
  description: settings.description.optional(),
  tenantIds: z
    .array(TenantId)
    .min(1)
    .max(200)
    .optional()
    .describe("Default: every tenant whose events you may read, also later ones"),
});
export type NewWebhook = z.output<typeof NewWebhook>;

/** Body of a change: only what it names changes. */
export const WebhookChange = z.strictObject({
  url: settings.url.optional(),
  events: settings.events.optional(),
  description: settings.description.optional(),
  tenantIds: NewWebhook.shape.tenantIds
    .unwrap()
    .nullable()
    .optional()
    .describe("null: every tenant"),
  enabled: z.boolean().optional(),
});
export type WebhookChange = z.output<typeof WebhookChange>;

export const WebhookPath = z.strictObject({ webhookId: OwnId });
export const DeliveryPath = z.strictObject({ webhookId: OwnId, deliveryId: OwnId });

const view = z.object({
  webhookId: z.string(),
  url: z.string(),
  description: z.string().optional(),
  events: z.array(z.enum(eventTypes)),
  tenantIds: z.array(z.string()).optional().describe("Absent: every tenant that its owner reaches"),
  owner: z
    .object({ kind: z.string(), id: z.string(), name: z.string().optional() })
    .describe("Who made or last changed it: told is what they may still read themselves"),
  enabled: z.boolean(),
  disabledReason: z.enum(disabledReasons).optional(),
  failingSince: z.iso
    .datetime()
    .optional()
    .describe("Nothing has arrived since, and is tried again"),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});
/** A webhook as the API shows it. */
export const WebhookView = view.meta({ id: "Webhook" });
/** A secret, told this once. */
export const SecretView = z.object({
  secret: z.string().describe("Signs what is sent (Standard Webhooks); it is never shown again"),
});
/** A webhook that was made, with its secret. */
export const CreatedWebhook = view.extend(SecretView.shape);

/** A webhook for people. */
export function webhookView(webhook: Webhook): z.output<typeof WebhookView> {
  const { webhookId, url, description, events, tenantIds, owner, disabled, failingSince } = webhook;
  return {
    webhookId,
    url,
    ...(description === undefined ? {} : { description }),
    events,
    ...(tenantIds === undefined ? {} : { tenantIds }),
    owner: {
      kind: owner.kind,
      id: owner.oid,
      ...(owner.name === undefined ? {} : { name: owner.name }),
    },
    enabled: disabled === undefined,
    ...(disabled === undefined ? {} : { disabledReason: disabled }),
    ...(failingSince === undefined ? {} : { failingSince: toIso(failingSince) }),
    createdAt: toIso(webhook.createdAt),
    updatedAt: toIso(webhook.updatedAt),
  };
}

/** A delivery as the API shows it; its body is for the receiver. */
export const DeliveryView = z
  .object({
    deliveryId: z.string().describe("The webhook-id of the message"),
    type: z.string(),
    tenantId: z.string().optional(),
    occurredAt: z.iso.datetime(),
    state: z.enum(deliveryStates),
    nextAttemptAt: z.iso.datetime().optional(),
    attempts: z
      .array(
        z.object({
          at: z.iso.datetime(),
          status: z.int().optional(),
          error: z.string().optional(),
        }),
      )
      .describe("The last ten, newest first"),
  })
  .meta({ id: "WebhookDelivery" });

/** A delivery for people. */
export const deliveryView = (delivery: WebhookDelivery): z.output<typeof DeliveryView> => ({
  deliveryId: delivery.deliveryId,
  type: delivery.type,
  ...(delivery.tenantId === undefined ? {} : { tenantId: delivery.tenantId }),
  occurredAt: toIso(delivery.at),
  state: delivery.state,
  ...(delivery.state === "waiting" ? { nextAttemptAt: toIso(delivery.nextAt) } : {}),
  attempts: delivery.attempts.map(({ at, ...rest }) => ({ at: toIso(at), ...rest })),
});
