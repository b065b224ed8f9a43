/** Lists a tenant's notifications, newest first. */
import { z } from "zod";
import { operation } from "../../shared/http/operation.ts";
import { PageQuery, pageBody, pageOf, positionOf } from "../../shared/http/paging.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { NotificationView } from "../../shared/notifications/contract.ts";
import { listNotifications } from "../../shared/notifications/read-notifications.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import { knownTenant } from "../../shared/tenants/manage-tenants.ts";
import { onHttp } from "../define.ts";
import { reachOfCaller } from "../reach-of-caller.ts";

/** Each unfinished one costs reads of its own, so that a page of them stays small. */
const maxTop = 50;

export const listNotificationsFunction = onHttp(
  operation({
    name: "notifications-list",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/notifications",
    summary: "List a tenant's notifications, newest first",
    tag: "Notifications",
    params: TenantPath,
    query: z.strictObject({
      ...PageQuery,
      top: z.coerce.number().int().min(1).max(maxTop).default(20),
    }),
    answers: { 200: { description: "A page of notifications", body: pageOf(NotificationView) } },
  }),
  async ({ params: { tenantId }, query, url }, tools) => {
    const { services } = tools;
    const tenant = await knownTenant(services.tenants, tenantId);
    if (!tenant.ok) return tenant;
    const list = `notifications ${tenantId}`;
    const position = positionOf(list, query.pageToken);
    if (!position.ok) return position;
    const page = await listNotifications(services.notify, tenantId, {
      top: query.top,
      token: position.value,
      reach: await reachOfCaller(tools, tenantId),
    });
    return succeed(ok(pageBody(url, list, page)));
  },
  { keepsLimits: true },
);
