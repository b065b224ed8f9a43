/** Takes a part of the inventory that a site's relay hands in. */
import { signedInOf } from "../../shared/access/signed-in.ts";
import { InventoryPart, PartPath } from "../../shared/devices/site-contract.ts";
import { operation } from "../../shared/http/operation.ts";
import { noContent } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { getTenant } from "../../shared/tenants/manage-tenants.ts";
import { onHttp } from "../define.ts";

export const putInventoryPartFunction = onHttp(
  operation({
    name: "sites-put-part",
    method: "PUT",
    path: "api/v1/tenants/{tenantId}/sites/{siteCode}/inventories/{inventoryId}/parts/{part}",
    summary: "Hand in a part of a site's devices; nothing changes before the inventory is complete",
    tag: "Relay",
    params: PartPath,
    body: InventoryPart,
    answers: { 204: { description: "Kept" } },
  }),
  async ({ params: { tenantId, siteCode, inventoryId, part }, body }, tools) => {
    const { services } = tools;
    const tenant = await getTenant(services.tenants, tenantId);
    if (!tenant.ok) return tenant;
    await services.sites.putPart({ tenantId, siteCode, inventoryId }, part, body.devices);
    const object = `site/${siteCode}/inventory/${inventoryId}/part/${part}`;
    signedInOf(tools).note({ object, after: { devices: body.devices.length } });
    return succeed(noContent());
  },
);
