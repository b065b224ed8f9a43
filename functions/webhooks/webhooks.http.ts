/** Webhooks: make, show, change and remove them; replace their secrets, test them, see and repeat their deliveries. */
import * as z from "zod";
import { holdsIn, refusalOf } from "../../shared/access/roles/decide.ts";
import type { Caller } from "../../shared/access/sign-in/caller.ts";
import { principalOf, samePrincipal } from "../../shared/access/sign-in/caller.ts";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { PageQuery, pageBody, pageOf, positionOf } from "../../shared/http/paging.ts";
import { accepted, created, noContent, ok } from "../../shared/http/reply.ts";
import { type Failure, fail, type Result, succeed } from "../../shared/kernel/failure.ts";
import {
  CreatedWebhook,
  DeliveryPath,
  DeliveryView,
  deliveryView,
  NewWebhook,
  SecretView,
  WebhookChange,
  WebhookPath,
  WebhookView,
  webhookView,
} from "../../shared/webhooks/contract.ts";
import { unknownWebhook, type WebhookRegistry } from "../../shared/webhooks/manage.ts";
import { type EventType, type Webhook, webhookEvents } from "../../shared/webhooks/webhook.ts";
import type { Stored } from "../../shared/webhooks/webhook-store.ts";
import { onHttp, type Tools } from "../define.ts";

type Needs = { readonly webhooks: WebhookRegistry };

/**
 * Whether the caller may see and change a webhook: one for named tenants who may manage those of all of them, one for
 * whatever its owner reaches its owner, and who may do so everywhere.
 */
function mayManage(tools: Tools, { tenantIds, owner }: Webhook): boolean {
  const { standing } = signedInOf(tools);
  if (holdsIn(standing, "webhooks.manage", tenantIds)) return true;
  const isOwner = samePrincipal(principalOf(standing.caller), principalOf(owner as Caller));
  return tenantIds === undefined && isOwner;
}

/** The webhook, if it is there for the caller. One that is not theirs looks like none at all. */
async function found(tools: Tools<Needs>, webhookId: string): Promise<Result<Stored<Webhook>>> {
  const stored = await tools.services.webhooks.get(webhookId);
  return stored !== undefined && mayManage(tools, stored.value)
    ? succeed(stored)
    : unknownWebhook(webhookId);
}

/** The same, as long as it is the version that the caller read. */
async function unchanged(tools: Tools<Needs>, webhookId: string, ifMatch: string | undefined) {
  const stored = await found(tools, webhookId);
  return stored.ok && ifMatch !== undefined && ifMatch !== stored.value.etag
    ? fail("precondition-failed", `The webhook ${webhookId} changed since you read it.`)
    : stored;
}

/** The refusal of a caller who may not tell about tenants what the events say. */
function beyond(
  tools: Tools,
  tenantIds: readonly string[] | undefined,
  events: readonly EventType[],
): { readonly ok: false; readonly failure: Failure } | undefined {
  if (tenantIds === undefined) return undefined;
  const { standing } = signedInOf(tools);
  const needed = ["webhooks.manage", ...events.map((each) => webhookEvents[each])] as const;
  const missing = needed.find((permission) => !holdsIn(standing, permission, tenantIds));
  const refusal = missing && refusalOf({ step: "scope", permission: missing });
  return refusal?.ok === false ? refusal : undefined;
}

/** What the trail keeps of one: of its address only the host, since the rest may let anybody post there. */
const noted = (webhook: Webhook) => ({
  ...webhookView(webhook),
  host: URL.parse(webhook.url)?.host,
});
const objectOf = (webhookId: string): string => `webhook/${webhookId}`;
const pathOf = (webhookId: string): string => `/api/v1/webhooks/${webhookId}`;

export const listWebhooksFunction = onHttp(
  operation({
    name: "webhooks-list",
    method: "GET",
    path: "api/v1/webhooks",
    summary: "List the webhooks that you may manage, newest first",
    tag: "Webhooks",
    answers: { 200: { description: "All of them", body: pageOf(WebhookView) } },
  }),
  async (_input, tools: Tools<Needs>) => {
    const all = await tools.services.webhooks.all();
    const value = all.filter((each) => mayManage(tools, each)).map(webhookView);
    return succeed(ok({ value }));
  },
);

