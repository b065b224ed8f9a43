/** Sends again to the devices whose deliveries ended badly, as a new, linked notification. */
import { personOf, signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { accepted } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { auditedNotification } from "../../shared/notifications/audited.ts";
import {
  NotificationPath,
  NotificationView,
  RetryRequest,
} from "../../shared/notifications/contract.ts";
import { viewNow } from "../../shared/notifications/read-notifications.ts";
import { retryNotification } from "../../shared/notifications/retry.ts";
import { getTenant } from "../../shared/tenants/manage-tenants.ts";
import { aboutRetry } from "../about-action.ts";
import { onHttp } from "../define.ts";
import { reachOfCaller } from "../reach-of-caller.ts";

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
  async ({ params, body, seed }, tools) => {
    const { services, log } = tools;
    const { tenantId } = params;
    const tenant = await getTenant(services.tenants, tenantId);
    if (!tenant.ok) return tenant;
    const reach = await reachOfCaller(tools, tenantId);
    const { caller, note } = signedInOf(tools);
    const sender = { reach, by: personOf(caller) };
    const retry = await retryNotification(services.notify, params, seed, body, sender);
    if (!retry.ok) return retry;
    note(auditedNotification(body, retry.value));
    const { notificationId } = retry.value;
    log("notification.retry", { tenantId, notificationId, retryOf: params.notificationId });
    const location = `/api/v1/tenants/${tenantId}/notifications/${notificationId}`;
    return succeed(accepted(location, await viewNow(services.notify, retry.value)));
  },
  {
    keepsLimits: true,
    // Also for a collection it is narrowed like any other: members may have left since.
    about: ({ params }, services, standing) => aboutRetry(params, services, standing),
  },
);
