/** Lists the ConfigMgr sites whose relays have reported. */

import { signedInOf } from "../../shared/access/signed-in.ts";
import { completeInventory } from "../../shared/devices/refresh/import-site.ts";
import {
  CompletedInventory,
  InventoryEnd,
  InventoryPart,
  InventoryPath,
  PartPath,
  SitesView,
} from "../../shared/devices/sites/contract.ts";
import { operation } from "../../shared/http/operation.ts";
import { accepted, noContent, ok } from "../../shared/http/reply.ts";
import { toIso } from "../../shared/kernel/clock.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import { onHttp } from "../define.ts";

export const listSitesFunction = onHttp(
  operation({
    name: "sites-list",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/sites",
    summary: "List the ConfigMgr sites whose relays have reported",
    tag: "Relay",
    params: TenantPath,
    answers: { 200: { description: "The sites", body: SitesView } },
  }),
  async ({ params: { tenantId } }, { services }) => {
    const tenant = await services.tenants.known(tenantId);
    if (!tenant.ok) return tenant;
    const [sites, seen] = await Promise.all([
      services.sites.sites(tenantId),
      services.leases.seen(tenantId),
    ]);
    const value = sites.map(({ siteCode, devices, reportedAt }) => {
      const seenAt = seen.get(siteCode);
      const relaySeenAt = seenAt === undefined ? {} : { relaySeenAt: toIso(seenAt) };
      return { siteCode, devices, reportedAt, ...relaySeenAt };
    });
    return succeed(ok({ value }));
  },
);

// Takes a part of the inventory that a site's relay hands in.

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
    const tenant = await services.tenants.get(tenantId);
    if (!tenant.ok) return tenant;
    await services.sites.putPart({ tenantId, siteCode, inventoryId }, part, body.devices);
    const object = `site/${siteCode}/inventory/${inventoryId}/part/${part}`;
    signedInOf(tools).note({ object, after: { devices: body.devices.length } });
    return succeed(noContent());
  },
);

// Makes an inventory that was handed in the site's present one, and has the directory refreshed.

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
  async ({ params, body, seed }, tools) => {
    const { services, log } = tools;
    const tenant = await services.tenants.get(params.tenantId);
    if (!tenant.ok) return tenant;
    const before = (await services.sites.sites(params.tenantId)).find(
      ({ siteCode }) => siteCode === params.siteCode,
    );
    const { parts, confirmDevices } = body;
    const completed = await completeInventory(services, params, parts, seed, confirmDevices);
    if (!completed.ok) return completed;
    const { siteCode, inventoryId } = params;
    const after = { inventoryId, ...body, ...completed.value };
    signedInOf(tools).note({ object: `site/${siteCode}`, before: before ?? null, after });
    const { refreshId } = completed.value;
    log("inventory.complete", { ...params, refreshId });
    const location = `/api/v1/tenants/${params.tenantId}/refreshes/${refreshId}`;
    return succeed(accepted(location, completed.value));
  },
);
