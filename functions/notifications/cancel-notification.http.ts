/** Cancels what a notification has not sent yet. */
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { accepted } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { cancelNotification } from "../../shared/notifications/cancel.ts";
import { NotificationPath, NotificationView } from "../../shared/notifications/contract.ts";
import { viewNow } from "../../shared/notifications/read-notifications.ts";
import { getTenant } from "../../shared/tenants/manage-tenants.ts";
import { onHttp } from "../define.ts";
import { reachOfCaller } from "../reach-of-caller.ts";

export const cancelNotificationFunction = onHttp(
  operation({
    name: "notifications-cancel",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/notifications/{notificationId}/cancel",
    summary: "Cancel what waits; what has left is followed to its end",
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
  async ({ params: { tenantId, notificationId } }, tools) => {
    const { services, log } = tools;
    const tenant = await getTenant(services.tenants, tenantId);
    if (!tenant.ok) return tenant;
    const reach = await reachOfCaller(tools, tenantId);
    const cancelled = await cancelNotification(services.notify, tenantId, notificationId, reach);
    if (!cancelled.ok) return cancelled;
    const { notification, before } = cancelled.value;
    const object = `notification/${notificationId}`;
    const after = { state: notification.state };
    signedInOf(tools).note({ object, before: { state: before }, after });
    log("notification.cancel", { tenantId, notificationId });
    const location = `/api/v1/tenants/${tenantId}/notifications/${notificationId}`;
    return succeed(accepted(location, await viewNow(services.notify, notification)));
  },
  { keepsLimits: true },
);
