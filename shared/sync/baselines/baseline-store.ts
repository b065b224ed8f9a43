/**
 * Rows of baselines, all in one partition, so that a baseline and its new version are one transaction. What a tenant
 * has of its own and what became of its last publication are two rows: one is people's, the other the worker's, and
 * neither waits for the other.
 */
import * as z from "zod";
import { inChunks } from "../../kernel/concurrency.ts";
import { tableNames } from "../../storage/names.ts";
import {
  allRows,
  deleteRange,
  firstRows,
  type StoredRow,
  type Tables,
} from "../../storage/tables.ts";
import { Revision } from "../state/sync.ts";
import { decoded, encoded, type Stored } from "../state/sync-store.ts";
import { Tailoring } from "./baseline.ts";

const who = Revision.shape.by;
const fault = z.object({ pointer: z.string(), detail: z.string() });

/** A version: who made it and why, and the document with its content. */
export const Version = z.object({
  version: z.int(),
  document: z.string(),
  items: z.int(),
  message: z.string(),
  by: who,
  at: z.number(),
});
export type Version = z.output<typeof Version>;

/** A baseline, with its newest version. */
export const Baseline = z.object({
  v: z.literal(1),
  baselineId: z.string(),
  name: z.string(),
  description: z.string(),
  newest: Version,
  createdAt: z.number(),
});
export type Baseline = z.output<typeof Baseline>;

/** What a tenant has of its own. */
const TenantTailoring = z.object({ tailoring: Tailoring, by: who, at: z.number() });
type TenantTailoring = z.output<typeof TenantTailoring>;

/** A version on its way to a tenant, or there. */
export const Publication = z.object({
  v: z.literal(1),
  tenantId: z.string(),
  publishId: z.string(),
  version: z.int(),
  state: z.enum(["queued", "published", "unchanged", "refused"]),
  by: who,
  at: z.number(),
  /** Last sign of life. */
  touchedAt: z.number(),
  /** The sync that plans it. */
  syncId: z.string().exactOptional(),
  detail: z.string().exactOptional(),
  /** How often it broke off. */
  losses: z.int().exactOptional(),
  faults: z.array(fault).exactOptional(),
  /** The version that the tenant is on: that of its last publication that was not refused. */
  on: z.int().exactOptional(),
});
export type Publication = z.output<typeof Publication>;

const { baselines, openWork } = tableNames;
const partition = "baselines";
const openPublications = "baseline";
const headKey = (baselineId: string): string => `head|${baselineId}`;
const versionKey = (baselineId: string, version: number): string =>
  // Newest first, up to a number that nobody reaches.
  `${baselineId}|version|${(999_999_999 - version).toString().padStart(9, "0")}`;
const tailoringKey = (baselineId: string, tenantId = ""): string =>
  `${baselineId}|tailoring|${tenantId}`;
const publicationKey = (baselineId: string, tenantId = ""): string =>
  `${baselineId}|publication|${tenantId}`;
const shownVersions = 50;

/** Rows in and out. */
export class BaselineStore {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** A page of baselines, newest first. */
  async list(top: number, token?: string) {
    const range = { partition, from: headKey(""), below: "head}" };
    const { rows, next } = await this.#tables.page(baselines, range, top, token);
    const items = rows.map((row) => decoded(row, Baseline));
    return next === undefined ? { items } : { items, next };
  }

  baseline(baselineId: string): Promise<Stored<Baseline> | undefined> {
    return this.#get(headKey(baselineId), Baseline);
  }

