/** Sends an action to devices, or with `?dryRun=true` says what would happen. */
import { z } from "zod";
import { personOf, signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { accepted, ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { auditedNotification } from "../../shared/notifications/audited.ts";
import {
  DryRunView,
  NewNotification,
  NotificationView,
} from "../../shared/notifications/contract.ts";
import { dryRun } from "../../shared/notifications/dry-run.ts";
import { viewNow } from "../../shared/notifications/read-notifications.ts";
import { sendNotification } from "../../shared/notifications/send-notification.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import { getTenant } from "../../shared/tenants/manage-tenants.ts";
import { aboutAction } from "../about-action.ts";
import { onHttp } from "../define.ts";
import { reachOfCaller } from "../reach-of-caller.ts";

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
      dryRun: z.stringbool().default(false).describe("Only say what would happen"),
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
  async ({ params: { tenantId }, query, body, seed }, tools) => {
    const { services, log } = tools;
    const tenant = await getTenant(services.tenants, tenantId);
    if (!tenant.ok) return tenant;
    const reach = await reachOfCaller(tools, tenantId);
    const { caller, note } = signedInOf(tools);
    if (query.dryRun) {
      note({ unchanged: true });
      const would = await dryRun(services.notify, tenantId, body, reach);
      return would.ok ? succeed(ok(would.value)) : would;
    }
    const sender = { reach, by: personOf(caller) };
    const sent = await sendNotification(services.notify, tenantId, seed, body, sender);
    if (!sent.ok) return sent;
    note(auditedNotification(body, sent.value));
    const { notificationId, actionId } = sent.value;
    log("notification.send", { tenantId, notificationId, actionId });
    const location = `/api/v1/tenants/${tenantId}/notifications/${notificationId}`;
    return succeed(accepted(location, await viewNow(services.notify, sent.value)));
  },
  {
    keepsLimits: true,
    about: async ({ body }) => Promise.resolve(aboutAction(body.action, body.target)),
  },
);
