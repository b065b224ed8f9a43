/** Makes an inventory that was handed in the site's present one, and has the directory refreshed. */
import { signedInOf } from "../../shared/access/signed-in.ts";
import {
  CompletedInventory,
  InventoryEnd,
  InventoryPath,
} from "../../shared/devices/site-contract.ts";
import { completeInventory } from "../../shared/devices/site-import.ts";
import { operation } from "../../shared/http/operation.ts";
import { accepted } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { getTenant } from "../../shared/tenants/manage-tenants.ts";
import { onHttp } from "../define.ts";

export const completeInventoryFunction = onHttp(
  operation({
    name: "sites-complete",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/sites/{siteCode}/inventories/{inventoryId}/complete",
    summary: "Say that an inventory is whole: it replaces the site's devices with the next refresh",
    tag: "Relay",
    params: InventoryPath,
    body: InventoryEnd,
    answers: {
      202: {
        description: "The refresh that runs now, and whether it takes this inventory in",
        body: CompletedInventory,
        headers: ["Location", "Retry-After"],
      },
    },
  }),
  async ({ params, body: { parts }, seed }, tools) => {
    const { services, log } = tools;
    const tenant = await getTenant(services.tenants, params.tenantId);
    if (!tenant.ok) return tenant;
    const before = (await services.sites.sites(params.tenantId)).find(
      ({ siteCode }) => siteCode === params.siteCode,
    );
    const completed = await completeInventory(services, params, parts, seed);
    if (!completed.ok) return completed;
    const { siteCode, inventoryId } = params;
    const after = { inventoryId, parts, ...completed.value };
    signedInOf(tools).note({ object: `site/${siteCode}`, before: before ?? null, after });
    const { refreshId } = completed.value;
    log("inventory.complete", { ...params, refreshId });
    const location = `/api/v1/tenants/${params.tenantId}/refreshes/${refreshId}`;
    return succeed(accepted(location, completed.value));
  },
);
