/**
 * What is kept of refreshes: their rows, the row that says which one of a tenant is the active one, the sweeper's list; and
 * runs, which hold what one has read until it is merged.
 */

import * as z from "zod";
import { type Instant, toIso } from "../../kernel/clock.ts";
import { inParallel } from "../../kernel/concurrency.ts";
import type { FailureCode } from "../../kernel/failure.ts";
import { invertedTime } from "../../kernel/values.ts";
import type { Blobs } from "../../storage/blobs.ts";
import { tableNames } from "../../storage/names.ts";
import {
  allRows,
  deleteRange,
  flagOf,
  jsonOf,
  numberOf,
  type Row,
  type StoredRow,
  type Tables,
  textOf,
} from "../../storage/tables.ts";
import { decodeDevice, Encoded, encodeDevice, type RefreshRecord } from "../directory/device.ts";
import type { Confirmed, Refresh, Tally } from "./refresh.ts";

/** A refresh with the etag that a change must present. */
type StoredRefresh = { readonly refresh: Refresh; readonly etag: string };

/** Kind of work under which the sweeper finds refreshes. */
const openRefreshes = "refresh";

const activeRow = "active";
const activePartition = (tenantId: string): string => `${tenantId}|active`;

/** Rows in and out; refreshes: partition = tenant, newest first. */
export class RefreshStore {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** One refresh, or undefined. */
  async get(tenantId: string, refreshId: string): Promise<StoredRefresh | undefined> {
    const row = await this.#tables.get(tableNames.refreshes, tenantId, refreshId);
    return row === undefined ? undefined : { refresh: fromRow(row), etag: row.etag };
  }

  /** Adds a refresh unless it exists. */
  insert(refresh: Refresh): Promise<"inserted" | "exists"> {
    return this.#tables.insert(tableNames.refreshes, toRow(refresh));
  }

  /** Replaces the refresh that had `etag`; the new etag, or undefined when somebody was faster. */
  replace(refresh: Refresh, etag: string): Promise<string | undefined> {
    return this.#tables.replace(tableNames.refreshes, toRow(refresh), etag);
  }

  /** A page of refreshes, newest first. */
  async list(tenantId: string, top: number, token?: string) {
    const range = { partition: tenantId };
    const page = await this.#tables.page(tableNames.refreshes, range, top, token);
    const refreshes = page.rows.map(fromRow);
    return page.next === undefined ? { refreshes } : { refreshes, next: page.next };
  }

  /** Which refresh is the active one; it may have ended meanwhile. */
  async active(tenantId: string): Promise<{ refreshId: string; etag: string } | undefined> {
    const row = await this.#tables.get(tableNames.refreshes, activePartition(tenantId), activeRow);
    return row === undefined ? undefined : { refreshId: textOf(row, "refreshId"), etag: row.etag };
  }

