/**
 * A webhook: an address of somebody's that is told when something happens. Here is its story: what may be told, what a
 * webhook and a delivery to it are as rows, and what becomes of a delivery after each attempt. Pure.
 *
 * What happened is a row before anybody is told. Whoever owes that telling makes a delivery for each webhook that asked
 * for it (`announce`), a message names the delivery, and `deliver` posts it, again and again for a day, signed as
 * Standard Webhooks has it. A delivery's id comes from what happened, so that a receiver can drop doubles.
 */
import { createHmac } from "node:crypto";
import * as z from "zod";
import { type Instant, toIso } from "../kernel/clock.ts";
import { digest, invertedTime } from "../kernel/values.ts";

/** What can be told, and the permission that its reader needs in the tenant. */
export const webhookEvents = {
  "sync.statusChanged": "sync.read",
  "sync.approvalPending": "sync.read",
  "notification.approvalPending": "notifications.read",
  "notification.ended": "notifications.read",
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

/** Whether a webhook asked for an event; whether its owner may read it is another question. */
export const asksFor = (webhook: Webhook, { type, tenantId = "" }: WebhookEvent): boolean =>
  webhook.disabled === undefined &&
  webhook.events.some((each) => each === type) &&
  (webhook.tenantIds === undefined || webhook.tenantIds.includes(tenantId));

/** A test of a webhook. */
export const testEvent = (eventId: string, at: Instant): WebhookEvent => ({
  eventId,
  at,
  type: testType,
  data: {},
});

/** The delivery of an event to a webhook: the same one, however often it is made. Ids sort newest first. */
export function deliveryOf(
  { webhookId }: Pick<Webhook, "webhookId">,
  { eventId, at, type, tenantId, path, data }: WebhookEvent,
  publicUrl: string,
): WebhookDelivery {
  const about = tenantId === undefined ? {} : { tenantId };
  const link = path === undefined ? {} : { url: publicUrl + path };
  return {
    v: 1,
    webhookId,
    deliveryId: invertedTime(at) + digest(webhookId, type, eventId).slice(0, 22),
    type,
    ...about,
    at,
    body: JSON.stringify({ type, timestamp: toIso(at), data: { ...about, ...data, ...link } }),
    state: "waiting",
    tries: 0,
    attempts: [],
    nextAt: at,
  };
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
/** From each attempt to the next: a day in all, since a receiver may be down for a night. */
export const retryAfterMs: readonly number[] = [
  5_000,
  minuteMs,
  5 * minuteMs,
  30 * minuteMs,
  2 * hourMs,
  5 * hourMs,
  8 * hourMs,
  8 * hourMs,
];
/** A receiver may ask for more time, but not for so much that nobody would know what the message was about. */
const longestWaitMs = 12 * hourMs;
const keptAttempts = 10;
/** A webhook to which nothing has arrived for so long is disabled. */
const failingMs = 5 * 24 * hourMs;
/** How long an attempt may take, and its claim holds. */
export const attemptMs = 15_000;
const claimMs = 2 * attemptMs;
/** How long a secret signs on beside the one that replaced it. */
export const oldSecretMs = 24 * hourMs;

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

/** Whether it has had every attempt that it gets. */
export const isSpent = ({ tries }: WebhookDelivery): boolean => tries > retryAfterMs.length;

/** The delivery with an attempt begun. */
export const claimed = (delivery: WebhookDelivery, now: Instant): WebhookDelivery => ({
  ...delivery,
  tries: delivery.tries + 1,
  nextAt: now + claimMs,
});

/** The delivery after an attempt. `random` is 0 to 1: many that failed together do not come back together. */
export function answered(
  delivery: WebhookDelivery,
  answer: Answer,
  now: Instant,
  random: number,
): WebhookDelivery {
  const { kind, status } = answer;
  const error = answer.kind === "failed" ? { error: answer.error } : {};
  const attempt = { at: now, ...(status === undefined ? {} : { status }), ...error };
  const attempts = [attempt, ...delivery.attempts].slice(0, keptAttempts);
  const wait = retryAfterMs[delivery.tries - 1];
  if (kind !== "failed" || wait === undefined)
    return { ...delivery, attempts, state: kind === "taken" ? "delivered" : "failed" };
  const asked = Math.min(answer.waitMs ?? 0, longestWaitMs);
  const spread = Math.round(wait * (0.8 + 0.4 * random));
  return { ...delivery, attempts, nextAt: now + Math.max(asked, spread) };
}

/** Why an answer disables the webhook, of which the first failure in a row was at `since`. */
export function disabledBy(
  { kind }: Answer,
  since: Instant,
  now: Instant,
): Webhook["disabled"] | undefined {
  if (kind === "gone") return "gone";
  return kind === "failed" && now - since >= failingMs ? "failing" : undefined;
}

const secretPrefix = "whsec_";

/** A secret as receivers keep it. */
export const secretOf = (bytes: Buffer): string => secretPrefix + bytes.toString("base64");

/** The headers of an attempt, signed with each secret: Standard Webhooks 1.0, symmetric. */
export function signedHeaders(
  { deliveryId, body }: Pick<WebhookDelivery, "deliveryId" | "body">,
  secrets: readonly string[],
  now: Instant,
): Record<string, string> {
  const timestamp = String(Math.floor(now / 1000));
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(secretPrefix.length), "base64");
    const content = `${deliveryId}.${timestamp}.${body}`;
    return `v1,${createHmac("sha256", key).update(content).digest("base64")}`;
  });
  return {
    "webhook-id": deliveryId,
    "webhook-timestamp": timestamp,
    "webhook-signature": signatures.join(" "),
  };
}