  /** Writes a baseline, with a version that is new; the etag, or undefined when somebody was faster. */
  async save({ value, etag }: Stored<Baseline>, isNew: boolean): Promise<string | undefined> {
    const { baselineId, newest } = value;
    const row = encoded(partition, headKey(baselineId), value);
    const version = encoded(partition, versionKey(baselineId, newest.version), newest);
    const written = await this.#tables.transact(baselines, [
      etag === "" ? { kind: "insert", row } : { kind: "replace", row, etag },
      ...(isNew ? [{ kind: "insert" as const, row: version }] : []),
    ]);
    return written.kind === "lost" ? undefined : written.etags[0];
  }

  /** The newest versions, newest first. */
  async versions(baselineId: string): Promise<Version[]> {
    const range = {
      partition,
      from: `${baselineId}|version|`,
      below: `${baselineId}|version}`,
    };
    const rows = await firstRows(this.#tables, baselines, range, shownVersions);
    return rows.map((row) => decoded(row, Version));
  }

  async version(baselineId: string, version: number): Promise<Version | undefined> {
    return (await this.#get(versionKey(baselineId, version), Version))?.value;
  }

  /** Removes a baseline; false when somebody changed it meanwhile. What is below it goes by `clear`, which the list is for. */
  async remove(baselineId: string, etag: string): Promise<boolean> {
    await this.open(baselineId, 0);
    return (await this.#tables.remove(baselines, partition, headKey(baselineId), etag)) !== "lost";
  }

  /** Deletes what was below a baseline. */
  async clear(baselineId: string): Promise<void> {
    const range = { partition, from: `${baselineId}|`, below: `${baselineId}}` };
    await deleteRange(this.#tables, baselines, range, () => true);
    await this.close(baselineId);
  }

  tailoring(baselineId: string, tenantId: string): Promise<Stored<TenantTailoring> | undefined> {
    return this.#get(tailoringKey(baselineId, tenantId), TenantTailoring);
  }

  /** Every tailoring of a baseline, by tenant. */
  async tailorings(baselineId: string): Promise<Map<string, Tailoring>> {
    const found = new Map<string, Tailoring>();
    for await (const row of this.#below(tailoringKey(baselineId)))
      found.set(tenantOf(row), decoded(row, TenantTailoring).tailoring);
    return found;
  }

  /** Writes a tailoring; the new etag, or undefined when somebody was faster. */
  async putTailoring(
    baselineId: string,
    tenantId: string,
    { value, etag }: Stored<TenantTailoring>,
  ): Promise<string | undefined> {
    const row = encoded(partition, tailoringKey(baselineId, tenantId), value);
    const written = await this.#tables.transact(baselines, [
      etag === "" ? { kind: "insert", row } : { kind: "replace", row, etag },
    ]);
    return written.kind === "lost" ? undefined : written.etags[0];
  }

  /** Takes a tenant off a baseline; false when its tailoring changed meanwhile. */
  async leave(baselineId: string, tenantId: string, etag?: string): Promise<boolean> {
    const key = tailoringKey(baselineId, tenantId);
    if ((await this.#tables.remove(baselines, partition, key, etag)) === "lost") return false;
    await this.#tables.remove(baselines, partition, publicationKey(baselineId, tenantId));
    return true;
  }

  /** Takes a removed tenant off every baseline. */
  async dropTenant(tenantId: string): Promise<void> {
    const heads = { partition, from: headKey(""), below: "head}" };
    for await (const row of allRows(this.#tables, baselines, heads))
      await this.leave(row.rowKey.slice(headKey("").length), tenantId);
  }

  publication(baselineId: string, tenantId: string): Promise<Stored<Publication> | undefined> {
    return this.#get(publicationKey(baselineId, tenantId), Publication);
  }

  /** What became of each tenant's last publication. */
  async publications(baselineId: string): Promise<Publication[]> {
    const found: Publication[] = [];
    for await (const row of this.#below(publicationKey(baselineId)))
      found.push(decoded(row, Publication));
    return found;
  }

  /** Puts publications on their way, in place of the last ones. */
  async queue(baselineId: string, publications: readonly Publication[]): Promise<void> {
    for (const part of inChunks(publications, 100))
      await this.#tables.transact(
        baselines,
        part.map((each) => ({
          kind: "put" as const,
          row: encoded(partition, publicationKey(baselineId, each.tenantId), each),
        })),
      );
  }

  /** Writes what became of one; false when it is another one by now. */
  async settle(baselineId: string, { value, etag }: Stored<Publication>): Promise<boolean> {
    const row = encoded(partition, publicationKey(baselineId, value.tenantId), value);
    return (await this.#tables.replace(baselines, row, etag)) !== undefined;
  }

  /** Puts a baseline on the sweeper's list: some of its publications are under way. */
  open(baselineId: string, at: number): Promise<void> {
    return this.#tables.put(openWork, { partitionKey: openPublications, rowKey: baselineId, at });
  }

  /** Takes it off. */
  async close(baselineId: string, etag?: string): Promise<void> {
    await this.#tables.remove(openWork, openPublications, baselineId, etag);
  }

  /** The sweeper's list: read before what it names, so that what is added later stays on it. */
  async listOpen(): Promise<StoredRow[]> {
    const open: StoredRow[] = [];
    for await (const row of allRows(this.#tables, openWork, { partition: openPublications }))
      open.push(row);
    return open;
  }

  async #get<T>(rowKey: string, schema: z.ZodType<T>): Promise<Stored<T> | undefined> {
    const row = await this.#tables.get(baselines, partition, rowKey);
    return row === undefined ? undefined : { value: decoded(row, schema), etag: row.etag };
  }

  #below(prefix: string): AsyncGenerator<StoredRow> {
    return allRows(this.#tables, baselines, {
      partition,
      from: prefix,
      below: `${prefix.slice(0, -1)}}`,
    });
  }
}

const tenantOf = ({ rowKey }: StoredRow): string => rowKey.slice(rowKey.lastIndexOf("|") + 1);
