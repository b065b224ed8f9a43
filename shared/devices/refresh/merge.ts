/**
 * From what was read to the directory: the join of what sites report, and the merge, part by part of the id space. And
 * what a refresh works with.
 */

import type { GraphClient } from "../../graph/client.ts";
import type { ThrottleSetting, ThrottleStore } from "../../graph/throttle.ts";
import { type Clock, toIso } from "../../kernel/clock.ts";
import { digest } from "../../kernel/values.ts";
import type { Queues } from "../../storage/queues.ts";
import type { RestCheck } from "../../work/drain.ts";
import {
  type Device,
  discoveredAgent,
  encodeDevice,
  type RefreshRecord,
} from "../directory/device.ts";
import type { DirectoryStore, DirectoryWriter, Part } from "../directory/directory.ts";
import { type InventoryIds, type SiteEntry, type SiteStore } from "../sites/sites.ts";
import {
  type LayoutStep,
  progressed,
  type Refresh,
  RefreshWork,
  type Stage,
  type Tally,
} from "./refresh.ts";
import type { RefreshStore, RunStore } from "./refresh-store.ts";

/** A tenant as far as a refresh needs it: how fast its devices may be read. */
export type TenantReads = { readonly deviceReads?: ThrottleSetting | undefined };

/** Stores, Graph, and the numbers that bound one invocation. */
export type RefreshParts = {
  readonly clock: Clock;
  readonly random: () => number;
  /** The tenant's settings; undefined when there is no such tenant (any more). */
  readonly tenant: (tenantId: string) => Promise<TenantReads | undefined>;
  /** Why nothing new leaves for the tenant now; undefined: it may. */
  readonly rests: RestCheck;
  readonly graph: Pick<GraphClient, "ask" | "follow">;
  readonly throttle: Pick<ThrottleStore, "reserve" | "defer">;
  readonly queues: Pick<Queues, "send">;
  readonly refreshes: RefreshStore;
  readonly runs: RunStore;
  readonly sites: SiteStore;
  readonly directory: DirectoryStore;
  readonly writer: DirectoryWriter;
  /** How long a claim holds without a sign of life. */
  readonly leaseMs: number;
  /** Pages that one slice reads from Graph at most. */
  readonly slicePages: number;
};

/** What comes of one part of the directory. */
type Merge = {
  /** Takes note of a device that the directory holds now. */
  readonly compare: (earlier: Device) => void;
  /** The part as it will be: devices in id order, and what it counts for. */
  readonly result: () => { readonly devices: Device[]; readonly tally: Omit<Tally, "part"> };
};

/**
 * Begins a merge of records: of several with one id the last one wins. When group tags could not be
 * read, devices keep the tags that they had.
 */
function beginMerge(records: readonly RefreshRecord[], tagsRead: boolean): Merge {
  const devices = new Map<string, Device>();
  const tags = new Map<string, string>();
  for (const record of records)
    if (record.kind === "device") addDevice(devices, record.device);
    else if (record.kind === "tag") tags.set(record.id, record.groupTag);
  for (const [id, groupTag] of tags) {
    const device = devices.get(id);
    if (device !== undefined) devices.set(id, { ...device, groupTag });
  }
  for (const record of records) if (record.kind === "site") addSite(devices, record);
  const tally = { changed: 0, removed: 0, unchanged: 0 };

  return {
    compare: (earlier) => {
      const device = devices.get(earlier.deviceId);
      if (device === undefined) {
        tally.removed += 1;
        return;
      }
      const kept = tagsRead ? device : withTagOf(device, earlier);
      devices.set(kept.deviceId, kept);
      tally[sameDevice(kept, earlier) ? "unchanged" : "changed"] += 1;
    },
    result: () => ({
      devices: [...devices.values()].toSorted((a, b) => (a.deviceId < b.deviceId ? -1 : 1)),
      tally: { ...tally, added: devices.size - tally.changed - tally.unchanged },
    }),
  };
}