// No idempotency key: the answer would be kept for a day, and with it the secret.

export const addWebhookFunction = onHttp(
  operation({
    name: "webhooks-add",
    method: "POST",
    path: "api/v1/webhooks",
    summary: "Make a webhook; the answer alone says its secret",
    tag: "Webhooks",
    body: NewWebhook,
    answers: {
      201: { description: "Made", body: CreatedWebhook, headers: ["Location", "ETag"] },
    },
  }),
  async ({ body }, tools: Tools<Needs>) => {
    const { caller, note } = signedInOf(tools);
    const refusal = beyond(tools, body.tenantIds, body.events);
    if (refusal !== undefined) return refusal;
    const added = await tools.services.webhooks.add(body, caller);
    if (!added.ok) return added;
    const { value, etag, secret } = added.value;
    const { webhookId } = value;
    note({ object: objectOf(webhookId), after: noted(value) });
    return succeed(created(pathOf(webhookId), { ...webhookView(value), secret }, etag));
  },
);

export const getWebhookFunction = onHttp(
  operation({
    name: "webhooks-get",
    method: "GET",
    path: "api/v1/webhooks/{webhookId}",
    summary: "Show a webhook",
    tag: "Webhooks",
    params: WebhookPath,
    answers: { 200: { description: "The webhook", body: WebhookView, headers: ["ETag"] } },
  }),
  async ({ params: { webhookId } }, tools: Tools<Needs>) => {
    const stored = await found(tools, webhookId);
    return stored.ok ? succeed(ok(webhookView(stored.value.value), stored.value.etag)) : stored;
  },
);

export const changeWebhookFunction = onHttp(
  operation({
    name: "webhooks-change",
    method: "PATCH",
    path: "api/v1/webhooks/{webhookId}",
    summary: "Change a webhook, or enable or disable it; you become its owner",
    tag: "Webhooks",
    conditional: true,
    params: WebhookPath,
    body: WebhookChange,
    answers: {
      200: { description: "The webhook as it is now", body: WebhookView, headers: ["ETag"] },
    },
  }),
  async ({ params: { webhookId }, body, ifMatch }, tools: Tools<Needs>) => {
    const stored = await unchanged(tools, webhookId, ifMatch);
    if (!stored.ok) return stored;
    const before = stored.value.value;
    const { tenantIds = before.tenantIds, events = before.events } = body;
    const refusal = beyond(tools, tenantIds ?? undefined, events);
    if (refusal !== undefined) return refusal;
    const { caller, note } = signedInOf(tools);
    const changed = await tools.services.webhooks.change(stored.value, body, caller);
    if (!changed.ok) return changed;
    const { value, etag } = changed.value;
    note({ object: objectOf(webhookId), before: noted(before), after: noted(value) });
    return succeed(ok(webhookView(value), etag));
  },
);

export const removeWebhookFunction = onHttp(
  operation({
    name: "webhooks-remove",
    method: "DELETE",
    path: "api/v1/webhooks/{webhookId}",
    summary: "Remove a webhook; what is under way for it is not sent any more",
    tag: "Webhooks",
    conditional: true,
    params: WebhookPath,
    answers: { 204: { description: "Removed" } },
  }),
  async ({ params: { webhookId }, ifMatch }, tools: Tools<Needs>) => {
    const stored = await unchanged(tools, webhookId, ifMatch);
    if (!stored.ok) return stored;
    const removed = await tools.services.webhooks.remove(stored.value);
    if (!removed.ok) return removed;
    signedInOf(tools).note({
      object: objectOf(webhookId),
      before: noted(removed.value),
      after: null,
    });
    return succeed(noContent());
  },
);

