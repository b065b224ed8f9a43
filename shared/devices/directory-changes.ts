/** What has to be written to make rows hold given devices: only what differs, in fitting batches. Pure. */
import { entityBytes, maxTransactionOperations } from "../storage/limits.ts";
import { type Change, type Row } from "../storage/rows.ts";
import type { Device } from "./device.ts";
import { keyOf } from "./directory-layout.ts";
import { bucketRow } from "./directory-row.ts";

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
