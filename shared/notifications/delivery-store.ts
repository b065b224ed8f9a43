/**
 * Delivery rows of a notification, and its plan row, in one partition: so that planning can write rows
 * and its own progress in one transaction, and a worker can claim or settle many rows in one.
 */
import { inParallel } from "../kernel/concurrency.ts";
import { tableNames } from "../storage/names.ts";
import { type Change, numberOf, type Row, type StoredRow, textOf } from "../storage/rows.ts";
import { allRows, type Tables } from "../storage/tables.ts";
import { countedStates } from "./delivery.ts";
import {
  addCounts,
  type Counts,
  countOf,
  type DeliveryRow,
  emptyCounts,
  liveOf,
  pack,
  unpack,
} from "./delivery-row.ts";
import type { PlanProgress } from "./plan-progress.ts";

/** A row with the etag that a change must present. */
export type StoredDeliveryRow = DeliveryRow & { readonly etag: string };
/** The plan row with its etag. */
export type StoredPlan = { readonly progress: PlanProgress; readonly etag: string };

/** Row keys of delivery rows begin with this; the plan row's does not. */
export const prefix = "row:";
/** Behind the last of them. */
export const end = "row;";
const planKey = "plan";
const lanes = 8;

/** Rows in and out. */
export class DeliveryStore {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** The plan row, or undefined before planning began. */
  async plan(notificationId: string): Promise<StoredPlan | undefined> {
    const row = await this.#tables.get(tableNames.deliveries, notificationId, planKey);
    if (row === undefined) return undefined;
    return { progress: JSON.parse(textOf(row, "progress")), etag: row.etag };
  }

  /** Writes new rows and the plan's progress in one transaction; false when somebody was faster. */
  async commitPlan(
    notificationId: string,
    rows: readonly DeliveryRow[],
    progress: PlanProgress,
    etag: string | undefined,
  ): Promise<boolean> {
    const row = {
      partitionKey: notificationId,
      rowKey: planKey,
      progress: JSON.stringify(progress),
    };
    const plan: Change =
      etag === undefined ? { kind: "insert", row } : { kind: "replace", row, etag };
    const inserts = rows.map(
      (fresh): Change => ({ kind: "insert", row: toRow(notificationId, fresh) }),
    );
    const ended = await this.#tables.transact(tableNames.deliveries, [plan, ...inserts]);
    return ended.kind === "done";
  }

  /** Rows from one last-device id to another, both included. */
  async range(notificationId: string, from: string, to: string): Promise<StoredDeliveryRow[]> {
    const range = { partition: notificationId, from: prefix + from, below: `${prefix}${to}!` };
    const rows: StoredDeliveryRow[] = [];
    for await (const row of allRows(this.#tables, tableNames.deliveries, range))
      rows.push(fromRow(row));
    return rows;
  }

  /** The same rows as they are now. */
  async reread(
    notificationId: string,
    rows: readonly StoredDeliveryRow[],
  ): Promise<StoredDeliveryRow[]> {
    const found = await inParallel(rows, lanes, ({ lastDeviceId }) =>
      this.#tables.get(tableNames.deliveries, notificationId, prefix + lastDeviceId),
    );
    return found.flatMap((row) => (row === undefined ? [] : fromRow(row)));
  }

  /** The one row that can hold a device. */
  async rowOf(notificationId: string, deviceId: string): Promise<StoredDeliveryRow | undefined> {
    const range = { partition: notificationId, from: prefix + deviceId, below: end };
    const { rows } = await this.#tables.page(tableNames.deliveries, range, 1);
    return rows[0] === undefined ? undefined : fromRow(rows[0]);
  }

  /**
   * The first `top` rows from the one that can hold device `from` on, optionally only some rows. Fewer
   * mean that no more follow.
   */
  async page(
    notificationId: string,
    { from = "", where, top }: { from?: string; where?: string; top: number },
  ): Promise<StoredDeliveryRow[]> {
    const range = { partition: notificationId, from: prefix + from, below: end };
    const wanted = where === undefined ? range : { ...range, where };
    const rows: StoredRow[] = [];
    let next: string | undefined;
    // A filtered page may come back short, or empty, although more follow: the service stops after a while.
    do {
      const rest = top - rows.length;
      const page = await this.#tables.page(tableNames.deliveries, wanted, rest, next);
      rows.push(...page.rows);
      next = page.next;
    } while (next !== undefined && rows.length < top);
    return rows.map(fromRow);
  }

  /** Replaces rows in one transaction; the new etags, or undefined when somebody was faster. */
  async replace(
    notificationId: string,
    rows: readonly StoredDeliveryRow[],
  ): Promise<StoredDeliveryRow[] | undefined> {
    const changes = rows.map(
      (row): Change => ({ kind: "replace", row: toRow(notificationId, row), etag: row.etag }),
    );
    const ended = await this.#tables.transact(tableNames.deliveries, changes);
    if (ended.kind === "lost") return undefined;
    return rows.map((row, index) => ({ ...row, etag: ended.etags[index] ?? "" }));
  }

  /** Adds up the rows: at most a read per 1,000 rows, that is per 100,000 devices or more. */
  async counts(notificationId: string): Promise<Counts> {
    const range = { partition: notificationId, from: prefix, below: end, select: countedStates };
    let sum: Counts = emptyCounts();
    for await (const row of allRows(this.#tables, tableNames.deliveries, range))
      sum = addCounts(sum, countsIn(row));
    return sum;
  }

  /** True when a row still holds deliveries that need somebody. */
  async anyLive(notificationId: string): Promise<boolean> {
    return (await this.page(notificationId, { where: "live gt 0", top: 1 })).length > 0;
  }
}

function toRow(notificationId: string, { lastDeviceId, deliveries, dueAt }: DeliveryRow): Row {
  const texts = pack(deliveries).map((text, index) => [`d${index}`, text] as const);
  return {
    partitionKey: notificationId,
    rowKey: prefix + lastDeviceId,
    ...countOf(deliveries),
    live: liveOf(deliveries),
    dueAt,
    // Written down anew by whoever gets through: what was noted about lost messages is over.
    nudgedAt: 0,
    parts: texts.length,
    ...Object.fromEntries(texts),
  };
}

function fromRow(row: StoredRow): StoredDeliveryRow {
  const parts = Array.from({ length: numberOf(row, "parts") }, (_, at) => textOf(row, `d${at}`));
  return {
    lastDeviceId: row.rowKey.slice(prefix.length),
    deliveries: unpack(parts),
    dueAt: numberOf(row, "dueAt"),
    etag: row.etag,
  };
}

function countsIn(row: StoredRow): Counts {
  const counts = emptyCounts();
  for (const state of countedStates) counts[state] = numberOf(row, state);
  return counts;
}
