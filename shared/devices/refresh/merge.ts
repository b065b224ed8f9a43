/** Compares what Graph gave with what the directory holds, device by device. Pure. */

import { toIso } from "../../kernel/clock.ts";
import type { Device } from "../directory/device.ts";
import { bitsFor, firstPrefix } from "../directory/directory-layout.ts";
import { encodeDevice } from "../directory/directory-row.ts";
import type { Part } from "../directory/directory-writer.ts";
import type { RefreshRecord } from "../directory/graph-records.ts";
import type { RefreshDeps, RefreshWork } from "./claim.ts";
import { type LayoutStep, progressed, type Refresh, type Stage, type Tally } from "./refresh.ts";
import { partEnd, partitionPrefix, partitions } from "./run.ts";

/** What comes of one part of the directory. */
export type Merge = {
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

type MergeDeps = Pick<RefreshDeps, "directory" | "writer" | "runs" | "clock">;
type Merging = Extract<Stage, { kind: "merge" }>;
type Finishing = Extract<Stage, { kind: "finish" }>;

/** Which layout the directory has, and which one it will need; `added`: devices that only sites know. */
export async function layoutStep(
  { directory }: Pick<MergeDeps, "directory">,
  { tenantId, counts }: Refresh,
  added: number,
): Promise<LayoutStep> {
  const meta = await directory.meta(tenantId);
  const toBits = bitsFor(counts.fetched - counts.unreadable + added, meta?.bits);
  return meta === undefined ? { toBits } : { fromBits: meta.bits, toBits };
}

/** Merges everything at once, from memory: for a directory that one slice could read (`read`). */
export async function mergeAtOnce(
  deps: MergeDeps,
  work: RefreshWork,
  read: Refresh,
  { records, added }: { readonly records: readonly RefreshRecord[]; readonly added: number },
): Promise<void> {
  const layout = await layoutStep(deps, read, added);
  const tagsRead = read.groupTags.state === "read";
  const of = { part: { from: firstPrefix }, name: "all", layout, tagsRead };
  const merged = await mergePart(deps, work, of, records);
  // What was read becomes part of the row only now: after a crash it is read again.
  const { tally } = work.refresh;
  const whole = tally === undefined ? read : { ...read, tally };
  await work.keep(counted(whole, { kind: "finish", merged, ...layout }));
}

/** Merges the next part from the runs. */
export async function mergeNext(deps: MergeDeps, work: RefreshWork, stage: Merging): Promise<void> {
  const { runs } = work.refresh;
  const { at, merged, kind: _, ...layout } = stage;
  const indexes = await deps.runs.indexes(work.refresh, runs);
  const end = partEnd(indexes, at, layout.toBits);
  const records = await deps.runs.read(work.refresh, runs, indexes, { at, end });
  const below = partitionPrefix(end);
  const from = partitionPrefix(at) ?? firstPrefix;
  const part = below === undefined ? { from } : { from, below };
  const tagsRead = work.refresh.groupTags.state === "read";
  const of = { part, name: `${at}-${end}`, layout, tagsRead };
  const inPart = await mergePart(deps, work, of, records);
  const total = merged + inPart;
  const next: Stage =
    end >= partitions
      ? { kind: "finish", merged: total, ...layout }
      : { kind: "merge", at: end, merged: total, ...layout };
  await work.keep(counted(work.refresh, next));
}

/** Makes the merged layout the directory, and removes the one before it. */
export async function finishMerge(
  { directory, writer, clock }: MergeDeps,
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
  { writer }: MergeDeps,
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