  /** Makes a refresh the active one, in place of the one that was read with `etag`, or of none. */
  async activate(tenantId: string, refreshId: string, etag: string | undefined): Promise<boolean> {
    const row = { partitionKey: activePartition(tenantId), rowKey: activeRow, refreshId };
    if (etag === undefined)
      return (await this.#tables.insert(tableNames.refreshes, row)) === "inserted";
    return (await this.#tables.replace(tableNames.refreshes, row, etag)) !== undefined;
  }

  /** Ends its turn as the active one, unless another has taken it over. */
  async deactivate(tenantId: string, refreshId: string): Promise<void> {
    const active = await this.active(tenantId);
    if (active?.refreshId !== refreshId) return;
    const partition = activePartition(tenantId);
    await this.#tables.remove(tableNames.refreshes, partition, activeRow, active.etag);
  }

  /** Puts a refresh on the sweeper's list. */
  open(tenantId: string, refreshId: string): Promise<void> {
    const rowKey = `${tenantId}|${refreshId}`;
    const row = { partitionKey: openRefreshes, rowKey, tenantId, refreshId };
    return this.#tables.put(tableNames.openWork, row);
  }

  /** The sweeper's list, of all tenants. */
  async listOpen(
    top: number,
    token?: string,
  ): Promise<{ open: Pick<Refresh, "tenantId" | "refreshId">[]; next?: string }> {
    const range = { partition: openRefreshes };
    const page = await this.#tables.page(tableNames.openWork, range, top, token);
    const open = page.rows.map((row) => ({
      tenantId: textOf(row, "tenantId"),
      refreshId: textOf(row, "refreshId"),
    }));
    return page.next === undefined ? { open } : { open, next: page.next };
  }

  /** Takes a refresh off the sweeper's list. */
  async close(tenantId: string, refreshId: string): Promise<void> {
    await this.#tables.remove(tableNames.openWork, openRefreshes, `${tenantId}|${refreshId}`);
  }

  /** Takes all of a tenant's off it, while `mayGoOn`; true when none is left. */
  closeAll(tenantId: string, mayGoOn: () => boolean): Promise<boolean> {
    const open = { partition: openRefreshes, from: `${tenantId}|`, below: `${tenantId}}` };
    return deleteRange(this.#tables, tableNames.openWork, open, mayGoOn);
  }

  /** Deletes what began before `before`, while `mayGoOn`; true when nothing of it is left. Its runs are gone since it ended. */
  expire(tenantId: string, before: Instant, mayGoOn: () => boolean): Promise<boolean> {
    const old = { partition: tenantId, from: invertedTime(before) };
    return deleteRange(this.#tables, tableNames.refreshes, old, mayGoOn);
  }
}

function toRow(refresh: Refresh): Row {
  const { tenantId, refreshId, state, stage, counts, groupTags, runs, walk, confirmed, ...rest } =
    refresh;
  const { tally, failure, lastError, finishedAt, startedAt, ...numbers } = rest;
  return {
    partitionKey: tenantId,
    rowKey: refreshId,
    state,
    stage: JSON.stringify(stage),
    counts: JSON.stringify(counts),
    groupTags: JSON.stringify(groupTags),
    runs: JSON.stringify(runs),
    walk: JSON.stringify(walk),
    confirmed: JSON.stringify(confirmed),
    startedAt,
    ...(finishedAt === undefined ? {} : { finishedAt }),
    ...(failure === undefined ? {} : { failure: JSON.stringify(failure) }),
    ...(lastError === undefined ? {} : { lastError }),
    ...(tally === undefined ? {} : { tally: JSON.stringify(tally) }),
    ...numbers,
    // As text, so that a person can read them in the row.
    leaseUntil: toIso(numbers.leaseUntil),
    notBefore: toIso(numbers.notBefore),
    heartbeatAt: toIso(numbers.heartbeatAt),
  };
}

const count = z.number();
const tallied = { added: count, changed: count, removed: count, unchanged: count };
const layout = { fromBits: count.exactOptional(), toBits: count };
const inventory = z.object({
  siteCode: z.string(),
  inventoryId: z.string(),
  parts: count,
});
const nextLink = z.string().exactOptional();
const columns = {
  state: z.enum(["running", "completed", "failed"]),
  stage: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("devices"), nextLink }),
    z.object({ kind: z.literal("tags"), nextLink }),
    z.object({
      kind: z.literal("sites"),
      inventories: z.array(inventory),
      at: count,
      added: count,
    }),
    z.object({ kind: z.literal("merge"), at: count, merged: count, ...layout }),
    z.object({ kind: z.literal("finish"), merged: count, ...layout }),
  ]),
  counts: z.object({ pages: count, fetched: count, unreadable: count, ...tallied }),
  groupTags: z.object({
    state: z.enum(["pending", "read", "notRead"]),
    count,
    detail: z.string().exactOptional(),
  }),
  runs: z.array(z.string()),
  walk: z.object({
    top: count,
    restarts: count,
    seen: z.array(z.string()),
    doubted: z.boolean(),
  }),
  confirmed: z.object({
    devices: count.exactOptional(),
    groupTags: count.exactOptional(),
  }) satisfies z.ZodType<Confirmed>,
  // Codes of a later version are as good as ours: they are only told.
  failure: z.object({
    code: z.custom<FailureCode>((code) => typeof code === "string"),
    detail: z.string(),
  }),
  tally: z.object({ part: z.string(), ...tallied }) satisfies z.ZodType<Tally>,
};

