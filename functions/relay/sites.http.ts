/**
 * ConfigMgr sites: those whose relays have reported, and the inventory that a relay hands in, part by part.
 */

import * as z from "zod";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { SiteCode } from "../../shared/configmgr/site.ts";
import type { RefreshService } from "../../shared/devices/refresh/work.ts";
import { SiteDevice, type SiteStore } from "../../shared/devices/sites/sites.ts";
import { operation } from "../../shared/http/operation.ts";
import { accepted, noContent, ok } from "../../shared/http/reply.ts";
import { toIso } from "../../shared/kernel/clock.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { Guid, TenantId } from "../../shared/kernel/values.ts";
import type { RelayLeases } from "../../shared/notifications/relay/lease.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import { onHttp, type Tools } from "../define.ts";

type Needs = {
  readonly leases: RelayLeases;
  readonly refreshes: RefreshService;
  readonly sites: SiteStore;
};

/** Most devices in one part; a body may have 1 MiB. */
const maxPartDevices = 4000;
/** Most parts of an inventory: 4 million devices. */
const maxParts = 1000;

/** Path of an inventory that is being handed in; the relay chooses its id. */
const InventoryPath = z.strictObject({
  tenantId: TenantId,
  siteCode: SiteCode,
  inventoryId: Guid,
});

/** Path of one of its parts, counted from 0. */
const PartPath = InventoryPath.extend({
  part: z.coerce
    .number()
    .int()
    .min(0)
    .max(maxParts - 1),
});

/** Body of a part. */
const InventoryPart = z.strictObject({ devices: z.array(SiteDevice).max(maxPartDevices) });

/** Body of a completion. */
const InventoryEnd = z.strictObject({
  parts: z.int().min(1).max(maxParts).describe("How many parts there are"),
  confirmDevices: z
    .int()
    .min(0)
    .max(maxParts * maxPartDevices)
    .exactOptional()
    .describe(
      "Take an inventory of at least so many devices for true, however many the site had: for a person who has looked",
    ),
});

/** Answer to a completion. */
const CompletedInventory = z
  .object({
    refreshId: z.string(),
    included: z
      .boolean()
      .describe("False when that refresh began before the inventory was whole: say it again later"),
  })
  .meta({ id: "CompletedInventory" });

/** A site as the API shows it. */
const SiteView = z
  .object({
    siteCode: z.string(),
    devices: z.int().describe("In the last complete inventory"),
    reportedAt: z.iso.datetime(),
    relaySeenAt: z.iso.datetime().optional().describe("When its relay was last heard of"),
  })
  .meta({ id: "Site" });

/** All sites of a tenant. */
const SitesView = z.object({ value: z.array(SiteView) }).meta({ id: "Sites" });

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
  async ({ params: { tenantId } }, { services }: Tools<Needs>) => {
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
  async ({ params: { tenantId, siteCode, inventoryId, part }, body }, tools: Tools<Needs>) => {
    const { services } = tools;
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
  async ({ params, body, seed }, tools: Tools<Needs>) => {
    const { services, log } = tools;
    const before = (await services.sites.sites(params.tenantId)).find(
      ({ siteCode }) => siteCode === params.siteCode,
    );
    const { parts, confirmDevices } = body;
    const completed = await services.refreshes.completeInventory(
      params,
      parts,
      seed,
      confirmDevices,
    );
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
