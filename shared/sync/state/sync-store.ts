/**
 * Rows of syncs. A tenant's own row and its syncs share a partition, so that a sync and what the tenant shows change
 * in one transaction, or not at all: neither can be ahead of the other. How far types and items are lies in a
 * partition of the sync's own. A list of statuses beside them serves those who look for tenants by status; the sweeper
 * mends it.
 */
import { deflateRawSync, inflateRawSync } from "node:zlib";
import * as z from "zod";
import type { Instant } from "../../kernel/clock.ts";
import { inChunks } from "../../kernel/concurrency.ts";
import { invertedTime, newestFirstId } from "../../kernel/values.ts";
import type { Blobs } from "../../storage/blobs.ts";
import { tableNames } from "../../storage/names.ts";
import {
  allRows,
  deleteRange,
  firstRows,
  ofTenant,
  type Row,
  type StoredRow,
  type Tables,
  textOf,
} from "../../storage/tables.ts";
import { configurationPrefix } from "../revisions/revisions.ts";
import type { SyncStatus } from "./lifecycle.ts";
import {
  ItemProgress,
  isOver,
  neverSynced,
  Revision,
  ShownTenantSync,
  Sync,
  TenantSync,
  TypeProgress,
} from "./sync.ts";

/** Something with the etag that a change must present; an empty one means: it is not there yet. */
export type Stored<T> = { readonly value: T; readonly etag: string };

/** What a change of a tenant's row brings along. */
type Beside = {
  readonly syncs?: readonly Stored<Sync>[];
  readonly revision?: Revision | undefined;
};

type TypesOf = Pick<Sync, "tenantId" | "syncId" | "read">;

const statusKey = "status";
/** Types that were over when a pass ended; no type has such a key. */
const typesKey = "type|*";
const PackedTypes = z.array(TypeProgress);
const isPacked = ({ rowKey }: StoredRow): boolean => rowKey === typesKey;
const revisionKey = "rev|";
const openSyncs = "sync";
const unusedContents = "sync-contents";
const statusIndex = "statuses";
const { syncs, openWork } = tableNames;
const partitionOf = (tenantId: string, syncId: string): string => `${tenantId}|${syncId}`;

/** The long text of a row, in columns that each fit. */
const columnChars = 30_000;
/** A longer one is deflated: a row takes 1 MiB, and a sync that resets or takes back thousands of items names them all. */
const plainChars = 400_000;
const deflated = "deflated";

/** Rows in and out. */
export class SyncStore {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** A tenant's row; of one that was never synchronised, what it would be. */
  async tenant(tenantId: string, now: number): Promise<Stored<TenantSync>> {
    const row = await this.#tables.get(syncs, tenantId, statusKey);
    return row === undefined
      ? { value: neverSynced(tenantId, now), etag: "" }
      : { value: decoded(row, TenantSync), etag: row.etag };
  }

  /** One sync. */
  async sync(tenantId: string, syncId: string): Promise<Stored<Sync> | undefined> {
    const row = await this.#tables.get(syncs, tenantId, syncId);
    return row === undefined ? undefined : { value: decoded(row, Sync), etag: row.etag };
  }

  /** A page of syncs, newest first; `before`: of those that began before it. */
  async list(tenantId: string, top: number, token?: string, before?: Instant) {
    // Ids begin with a digit for thousands of years: the tenant's own row lies above them.
    const from = before === undefined ? {} : { from: invertedTime(before) };
    const range = { partition: tenantId, ...from, below: "i" };
    const { rows, next } = await this.#tables.page(syncs, range, top, token);
    const items = rows.map((row) => decoded(row, Sync));
    return next === undefined ? { items } : { items, next };
  }