function fromRow(row: StoredRow): Refresh {
  const json = <T>(name: string, schema: z.ZodType<T>): T =>
    schema.parse(JSON.parse(textOf(row, name)));
  const finishedAt = textOf(row, "finishedAt");
  const failure = jsonOf(row, "failure", columns.failure);
  const tally = jsonOf(row, "tally", columns.tally);
  const lastError = textOf(row, "lastError");
  const time = (name: string): number => Date.parse(textOf(row, name));
  return {
    tenantId: row.partitionKey,
    refreshId: row.rowKey,
    state: columns.state.parse(row.columns["state"]),
    stage: json("stage", columns.stage),
    counts: json("counts", columns.counts),
    groupTags: json("groupTags", columns.groupTags),
    runs: json("runs", columns.runs),
    walk: json("walk", columns.walk),
    confirmed: json("confirmed", columns.confirmed),
    startedAt: textOf(row, "startedAt"),
    ...(finishedAt === "" ? {} : { finishedAt }),
    ...(failure === undefined ? {} : { failure }),
    ...(lastError === "" ? {} : { lastError }),
    ...(tally === undefined ? {} : { tally }),
    claims: numberOf(row, "claims"),
    attempts: numberOf(row, "attempts"),
    waits: numberOf(row, "waits"),
    reserved: flagOf(row, "reserved"),
    leaseUntil: time("leaseUntil"),
    notBefore: time("notBefore"),
    heartbeatAt: time("heartbeatAt"),
  };
}

// A run: the records of one slice of a refresh, sorted by device id, as lines of one blob, with an index
// that says where each of 64 id partitions begins. Merging reads the same partition of every run.

/** Partitions of the id space: by the first six bits. */
const partitions = 64;

/** Where each partition begins, in bytes; one entry more than partitions: the end. */
type RunIndex = readonly number[];

/** A run as it is stored. */
type Run = { readonly content: Buffer; readonly index: RunIndex };

/** Bytes of all runs that one merge step takes: about 20,000 devices. */
const maxPartBytes = 6_000_000;

/** Partition of an id. */
const partitionOfId = (id: string): number => Number.parseInt(id.slice(0, 2), 16) >> 2;

/** The prefix at which a partition begins; undefined beyond the last one. */
const partitionPrefix = (partition: number): string | undefined =>
  partition >= partitions ? undefined : (partition << 2).toString(16).padStart(2, "0") + "000000";

