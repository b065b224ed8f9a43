/**
 * What people do with webhooks: make, change and remove them, replace a secret, test one, send a delivery again. Who
 * changes one becomes its owner, since it is told what its owner may read: an address that somebody else wrote into it
 * must not be told more than they may.
 */
import { randomBytes } from "node:crypto";
import type { Instant } from "../kernel/clock.ts";
import { fail, type Result, succeed } from "../kernel/failure.ts";
import { newestFirstId, randomId } from "../kernel/values.ts";
import { queueNames } from "../storage/names.ts";
import { lost, updateRow } from "../storage/tables.ts";
import type { NewWebhook, WebhookChange } from "./contract.ts";
import { secretOwner, type WebhookParts, type WebhookSender } from "./deliver.ts";
import { faultOf } from "./post.ts";
import {
  type Owner,
  secretPrefix,
  type Webhook,
  type WebhookDelivery,
  type WebhookEvent,
} from "./webhook.ts";
import type { Stored } from "./webhook-store.ts";

/** A test of a webhook. */
const testEvent = (eventId: string, at: Instant): WebhookEvent => ({
  eventId,
  at,
  type: "webhook.test",
  data: {},
});

/** How long a secret signs on beside the one that replaced it. */
const oldSecretMs = 24 * 60 * 60_000;

/** A secret as receivers keep it. */
const secretOf = (bytes: Buffer): string => secretPrefix + bytes.toString("base64");

/** They are read together, and each is asked about each event. */
const maxWebhooks = 100;
const secretBytes = 32;
/** Secrets that sign at once: a header holds them all. */
const maxSecrets = 5;
/** How long a removal may take in its request. */
const removalMs = 5_000;

type Parts = Omit<WebhookParts, "mayTell" | "auditDisabled" | "intercept" | "random"> & {
  readonly sender: Pick<WebhookSender, "invalidate" | "tell">;
};

/** Webhooks over their rows. Whether the caller may is asked before. */
export class WebhookRegistry {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  all(): Promise<Webhook[]> {
    return this.#parts.store.all();
  }

  get(webhookId: string): Promise<Stored<Webhook> | undefined> {
    return this.#parts.store.get(webhookId);
  }

  async add(
    { tenantIds, description, ...body }: NewWebhook,
    owner: Owner,
  ): Promise<Result<Stored<Webhook> & { readonly secret: string }>> {
    const { store, clock, sender } = this.#parts;
    const fault = this.#faultOf(body.url);
    if (fault !== undefined) return fault;
    if ((await store.all()).length >= maxWebhooks)
      return fail("conflict", `There are ${maxWebhooks} webhooks already. Remove one first.`);
    const now = clock.now();
    const webhookId = newestFirstId(now);
    const fresh = await this.#secret(webhookId);
    if (!fresh.ok) return fresh;
    const { secret, sealed } = fresh.value;
    await store.insert({
      v: 1,
      webhookId,
      ...body,
      ...(description === undefined ? {} : { description }),
      ...(tenantIds === undefined ? {} : { tenantIds }),
      owner,
      secrets: [{ sealed }],
      createdAt: now,
      updatedAt: now,
    });
    sender.invalidate();
    const added = await store.get(webhookId);
    return added === undefined ? unknownWebhook(webhookId) : succeed({ ...added, secret });
  }

  /** Changes what the body names; `found` is the version that it was decided upon. */
  async change(
    { value, etag }: Stored<Webhook>,
    { enabled, tenantIds, ...body }: WebhookChange,
    owner: Owner,
  ): Promise<Result<Stored<Webhook>>> {
    const { store, clock, sender } = this.#parts;
    const fault = body.url === undefined ? undefined : this.#faultOf(body.url);
    if (fault !== undefined) return fault;
    const { disabled, failingSince, tenantIds: before, ...rest } = value;
    const tenants = tenantIds === undefined ? before : (tenantIds ?? undefined);
    // Whoever enables one, or leads it elsewhere, begins anew.
    const isNew = enabled === true || body.url !== undefined;
    const off = enabled === false ? "byPerson" : enabled === true ? undefined : disabled;
    const changed: Webhook = {
      ...rest,
      ...Object.fromEntries(Object.entries(body).filter(([, given]) => given !== undefined)),
      ...(tenants === undefined ? {} : { tenantIds: tenants }),
      ...(off === undefined ? {} : { disabled: off }),
      ...(isNew || failingSince === undefined ? {} : { failingSince }),
      owner,
      updatedAt: clock.now(),
    };
    const written = await store.replace({ value: changed, etag });
    sender.invalidate();
    return written === undefined
      ? changedMeanwhile(value.webhookId)
      : succeed({ value: changed, etag: written });
  }

