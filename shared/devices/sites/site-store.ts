/** Inventories of ConfigMgr sites: blobs for the parts, a row for each part, and one for each site. */
import * as z from "zod";
import { inParallel } from "../../kernel/concurrency.ts";
import type { Blobs } from "../../storage/blobs.ts";
import { tableNames } from "../../storage/names.ts";
import { numberOf, type StoredRow, textOf } from "../../storage/rows.ts";
import { allRows, type Tables } from "../../storage/tables.ts";
import { SiteDevice } from "./contract.ts";
import type { SiteEntry } from "./site-device.ts";

/** An inventory by its ids. */
export type InventoryIds = {
  readonly tenantId: string;
  readonly siteCode: string;
  readonly inventoryId: string;
};

/** A site's present inventory. */
export type Site = InventoryIds & {
  readonly parts: number;
  readonly devices: number;
  /** ISO 8601. */
  readonly reportedAt: string;
};

const Part = z.array(SiteDevice);
const concurrency = 4;
const partKey = (part: number): string => String(part).padStart(4, "0");
const partitionOf = ({ tenantId, siteCode, inventoryId }: InventoryIds): string =>
  `${tenantId}|${siteCode}|${inventoryId}`;
const pathOf = ({ tenantId, siteCode, inventoryId }: InventoryIds, key: string): string =>
  `sites/${tenantId}/${siteCode}/${inventoryId}/${key}`;

/** Rows and blobs in and out. */
export class SiteStore {
  readonly #tables: Tables;
  readonly #blobs: Blobs;

  constructor(tables: Tables, blobs: Blobs) {
    this.#tables = tables;
    this.#blobs = blobs;
  }

  /** Keeps a part, over an earlier one of its number. The row comes first: it is how the blob is found. */
  async putPart(of: InventoryIds, part: number, devices: readonly SiteDevice[]): Promise<void> {
    const rowKey = partKey(part);
    const row = { partitionKey: partitionOf(of), rowKey, devices: devices.length };
    await this.#tables.put(tableNames.sites, row);
    await this.#blobs.put(pathOf(of, rowKey), JSON.stringify(devices));
  }

  /** How many devices each part has that was handed in, by its number. */
  async parts(of: InventoryIds): Promise<ReadonlyMap<number, number>> {
    const rows = await this.#rows(partitionOf(of));
    return new Map(rows.map((row) => [Number(row.rowKey), numberOf(row, "devices")]));
  }

  /** Devices of a part; undefined when the inventory has been replaced and removed. */
  async readPart(of: InventoryIds, part: number): Promise<SiteEntry[] | undefined> {
    const content = await this.#blobs.get(pathOf(of, partKey(part)));
    if (content === undefined) return undefined;
    const devices = Part.parse(JSON.parse(content.toString("utf8")));
    return devices.map((device) => ({ ...device, siteCode: of.siteCode }));
  }

  /**
   * Makes an inventory the site's present one, and removes the one before the last: a refresh under way
   * may still read the last. Published before, it stays as it was. Answers when it was published.
   */
  async publish(site: Site): Promise<Pick<Site, "reportedAt">> {
    const { tenantId, siteCode, ...rest } = site;
    const row = await this.#tables.get(tableNames.sites, tenantId, siteCode);
    const [last, gone] = row ? [textOf(row, "inventoryId"), textOf(row, "last")] : ["", ""];
    if (row && last === site.inventoryId) return { reportedAt: textOf(row, "reportedAt") };
    const fresh = { partitionKey: tenantId, rowKey: siteCode, ...rest, last };
    await this.#tables.put(tableNames.sites, fresh);
    if (gone !== "") await this.#remove({ tenantId, siteCode, inventoryId: gone });
    return site;
  }

  /** Every site of a tenant that has reported. */
  async sites(tenantId: string): Promise<Site[]> {
    return (await this.#rows(tenantId)).map((row) => ({
      tenantId,
      siteCode: row.rowKey,
      inventoryId: textOf(row, "inventoryId"),
      parts: numberOf(row, "parts"),
      devices: numberOf(row, "devices"),
      reportedAt: textOf(row, "reportedAt"),
    }));
  }

  async #remove(of: InventoryIds): Promise<void> {
    await inParallel(await this.#rows(partitionOf(of)), concurrency, async ({ rowKey }) => {
      await this.#blobs.remove(pathOf(of, rowKey));
      await this.#tables.remove(tableNames.sites, partitionOf(of), rowKey);
    });
  }

  async #rows(partition: string): Promise<StoredRow[]> {
    const rows: StoredRow[] = [];
    for await (const row of allRows(this.#tables, tableNames.sites, { partition })) rows.push(row);
    return rows;
  }
}
