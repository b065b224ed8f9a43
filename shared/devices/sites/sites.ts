/**
 * ConfigMgr sites, and the inventories that their relays hand in, kept part by part.
 */

import * as z from "zod";
import { type Clock, type Instant, toIso } from "../../kernel/clock.ts";
import { inParallel } from "../../kernel/concurrency.ts";
import { Line } from "../../kernel/outside-text.ts";
import { Guid } from "../../kernel/values.ts";
import type { Blobs } from "../../storage/blobs.ts";
import { tableNames } from "../../storage/names.ts";
import { allRows, numberOf, type StoredRow, type Tables, textOf } from "../../storage/tables.ts";

const text = Line.max(256);

/** A device as its site knows it. */
export const SiteDevice = z
  .strictObject({
    resourceId: z.int().positive().max(0xffffffff).describe("SMS_R_System.ResourceId"),
    name: text.min(1),
    operatingSystem: text.optional().describe("OperatingSystemNameandVersion"),
    osVersion: text.optional(),
    entraDeviceId: Guid.optional().describe("AADDeviceID; joins the device to Intune's record"),
    userPrincipalName: text.optional(),
    client: z
      .boolean()
      .optional()
      .describe("False: the site has only found the system, and no client runs on it"),
  })
  .meta({ id: "SiteDevice" });
export type SiteDevice = z.output<typeof SiteDevice>;

/** A device and the site that reported it. */
export type SiteEntry = SiteDevice & { readonly siteCode: string };

/** An inventory by its ids. */
export type InventoryIds = {
  readonly tenantId: string;
  readonly siteCode: string;
  readonly inventoryId: string;
};

/** A site's present inventory. */
type Site = InventoryIds & {
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

/** Partition of rows that name the inventories which are being handed in, of all tenants. */
const openPartition = "open";

/** Inventories of sites: blobs for the parts, a row for each part, and one for each site. */
export class SiteStore {
  readonly #tables: Tables;
  readonly #blobs: Blobs;
  readonly #clock: Clock;

  constructor(tables: Tables, blobs: Blobs, clock: Clock) {
    this.#clock = clock;
    this.#tables = tables;
    this.#blobs = blobs;
  }

  /** Keeps a part, over an earlier one of its number. The row comes first: it is how the blob is found. */
  async putPart(of: InventoryIds, part: number, devices: readonly SiteDevice[]): Promise<void> {
    const rowKey = partKey(part);
    const row = { partitionKey: partitionOf(of), rowKey, devices: devices.length };
    await this.#tables.put(tableNames.sites, {
      partitionKey: openPartition,
      rowKey: partitionOf(of),
      ...of,
      latestAt: toIso(this.#clock.now()),
    });
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
    await this.#tables.remove(tableNames.sites, openPartition, partitionOf(site));
    return site;
  }

  /**
   * Removes inventories of which no part came since `before` and that were never completed, while `mayGoOn`. A crash
   * halfway is gone on from, since the row that names an inventory goes last. A completion at the same moment could
   * lose; `before` is far longer ago than a relay waits.
   */
  async expireOpen(before: Instant, mayGoOn: () => boolean): Promise<number> {
    let expired = 0;
    for (const row of await this.#rows(openPartition)) {
      if (!mayGoOn()) break;
      if (Date.parse(textOf(row, "latestAt")) >= before) continue;
      const [tenantId, siteCode] = [textOf(row, "tenantId"), textOf(row, "siteCode")];
      const of = { tenantId, siteCode, inventoryId: textOf(row, "inventoryId") };
      const site = await this.#tables.get(tableNames.sites, tenantId, siteCode);
      // A part that came again after the end, or an end that was cut short: it is the site's, and so is the last.
      const kept = site ? [textOf(site, "inventoryId"), textOf(site, "last")] : [];
      if (!kept.includes(of.inventoryId)) {
        await this.#remove(of);
        expired += 1;
      }
      await this.#tables.remove(tableNames.sites, openPartition, row.rowKey, row.etag);
    }
    return expired;
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
