/** Tenant rows. */
import { tableNames } from "../storage/names.ts";
import { jsonOf, type RowPage, type StoredRow, textOf } from "../storage/rows.ts";
import type { Tables } from "../storage/tables.ts";
import { Pace, type Tenant } from "./contract.ts";

/** One partition: it grows with customers, not with devices. */
const partition = "tenants";

/** A tenant with the etag that a change must present. */
export type StoredTenant = {
  readonly tenant: Tenant;
  readonly etag: string;
  /** Of the request that added it; empty once the tenant was changed. */
  readonly seed: string;
};

/** Rows in and out. */
export class TenantStore {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** One tenant, or undefined. */
  async get(tenantId: string): Promise<StoredTenant | undefined> {
    const row = await this.#tables.get(tableNames.tenants, partition, tenantId);
    if (row === undefined) return undefined;
    return { tenant: fromRow(row), etag: row.etag, seed: textOf(row, "seed") };
  }

  /** Adds a tenant unless it exists, and notes which request did. */
  insert(tenant: Tenant, seed: string): Promise<"inserted" | "exists"> {
    return this.#tables.insert(tableNames.tenants, { ...toRow(tenant), seed });
  }

  /** Replaces the tenant that had `etag`; the new etag, or undefined when it changed meanwhile. */
  replace(tenant: Tenant, etag: string): Promise<string | undefined> {
    return this.#tables.replace(tableNames.tenants, toRow(tenant), etag);
  }

  /** Removes the tenant that had `etag`. */
  remove(tenantId: string, etag: string): Promise<"removed" | "lost"> {
    return this.#tables.remove(tableNames.tenants, partition, tenantId, etag);
  }

  /** A page of tenants in the order of their ids. */
  async list(top: number, token?: string): Promise<{ tenants: Tenant[]; next?: string }> {
    const page: RowPage = await this.#tables.page(tableNames.tenants, { partition }, top, token);
    const tenants = page.rows.map(fromRow);
    return page.next === undefined ? { tenants } : { tenants, next: page.next };
  }
}

function toRow(tenant: Tenant) {
  const { tenantId, displayName, pace, createdAt, updatedAt } = tenant;
  return {
    partitionKey: partition,
    rowKey: tenantId,
    displayName,
    pace: JSON.stringify(pace),
    createdAt,
    updatedAt,
  };
}

function fromRow(row: StoredRow): Tenant {
  return {
    tenantId: row.rowKey,
    displayName: textOf(row, "displayName"),
    pace: jsonOf(row, "pace", Pace) ?? {},
    createdAt: textOf(row, "createdAt"),
    updatedAt: textOf(row, "updatedAt"),
  };
}
