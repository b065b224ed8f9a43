/**
 * Writes the device directory, for the one refresh of a tenant that may. Only rows whose content changed
 * are written, each under the etag that was read, so that a worker who lost its claim loses its writes.
 */

import { inParallel } from "../../kernel/concurrency.ts";
import { entityBytes, maxTransactionOperations } from "../../storage/calls.ts";
import { tableNames } from "../../storage/names.ts";
import {
  allRows,
  type Change,
  numberOf,
  type Row,
  type StoredRow,
  type Tables,
  textOf,
} from "../../storage/tables.ts";
import type { Device } from "./device.ts";
import { bucketKey, bucketOf, keyOf, partitionOf } from "./directory-layout.ts";
import { bucketRow, devicesIn } from "./directory-row.ts";
import { afterBuckets, metaRow } from "./directory-store.ts";

// What has to be written to make rows hold given devices: only what differs, in fitting batches. Pure.

/** A row as it stands: enough to see whether it differs, and to replace it. */
export type StoredBucket = { readonly etag: string; readonly hash: string };

/** A row to write. */
export type BucketChange = Extract<Change, { kind: "insert" | "replace" }>;

/** Bytes in one transaction, counted as Azure counts entities: well below 4 MiB of request. */
const maxBatchBytes = 3_500_000;

/** Rows to write and rows to remove. Devices must be in id order. */
export function changesFor(
  partition: string,
  bits: number,
  devices: readonly Device[],
  stored: ReadonlyMap<string, StoredBucket>,
): { changes: BucketChange[]; gone: { key: string; etag: string }[] } {
  const changes: BucketChange[] = [];
  const left = new Map(stored);
  for (const [key, bucket] of bucketsOf(devices, bits)) {
    const row = bucketRow(partition, key, bucket);
    const before = stored.get(key);
    left.delete(key);
    if (before === undefined) changes.push({ kind: "insert", row });
    else if (before.hash !== row["hash"]) changes.push({ kind: "replace", row, etag: before.etag });
  }
  return { changes, gone: Array.from(left, ([key, { etag }]) => ({ key, etag })) };
}

/** Cuts changes into transactions: at most 100 rows and 3.5 MB each. */
export function batchesOf(changes: readonly BucketChange[]): BucketChange[][] {
  const batches: BucketChange[][] = [];
  let bytes = 0;
  for (const change of changes) {
    const size = requestBytes(change.row);
    const batch = batches.at(-1);
    const full =
      batch === undefined ||
      batch.length >= maxTransactionOperations ||
      bytes + size > maxBatchBytes;
    if (full) batches.push([change]);
    else batch.push(change);
    bytes = full ? size : bytes + size;
  }
  return batches;
}

/** The entity's size covers its JSON on the wire: UTF-8 with escapes stays below UTF-16. */
const requestBytes = (row: Row): number => entityBytes(row) + 500;

function bucketsOf(devices: readonly Device[], bits: number): Map<string, Device[]> {
  const buckets = new Map<string, Device[]>();
  for (const device of devices) {
    const key = keyOf(device.deviceId, bits);
    const bucket = buckets.get(key);
    if (bucket === undefined) buckets.set(key, [device]);
    else bucket.push(device);
  }
  return buckets;
}

/** Part of the id space: from one prefix to below another; without an end, to the last id. */
export type Part = { readonly from: string; readonly below?: string };

/** Rows read at once: about 15,000 devices. */
const rowsAtOnce = 150;
const concurrency = 4;
const removalsAtOnce = 99;
/** Stands in a partition while it is cleared; sorts after every bucket. */
const leavingRow = "leaving";

/** Somebody else wrote the same rows: our claim is lost. */
export class DirectoryWriteLost extends Error {
  constructor(row: string | undefined) {
    super(`somebody else has written to ${row}`);
  }
}

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
    await inParallel(batchesOf(changes), concurrency, (batch) => this.#apply(batch));
    await inParallel(gone, concurrency, async ({ key, etag }) => {
      const outcome = await this.#tables.remove(tableNames.devices, partition, key, etag);
      if (outcome === "lost") throw new DirectoryWriteLost(`${partition} ${key}`);
    });
  }

  /** Makes a layout the tenant's directory. Doing it again for the same refresh changes nothing. */
  async publish(tenantId: string, { bits, refreshId, ...rest }: Published): Promise<void> {
    const row = await this.#tables.get(tableNames.devices, tenantId, metaRow);
    if (row !== undefined && textOf(row, "refreshId") === refreshId) return;
    const generation = generationAfter(row, bits);
    const meta = { partitionKey: tenantId, rowKey: metaRow, bits, generation };
    const next = { ...meta, refreshId, ...rest };
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
  async deleteOthers(
    tenantId: string,
    bits: number,
    stillOurs: () => Promise<void>,
  ): Promise<void> {
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
  readonly fromIntune: number;
  readonly groupTags: number;
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
