/** Sends an action to devices, or with `?dryRun=true` says what would happen. */

import * as z from "zod";
import {
  decide,
  type RequestTarget,
  type Standing,
  tenantsWith,
} from "../../shared/access/roles/decide.ts";
import { type AuditNote, signedInOf } from "../../shared/access/signed-in.ts";
import { findAction } from "../../shared/devices/actions/catalogue.ts";
import type { CollectionStore } from "../../shared/devices/collections/collection-store.ts";
import { operation } from "../../shared/http/operation.ts";
import { PageQuery, pageBody, pageOf, positionOf } from "../../shared/http/paging.ts";
import { accepted, ok, ongoing } from "../../shared/http/reply.ts";
import { toIso } from "../../shared/kernel/clock.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import {
  DryRunView,
  NewNotification,
  NotificationPath,
  NotificationView,
  RetryRequest,
} from "../../shared/notifications/contract.ts";
import { dryRun } from "../../shared/notifications/dry-run.ts";
import type { NotificationParts } from "../../shared/notifications/kind.ts";
import {
  listInTenants,
  listNotifications,
  Sought,
} from "../../shared/notifications/list-notifications.ts";
import type { Notification } from "../../shared/notifications/notification.ts";
import {
  readNotification,
  seesNotification,
  viewFor,
} from "../../shared/notifications/read-notifications.ts";
import {
  changeNotification,
  retryNotification,
  sendNotification,
} from "../../shared/notifications/send-notification.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import type { TenantRegistry } from "../../shared/tenants/tenants.ts";
import { type About, onHttp, reachOfCaller, type Tools } from "../define.ts";

type Needs = {
  readonly collections: CollectionStore;
  readonly notify: NotificationParts;
};

// What a request that sends an action is about, as far as permission goes.

type Target = { readonly kind: string; readonly collectionId?: string };

/** The permission of the action, and the collection where it is for one. */
const aboutAction = (
  actionId: string,
  target: Target,
): Pick<RequestTarget, "actionPermission" | "collectionId"> => ({
  actionPermission: findAction(actionId)?.permission,
  collectionId: target.kind === "collection" ? target.collectionId : undefined,
});

/**
 * The permission of the action that a notification repeats, for who may see that notification. For anybody
 * else it is about no action, as if there were none: a refusal that names a permission tells that there is one.
 */
async function aboutRetry(
  ids: { readonly tenantId: string; readonly notificationId: string },
  { notify, collections }: Pick<Needs, "notify" | "collections">,
  standing: Standing,
): Promise<Pick<RequestTarget, "actionPermission">> {
  const { tenantId } = ids;
  const seeing = decide(standing, "notifications.read", { kind: "tenant", tenantId });
  if (!seeing.allowed) return {};
  const reach = await collections.reachOf(tenantId, seeing.limits);
  const seen = await seesNotification(notify, ids, reach);
  return seen.ok ? { actionPermission: findAction(seen.value.actionId)?.permission } : {};
}

// What the audit trail keeps of a notification that was asked for; secrets are taken out when it is written.

/** The notification as a note on the call that asked for it: what was asked, and what was made of it. */
function auditedNotification(
  body: NewNotification | RetryRequest,
  { jobId: notificationId, state, actionId, target, expiresAt }: Notification,
): AuditNote {
  // The list of a request for devices stands beside how it was narrowed.
  const asked = "target" in body ? body.target : {};
  const made = { notificationId, state, action: actionId, expiresAt: toIso(expiresAt) };
  return {
    object: `notification/${notificationId}`,
    after: { ...body, ...made, target: { ...asked, ...target } },
  };
}

