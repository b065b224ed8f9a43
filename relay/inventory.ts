/**
 * Hands in to Muster what the site knows, clients and systems that it has only found: read from AdminService page by
 * page, sent part by part; at the start and from time to time, while the site is ours.
 */
import { plainText } from "../shared/kernel/outside-text.ts";
import { pause, type Round, type Running } from "./base/process.ts";
import { deleteId, persistentId } from "./claims/journal.ts";
import type { InventoryDevice, Lease, Muster } from "./muster/muster.ts";
import type { Site } from "./site/admin-service.ts";
import { isPresent, isSet } from "./site/transport.ts";

/** Systems in one page, and devices in one part: well below 1 MiB. */
const pageSize = 1000;
const partSize = 2000;

const columns = [
  "ResourceId",
  "Name",
  "OperatingSystemNameandVersion",
  "Build",
  "AADDeviceID",
  "UserPrincipalName",
  "Client",
  "Obsolete",
  "Decommissioned",
];

/** What is handed in, and to whom. */
type InventoryParts = {
  readonly site: Pick<Site, "list" | "check">;
  readonly muster: Pick<Muster, "putPart" | "complete">;
  readonly lease: Pick<Lease, "term">;
};

/** How it is handed in. */
type InventoryOptions = {
  readonly home: string;
  /** Time before it is seen again whether the site is ours. */
  readonly idleMs: number;
  /** So few devices the operator has confirmed, where the site had many. */
  readonly confirmDevices?: number | undefined;
};

const idName = "inventory-id";

/** Time before Muster is asked again for a refresh that takes the inventory in, and how often. */
const againMs = 15_000;
const maxAsks = 40;

/** What was handed in; `included`: a refresh that takes it in has begun. */
type HandedIn = { readonly devices: number; readonly included: boolean };

/**
 * Hands in all systems under an id: the same one again after a failure, so that parts which were handed in before
 * are replaced and not left behind. A site that shows no system is not believed: the likelier cause is a
 * permission, and the directory would lose every device.
 */
async function handIn(
  parts: InventoryParts,
  stopping: AbortSignal,
  { home, confirmDevices }: InventoryOptions,
): Promise<HandedIn> {
  const inventoryId = persistentId(home, idName);
  const { count, devices } = await sendParts(parts, stopping, inventoryId);
  if (devices === 0)
    throw new Error("the site shows no system: is the account allowed to read them?");
  for (let asks = 0; asks < maxAsks; asks += 1) {
    if (await parts.muster.complete(inventoryId, count, confirmDevices))
      return { devices, included: true };
    // A refresh that was under way does not have it: the next one will.
    await pause(stopping, againMs);
  }
  return { devices, included: false };
}

async function sendParts(
  { site, muster }: InventoryParts,
  stopping: AbortSignal,
  inventoryId: string,
) {
  let [count, devices, after] = [0, 0, 0];
  let part: InventoryDevice[] = [];
  for (;;) {
    // A site of 100,000 clients takes a while: whoever is told to stop does so between two pages.
    await pause(stopping, 0);
    const { last, found } = await systemsAfter(site, after);
    part.push(...found);
    devices += found.length;
    if (part.length >= partSize || (last === undefined && part.length > 0)) {
      await muster.putPart(inventoryId, count, part);
      count += 1;
      part = [];
    }
    if (last === undefined) return { count, devices };
    after = last;
  }
}

/**
 * Systems after a resource id, in the order of their ids, and the last id read. Those that are gone are left out here
 * and not by a filter: what the site has only found has no value there at all, which no comparison is sure to match.
 */
async function systemsAfter(
  site: Pick<Site, "list">,
  after: number,
): Promise<{ last: number | undefined; found: InventoryDevice[] }> {
  const filter = `ResourceId gt ${after}`;
  const query = `$filter=${filter}&$select=${columns.join(",")}&$orderby=ResourceId&$top=${pageSize}`;
  const rows = await site.list(`/wmi/SMS_R_System?${query}`);
  let last = after;
  for (const { ResourceId } of rows) {
    // Paging by id holds only if the site really sorts.
    if (!(Number(ResourceId) > last))
      throw new Error("the site does not list its systems in order");
    last = Number(ResourceId);
  }
  const found = rows.filter(isPresent).map(deviceOf);
  return { last: rows.length === 0 ? undefined : last, found };
}

const guid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const noGuid = "00000000-0000-0000-0000-000000000000";

/** A system in Muster's words. */
export function deviceOf(row: Readonly<Record<string, unknown>>): InventoryDevice {
  const text = (name: string): string => {
    const value = row[name];
    return typeof value === "string" ? plainText(value, 256) : "";
  };
  const entraDeviceId = text("AADDeviceID").toLowerCase();
  const known = {
    operatingSystem: text("OperatingSystemNameandVersion"),
    osVersion: text("Build"),
    entraDeviceId: guid.test(entraDeviceId) && entraDeviceId !== noGuid ? entraDeviceId : "",
    userPrincipalName: text("UserPrincipalName"),
  };
  return {
    resourceId: Number(row["ResourceId"]),
    name: text("Name") || `resource ${String(row["ResourceId"])}`,
    ...(isSet(row["Client"]) ? {} : { client: false }),
    ...Object.fromEntries(Object.entries(known).filter(([, value]) => value !== "")),
  };
}

/** Hands it in once, when the site is ours. */
export async function inventoryOnce(
  parts: InventoryParts,
  { log, stopping }: Running,
  options: InventoryOptions,
): Promise<Round> {
  while (parts.lease.term() === undefined) await pause(stopping, options.idleMs);
  await parts.site.check();
  const inventory = await handIn(parts, stopping, options);
  deleteId(options.home, idName);
  log("inventory.hand-in", inventory);
  return "idle";
}