/** A site may have found a device once more that is its client: the client is the device, in whichever order they come. */
const isFoundAgain = (found: boolean, { configMgrResourceId, configMgrClient }: Device): boolean =>
  found && configMgrResourceId !== undefined && configMgrClient !== false;

function addDevice(devices: Map<string, Device>, device: Device): void {
  const earlier = devices.get(device.deviceId);
  if (earlier && isFoundAgain(device.configMgrClient === false, earlier)) return;
  devices.set(device.deviceId, device);
}

/** A device that a site knows too can be reached through its relay. */
function addSite(
  devices: Map<string, Device>,
  { id, resourceId, siteCode, client }: Extract<RefreshRecord, { kind: "site" }>,
): void {
  const device = devices.get(id);
  if (device === undefined || isFoundAgain(client === false, device)) return;
  const { configMgrClient: _, ...known } = device;
  const found = client === false ? { configMgrClient: false } : {};
  devices.set(id, { ...known, configMgrResourceId: resourceId, siteCode, ...found });
}

const withTagOf = (device: Device, { groupTag }: Device): Device =>
  groupTag === undefined ? device : { ...device, groupTag };

const sameDevice = (one: Device, other: Device): boolean =>
  JSON.stringify(encodeDevice(one)) === JSON.stringify(encodeDevice(other));

// The merging half of a refresh: part by part of the id space, what was fetched becomes the directory.
//
// What a part counts for is kept before the part is written: after a crash in between, rows already hold
// the new devices, and comparing again would count them as unchanged.

type MergeParts = Pick<RefreshParts, "directory" | "writer" | "runs" | "clock">;
type Merging = Extract<Stage, { kind: "merge" }>;
type Finishing = Extract<Stage, { kind: "finish" }>;

/** Which layout the directory has, and which one it will need; `added`: devices that only sites know. */
const layoutFor = (
  { directory }: Pick<MergeParts, "directory">,
  { tenantId, counts }: Refresh,
  added: number,
): Promise<LayoutStep> => directory.layoutFor(tenantId, counts.fetched - counts.unreadable + added);

/** Merges everything at once, from memory: for a directory that one slice could read (`read`). */
async function mergeAtOnce(
  parts: MergeParts,
  work: RefreshWork,
  read: Refresh,
  { records, added }: { readonly records: readonly RefreshRecord[]; readonly added: number },
): Promise<void> {
  const layout = await layoutFor(parts, read, added);
  const tagsRead = read.groupTags.state === "read";
  const of = { part: {}, name: "all", layout, tagsRead };
  const merged = await mergePart(parts, work, of, records);
  // What was read becomes part of the row only now: after a crash it is read again.
  const { tally } = work.refresh;
  const whole = tally === undefined ? read : { ...read, tally };
  await work.keep(counted(whole, { kind: "finish", merged, ...layout }));
}

/** Merges the next part from the runs. */
async function mergeNext(parts: MergeParts, work: RefreshWork, stage: Merging): Promise<void> {
  const { runs } = work.refresh;
  const { at, merged, kind: _, ...layout } = stage;
  const { records, end, part } = await parts.runs.part(work.refresh, runs, at, layout.toBits);
  const tagsRead = work.refresh.groupTags.state === "read";
  const of = { part, name: `${at}-${end}`, layout, tagsRead };
  const inPart = await mergePart(parts, work, of, records);
  const total = merged + inPart;
  const next: Stage =
    part.below === undefined
      ? { kind: "finish", merged: total, ...layout }
      : { kind: "merge", at: end, merged: total, ...layout };
  await work.keep(counted(work.refresh, next));
}

/** Makes the merged layout the directory, and removes the one before it. */
async function finishMerge(
  { directory, writer, clock }: MergeParts,
  work: RefreshWork,
  { fromBits, toBits, merged }: Finishing,
): Promise<void> {
  const { tenantId, refreshId, counts, groupTags: tags } = work.refresh;
  const refreshedAt = toIso(clock.now());
  // What could not be read is still there.
  const kept = tags.state === "read" ? 0 : ((await directory.meta(tenantId))?.groupTags ?? 0);
  const groupTags = Math.max(tags.count, kept);
  const fromIntune = counts.fetched - counts.unreadable;
  const published = { bits: toBits, count: merged, fromIntune, groupTags, refreshId, refreshedAt };
  await writer.publish(tenantId, published);
  if (fromBits === undefined || fromBits === toBits) return;
  await writer.deleteOthers(tenantId, fromBits, () => work.keep(work.refresh));
}

