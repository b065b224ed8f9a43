/**
 * The device directory of a tenant: how it is packed, how it is read, and how the one refresh that may writes it.
 *
 * A layout may be replaced while we read. Rows of a layout are removed only after `meta` names another,
 * so what was read counts only if `meta`, read afterwards, still names the layout that was read.
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
import { bucketRow, type Device, devicesIn, idColumns, idsIn } from "./device.ts";

// Many devices are packed to a row, by the leading bits of their ids. Ids are random GUIDs, so leading bits spread evenly, and bucket order is id order.

/**
 * Which layout rows are in: so many leading bits, and the number that the layout has among all; and how many
 * devices, where that is known.
 */
type Layout = {
  readonly bits: number;
  readonly generation: number;
  readonly count?: number;
};

/** Where a walk goes on: at ids from this beginning on (8 hex digits or more), in the layout seen last. */
type Cursor = { readonly prefix: string; readonly layout?: Layout };

/** Most leading bits: 16,384 rows, enough for two million devices. */
const maxBits = 14;
/** A new layout has 64 to 128 devices in a bucket; an existing one is kept between these. */
const mostInNewBucket = 128;
const kept = { least: 32, most: 192 };
/** What a walk reckons with when it only knows the bits. */
const devicesPerBucket = 96;

const prefixBits = 32;
const prefixDigits = 8;
/** Where every walk begins. */
const firstPrefix = "00000000";

/** Bits for `count` devices; the present ones stay while buckets are neither tiny nor huge. */
export function bitsFor(count: number, present?: number): number {
  if (present !== undefined) {
    const inBucket = count / 2 ** present;
    const tooSmall = present > 0 && inBucket < kept.least;
    const tooLarge = present < maxBits && inBucket > kept.most;
    if (!tooSmall && !tooLarge) return present;
  }
  return Math.min(maxBits, Math.max(0, Math.ceil(Math.log2(count / mostInNewBucket))));
}

/** How many devices a bucket holds, about. A count may be older than the buckets: never less than in a sparse one. */
const inBucket = ({ bits, count }: Layout): number =>
  count === undefined ? devicesPerBucket : Math.max(kept.least, count / 2 ** bits);

/** The first 32 bits of an id. */
const prefixOf = (id: string): string => id.slice(0, prefixDigits);

/** Which bucket an id, or its prefix, belongs to. */
export const bucketOf = (id: string, bits: number): number =>
  Math.floor(Number.parseInt(prefixOf(id), 16) / 2 ** (prefixBits - bits));

/** Row key of a bucket: key order is bucket order is id order. */
const bucketKey = (bucket: number): string => bucket.toString(16).padStart(4, "0");

/** Row key of the bucket of an id. */
export const keyOf = (id: string, bits: number): string => bucketKey(bucketOf(id, bits));

/** The prefix at which the bucket after `key` begins; undefined when `key` is the last one. */
export function prefixAfter(key: string, bits: number): string | undefined {
  const next = Number.parseInt(key, 16) + 1;
  if (next >= 2 ** bits) return undefined;
  return (next * 2 ** (prefixBits - bits)).toString(16).padStart(prefixDigits, "0");
}

/** Partition of a tenant's rows in one layout. */
const partitionOf = (tenantId: string, bits: number): string => `${tenantId}|${bits}`;

/** A cursor as text. It names an id, not a row, so that it outlives the layout. */
export function cursorText({ prefix, layout }: Cursor): string {
  if (layout === undefined) return prefix;
  const { bits, generation, count } = layout;
  return [prefix, bits, generation, ...(count === undefined ? [] : [count])].join(".");
}

/** The same walk, to go on behind a device that it has passed. */
export const cursorBehind = (cursor: string | undefined, deviceId: string): string =>
  cursorText({ ...cursorOf(cursor), prefix: `${deviceId}!` });

/** A cursor from its text; text of any other shape is an error of ours. */
export function cursorOf(text: string | undefined): Cursor {
  if (text === undefined) return { prefix: firstPrefix };
  const match = /^([0-9a-f]{8}[0-9a-f-]*!?)(?:\.(\d+)\.(\d+)(?:\.(\d+))?)?$/.exec(text);
  if (match?.[1] === undefined) throw new Error(`not a directory cursor: ${text}`);
  const [, prefix, bits, generation, count] = match;
  if (bits === undefined) return { prefix };
  const layout = { bits: Number(bits), generation: Number(generation) };
  return { prefix, layout: count === undefined ? layout : { ...layout, count: Number(count) } };
}

