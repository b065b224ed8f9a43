/**
 * Telling webhooks what happened. `announce` makes the deliveries of an event, `deliver` makes one attempt at one, and
 * `sweep` sends the messages again that were lost. Each can be repeated: deliveries have ids of what they are about, an
 * attempt claims its row before it posts, and a receiver that is told twice is told under the same id. First what becomes
 * of a delivery after each attempt, pure.
 */
import { createHmac } from "node:crypto";
import { type Clock, type Instant, toIso } from "../kernel/clock.ts";
import { reasonOf } from "../kernel/outside-text.ts";
import { digest, invertedTime } from "../kernel/values.ts";
import type { Interceptor } from "../storage/calls.ts";
import { queueNames } from "../storage/names.ts";
import type { Queues } from "../storage/queues.ts";
import type { Sealer } from "../storage/sealing.ts";
import { lost, updateRow } from "../storage/tables.ts";
import { type PostOptions, post } from "./post.ts";
import {
  type Answer,
  attemptMs,
  type EventType,
  type Owner,
  secretPrefix,
  type Webhook,
  type WebhookDelivery,
  type WebhookEvent,
  webhookEvents,
} from "./webhook.ts";
import type { Stored, WebhookStore } from "./webhook-store.ts";

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

/** Whether a webhook asked for an event; whether its owner may read it is another question. */
const asksFor = (webhook: Webhook, { type, tenantId = "" }: WebhookEvent): boolean =>
  webhook.disabled === undefined &&
  webhook.events.some((each) => each === type) &&
  (webhook.tenantIds === undefined || webhook.tenantIds.includes(tenantId));

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

/** A receiver may ask for more time, but not for so much that nobody would know what the message was about. */
const longestWaitMs = 12 * hourMs;

const keptAttempts = 10;

/** A webhook to which nothing has arrived for so long is disabled. */
const failingMs = 5 * 24 * hourMs;

const claimMs = 2 * attemptMs;

/** Whether it has had every attempt that it gets. */
const isSpent = ({ tries }: WebhookDelivery): boolean => tries > retryAfterMs.length;

/** The delivery with an attempt begun. */
const claimed = (delivery: WebhookDelivery, now: Instant): WebhookDelivery => ({
  ...delivery,
  tries: delivery.tries + 1,
  nextAt: now + claimMs,
});

