/** Refresh rows, the row that says which refresh of a tenant is the active one, and the sweeper's list. */
import * as z from "zod";
import { siteQueueName } from "../../configmgr/site.ts";
import { type Instant, toIso } from "../../kernel/clock.ts";
import type { FailureCode } from "../../kernel/failure.ts";
import { invertedTime } from "../../kernel/values.ts";
import { tableNames } from "../../storage/names.ts";
import type { Storage } from "../../storage/storage.ts";
import {
  deleteRange,
  flagOf,
  jsonOf,
  numberOf,
  ofTenant,
  type Row,
  type StoredRow,
  type Tables,
  textOf,
} from "../../storage/tables.ts";
import type { SiteStore } from "../sites/site-store.ts";
import type { Confirmed, Inventory, Refresh, Tally } from "./refresh.ts";

/** A refresh with the etag that a change must present. */
export type StoredRefresh = { readonly refresh: Refresh; readonly etag: string };

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
const Inventory: z.ZodType<Inventory> = z.object({
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
      inventories: z.array(Inventory),
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

// Deletes the records of old refreshes; their runs are gone since they ended. Ids sort by time.

/** Deletes what began before `before`, while `mayGoOn`; true when nothing of it is left. */
export const expireRefreshes = (
  tables: Tables,
  tenantId: string,
  before: Instant,
  mayGoOn: () => boolean,
): Promise<boolean> =>
  deleteRange(
    tables,
    tableNames.refreshes,
    { partition: tenantId, from: invertedTime(before) },
    mayGoOn,
  );

// What this room keeps of a removed tenant: sites with their queues, refreshes, collections, the directory.

/** Deletes it while `mayGoOn`; true when nothing is left. Rows that name blobs go after their blobs. */
export async function purgeDevices(
  { storage, sites }: { readonly storage: Storage; readonly sites: SiteStore },
  tenantId: string,
  mayGoOn: () => boolean,
): Promise<boolean> {
  const { tables, queues, blobs } = storage;
  for (const { siteCode } of await sites.sites(tenantId))
    await queues.removeSite(siteQueueName(tenantId, siteCode));
  for (const place of ["sites", "refreshes"])
    if (!(await blobs.deletePrefix(`${place}/${tenantId}/`, mayGoOn))) return false;
  const open = { partition: openRefreshes, from: `${tenantId}|`, below: `${tenantId}}` };
  if (!(await deleteRange(tables, tableNames.openWork, open, mayGoOn))) return false;
  const { refreshes, collections, devices } = tableNames;
  for (const table of [tableNames.sites, refreshes, collections, devices])
    if (!(await deleteRange(tables, table, ofTenant(tenantId), mayGoOn))) return false;
  return true;
}
