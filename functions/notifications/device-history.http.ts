/** Shows what was sent to a device, newest first. */
import { z } from "zod";
import { operation } from "../../shared/http/operation.ts";
import { PageQuery, pageBody, pageOf, positionOf } from "../../shared/http/paging.ts";
import { ok } from "../../shared/http/reply.ts";
import { fail, succeed } from "../../shared/kernel/failure.ts";
import { DeviceId, TenantId } from "../../shared/kernel/values.ts";
import { DeliveryView } from "../../shared/notifications/contract.ts";
import { deviceHistory } from "../../shared/notifications/read-notifications.ts";
import { knownTenant } from "../../shared/tenants/manage-tenants.ts";
import { onHttp } from "../define.ts";
import { reachOfCaller } from "../reach-of-caller.ts";

const HistoryEntry = DeliveryView.extend({
  notificationId: z.string(),
  action: z.string(),
}).meta({ id: "HistoryEntry" });

/** Notifications looked into for one page; each costs one read. */
const maxTop = 50;

export const deviceHistoryFunction = onHttp(
  operation({
    name: "devices-history",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/devices/{deviceId}/history",
    summary: "Show what was sent to a device, newest first",
    tag: "Devices",
    params: z.strictObject({ tenantId: TenantId, deviceId: DeviceId }),
    query: z.strictObject({
      ...PageQuery,
      top: z.coerce
        .number()
        .int()
        .min(1)
        .max(maxTop)
        .default(20)
        .describe("Notifications looked into for this page"),
    }),
    answers: { 200: { description: "A page of deliveries", body: pageOf(HistoryEntry) } },
  }),
  async ({ params: { tenantId, deviceId }, query, url }, tools) => {
    const { services } = tools;
    const tenant = await knownTenant(services.tenants, tenantId);
    if (!tenant.ok) return tenant;
    const reach = await reachOfCaller(tools, tenantId);
    if (reach !== undefined) {
      const device = await services.directory.get(tenantId, deviceId);
      if (device === undefined || !reach.holds(device)) return unknownDevice(deviceId);
    }
    const list = `history ${tenantId} ${deviceId}`;
    const position = positionOf(list, query.pageToken);
    if (!position.ok) return position;
    const page = await deviceHistory(services.notify, tenantId, deviceId, {
      top: query.top,
      ...(position.value === undefined ? {} : { token: position.value }),
    });
    const known = page.items.length > 0 || (await services.directory.get(tenantId, deviceId));
    if (!known) return unknownDevice(deviceId);
    return succeed(ok(pageBody(url, list, page)));
  },
  { keepsLimits: true },
);

const unknownDevice = (deviceId: string) =>
  fail("unknown-device", `The tenant has no device ${deviceId}.`);
