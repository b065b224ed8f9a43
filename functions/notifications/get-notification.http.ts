/** Shows a notification with its counts. */
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { NotificationPath, NotificationView } from "../../shared/notifications/contract.ts";
import { readNotification } from "../../shared/notifications/read-notifications.ts";
import { knownTenant } from "../../shared/tenants/manage-tenants.ts";
import { onHttp } from "../define.ts";
import { reachOfCaller } from "../reach-of-caller.ts";

export const getNotificationFunction = onHttp(
  operation({
    name: "notifications-get",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/notifications/{notificationId}",
    summary: "Show a notification: state, counts, progress",
    tag: "Notifications",
    params: NotificationPath,
    answers: { 200: { description: "The notification", body: NotificationView } },
  }),
  async ({ params: { tenantId, notificationId } }, tools) => {
    const { services } = tools;
    const tenant = await knownTenant(services.tenants, tenantId);
    if (!tenant.ok) return tenant;
    const reach = await reachOfCaller(tools, tenantId);
    const found = await readNotification(services.notify, tenantId, notificationId, reach);
    return found.ok ? succeed(ok(found.value)) : found;
  },
  { keepsLimits: true },
);