type PartOfMerge = {
  readonly part: Part;
  readonly name: string;
  readonly layout: LayoutStep;
  readonly tagsRead: boolean;
};

/** Writes one part; answers how many devices it holds now. */
async function mergePart(
  { writer }: MergeParts,
  work: RefreshWork,
  { part, name, layout: { fromBits, toBits }, tagsRead }: PartOfMerge,
  records: readonly RefreshRecord[],
): Promise<number> {
  const { tenantId, tally: kept } = work.refresh;
  const merge = beginMerge(records, tagsRead);
  const present =
    fromBits === undefined ? new Map() : await writer.read(tenantId, fromBits, part, merge.compare);
  const { devices, tally } = merge.result();
  const target = fromBits === toBits ? present : await writer.read(tenantId, toBits, part);
  if (kept?.part !== name) await work.keep({ ...work.refresh, tally: { ...tally, part: name } });
  await writer.write(tenantId, toBits, devices, target);
  return devices.length;
}

/** The part is written: what it counts for becomes part of the counts. */
function counted(refresh: Refresh, next: Stage): Refresh {
  const { tally, ...rest } = progressed(refresh, next);
  return tally === undefined ? rest : { ...rest, counts: plus(rest.counts, tally) };
}

const plus = (counts: Refresh["counts"], tally: Tally): Refresh["counts"] => ({
  ...counts,
  added: counts.added + tally.added,
  changed: counts.changed + tally.changed,
  removed: counts.removed + tally.removed,
  unchanged: counts.unchanged + tally.unchanged,
});

/** One step of a stage that nothing is read from Graph for; `done`: it was the last. */
export async function takeStep(
  parts: RefreshParts,
  work: RefreshWork,
  stage: Joining | Merging | Finishing,
): Promise<{ readonly kind: "on" | "done" }> {
  if (stage.kind === "sites") await joinNext(parts, work, stage);
  else if (stage.kind === "merge") await mergeNext(parts, work, stage);
  else await finishMerge(parts, work, stage);
  return { kind: stage.kind === "finish" ? "done" : "on" };
}

/** Joins and merges, from memory, what one slice could read whole (`read`); false when there is too much for that. */
export async function mergeWhole(
  parts: RefreshParts,
  work: RefreshWork,
  read: Refresh,
  records: readonly RefreshRecord[],
): Promise<boolean> {
  const joined = await joinInMemory(parts, read, records);
  if (joined === undefined) return false;
  await mergeAtOnce(parts, work, read, joined);
  return true;
}

// Devices as a ConfigMgr site knows them, in the words of the directory.

/**
 * The id of a device that Intune does not know: a GUID of our own (version 8, RFC 9562), always the same
 * for the same device. Where there is an Entra id it decides alone, because a client that is installed
 * anew, or moves to another site, gets another resource id and stays the same device.
 */