  /** Writes a tenant's row together with syncs of it and a revision; undefined when somebody was faster. */
  async change(
    tenant: Stored<TenantSync>,
    { syncs: others = [], revision }: Beside = {},
  ): Promise<{ readonly tenant: string; readonly sync: string } | undefined> {
    const { tenantId } = tenant.value;
    const kept = revision && {
      kind: "insert" as const,
      row: encoded(tenantId, `${revisionKey}${newestFirstId(revision.at)}`, revision),
    };
    const written = await this.#tables.transact(syncs, [
      changeOf(tenant, encoded(tenantId, statusKey, tenant.value)),
      ...others.map((each) => changeOf(each, encoded(tenantId, each.value.syncId, each.value))),
      ...(kept === undefined ? [] : [kept]),
    ]);
    if (written.kind === "lost") return undefined;
    const [tenantEtag = "", syncEtag = ""] = written.etags;
    return { tenant: tenantEtag, sync: syncEtag };
  }

  /** Who made which tree the desired one, newest first. */
  async revisions(tenantId: string, top: number): Promise<(Revision & { revisionId: string })[]> {
    const range = { partition: tenantId, from: revisionKey, below: "rev}" };
    const rows = await firstRows(this.#tables, syncs, range, top);
    return rows.map((row) => ({
      revisionId: row.rowKey.slice(revisionKey.length),
      ...decoded(row, Revision),
    }));
  }

  /** All revisions, newest first. */
  async *allRevisions(tenantId: string): AsyncGenerator<Revision & { readonly rowKey: string }> {
    const range = { partition: tenantId, from: revisionKey, below: "rev}" };
    for await (const row of allRows(this.#tables, syncs, range))
      yield { rowKey: row.rowKey, ...decoded(row, Revision) };
  }

  /** Removes revisions by their rows. */
  async removeRevisions(tenantId: string, rowKeys: readonly string[]): Promise<void> {
    for (const part of inChunks(rowKeys, 100)) await this.#tables.removeRows(syncs, tenantId, part);
  }

  /** Removes a sync with all that is kept of it, while `mayGoOn`; its own row last, since that is what finds the rest. */
  async removeSync(tenantId: string, syncId: string, mayGoOn: () => boolean): Promise<boolean> {
    const own = { partition: partitionOf(tenantId, syncId) };
    if (!(await deleteRange(this.#tables, syncs, own, mayGoOn))) return false;
    await this.#tables.remove(syncs, tenantId, syncId);
    return true;
  }

  /** Notes that nothing may refer to some of a tenant's contents any more. */
  noteUnused(tenantId: string): Promise<void> {
    return this.#tables.put(openWork, { partitionKey: unusedContents, rowKey: tenantId });
  }

  /** Tenants with such a note. */
  async listUnused(top: number, token?: string) {
    const page = await this.#tables.page(openWork, { partition: unusedContents }, top, token);
    const tenantIds = page.rows.map(({ rowKey }) => rowKey);
    return page.next === undefined ? { tenantIds } : { tenantIds, next: page.next };
  }

  /** Strikes the note off. */
  async strikeUnused(tenantId: string): Promise<void> {
    await this.#tables.remove(openWork, unusedContents, tenantId);
  }

  /** Writes a sync alone; the new etag, or undefined when somebody was faster. */
  replaceSync({ value, etag }: Stored<Sync>): Promise<string | undefined> {
    return this.#tables.replace(syncs, encoded(value.tenantId, value.syncId, value), etag);
  }

  /** How far every type is, in the order of their keys. What was said together with others counts first. */
  async types({ tenantId, syncId, read = [] }: TypesOf): Promise<Map<string, TypeProgress>> {
    const range = { partition: partitionOf(tenantId, syncId), from: "type|", below: "type}" };
    const { rows } = await this.#tables.page(syncs, range, 1000);
    return byType([
      ...rows.filter((row) => !isPacked(row)).map((row) => decoded(row, TypeProgress)),
      ...rows.filter(isPacked).flatMap((row) => decoded(row, PackedTypes)),
      ...read,
    ]);
  }

  /** How far one type is that is read by messages of its own. */
  async type(tenantId: string, syncId: string, type: string) {
    const row = await this.#tables.get(syncs, partitionOf(tenantId, syncId), `type|${type}`);
    return row === undefined ? undefined : { value: decoded(row, TypeProgress), etag: row.etag };
  }

  /**
   * Adds the progress of types; those that are there stay. Types whose reading is over are one row: nobody writes them
   * again, and a sync of a small tenant is little more than its rows.
   */
  async addTypes(tenantId: string, syncId: string, types: readonly TypeProgress[]): Promise<void> {
    const partition = partitionOf(tenantId, syncId);
    const rowOf = (each: TypeProgress) => encoded(partition, `type|${each.type}`, each);
    const [over, open] = [types.filter(isOver), types.filter((each) => !isOver(each))];
    const rows = [
      ...(over.length === 0 ? [] : [encoded(partition, typesKey, over)]),
      ...open.map(rowOf),
    ];
    const changes = rows.map((row) => ({ kind: "insert" as const, row }));
    if ((await this.#tables.transact(syncs, changes)).kind === "done") return;
    for (const each of types) await this.#tables.insert(syncs, rowOf(each));
  }

  /** Writes the progress of a type; the new etag, or undefined when somebody was faster. */
  replaceType(tenantId: string, syncId: string, { value, etag }: Stored<TypeProgress>) {
    const row = encoded(partitionOf(tenantId, syncId), `type|${value.type}`, value);
    return this.#tables.replace(syncs, row, etag);
  }

  /** How far every change of the sync's deploys is. */
  async items(tenantId: string, syncId: string): Promise<Stored<ItemProgress>[]> {
    const found: Stored<ItemProgress>[] = [];
    const range = { partition: partitionOf(tenantId, syncId), from: "item|", below: "item}" };
    let token: string | undefined;
    do {
      const page = await this.#tables.page(syncs, range, 1000, token);
      for (const row of page.rows)
        found.push({ value: decoded(row, ItemProgress), etag: row.etag });
      token = page.next;
    } while (token !== undefined);
    return found;
  }

  /** Adds changes of a deploy; those that are there stay. */
  async addItems(tenantId: string, syncId: string, items: readonly ItemProgress[]): Promise<void> {
    const partition = partitionOf(tenantId, syncId);
    const rows = items.map((item) => encoded(partition, itemKey(item.changeId), item));
    for (const part of inChunks(rows, 50)) {
      const changes = part.map((row) => ({ kind: "insert" as const, row }));
      if ((await this.#tables.transact(syncs, changes)).kind === "done") continue;
      for (const row of part) await this.#tables.insert(syncs, row);
    }
  }

  /** Writes how far a change is; the new etag, or undefined when somebody was faster. */
  replaceItem(tenantId: string, syncId: string, { value, etag }: Stored<ItemProgress>) {
    const row = encoded(partitionOf(tenantId, syncId), itemKey(value.changeId), value);
    return this.#tables.replace(syncs, row, etag);
  }

  /** Puts a sync on the sweeper's list. */
  open(tenantId: string, syncId: string): Promise<void> {
    const rowKey = `${tenantId}|${syncId}`;
    return this.#tables.put(openWork, { partitionKey: openSyncs, rowKey, tenantId, syncId });
  }

  /** Takes it off. */
  async close(tenantId: string, syncId: string): Promise<void> {
    await this.#tables.remove(openWork, openSyncs, `${tenantId}|${syncId}`);
  }

  /** The sweeper's list, of all tenants. */
  async listOpen(top: number, token?: string) {
    const page = await this.#tables.page(openWork, { partition: openSyncs }, top, token);
    const open = page.rows.map((row) => ({
      tenantId: textOf(row, "tenantId"),
      syncId: textOf(row, "syncId"),
    }));
    return page.next === undefined ? { open } : { open, next: page.next };
  }

  /**
   * Says a tenant's status and next time to those who look for tenants by them, with what lists of tenants show. One whose last
   * sync is not told yet is due at once, since it may be on no other list.
   */
  index(tenant: TenantSync): Promise<void> {
    const { tenantId, active, outbox, since } = tenant;
    const nextAt = active === undefined && outbox.length > 0 ? since : tenant.nextAt;
    const row = encoded(statusIndex, tenantId, ShownTenantSync.parse(tenant));
    return this.#tables.put(syncs, { ...row, ...(nextAt === undefined ? {} : { nextAt }) });
  }

  /** What lists show of the tenants from one id to another; one that was never synchronised is not there. */
  async shown(from: string, to: string): Promise<ReadonlyMap<string, ShownTenantSync>> {
    const range = { partition: statusIndex, from, below: `${to}!` };
    const found = new Map<string, ShownTenantSync>();
    let token: string | undefined;
    do {
      const page = await this.#tables.page(syncs, range, 1000, token);
      for (const row of page.rows) found.set(row.rowKey, decoded(row, ShownTenantSync));
      token = page.next;
    } while (token !== undefined);
    return found;
  }

  /** Tenants with a status, by their ids. */
  async withStatus(status: SyncStatus, top: number, after?: string) {
    const range = {
      partition: statusIndex,
      where: `status eq '${status}'`,
      ...(after === undefined ? {} : { from: `${after}!` }),
    };
    return (await firstRows(this.#tables, syncs, range, top)).map(({ rowKey }) => rowKey);
  }

  /** Tenants whose next sync is due. */
  async due(now: number, top: number, token?: string) {
    const range = { partition: statusIndex, where: `nextAt le ${now.toFixed(1)}` };
    const page = await this.#tables.page(syncs, range, top, token);
    const tenantIds = page.rows.map(({ rowKey }) => rowKey);
    return page.next === undefined ? { tenantIds } : { tenantIds, next: page.next };
  }

  /** Takes a removed tenant off the list of statuses. */
  async unlist(tenantId: string): Promise<void> {
    await this.#tables.remove(syncs, statusIndex, tenantId);
  }
}

/** Deletes what this room keeps of a removed tenant, while `mayGoOn`; true when nothing is left. */
export async function purgeSyncs(
  { tables, blobs }: { readonly tables: Tables; readonly blobs: Pick<Blobs, "deletePrefix"> },
  tenantId: string,
  mayGoOn: () => boolean,
): Promise<boolean> {
  const open = { partition: openSyncs, from: `${tenantId}|`, below: `${tenantId}}` };
  if (!(await deleteRange(tables, openWork, open, mayGoOn))) return false;
  if (!(await blobs.deletePrefix(configurationPrefix(tenantId), mayGoOn))) return false;
  await new SyncStore(tables).unlist(tenantId);
  return deleteRange(tables, syncs, ofTenant(tenantId), mayGoOn);
}

const byType = (found: readonly TypeProgress[]): Map<string, TypeProgress> => {
  const last = new Map(found.map((each) => [each.type, each]));
  return new Map([...last].toSorted(([a], [b]) => (a < b ? -1 : 1)));
};

const itemKey = (changeId: string): string => `item|${changeId}`;

const changeOf = ({ etag }: Stored<unknown>, row: Row) =>
  etag === "" ? ({ kind: "insert", row } as const) : ({ kind: "replace", row, etag } as const);

/** A row's value as JSON, in as many columns as it takes; what a person looks for stands beside it. */
export function encoded(partitionKey: string, rowKey: string, value: object): Row {
  const json = JSON.stringify(value);
  // In ASCII, so that no cut goes through a character.
  const plain = json.replaceAll(
    /[\u0080-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  const isLong = plain.length > plainChars;
  const text = isLong ? deflateRawSync(json).toString("base64") : plain;
  const columns: Record<string, string> = {};
  for (let at = 0, part = 0; at < text.length; at += columnChars, part += 1)
    columns[`value${part}`] = text.slice(at, at + columnChars);
  const { status, phase, state } = value as Readonly<Record<string, unknown>>;
  const shown = Object.entries({ status, phase, state }).filter(
    (pair): pair is [string, string] => typeof pair[1] === "string",
  );
  const packing = isLong ? { packing: deflated } : {};
  return { partitionKey, rowKey, ...Object.fromEntries(shown), ...packing, ...columns };
}

/** A row's value. */
export function decoded<T>(row: StoredRow, schema: z.ZodType<T>): T {
  let text = "";
  for (let part = 0; ; part += 1) {
    const piece = textOf(row, `value${part}`);
    if (piece === "") break;
    text += piece;
  }
  if (textOf(row, "packing") === deflated)
    text = inflateRawSync(Buffer.from(text, "base64")).toString("utf8");
  return schema.parse(JSON.parse(text));
}
