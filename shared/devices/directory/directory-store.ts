/**
 * Reads the device directory: packed rows in, devices out.
 *
 * A layout may be replaced while we read. Rows of a layout are removed only after `meta` names another,
 * so what was read counts only if `meta`, read afterwards, still names the layout that was read.
 */
import { inParallel } from "../../kernel/concurrency.ts";
import { tableNames } from "../../storage/names.ts";
import { allRows, numberOf, type StoredRow, type Tables, textOf } from "../../storage/tables.ts";
import type { Device } from "./device.ts";
import {
  type Cursor,
  cursorOf,
  cursorText,
  inBucket,
  keyOf,
  type Layout,
  partitionOf,
  prefixAfter,
} from "./directory-layout.ts";
import { devicesIn, idColumns, idsIn } from "./directory-row.ts";

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
export type Walked = { readonly devices: readonly Device[]; readonly next?: string };

/** Row of what is known about the whole. */
export const metaRow = "meta";
/** Row keys of buckets are hexadecimal and sort below this. */
export const afterBuckets = "g";

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
