/** What the API says about ConfigMgr sites: the inventory that a relay hands in, part by part. */
import * as z from "zod";
import { SiteCode } from "../../configmgr/site.ts";
import { Line } from "../../kernel/outside-text.ts";
import { Guid, TenantId } from "../../kernel/values.ts";

/** Most devices in one part; a body may have 1 MiB. */
const maxPartDevices = 4000;
/** Most parts of an inventory: 4 million devices. */
const maxParts = 1000;

const text = Line.max(256);

/** A device as its site knows it. */
export const SiteDevice = z
  .strictObject({
    resourceId: z.int().positive().max(0xffffffff).describe("SMS_R_System.ResourceId"),
    name: text.min(1),
    operatingSystem: text.optional().describe("OperatingSystemNameandVersion"),
    osVersion: text.optional(),
    entraDeviceId: Guid.optional().describe("AADDeviceID; joins the device to Intune's record"),
    userPrincipalName: text.optional(),
    client: z
      .boolean()
      .optional()
      .describe("False: the site has only found the system, and no client runs on it"),
  })
  .meta({ id: "SiteDevice" });
export type SiteDevice = z.output<typeof SiteDevice>;

/** Path of an inventory that is being handed in; the relay chooses its id. */
export const InventoryPath = z.strictObject({
  tenantId: TenantId,
  siteCode: SiteCode,
  inventoryId: Guid,
});

/** Path of one of its parts, counted from 0. */
export const PartPath = InventoryPath.extend({
  part: z.coerce
    .number()
    .int()
    .min(0)
    .max(maxParts - 1),
});

/** Body of a part. */
export const InventoryPart = z.strictObject({ devices: z.array(SiteDevice).max(maxPartDevices) });

/** Body of a completion. */
export const InventoryEnd = z.strictObject({
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
export const CompletedInventory = z
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
export const SitesView = z.object({ value: z.array(SiteView) }).meta({ id: "Sites" });
