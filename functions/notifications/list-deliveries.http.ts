/** Lists a notification's deliveries, by state, as JSON pages or as one CSV document. */
import { z } from "zod";
import { operation } from "../../shared/http/operation.ts";
import { PageQuery, pageBody, pageOf, positionOf } from "../../shared/http/paging.ts";
import { ok, streamed } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { DeliveryView, NotificationPath } from "../../shared/notifications/contract.ts";
import { deliveriesCsv } from "../../shared/notifications/deliveries-csv.ts";
import { countedStates } from "../../shared/notifications/delivery.ts";
import { listDeliveries } from "../../shared/notifications/list-deliveries.ts";
import { seesNotification } from "../../shared/notifications/read-notifications.ts";
import { knownTenant } from "../../shared/tenants/manage-tenants.ts";
import { onHttp } from "../define.ts";
import { reachOfCaller } from "../reach-of-caller.ts";

export const listDeliveriesFunction = onHttp(
  operation({
    name: "notifications-deliveries",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/notifications/{notificationId}/deliveries",
    summary: "List a notification's deliveries; with Accept: text/csv all of them in one document",
    tag: "Notifications",
    params: NotificationPath,
    query: z.strictObject({ ...PageQuery, state: z.enum(countedStates).optional() }),
    answers: {
      200: {
        description: "A page of deliveries",
        body: pageOf(DeliveryView),
        also: ["text/csv"],
      },
    },
  }),
  async ({ params, query, url, accept }, tools) => {
    const { services } = tools;
    const tenant = await knownTenant(services.tenants, params.tenantId);
    if (!tenant.ok) return tenant;
    const { state } = query;
    const reach = await reachOfCaller(tools, params.tenantId);
    if (accept.includes("text/csv")) {
      // Once it has begun, an answer can only end; whether there is one is asked before.
      const visible = await seesNotification(services.notify, params, reach);
      if (!visible.ok) return visible;
      return succeed(
        streamed("text/csv; charset=utf-8", deliveriesCsv(services.notify, params, state)),
      );
    }
    const list = `deliveries ${params.notificationId} ${state ?? ""}`;
    const position = positionOf(list, query.pageToken);
    if (!position.ok) return position;
    const wanted = { state, top: query.top, position: position.value, reach };
    const page = await listDeliveries(services.notify, params, wanted);
    return page.ok ? succeed(ok(pageBody(url, list, page.value))) : page;
  },
  { keepsLimits: true },
);
