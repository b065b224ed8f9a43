/**
 * The sites' stage of a refresh: what relays have reported is joined to what was fetched, and becomes more
 * records to merge. A directory that one slice could read is joined in memory, any other from its runs,
 * some parts of the inventories at a time, so that memory does not grow with the tenant.
 */

import type { RefreshRecord } from "../directory/graph-records.ts";
import { beginJoin, type SiteEntry } from "../sites/site-device.ts";
import type { InventoryIds, Site } from "../sites/site-store.ts";
import type { RefreshDeps, RefreshWork } from "./claim.ts";
import { layoutStep } from "./merge.ts";
import { progressed, type Refresh, type Stage } from "./refresh.ts";
import { partitions } from "./run.ts";

type JoinDeps = Pick<RefreshDeps, "sites" | "runs" | "directory">;
type Joining = Extract<Stage, { kind: "sites" }>;
type Part = InventoryIds & { readonly part: number };

/** Most devices of sites that are held in memory. */
const maxEntries = 50_000;
/** What begins the name of a run that this stage wrote. */
const runPrefix = "s";

/** Records and what the sites add; undefined when there is too much for memory. */
export async function joinInMemory(
  { sites }: Pick<JoinDeps, "sites">,
  { tenantId }: Refresh,
  records: readonly RefreshRecord[],
): Promise<{ records: readonly RefreshRecord[]; added: number } | undefined> {
  const inventories = await sites.sites(tenantId);
  if (inventories.length === 0) return { records, added: 0 };
  if (inventories.reduce((sum, { devices }) => sum + devices, 0) > maxEntries) return undefined;
  const entries = await read(sites, inventories.flatMap(partsOf));
  // An inventory was replaced under our eyes: the stage that reads parts one by one begins anew.
  if (entries === undefined) return undefined;
  const join = beginJoin(tenantId, entries);
  for (const record of records) if (record.kind === "device") join.see(record.device);
  const joined = join.result();
  return { records: [...records, ...joined], added: devicesIn(joined) };
}

/** The stage after everything was read from Graph. */
export async function afterReading(deps: JoinDeps, refresh: Refresh): Promise<Stage> {
  const found = await deps.sites.sites(refresh.tenantId);
  if (found.length === 0) return merging(deps, refresh, 0);
  const inventories = found.map(({ siteCode, inventoryId, parts }: Site) => ({
    siteCode,
    inventoryId,
    parts,
  }));
  return { kind: "sites", inventories, at: 0, added: 0 };
}

/** Joins the next parts, and writes what comes of it as a run. */
export async function joinNext(deps: JoinDeps, work: RefreshWork, stage: Joining): Promise<void> {
  const { refresh } = work;
  const { tenantId, claims } = refresh;
  const all = stage.inventories.flatMap((inventory) => partsOf({ ...inventory, tenantId }));
  const end = Math.min(all.length, stage.at + partsAtOnce);
  const entries = await read(deps.sites, all.slice(stage.at, end));
  const runs = refresh.runs.filter((run) => !run.startsWith(runPrefix));
  if (entries === undefined) {
    const afresh = { ...refresh, runs };
    return work.keep(progressed(afresh, await afterReading(deps, afresh)));
  }
  const joined = await joinWithRuns(deps, refresh, runs, entries);
  const run = `${runPrefix}${String(stage.at).padStart(5, "0")}-${claims}`;
  await deps.runs.write(refresh, run, joined);
  const kept = { ...refresh, runs: [...refresh.runs, run] };
  const added = stage.added + devicesIn(joined);
  const next: Stage =
    end < all.length ? { ...stage, at: end, added } : await merging(deps, kept, added);
  await work.keep(progressed(kept, next));
}

/** Parts read at once; a part has at most 4,000 devices. */
const partsAtOnce = 12;

async function joinWithRuns(
  { runs: store }: JoinDeps,
  refresh: Refresh,
  runs: readonly string[],
  entries: readonly SiteEntry[],
): Promise<RefreshRecord[]> {
  const join = beginJoin(refresh.tenantId, entries);
  const indexes = await store.indexes(refresh, runs);
  for (const [nth, run] of runs.entries()) {
    const index = indexes[nth] ?? [];
    const records = await store.read(refresh, [run], [index], { at: 0, end: partitions });
    for (const record of records) if (record.kind === "device") join.see(record.device);
  }
  return join.result();
}

/** Entries of some parts; undefined when one of them is gone. */
async function read(
  sites: JoinDeps["sites"],
  parts: readonly Part[],
): Promise<SiteEntry[] | undefined> {
  const entries: SiteEntry[] = [];
  for (const { part, ...of } of parts) {
    const found = await sites.readPart(of, part);
    if (found === undefined) return undefined;
    entries.push(...found);
  }
  return entries;
}

const partsOf = ({ parts, ...of }: InventoryIds & { readonly parts: number }): Part[] =>
  Array.from({ length: parts }, (_, part) => ({ ...of, part }));

const devicesIn = (records: readonly RefreshRecord[]): number =>
  records.filter(({ kind }) => kind === "device").length;

async function merging(deps: JoinDeps, refresh: Refresh, added: number): Promise<Stage> {
  return { kind: "merge", at: 0, merged: 0, ...(await layoutStep(deps, refresh, added)) };
}