export function siteDeviceId(
  tenantId: string,
  {
    siteCode,
    resourceId,
    entraDeviceId,
  }: Pick<SiteEntry, "siteCode" | "resourceId" | "entraDeviceId">,
): string {
  const hex =
    entraDeviceId === undefined
      ? digest("configMgr", tenantId, siteCode, String(resourceId))
      : digest("entra", tenantId, entraDeviceId);
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** The directory's record of a device that only its site knows. */
export function siteOnlyDevice(tenantId: string, entry: SiteEntry): Device {
  const { entraDeviceId, userPrincipalName, operatingSystem = "", client = true } = entry;
  return {
    deviceId: siteDeviceId(tenantId, entry),
    name: entry.name,
    // Sites write "Microsoft Windows NT Workstation 10.0"; the directory's word is Graph's.
    operatingSystem: /windows/i.test(operatingSystem) ? "Windows" : operatingSystem,
    osVersion: entry.osVersion ?? "",
    managementAgent: client ? "configurationManagerClient" : discoveredAgent,
    complianceState: "unknown",
    lastSyncDateTime: "",
    ...(entraDeviceId === undefined ? {} : { entraDeviceId }),
    ...(userPrincipalName === undefined ? {} : { userPrincipalName }),
    source: "configMgr",
    configMgrResourceId: entry.resourceId,
    siteCode: entry.siteCode,
    ...(client ? {} : { configMgrClient: false }),
  };
}

// Joins what sites report with what Intune gave, by Entra device id.
//
// A device that both know must be one device in the directory: as two, it would get an action twice in one
// notification. So the join is part of every refresh, over the same records that the refresh merges.

/** A join over some entries. */
type Join = {
  /** Takes note of a device that Intune knows. */
  readonly see: (device: Device) => void;
  /** What the entries come to: additions to devices of Intune's, and devices of their own. */
  readonly result: () => RefreshRecord[];
};

type Match = { readonly entry: SiteEntry; best?: Pick<Device, "deviceId" | "lastSyncDateTime"> };

/**
 * Begins a join. Of several entries with one Entra id, the one with a client is the device, since a site can find it
 * once more; among those, the one with the highest resource id is the present one.
 */
export function beginJoin(tenantId: string, entries: readonly SiteEntry[]): Join {
  const byEntra = new Map<string, Match>();
  const unjoined: SiteEntry[] = [];
  for (const entry of entries) {
    if (entry.entraDeviceId === undefined) unjoined.push(entry);
    else {
      const other = byEntra.get(entry.entraDeviceId);
      if (other === undefined || isBefore(other.entry, entry))
        byEntra.set(entry.entraDeviceId, { entry });
    }
  }
  return {
    see: (device) => {
      const match = device.entraDeviceId && byEntra.get(device.entraDeviceId);
      // Intune keeps stale records of a device that was enrolled anew: only the liveliest is the device.
      if (match && (match.best === undefined || livelier(device, match.best))) match.best = device;
    },
    result: () => [
      ...unjoined.map((entry) => ownRecord(tenantId, entry)),
      ...Array.from(byEntra.values(), ({ entry, best }) =>
        best === undefined ? ownRecord(tenantId, entry) : addition(best.deviceId, entry),
      ),
    ],
  };
}

function ownRecord(tenantId: string, entry: SiteEntry): RefreshRecord {
  const device = siteOnlyDevice(tenantId, entry);
  return { kind: "device", id: device.deviceId, device };
}

const isBefore = (one: SiteEntry, other: SiteEntry): boolean =>
  hasClient(one) === hasClient(other) ? one.resourceId < other.resourceId : hasClient(other);

const hasClient = ({ client }: SiteEntry): boolean => client !== false;

const addition = (id: string, { resourceId, siteCode, client }: SiteEntry): RefreshRecord => ({
  kind: "site",
  id,
  resourceId,
  siteCode,
  ...(client === false ? { client } : {}),
});

const livelier = (
  one: Pick<Device, "deviceId" | "lastSyncDateTime">,
  other: Pick<Device, "deviceId" | "lastSyncDateTime">,
): boolean =>
  one.lastSyncDateTime === other.lastSyncDateTime
    ? one.deviceId > other.deviceId
    : one.lastSyncDateTime > other.lastSyncDateTime;

// The sites' stage of a refresh: what relays have reported is joined to what was fetched, and becomes more
// records to merge. A directory that one slice could read is joined in memory, any other from its runs,
// some parts of the inventories at a time, so that memory does not grow with the tenant.

type JoinParts = Pick<RefreshParts, "sites" | "runs" | "directory">;
type Joining = Extract<Stage, { kind: "sites" }>;
type SitePart = InventoryIds & { readonly part: number };

/** Most devices of sites that are held in memory. */
const maxEntries = 50_000;
/** What begins the name of a run that this stage wrote. */
const runPrefix = "s";

/** Records and what the sites add; undefined when there is too much for memory. */
async function joinInMemory(
  { sites }: Pick<JoinParts, "sites">,
  { tenantId }: Refresh,
  records: readonly RefreshRecord[],
): Promise<{ records: readonly RefreshRecord[]; added: number } | undefined> {
  const inventories = await sites.sites(tenantId);
  if (inventories.length === 0) return { records, added: 0 };
  if (inventories.reduce((sum, { devices }) => sum + devices, 0) > maxEntries) return undefined;
  const entries = await entriesOf(sites, inventories.flatMap(partsOf));
  // An inventory was replaced under our eyes: the stage that reads parts one by one begins anew.
  if (entries === undefined) return undefined;
  const join = beginJoin(tenantId, entries);
  for (const record of records) if (record.kind === "device") join.see(record.device);
  const joined = join.result();
  return { records: [...records, ...joined], added: devicesIn(joined) };
}

/** The stage after everything was read from Graph. */
export async function afterReading(parts: JoinParts, refresh: Refresh): Promise<Stage> {
  const found = await parts.sites.sites(refresh.tenantId);
  if (found.length === 0) return merging(parts, refresh, 0);
  const inventories = found.map(({ siteCode, inventoryId, parts: count }) => ({
    siteCode,
    inventoryId,
    parts: count,
  }));
  return { kind: "sites", inventories, at: 0, added: 0 };
}

/** Joins the next parts, and writes what comes of it as a run. */
async function joinNext(parts: JoinParts, work: RefreshWork, stage: Joining): Promise<void> {
  const { refresh } = work;
  const { tenantId, claims } = refresh;
  const all = stage.inventories.flatMap((inventory) => partsOf({ ...inventory, tenantId }));
  const end = Math.min(all.length, stage.at + partsAtOnce);
  const entries = await entriesOf(parts.sites, all.slice(stage.at, end));
  const runs = refresh.runs.filter((run) => !run.startsWith(runPrefix));
  if (entries === undefined) {
    const afresh = { ...refresh, runs };
    return work.keep(progressed(afresh, await afterReading(parts, afresh)));
  }
  const joined = await joinWithRuns(parts, refresh, runs, entries);
  const run = `${runPrefix}${String(stage.at).padStart(5, "0")}-${claims}`;
  await parts.runs.write(refresh, run, joined);
  const kept = { ...refresh, runs: [...refresh.runs, run] };
  const added = stage.added + devicesIn(joined);
  const next: Stage =
    end < all.length ? { ...stage, at: end, added } : await merging(parts, kept, added);
  await work.keep(progressed(kept, next));
}

/** Parts read at once; a part has at most 4,000 devices. */
const partsAtOnce = 12;

async function joinWithRuns(
  { runs: store }: JoinParts,
  refresh: Refresh,
  runs: readonly string[],
  entries: readonly SiteEntry[],
): Promise<RefreshRecord[]> {
  const join = beginJoin(refresh.tenantId, entries);
  for (const run of runs)
    for (const record of await store.whole(refresh, run))
      if (record.kind === "device") join.see(record.device);
  return join.result();
}

/** Entries of some parts; undefined when one of them is gone. */
async function entriesOf(
  sites: JoinParts["sites"],
  parts: readonly SitePart[],
): Promise<SiteEntry[] | undefined> {
  const entries: SiteEntry[] = [];
  for (const { part, ...of } of parts) {
    const found = await sites.readPart(of, part);
    if (found === undefined) return undefined;
    entries.push(...found);
  }
  return entries;
}

const partsOf = ({ parts, ...of }: InventoryIds & { readonly parts: number }): SitePart[] =>
  Array.from({ length: parts }, (_, part) => ({ ...of, part }));

const devicesIn = (records: readonly RefreshRecord[]): number =>
  records.filter(({ kind }) => kind === "device").length;

async function merging(parts: JoinParts, refresh: Refresh, added: number): Promise<Stage> {
  return { kind: "merge", at: 0, merged: 0, ...(await layoutFor(parts, refresh, added)) };
}