export const rotateWebhookSecretFunction = onHttp(
  operation({
    name: "webhooks-rotate-secret",
    method: "POST",
    path: "api/v1/webhooks/{webhookId}/rotate-secret",
    summary: "Replace a webhook's secret; the one before signs beside it for 24 hours",
    tag: "Webhooks",
    params: WebhookPath,
    answers: { 200: { description: "The new secret, told this once", body: SecretView } },
  }),
  async ({ params: { webhookId } }, tools: Tools<Needs>) => {
    const stored = await found(tools, webhookId);
    if (!stored.ok) return stored;
    const secret = await tools.services.webhooks.rotate(webhookId);
    if (!secret.ok) return secret;
    signedInOf(tools).note({ object: objectOf(webhookId), after: { webhookId } });
    return succeed(ok({ secret: secret.value }));
  },
);

export const testWebhookFunction = onHttp(
  operation({
    name: "webhooks-test",
    method: "POST",
    path: "api/v1/webhooks/{webhookId}/test",
    summary: "Send a webhook.test message, to see whether it arrives",
    tag: "Webhooks",
    params: WebhookPath,
    answers: {
      202: { description: "Asked for", body: DeliveryView, headers: ["Location", "Retry-After"] },
    },
  }),
  async ({ params: { webhookId } }, tools: Tools<Needs>) => {
    const stored = await found(tools, webhookId);
    if (!stored.ok) return stored;
    const sent = await tools.services.webhooks.test(stored.value.value);
    if (!sent.ok) return sent;
    const { deliveryId } = sent.value;
    signedInOf(tools).note({ object: objectOf(webhookId), after: { deliveryId } });
    const location = `${pathOf(webhookId)}/deliveries/${deliveryId}`;
    return succeed(accepted(location, deliveryView(sent.value)));
  },
);

// Deliveries.

export const listWebhookDeliveriesFunction = onHttp(
  operation({
    name: "webhooks-deliveries",
    method: "GET",
    path: "api/v1/webhooks/{webhookId}/deliveries",
    summary: "List what a webhook was told, with every attempt, newest first",
    tag: "Webhooks",
    params: WebhookPath,
    query: z.strictObject(PageQuery),
    answers: { 200: { description: "A page of deliveries", body: pageOf(DeliveryView) } },
  }),
  async ({ params: { webhookId }, query, url }, tools: Tools<Needs>) => {
    const stored = await found(tools, webhookId);
    if (!stored.ok) return stored;
    const list = `deliveries of ${webhookId}`;
    const position = positionOf(list, query.pageToken);
    if (!position.ok) return position;
    const page = await tools.services.webhooks.deliveries(webhookId, query.top, position.value);
    const items = page.items.map(deliveryView);
    return succeed(ok(pageBody(url, list, { ...page, items })));
  },
);

export const getWebhookDeliveryFunction = onHttp(
  operation({
    name: "webhooks-delivery",
    method: "GET",
    path: "api/v1/webhooks/{webhookId}/deliveries/{deliveryId}",
    summary: "Show a delivery with its attempts",
    tag: "Webhooks",
    params: DeliveryPath,
    answers: { 200: { description: "The delivery", body: DeliveryView } },
  }),
  async ({ params: { webhookId, deliveryId } }, tools: Tools<Needs>) => {
    const stored = await found(tools, webhookId);
    if (!stored.ok) return stored;
    const delivery = await tools.services.webhooks.delivery(webhookId, deliveryId);
    return delivery.ok ? succeed(ok(deliveryView(delivery.value))) : delivery;
  },
);

export const redeliverFunction = onHttp(
  operation({
    name: "webhooks-redeliver",
    method: "POST",
    path: "api/v1/webhooks/{webhookId}/deliveries/{deliveryId}/redeliver",
    summary: "Send a delivery again, under the same webhook-id",
    tag: "Webhooks",
    params: DeliveryPath,
    answers: {
      202: { description: "Asked for", body: DeliveryView, headers: ["Location", "Retry-After"] },
    },
  }),
  async ({ params: { webhookId, deliveryId } }, tools: Tools<Needs>) => {
    const stored = await found(tools, webhookId);
    if (!stored.ok) return stored;
    const again = await tools.services.webhooks.redeliver(stored.value.value, deliveryId);
    if (!again.ok) return again;
    signedInOf(tools).note({ object: objectOf(webhookId), after: { deliveryId } });
    const location = `${pathOf(webhookId)}/deliveries/${deliveryId}`;
    return succeed(accepted(location, deliveryView(again.value)));
  },
);
