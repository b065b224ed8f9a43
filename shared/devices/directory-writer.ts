/**
 * Writes the device directory, for the one refresh of a tenant that may. Only rows whose content changed
 * are written, each under the etag that was read, so that a worker who lost its claim loses its writes.
 */
import { inParallel } from "../kernel/concurrency.ts";
import { tableNames } from "../storage/names.ts";
import { numberOf, type StoredRow, textOf } from "../storage/rows.ts";
import { allRows, type Tables } from "../storage/tables.ts";
import type { Device } from "./device.ts";
import {
  type BucketChange,
  batchesOf,
  changesFor,
  type StoredBucket,
} from "./directory-changes.ts";
import { bucketKey, bucketOf, partitionOf } from "./directory-layout.ts";
import { devicesIn } from "./directory-row.ts";
import { afterBuckets, metaRow } from "./directory-store.ts";

/** Part of the id space: from one prefix to below another; without an end, to the last id. */
export type Part = { readonly from: string; readonly below?: string };

/** Rows read at once: about 15,000 devices. */
const rowsAtOnce = 150;
const maxLanes = 4;
const removalsAtOnce = 99;
/** Stands in a partition while it is cleared; sorts after every bucket. */
const leavingRow = "leaving";

/** Somebody else wrote the same rows: our claim is lost. */
export class DirectoryWriteLost extends Error {}

/** The directory of every tenant, for its refresh. */
export class DirectoryWriter {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** Reads a part in some layout, row by row; answers which rows there are, by key. */
  async read(
    tenantId: string,
    bits: number,
    part: Part,
    visit?: (device: Device) => void,
  ): Promise<Map<string, StoredBucket>> {
    const stored = new Map<string, StoredBucket>();
    const range = {
      partition: partitionOf(tenantId, bits),
      from: bucketKey(bucketOf(part.from, bits)),
      below: belowKey(part, bits),
      ...(visit === undefined ? { select: ["hash"] } : {}),
    };
    for await (const row of allRows(this.#tables, tableNames.devices, range, rowsAtOnce)) {
      stored.set(row.rowKey, { etag: row.etag, hash: textOf(row, "hash") });
      if (visit === undefined) continue;
      for (const device of devicesIn(row)) if (within(part, device.deviceId)) visit(device);
    }
    return stored;
  }

  /** Makes a part hold exactly these devices; `stored` is what `read` found there. */
  async write(
    tenantId: string,
    bits: number,
    devices: readonly Device[],
    stored: ReadonlyMap<string, StoredBucket>,
  ): Promise<void> {
    const partition = partitionOf(tenantId, bits);
    const { changes, gone } = changesFor(partition, bits, devices, stored);
    await inParallel(batchesOf(changes), maxLanes, (batch) => this.#apply(batch));
    await inParallel(gone, maxLanes, async ({ key, etag }) => {
      const outcome = await this.#tables.remove(tableNames.devices, partition, key, etag);
      if (outcome === "lost") throw new DirectoryWriteLost(`${partition} ${key}`);
    });
  }

  /** Makes a layout the tenant's directory. Doing it again for the same refresh changes nothing. */
  async publish(
    tenantId: string,
    { bits, count, refreshId, refreshedAt }: Published,
  ): Promise<void> {
    const row = await this.#tables.get(tableNames.devices, tenantId, metaRow);
    if (row !== undefined && textOf(row, "refreshId") === refreshId) return;
    const generation = generationAfter(row, bits);
    const meta = { partitionKey: tenantId, rowKey: metaRow, bits, count, generation };
    const next = { ...meta, refreshId, refreshedAt };
    const won =
      row === undefined
        ? (await this.#tables.insert(tableNames.devices, next)) === "inserted"
        : (await this.#tables.replace(tableNames.devices, next, row.etag)) !== undefined;
    if (!won) throw new DirectoryWriteLost(`${tenantId} ${metaRow}`);
  }

  /**
   * Removes all rows of a layout that is no longer the tenant's. `stillOurs` is asked before each batch and
   * throws when our claim is lost: by then the layout may be the tenant's again.
   */
  async clear(tenantId: string, bits: number, stillOurs: () => Promise<void>): Promise<void> {
    const partition = partitionOf(tenantId, bits);
    const range = { partition, below: afterBuckets, select: ["count"] };
    for (;;) {
      await stillOurs();
      const { rows } = await this.#tables.page(tableNames.devices, range, removalsAtOnce);
      if (rows.length === 0) break;
      await this.#tables.transact(tableNames.devices, [
        // A transaction learns its partition from a row that it writes.
        { kind: "put", row: { partitionKey: partition, rowKey: leavingRow } },
        ...rows.map(({ rowKey }) => ({ kind: "remove", rowKey }) as const),
      ]);
    }
    await this.#tables.remove(tableNames.devices, partition, leavingRow);
  }

  async #apply(batch: readonly BucketChange[]): Promise<void> {
    const outcome = await this.#tables.transact(tableNames.devices, batch);
    if (outcome.kind === "lost") throw new DirectoryWriteLost(batch[0]?.row.partitionKey);
  }
}

type Published = {
  readonly bits: number;
  readonly count: number;
  readonly refreshId: string;
  readonly refreshedAt: string;
};

/** A layout gets a number of its own each time it takes over, so that it can be told from its past. */
function generationAfter(row: StoredRow | undefined, bits: number): number {
  if (row === undefined) return 1;
  const generation = numberOf(row, "generation");
  return numberOf(row, "bits") === bits ? generation : generation + 1;
}

const within = ({ from, below }: Part, id: string): boolean =>
  id >= from && (below === undefined || id < below);

/** Exclusive end of the rows that hold ids of a part; its last bucket may reach beyond the part. */
function belowKey({ below }: Part, bits: number): string {
  if (below === undefined) return afterBuckets;
  const last = (Number.parseInt(below, 16) - 1).toString(16).padStart(8, "0");
  return `${bucketKey(bucketOf(last, bits))}~`;
}