/** What is known of a tenant's directory as a whole. */
export type DirectoryMeta = Layout & {
  readonly count: number;
  /** How many of them Intune gave. */
  readonly fromIntune: number;
  /** Devices with a group tag, in the list that was read last. */
  readonly groupTags: number;
  /** ISO 8601: when the refresh that made it ended. */
  readonly refreshedAt: string;
  /** The refresh that wrote this. */
  readonly refreshId: string;
};

/** A step of a walk: whole buckets, in id order. */
type Walked = { readonly devices: readonly Device[]; readonly next?: string };

/** Row of what is known about the whole. */
const metaRow = "meta";
/** Row keys of buckets are hexadecimal and sort below this. */
const afterBuckets = "g";

/** Below this share of buckets touched between the first and the last, single rows are cheaper than the whole range. */
const sparseShare = 0.25;
const concurrency = 8;
const maxRows = 1000;
/** Whole rows read at once: about 15,000 devices in memory. */
const wholeRowsAtOnce = 150;
/** Layouts change once in a while; so many times during one read means something is badly wrong. */
const maxTries = 5;

/** The directory of every tenant, for reading. */
export class DirectoryStore {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** Size and layout; undefined before the first refresh. */
  async meta(tenantId: string): Promise<DirectoryMeta | undefined> {
    const row = await this.#tables.get(tableNames.devices, tenantId, metaRow);
    if (row === undefined) return undefined;
    return {
      bits: numberOf(row, "bits"),
      generation: numberOf(row, "generation"),
      count: numberOf(row, "count"),
      fromIntune: numberOf(row, "fromIntune"),
      groupTags: numberOf(row, "groupTags"),
      refreshedAt: textOf(row, "refreshedAt"),
      refreshId: textOf(row, "refreshId"),
    };
  }

