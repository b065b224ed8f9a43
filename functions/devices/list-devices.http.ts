/** Lists devices of a tenant. */
import { DeviceQuery, DeviceView } from "../../shared/devices/contract.ts";
import { filterOf, listDevices, listName } from "../../shared/devices/directory-list.ts";
import { operation } from "../../shared/http/operation.ts";
import { pageBody, pageOf, positionOf } from "../../shared/http/paging.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import { knownTenant } from "../../shared/tenants/manage-tenants.ts";
import { onHttp } from "../define.ts";
import { reachOfCaller } from "../reach-of-caller.ts";

export const listDevicesFunction = onHttp(
  operation({
    name: "devices-list",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/devices",
    summary:
      "List devices, filtered; a page may hold fewer than asked for and still have a next one",
    tag: "Devices",
    params: TenantPath,
    query: DeviceQuery,
    answers: { 200: { description: "A page of devices", body: pageOf(DeviceView) } },
  }),
  async ({ params: { tenantId }, query, url }, tools) => {
    const { services } = tools;
    const tenant = await knownTenant(services.tenants, tenantId);
    if (!tenant.ok) return tenant;
    const { top, pageToken, ...filter } = query;
    const list = listName(tenantId, filter);
    const position = positionOf(list, pageToken);
    if (!position.ok) return position;
    const accepts = filterOf(filter, services.clock.now());
    const wanted = {
      after: position.value,
      top,
      accepts,
      reach: await reachOfCaller(tools, tenantId),
    };
    const page = await listDevices(services.directory, tenantId, wanted);
    return succeed(ok(pageBody(url, list, page)));
  },
  { keepsLimits: true },
);