  async remove({ value, etag }: Stored<Webhook>): Promise<Result<Webhook>> {
    const { store, clock, sender } = this.#parts;
    const until = clock.now() + removalMs;
    const removed = await store.remove(value.webhookId, etag, () => clock.now() < until);
    sender.invalidate();
    return removed === "lost" ? changedMeanwhile(value.webhookId) : succeed(value);
  }

  /** Replaces the secret; the one before signs beside it for a day, so that receivers can change without a gap. */
  async rotate(webhookId: string): Promise<Result<string>> {
    const { store, clock } = this.#parts;
    const fresh = await this.#secret(webhookId);
    if (!fresh.ok) return fresh;
    const { secret, sealed } = fresh.value;
    return updateRow(`webhook ${webhookId}`, async () => {
      const found = await store.get(webhookId);
      if (found === undefined) return unknownWebhook(webhookId);
      const now = clock.now();
      const older = found.value.secrets.flatMap(({ until = now + oldSecretMs, ...each }) =>
        until > now ? [{ ...each, until }] : [],
      );
      const secrets = [{ sealed }, ...older].slice(0, maxSecrets);
      const value = { ...found.value, secrets, updatedAt: now };
      const written = await store.replace({ value, etag: found.etag });
      return written === undefined ? lost : succeed(secret);
    });
  }

  /** Sends a test; answers its delivery. */
  async test(webhook: Webhook): Promise<Result<WebhookDelivery>> {
    const { clock, sender } = this.#parts;
    if (webhook.disabled !== undefined) return isDisabled(webhook);
    const event = testEvent(randomId(), clock.now());
    return this.delivery(webhook.webhookId, await sender.tell(webhook, event));
  }

  /** A page of deliveries, newest first. */
  deliveries(webhookId: string, top: number, position: string | undefined) {
    return this.#parts.store.deliveries(webhookId, top, position);
  }

  async delivery(webhookId: string, deliveryId: string): Promise<Result<WebhookDelivery>> {
    const found = await this.#parts.store.delivery(webhookId, deliveryId);
    return found === undefined ? unknownDelivery(webhookId, deliveryId) : succeed(found.value);
  }

  /** Sends a delivery again, under the same id, with all attempts before it. */
  async redeliver(webhook: Webhook, deliveryId: string): Promise<Result<WebhookDelivery>> {
    const { store, clock, queues } = this.#parts;
    const { webhookId, disabled } = webhook;
    if (disabled !== undefined) return isDisabled(webhook);
    return updateRow(`delivery ${deliveryId}`, async () => {
      const found = await store.delivery(webhookId, deliveryId);
      if (found === undefined) return unknownDelivery(webhookId, deliveryId);
      const value: WebhookDelivery = {
        ...found.value,
        state: "waiting",
        tries: 0,
        nextAt: clock.now(),
      };
      if ((await store.change({ value, etag: found.etag })) === undefined) return lost;
      await queues.send(queueNames.webhooksDeliver, { webhookId, deliveryId });
      return succeed(value);
    });
  }

  #faultOf(url: string) {
    const detail = faultOf(url, this.#parts.posting.toLoopback);
    return detail === undefined
      ? undefined
      : fail("invalid-request", "The address cannot be a webhook's.", {
          faults: [{ pointer: "/url", detail }],
        });
  }

  async #secret(webhookId: string): Promise<Result<{ secret: string; sealed: string }>> {
    const { sealer } = this.#parts;
    if (sealer === undefined)
      return fail(
        "conflict",
        "This installation has no key to seal secrets with: set MUSTER_KEY_VAULT_KEY_URL or MUSTER_KEY_FILE.",
      );
    const secret = secretOf(randomBytes(secretBytes));
    return succeed({ secret, sealed: await sealer.seal(secret, secretOwner(webhookId)) });
  }
}

/** Says that a webhook is not there, or not for whoever asks. */
export const unknownWebhook = (webhookId: string) =>
  fail(
    "unknown-webhook",
    `There is no webhook ${webhookId} here. GET /api/v1/webhooks lists yours.`,
  );

const unknownDelivery = (webhookId: string, deliveryId: string) =>
  fail("unknown-webhook", `There is no delivery ${deliveryId} of the webhook ${webhookId}.`);

const isDisabled = ({ webhookId }: Webhook) =>
  fail("conflict", `The webhook ${webhookId} is disabled. PATCH it with {"enabled": true} first.`);

const changedMeanwhile = (webhookId: string) =>
  fail(
    "precondition-failed",
    `The webhook ${webhookId} changed since you read it. Read it again, then decide again.`,
  );