  /**
   * Devices in id order, about `maxDevices` of them in whole buckets, from the cursor `after` on. The
   * cursor holds while the directory changes, in content and in layout: no device that stays is missed
   * or given twice.
   */
  async walk(tenantId: string, after: string | undefined, maxDevices: number): Promise<Walked> {
    const cursor = cursorOf(after);
    const walked = await this.#inLayout(tenantId, cursor.layout, (layout) =>
      this.#step(tenantId, { prefix: cursor.prefix, layout }, maxDevices),
    );
    return walked ?? { devices: [] };
  }

  /** The layout that the directory has, and the one for `count` devices, which is the same as long as it fits. */
  async layoutFor(
    tenantId: string,
    count: number,
  ): Promise<{ readonly fromBits?: number; readonly toBits: number }> {
    const meta = await this.meta(tenantId);
    const toBits = bitsFor(count, meta?.bits);
    return meta === undefined ? { toBits } : { fromBits: meta.bits, toBits };
  }

  /** One device, or undefined. */
  async get(tenantId: string, deviceId: string): Promise<Device | undefined> {
    return (await this.getMany(tenantId, [deviceId])).get(deviceId);
  }

  /** The devices of these ids, by id; ids that are not in the directory are left out. */
  async getMany(tenantId: string, ids: readonly string[]): Promise<Map<string, Device>> {
    const wanted = new Set(ids);
    const found = await this.#inLayout(tenantId, undefined, async (layout) => {
      const devices = new Map<string, Device>();
      await this.#rowsOf(tenantId, layout, wanted, undefined, (row) => {
        for (const device of devicesIn(row))
          if (wanted.has(device.deviceId)) devices.set(device.deviceId, device);
      });
      return devices;
    });
    return found ?? new Map();
  }

  /** Which of these ids are not in the directory, in their order. Reads id columns only. */
  async missing(tenantId: string, ids: readonly string[]): Promise<string[]> {
    const wanted = new Set(ids);
    const missing = await this.#inLayout(tenantId, undefined, async (layout) => {
      const absent = new Set(wanted);
      await this.#rowsOf(tenantId, layout, wanted, idColumns, (row) => {
        for (const id of idsIn(row)) absent.delete(id);
      });
      return absent;
    });
    return [...(missing ?? wanted)];
  }

  /** Runs a read until the layout it used is still the tenant's after it; undefined: no directory. */
  async #inLayout<T>(
    tenantId: string,
    guess: Layout | undefined,
    read: (layout: Layout) => Promise<T>,
  ): Promise<T | undefined> {
    let layout = guess ?? (await this.meta(tenantId));
    for (let tries = 0; tries < maxTries; tries += 1) {
      if (layout === undefined) return undefined;
      const result = await read(layout);
      const now = await this.meta(tenantId);
      if (now?.generation === layout.generation && now.bits === layout.bits) return result;
      layout = now;
    }
    throw new Error(
      `the directory of ${tenantId} changed its layout ${maxTries} times in one read`,
    );
  }

  async #step(tenantId: string, cursor: Required<Cursor>, maxDevices: number): Promise<Walked> {
    const { prefix, layout } = cursor;
    const partition = partitionOf(tenantId, layout.bits);
    const top = Math.min(maxRows, Math.max(1, Math.floor(maxDevices / inBucket(layout))));
    const range = { partition, from: keyOf(prefix, layout.bits), below: afterBuckets };
    let page = await this.#tables.page(tableNames.devices, range, top);
    // A page may be empty and still not be the last one.
    while (page.rows.length === 0 && page.next !== undefined)
      page = await this.#tables.page(tableNames.devices, range, top, page.next);
    const devices = page.rows.flatMap(devicesIn).filter((device) => device.deviceId >= prefix);
    const last = page.rows.at(-1);
    if (page.next === undefined || last === undefined) return { devices };
    const next = prefixAfter(last.rowKey, layout.bits);
    return next === undefined
      ? { devices }
      : { devices, next: cursorText({ prefix: next, layout }) };
  }

  /** Visits the rows that could hold the ids: single rows when they are few, else the range they span. */
  async #rowsOf(
    tenantId: string,
    { bits }: Layout,
    ids: ReadonlySet<string>,
    select: readonly string[] | undefined,
    visit: (row: StoredRow) => void,
  ): Promise<void> {
    const partition = partitionOf(tenantId, bits);
    const columns = select === undefined ? {} : { select };
    const keys = [...new Set(Array.from(ids, (id) => keyOf(id, bits)))].toSorted();
    const [first, last] = [keys[0], keys.at(-1)];
    if (first === undefined || last === undefined) return;
    const span = Number.parseInt(last, 16) - Number.parseInt(first, 16) + 1;
    if (keys.length > 1 && keys.length >= span * sparseShare) {
      const range = { partition, from: first, below: `${last}~`, ...columns };
      const top = select === undefined ? wholeRowsAtOnce : maxRows;
      for await (const row of allRows(this.#tables, tableNames.devices, range, top)) visit(row);
      return;
    }
    await inParallel(keys, concurrency, async (key) => {
      const range = { partition, from: key, below: `${key}~`, ...columns };
      const { rows } = await this.#tables.page(tableNames.devices, range, 1);
      for (const row of rows) visit(row);
    });
  }
}

// Writes the device directory, for the one refresh of a tenant that may. Only rows whose content changed
// are written, each under the etag that was read, so that a worker who lost its claim loses its writes.

/** A row as it stands: enough to see whether it differs, and to replace it. */
type StoredBucket = { readonly etag: string; readonly hash: string };

/** A row to write. */
type BucketChange = Extract<Change, { kind: "insert" | "replace" }>;

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

/** Part of the id space: from one prefix, or the first, to below another, or to the last id. */
export type Part = { readonly from?: string; readonly below?: string };

/** Rows read at once: about 15,000 devices. */
const rowsAtOnce = 150;
const batchesAtOnce = 4;
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
      from: bucketKey(bucketOf(part.from ?? firstPrefix, bits)),
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
    await inParallel(batchesOf(changes), batchesAtOnce, (batch) => this.#apply(batch));
    await inParallel(gone, batchesAtOnce, async ({ key, etag }) => {
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

const within = ({ from = firstPrefix, below }: Part, id: string): boolean =>
  id >= from && (below === undefined || id < below);

/** Exclusive end of the rows that hold ids of a part; its last bucket may reach beyond the part. */
function belowKey({ below }: Part, bits: number): string {
  if (below === undefined) return afterBuckets;
  const last = (Number.parseInt(below, 16) - 1).toString(16).padStart(8, "0");
  return `${bucketKey(bucketOf(last, bits))}~`;
}
