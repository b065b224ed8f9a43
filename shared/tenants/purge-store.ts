/** Notes about tenants that were removed and of which something is still kept: on the sweepers' list. */
import type { Instant } from "../kernel/clock.ts";
import { tableNames } from "../storage/names.ts";
import { numberOf, type StoredRow } from "../storage/rows.ts";
import type { Tables } from "../storage/tables.ts";

/** Kind of work under which the sweeper finds it. */
const partition = "purge";

/** A purge that has not ended. */
export type Purge = {
  readonly tenantId: string;
  readonly removedAt: Instant;
  /** When somebody was last at it. */
  readonly touchedAt: Instant;
  readonly etag: string;
};

/** Rows in and out. */
export class PurgeStore {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** The purge of a tenant, or undefined. */
  async get(tenantId: string): Promise<Purge | undefined> {
    const row = await this.#tables.get(tableNames.openWork, partition, tenantId);
    return row === undefined ? undefined : toPurge(row);
  }

  /** Notes that the tenant is removed now. */
  open(tenantId: string, now: Instant): Promise<void> {
    return this.#tables.put(tableNames.openWork, rowOf(tenantId, now, now));
  }

  /** Notes that somebody is at it; undefined when it has been noted or closed anew meanwhile. */
  async touch({ tenantId, removedAt, etag }: Purge, now: Instant): Promise<Purge | undefined> {
    const row = rowOf(tenantId, removedAt, now);
    const next = await this.#tables.replace(tableNames.openWork, row, etag);
    return next === undefined ? undefined : { tenantId, removedAt, touchedAt: now, etag: next };
  }

  /** Ends it, unless it has been noted anew meanwhile. */
  async close({ tenantId, etag }: Purge): Promise<boolean> {
    const closed = await this.#tables.remove(tableNames.openWork, partition, tenantId, etag);
    return closed === "removed";
  }

  /** A page of the purges that have not ended. */
  async list(top: number, token?: string): Promise<{ purges: Purge[]; next?: string }> {
    const page = await this.#tables.page(tableNames.openWork, { partition }, top, token);
    const purges = page.rows.map(toPurge);
    return page.next === undefined ? { purges } : { purges, next: page.next };
  }
}

const rowOf = (tenantId: string, removedAt: Instant, touchedAt: Instant) => ({
  partitionKey: partition,
  rowKey: tenantId,
  removedAt,
  touchedAt,
});

const toPurge = (row: StoredRow): Purge => ({
  tenantId: row.rowKey,
  removedAt: numberOf(row, "removedAt"),
  touchedAt: numberOf(row, "touchedAt"),
  etag: row.etag,
});