/** The delivery after an attempt. `random` is 0 to 1: many that failed together do not come back together. */
function answered(
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
function disabledBy(
  { kind }: Answer,
  since: Instant,
  now: Instant,
): Webhook["disabled"] | undefined {
  if (kind === "gone") return "gone";
  return kind === "failed" && now - since >= failingMs ? "failing" : undefined;
}

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

/** What telling takes. */
export type WebhookParts = {
  readonly store: WebhookStore;
  readonly queues: Pick<Queues, "send">;
  readonly clock: Clock;
  readonly random: () => number;
  /** Undefined where the settings name no key: then there are no webhooks. */
  readonly sealer: Sealer | undefined;
  readonly intercept: Interceptor;
  /** How far behind a delivery must be before its message counts as lost. */
  readonly overdueMs: number;
  /** Where the app can be reached; empty where nobody said. */
  readonly publicUrl: string;
  readonly posting: Omit<PostOptions, "clock">;
  /** Whether an owner may still read something in a tenant, and tell others of it. */
  readonly mayTell: (
    owner: Owner,
    tenantId: string,
    permission: (typeof webhookEvents)[EventType],
  ) => Promise<boolean>;
  /** Writes into the audit trail that a webhook is disabled, once or again. */
  readonly auditDisabled: (webhook: Webhook, at: Instant) => Promise<void>;
};

/** Names a delivery. */
type DeliveryIds = Pick<WebhookDelivery, "webhookId" | "deliveryId">;

/** What becomes of the message; `state` is for the log. */
type DeliverOutcome = {
  readonly state: string;
  readonly afterMs?: number;
  /** Why it is given up. */
  readonly deadLetter?: string;
};

/** How long another instance may not know of a new webhook yet, in ms. */
export const keepWebhooksMs = 30_000;
const duePerSweep = 100;
const earlyMs = 1000;

/** Announces and delivers. */
export class WebhookSender {
  readonly #parts: WebhookParts;
  #kept: { readonly webhooks: Promise<Webhook[]>; readonly at: Instant } | undefined;

  constructor(parts: WebhookParts) {
    this.#parts = parts;
  }

  /** Makes the next event look at the rows again. */
  invalidate(): void {
    this.#kept = undefined;
  }

  /** Makes a delivery of each event for each webhook that asked for it, and whose owner may read it. */
  async announce(events: readonly WebhookEvent[]): Promise<void> {
    for (const webhook of await this.#known())
      for (const event of events)
        if (asksFor(webhook, event) && (await this.#mayTell(webhook, event)))
          await this.tell(webhook, event);
  }

  /** Makes the delivery of an event. */
  async tell({ webhookId }: Pick<Webhook, "webhookId">, event: WebhookEvent): Promise<string> {
    const { store, queues, publicUrl } = this.#parts;
    const delivery = deliveryOf({ webhookId }, event, publicUrl);
    const { deliveryId } = delivery;
    // One that is there has a message, or the sweeper's: whoever tells again and again costs no message each time.
    if (await store.add(delivery))
      await queues.send(queueNames.webhooksDeliver, { webhookId, deliveryId });
    return deliveryId;
  }

  /** Makes an attempt at a delivery whose time has come. */
  async deliver({ webhookId, deliveryId }: DeliveryIds): Promise<DeliverOutcome> {
    const { store, clock } = this.#parts;
    const found = await store.delivery(webhookId, deliveryId);
    if (found === undefined || found.value.state !== "waiting") return { state: "over" };
    const now = clock.now();
    // Too early: whoever is at it has a message, and where they died the sweeper sends one. Two clocks differ a little.
    if (found.value.nextAt > now + earlyMs) return { state: "later" };
    const webhook = await store.get(webhookId);
    const hindrance = await this.#hindrance(webhook?.value, found.value);
    if (webhook === undefined || hindrance !== undefined) return this.#drop(found, hindrance ?? "");
    // Every attempt that it gets was begun, and the last one never told how it went.
    if (isSpent(found.value)) return this.#abandon(found);
    const value = claimed(found.value, now);
    const etag = await store.change({ value, etag: found.etag });
    if (etag === undefined) return { state: "lost" };
    const answer = await this.#attempt(webhook.value, value).catch(
      (error: unknown): Answer => ({ kind: "failed", error: reasonOf(error) }),
    );
    return this.#settle(webhook.value, { value, etag }, answer);
  }

  /** Sends messages for what is overdue; answers how many. */
  async sweep(): Promise<number> {
    const { store, queues, clock, overdueMs } = this.#parts;
    let sent = 0;
    for (const { webhookId } of await store.all())
      for (const deliveryId of await store.due(webhookId, clock.now() - overdueMs, duePerSweep)) {
        await queues.send(queueNames.webhooksDeliver, { webhookId, deliveryId });
        sent += 1;
      }
    return sent;
  }

  /** Webhooks as they were half a minute ago at most: an event that nobody asked for costs nothing. */
  #known(): Promise<Webhook[]> {
    const now = this.#parts.clock.now();
    const kept = this.#kept;
    if (kept !== undefined && kept.at <= now && now < kept.at + keepWebhooksMs)
      return kept.webhooks;
    const mine = { webhooks: this.#parts.store.all(), at: now };
    this.#kept = mine;
    mine.webhooks.catch(() => {
      if (this.#kept === mine) this.#kept = undefined;
    });
    return mine.webhooks;
  }

  async #mayTell(
    { owner }: Webhook,
    { type, tenantId }: Pick<WebhookDelivery, "type" | "tenantId">,
  ): Promise<boolean> {
    if (type === "webhook.test" || tenantId === undefined) return true;
    return this.#parts.mayTell(owner, tenantId, webhookEvents[type]);
  }

  /** Why a delivery must not be sent any more. */
  async #hindrance(
    webhook: Webhook | undefined,
    delivery: WebhookDelivery,
  ): Promise<string | undefined> {
    if (webhook === undefined) return "the webhook is gone";
    if (webhook.disabled !== undefined) return "the webhook is disabled";
    const mayTell = await this.#mayTell(webhook, delivery);
    return mayTell ? undefined : "the webhook's owner may not read this any more";
  }

  async #drop({ value, etag }: Stored<WebhookDelivery>, error: string): Promise<DeliverOutcome> {
    const attempts = [{ at: this.#parts.clock.now(), error }, ...value.attempts].slice(0, 10);
    const dropped = await this.#parts.store.change({
      value: { ...value, attempts, state: "dropped" },
      etag,
    });
    return dropped === undefined ? { state: "lost" } : { state: "dropped" };
  }

  async #abandon({ value, etag }: Stored<WebhookDelivery>): Promise<DeliverOutcome> {
    const over = await this.#parts.store.change({ value: { ...value, state: "failed" }, etag });
    if (over === undefined) return { state: "lost" };
    return { state: "failed", deadLetter: "not delivered: its attempts broke off again and again" };
  }

  async #attempt({ webhookId, url, secrets }: Webhook, delivery: WebhookDelivery): Promise<Answer> {
    const { sealer, clock, intercept, posting } = this.#parts;
    const now = clock.now();
    const plain: string[] = [];
    for (const { sealed, until } of secrets) {
      if (until !== undefined && until <= now) continue;
      const opened = await sealer?.open(sealed, secretOwner(webhookId));
      if (opened?.kind === "opened") plain.push(opened.plain.toString());
    }
    if (plain.length === 0) return { kind: "failed", error: "its secret cannot be opened here" };
    const headers = signedHeaders(delivery, plain, now);
    return intercept("webhook.post", () =>
      post(url, headers, delivery.body, { ...posting, clock }),
    );
  }

  /** Writes down what came of an attempt, of the delivery first. */
  async #settle(
    webhook: Webhook,
    { value, etag }: Stored<WebhookDelivery>,
    answer: Answer,
  ): Promise<DeliverOutcome> {
    const { store, clock, random } = this.#parts;
    const now = clock.now();
    const next = answered(value, answer, now, random());
    // Its claim ran out meanwhile: whoever has it now tells what became of it.
    if ((await store.change({ value: next, etag })) === undefined) return { state: "lost" };
    await this.#remember(webhook, answer);
    if (next.state === "waiting") return { state: "again", afterMs: next.nextAt - now };
    if (next.state === "delivered") return { state: "delivered" };
    const why = answer.kind === "failed" ? answer.error : "the receiver is gone";
    return { state: "failed", deadLetter: `not delivered in ${next.tries} attempt(s): ${why}` };
  }

  /** Notes on the webhook that nothing arrives, or that something does again; disables it in the end. */
  async #remember({ webhookId, url, failingSince }: Webhook, answer: Answer): Promise<void> {
    const { store, clock, auditDisabled } = this.#parts;
    const now = clock.now();
    const isFailing = answer.kind === "failed";
    const isDisabling = disabledBy(answer, failingSince ?? now, now) !== undefined;
    // What the row says already.
    if (!isDisabling && isFailing === (failingSince !== undefined)) return;
    await updateRow(`webhook ${webhookId}`, async () => {
      const found = await store.get(webhookId);
      if (found === undefined || found.value.disabled !== undefined) return undefined;
      // An answer of the address that it had before says nothing about this one.
      if (found.value.url !== url) return undefined;
      const { failingSince: since = now, ...rest } = found.value;
      const why = disabledBy(answer, since, now);
      const failing = isFailing ? { failingSince: since } : {};
      const disabled = why === undefined ? {} : { disabled: why };
      const value: Webhook = { ...rest, ...failing, ...disabled };
      // First, and maybe again under the same id: nothing is switched off without a word.
      if (why !== undefined) await auditDisabled(value, now);
      const written = await store.replace({ value, etag: found.etag });
      return written === undefined ? lost : undefined;
    });
    this.invalidate();
  }
}

/** Whose secret it is, for its seal. */
export const secretOwner = (webhookId: string): string[] => ["webhook", webhookId, "secret"];