/** Records as a run. Those of one id stay in the order in which they came. */
export function encodeRun(records: readonly RefreshRecord[]): Run {
  const lines: Buffer[][] = Array.from({ length: partitions }, () => []);
  const sorted = records.toSorted((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  for (const record of sorted) lines[partitionOfId(record.id)]?.push(lineOf(record));
  const parts = lines.map((part) => Buffer.concat(part));
  const index = [0];
  for (const part of parts) index.push((index.at(-1) ?? 0) + part.byteLength);
  return { content: Buffer.concat(parts), index };
}

/** Records of some bytes of a run, cut at partition bounds. */
export function decodeRun(content: Buffer): RefreshRecord[] {
  const lines = content.toString("utf8").split("\n");
  return lines.filter((line) => line !== "").map(recordOf);
}

/**
 * Where the merge step that begins at partition `at` ends: as far as the byte limit goes, at least one
 * partition, and never inside a bucket of the layout with `toBits`.
 */
export function partEnd(indexes: readonly RunIndex[], at: number, toBits: number): number {
  const stride = Math.max(1, partitions / 2 ** toBits);
  const bytesTo = (end: number): number =>
    indexes.reduce((sum, index) => sum + (index[end] ?? 0) - (index[at] ?? 0), 0);
  let end = at + stride;
  while (end + stride <= partitions && bytesTo(end + stride) <= maxPartBytes) end += stride;
  return Math.min(end, partitions);
}

function lineOf(record: RefreshRecord): Buffer {
  return Buffer.from(`${record.kind.charAt(0)}${JSON.stringify(cellsOf(record))}\n`);
}

function cellsOf(record: RefreshRecord): Encoded {
  switch (record.kind) {
    case "device":
      return encodeDevice(record.device);
    case "tag":
      return [record.id, record.groupTag];
    case "site":
      return [record.id, record.resourceId, record.siteCode, record.client ?? null];
  }
}

function recordOf(line: string): RefreshRecord {
  const cells = Encoded.parse(JSON.parse(line.slice(1)));
  if (line.startsWith("t"))
    return { kind: "tag", id: String(cells[0]), groupTag: String(cells[1]) };
  if (line.startsWith("s")) {
    const [id, resourceId, siteCode, client] = cells;
    return {
      kind: "site",
      id: String(id),
      resourceId: Number(resourceId),
      siteCode: String(siteCode),
      ...(client === false ? { client } : {}),
    };
  }
  const device = decodeDevice(cells);
  return { kind: "device", id: device.deviceId, device };
}

type Of = Pick<Refresh, "tenantId" | "refreshId">;

const partitionOf = ({ tenantId, refreshId }: Of): string => `${tenantId}|${refreshId}`;
const pathOf = ({ tenantId, refreshId }: Of, run: string): string =>
  `refreshes/${tenantId}/${refreshId}/${run}`;
const Index: z.ZodType<RunIndex> = z.array(z.number());
const concurrency = 8;

/** Runs of a refresh, for as long as it lasts: a blob with the lines, a row with the index. Rows name every blob. */
export class RunStore {
  readonly #tables: Tables;
  readonly #blobs: Blobs;

  constructor(tables: Tables, blobs: Blobs) {
    this.#tables = tables;
    this.#blobs = blobs;
  }

  /** Writes a run. The row comes first: a blob without a row would never be found again. */
  async write(of: Of, run: string, records: readonly RefreshRecord[]): Promise<void> {
    const { content, index } = encodeRun(records);
    await this.#tables.put(tableNames.refreshes, {
      partitionKey: partitionOf(of),
      rowKey: run,
      index: JSON.stringify(index),
    });
    await this.#blobs.put(pathOf(of, run), content);
  }

  /** All records of one run. */
  async whole(of: Of, run: string): Promise<RefreshRecord[]> {
    const content = await this.#blobs.get(pathOf(of, run));
    if (content === undefined) throw new Error(`run ${run} of ${partitionOf(of)} is gone`);
    return decodeRun(content);
  }

  /** What the merge step that begins at partition `at` takes: records of all runs, where it ends, and the ids between. */
  async part(of: Of, runs: readonly string[], at: number, toBits: number) {
    const indexes = await this.#indexes(of, runs);
    const end = partEnd(indexes, at, toBits);
    const records = await this.#read(of, runs, indexes, { at, end });
    const [from, below] = [partitionPrefix(at), partitionPrefix(end)];
    const part = { ...(from && { from }), ...(below && { below }) };
    return { records, end, part };
  }

  /** Indexes of the named runs, in their order. */
  async #indexes(of: Of, runs: readonly string[]): Promise<RunIndex[]> {
    const byName = new Map((await this.#rows(of)).map((row) => [row.rowKey, row]));
    return runs.map((run) => {
      const row = byName.get(run);
      if (row === undefined) throw new Error(`run ${run} of ${partitionOf(of)} has no index`);
      return Index.parse(JSON.parse(textOf(row, "index")));
    });
  }

  /** Records of partitions `at` to `end` in all runs, run after run: later ones are newer. */
  async #read(
    of: Of,
    runs: readonly string[],
    indexes: readonly RunIndex[],
    { at, end }: { readonly at: number; readonly end: number },
  ): Promise<RefreshRecord[]> {
    const parts = await inParallel(runs, concurrency, async (run, nth) => {
      const index = indexes[nth] ?? [];
      const from = index[at] ?? 0;
      const content = await this.#blobs.get(pathOf(of, run), from, (index[end] ?? 0) - from);
      if (content === undefined) throw new Error(`run ${run} of ${partitionOf(of)} is gone`);
      return decodeRun(content);
    });
    return parts.flat();
  }

  /** Removes every run, those of workers that lost their claim too. */
  async deleteAll(of: Of): Promise<void> {
    await inParallel(await this.#rows(of), concurrency, async ({ rowKey }) => {
      await this.#blobs.remove(pathOf(of, rowKey));
      await this.#tables.remove(tableNames.refreshes, partitionOf(of), rowKey);
    });
  }

  async #rows(of: Of): Promise<StoredRow[]> {
    const rows: StoredRow[] = [];
    for await (const row of allRows(this.#tables, tableNames.refreshes, {
      partition: partitionOf(of),
    }))
      rows.push(row);
    return rows;
  }
}