export const sendNotificationFunction = onHttp(
  operation({
    name: "notifications-send",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/notifications",
    summary: "Send an action to devices, a collection or the whole tenant",
    tag: "Notifications",
    idempotent: true,
    params: TenantPath,
    query: z.strictObject({
      dryRun: z
        .enum(["true", "false"])
        .default("false")
        .transform((text) => text === "true")
        .describe("Only say what would happen"),
    }),
    body: NewNotification,
    answers: {
      200: { description: "What would happen (dry run)", body: DryRunView },
      202: {
        description: "Taken; watch it at Location",
        body: NotificationView,
        headers: ["Location", "Retry-After"],
      },
    },
  }),
  async ({ params: { tenantId }, query, body, seed }, tools: Tools<Needs>) => {
    const { services, log } = tools;
    const reach = await reachOfCaller(tools, tenantId);
    const { caller, note } = signedInOf(tools);
    if (query.dryRun) {
      note({ unchanged: true });
      const would = await dryRun(services.notify, tenantId, body, reach);
      return would.ok ? succeed(ok(would.value)) : would;
    }
    const sender = { reach, caller };
    const sent = await sendNotification(services.notify, tenantId, seed, body, sender);
    if (!sent.ok) return sent;
    note(auditedNotification(body, sent.value));
    const { jobId: notificationId, actionId } = sent.value;
    log("notification.send", { tenantId, notificationId, actionId });
    const location = `/api/v1/tenants/${tenantId}/notifications/${notificationId}`;
    return succeed(accepted(location, await viewFor(services.notify, sent.value, reach)));
  },
  {
    keepsLimits: true,
    about: async ({ body }) => Promise.resolve(aboutAction(body.action, body.target)),
  },
);

// Lists a tenant's notifications, newest first.

/** Each unfinished one costs reads of its own, so that a page of them stays small. */
const maxTop = 50;
const ListQuery = z.strictObject({
  ...PageQuery,
  top: z.coerce.number().int().min(1).max(maxTop).default(20),
  ...Sought,
});

export const listNotificationsFunction = onHttp(
  operation({
    name: "notifications-list",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/notifications",
    summary: "List a tenant's notifications, newest first, or those that are sought",
    tag: "Notifications",
    params: TenantPath,
    query: ListQuery,
    answers: { 200: { description: "A page of notifications", body: pageOf(NotificationView) } },
  }),
  async ({ params: { tenantId }, query, url }, tools: Tools<Needs>) => {
    const { services } = tools;
    const { top, pageToken, ...sought } = query;
    const list = `notifications ${tenantId} ${JSON.stringify(sought)}`;
    const position = positionOf(list, pageToken);
    if (!position.ok) return position;
    const page = await listNotifications(services.notify, tenantId, {
      top,
      token: position.value,
      reach: await reachOfCaller(tools, tenantId),
      sought,
    });
    return succeed(ok(pageBody(url, list, page)));
  },
  { keepsLimits: true },
);

/** Tenants looked at in one step. */
const tenantsAtOnce = 100;

export const listEveryNotificationFunction = onHttp(
  operation({
    name: "notifications-everywhere",
    method: "GET",
    path: "api/v1/notifications",
    summary:
      "List notifications of all your tenants: with final=false newest first, else tenant by tenant",
    tag: "Notifications",
    query: ListQuery,
    answers: { 200: { description: "A page of notifications", body: pageOf(NotificationView) } },
  }),
  async ({ query, url }, tools: Tools<Needs & { readonly tenants: TenantRegistry }>) => {
    const { notify, tenants, collections } = tools.services;
    const { standing } = signedInOf(tools);
    const { top, pageToken, ...sought } = query;
    const reached = tenantsWith(standing, "notifications.read");
    const list = `notifications everywhere ${JSON.stringify(sought)}`;
    const position = positionOf(list, pageToken);
    if (!position.ok) return position;
    const inReach = {
      list: (token: string | undefined) => tenants.list(reached, tenantsAtOnce, token),
      has: (tenantId: string) => reached?.has(tenantId) ?? true,
      reachOf: async (tenantId: string) => {
        const seeing = decide(standing, "notifications.read", { kind: "tenant", tenantId });
        return seeing.allowed ? collections.reachOf(tenantId, seeing.limits) : nothing;
      },
    };
    const page = await listInTenants(notify, inReach, { top, token: position.value, sought });
    return succeed(ok(pageBody(url, list, page)));
  },
);

/** What somebody reaches who reaches nothing. */
const nothing = { collectionIds: [], holds: () => false };

// Shows a notification with its counts.

