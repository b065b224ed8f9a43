/** Leases of relays on sites: a row for each site, beside what the site has reported. */
import { tableNames } from "../storage/names.ts";
import { numberOf, type StoredRow, textOf } from "../storage/rows.ts";
import type { Tables } from "../storage/tables.ts";
import type { RelayLease } from "./relay-lease.ts";

/** A lease with what a conditional write must present. */
export type StoredLease = { readonly lease: RelayLease; readonly etag: string };

const partitionOf = (tenantId: string): string => `${tenantId}|relays`;
/** Sites of a tenant that one reading shows. */
const maxSites = 1000;

/** Rows in and out. */
export class RelayLeases {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** The lease on a site; undefined when no relay ever had it. */
  async get(tenantId: string, siteCode: string): Promise<StoredLease | undefined> {
    const row = await this.#tables.get(tableNames.sites, partitionOf(tenantId), siteCode);
    return row && { lease: leaseOf(row), etag: row.etag };
  }

  /** Writes a lease over the one that was read; false when somebody was faster. */
  async put(
    tenantId: string,
    siteCode: string,
    { relayId, term, until, seenAt }: RelayLease,
    before: StoredLease | undefined,
  ): Promise<boolean> {
    const keys = { partitionKey: partitionOf(tenantId), rowKey: siteCode };
    const row = { ...keys, relayId, term, until, seenAt };
    if (before === undefined)
      return (await this.#tables.insert(tableNames.sites, row)) === "inserted";
    return (await this.#tables.replace(tableNames.sites, row, before.etag)) !== undefined;
  }

  /** When the relay of each site was last heard of. */
  async seen(tenantId: string): Promise<ReadonlyMap<string, number>> {
    const range = { partition: partitionOf(tenantId) };
    const { rows } = await this.#tables.page(tableNames.sites, range, maxSites);
    return new Map(rows.map((row) => [row.rowKey, leaseOf(row).seenAt]));
  }
}

const leaseOf = (row: StoredRow): RelayLease => ({
  relayId: textOf(row, "relayId"),
  term: numberOf(row, "term"),
  until: numberOf(row, "until"),
  seenAt: numberOf(row, "seenAt"),
});
