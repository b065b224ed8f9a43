/**
 * A webhook: an address of somebody's that is told when something happens. Here is what may be told, and what a webhook
 * and a delivery to it are as rows. Pure.
 *
 * What happened is a row before anybody is told. Whoever owes that telling makes a delivery for each webhook that asked
 * for it (`announce`), a message names the delivery, and `deliver` posts it, again and again for a day, signed as
 * Standard Webhooks has it. A delivery's id comes from what happened, so that a receiver can drop doubles.
 */
import * as z from "zod";
import type { Instant } from "../kernel/clock.ts";

/** What can be told, and the permission that its reader needs in the tenant. */
export const webhookEvents = {
  "sync.statusChanged": "sync.read",
  "sync.approvalPending": "sync.read",
  "notification.approvalPending": "notifications.read",
  "notification.ended": "notifications.read",
  "provisioningRun.approvalPending": "provisioning.read",
  "provisioningRun.ended": "provisioning.read",
  "registration.approvalPending": "registration.read",
  "registration.ended": "registration.read",
} as const;
export type EventType = keyof typeof webhookEvents;
/** All of them. */
export const eventTypes = Object.keys(webhookEvents) as [EventType, ...EventType[]];
/** What is sent on request only, to see whether it arrives. */
const testType = "webhook.test";

/** Something that happened; `eventId` is the same again whenever it is told again. */
export type WebhookEvent = {
  readonly eventId: string;
  readonly at: Instant;
  readonly type: EventType | typeof testType;
  /** Absent of a test. */
  readonly tenantId?: string;
  /** Where it can be read, below the app's public address. */
  readonly path?: string;
  /** Ids and states, no more: who wants to know more reads it, with rights of their own. */
  readonly data: Readonly<Record<string, string>>;
};

/** Whoever made or last changed it, as access knows them: they must be able to read what it is told. */
export type Owner = {
  readonly kind: string;
  readonly tid: string;
  readonly oid: string;
  readonly name?: string;
};

/** Why a webhook is disabled. */
export const disabledReasons = ["byPerson", "gone", "failing"] as const;

/** A webhook's row. */
export const Webhook = z.object({
  v: z.literal(1),
  webhookId: z.string(),
  url: z.string(),
  description: z.string().exactOptional(),
  events: z.array(z.enum(eventTypes)),
  /** Absent: every tenant that its owner may read. */
  tenantIds: z.array(z.string()).exactOptional(),
  owner: z.custom<Owner>((value) => typeof value === "object" && value !== null),
  /** Sealed, the newest first; an older one signs beside it until it ends. */
  secrets: z.array(z.object({ sealed: z.string(), until: z.number().exactOptional() })),
  disabled: z.enum(disabledReasons).exactOptional(),
  /** Since when nothing has arrived, while deliveries fail. */
  failingSince: z.number().exactOptional(),
  createdAt: z.number(),
  updatedAt: z.number(),
});
export type Webhook = z.output<typeof Webhook>;

/** How a delivery stands. `dropped`: it will not be sent, since it must not be any more. */
export const deliveryStates = ["waiting", "delivered", "failed", "dropped"] as const;

/** A delivery's row. */
export const WebhookDelivery = z.object({
  v: z.literal(1),
  webhookId: z.string(),
  deliveryId: z.string(),
  type: z.enum([...eventTypes, testType]),
  tenantId: z.string().exactOptional(),
  at: z.number(),
  body: z.string(),
  state: z.enum(deliveryStates),
  /** Attempts since it was asked for, that under way among them. */
  tries: z.int(),
  /** The last of them, the newest first. */
  attempts: z.array(
    z.object({
      at: z.number(),
      status: z.int().exactOptional(),
      error: z.string().exactOptional(),
    }),
  ),
  /** Not before. While an attempt is under way, its claim. */
  nextAt: z.number(),
});
export type WebhookDelivery = z.output<typeof WebhookDelivery>;

/** What a message names. */
export const WebhookMessage = z.strictObject({
  webhookId: z.string().regex(/^[0-9a-z]{1,64}$/),
  deliveryId: z.string().regex(/^[0-9a-z]{1,64}$/),
});

/** How long an attempt may take, and its claim holds. */
export const attemptMs = 15_000;

/** What a receiver made of an attempt. */
export type Answer =
  | { readonly kind: "taken"; readonly status: number }
  /** Nobody there wants it any more. */
  | { readonly kind: "gone"; readonly status: number }
  | {
      readonly kind: "failed";
      readonly error: string;
      readonly status?: number;
      /** So much later, as the receiver asked. */
      readonly waitMs?: number;
    };

/** What a secret as receivers keep it begins with. */
export const secretPrefix = "whsec_";