export const getNotificationFunction = onHttp(
  operation({
    name: "notifications-get",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/notifications/{notificationId}",
    summary: "Show a notification: state, counts, progress",
    tag: "Notifications",
    params: NotificationPath,
    answers: {
      200: { description: "The notification", body: NotificationView, headers: ["Retry-After"] },
    },
  }),
  async ({ params: { tenantId, notificationId } }, tools: Tools<Needs>) => {
    const { services } = tools;
    const reach = await reachOfCaller(tools, tenantId);
    const found = await readNotification(services.notify, tenantId, notificationId, reach);
    if (!found.ok) return found;
    const { final, phase } = found.value;
    const moves = phase === "planning" || phase === "sending";
    return succeed(ongoing(found.value, final ? "ended" : moves ? "fast" : "slow"));
  },
  { keepsLimits: true },
);

// Cancels what a notification has not sent yet, lets it rest, or lets it go on.

/** An operation that changes a notification and answers with it as it is then. */
const changing = (word: "cancel" | "pause" | "resume", summary: string, about?: About<Needs>) =>
  onHttp(
    operation({
      name: `notifications-${word}`,
      method: "POST",
      path: `api/v1/tenants/{tenantId}/notifications/{notificationId}/${word}`,
      summary,
      tag: "Notifications",
      idempotent: true,
      params: NotificationPath,
      answers: {
        202: {
          description: "Taken; watch it at Location",
          body: NotificationView,
          headers: ["Location", "Retry-After"],
        },
      },
    }),
    async ({ params }, tools: Tools<Needs>) => {
      const { services, log } = tools;
      const { tenantId, notificationId } = params;
      const reach = await reachOfCaller(tools, tenantId);
      const changed = await changeNotification(services.notify, params, word, reach);
      if (!changed.ok) return changed;
      const { job: notification, before } = changed.value;
      const object = `notification/${notificationId}`;
      const after = { state: notification.state };
      signedInOf(tools).note({ object, before: { state: before }, after });
      log(`notification.${word}`, { tenantId, notificationId });
      const location = `/api/v1/tenants/${tenantId}/notifications/${notificationId}`;
      return succeed(accepted(location, await viewFor(services.notify, notification, reach)));
    },
    { keepsLimits: true, ...(about && { about }) },
  );

export const cancelNotificationFunction = changing(
  "cancel",
  "Cancel what waits; what has left is followed to its end",
);
export const pauseNotificationFunction = changing("pause", "Send nothing new until it is resumed");
export const resumeNotificationFunction = changing(
  "resume",
  "Go on where it was paused, or with the next wave",
  // What goes on is sent: it takes what sending it took.
  ({ params }, services, standing) =>
    aboutRetry(NotificationPath.parse(params), services, standing),
);

// Sends again to the devices whose deliveries ended badly, as a new, linked notification.

export const retryNotificationFunction = onHttp(
  operation({
    name: "notifications-retry",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/notifications/{notificationId}/retry",
    summary: "Send again where it failed, as a new notification",
    tag: "Notifications",
    idempotent: true,
    params: NotificationPath,
    body: RetryRequest,
    answers: {
      202: {
        description: "Taken; watch the new one at Location",
        body: NotificationView,
        headers: ["Location", "Retry-After"],
      },
    },
  }),
  async ({ params, body, seed }, tools: Tools<Needs>) => {
    const { services, log } = tools;
    const { tenantId } = params;
    const reach = await reachOfCaller(tools, tenantId);
    const { caller, note } = signedInOf(tools);
    const sender = { reach, caller };
    const retry = await retryNotification(services.notify, params, seed, body, sender);
    if (!retry.ok) return retry;
    note(auditedNotification(body, retry.value));
    const { jobId: notificationId } = retry.value;
    log("notification.retry", { tenantId, notificationId, retryOf: params.notificationId });
    const location = `/api/v1/tenants/${tenantId}/notifications/${notificationId}`;
    return succeed(accepted(location, await viewFor(services.notify, retry.value, reach)));
  },
  {
    keepsLimits: true,
    // Also for a collection it is narrowed like any other: members may have left since.
    about: ({ params }, services, standing) => aboutRetry(params, services, standing),
  },
);
