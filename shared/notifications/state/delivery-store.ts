/**
 * Delivery rows of a notification, and its plan row, in one partition: so that planning can write rows
 * and its own progress in one transaction, and a worker can claim or settle many rows in one.
 */
import type { Instant } from "../../kernel/clock.ts";
import { inParallel } from "../../kernel/concurrency.ts";
import { reasonIn, reasonOf } from "../../kernel/outside-text.ts";
import { tableNames } from "../../storage/names.ts";
import {
  type Change,
  numberOf,
  type Range,
  type Row,
  type StoredRow,
  textOf,
} from "../../storage/rows.ts";
import { allRows, type Tables } from "../../storage/tables.ts";
import { countedStates, type Delivery, maxDetailChars } from "./delivery.ts";
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
import type { Notification } from "./notification.ts";
import type { PlanProgress } from "./plan-progress.ts";

/** Whose rows they are, and what they carry: who reads rows need not read their notification too. */
export type RowOwner = Pick<Notification, "tenantId" | "actionId">;
/** A row with the etag that a change must present. */
export type StoredDeliveryRow = DeliveryRow & { readonly owner: RowOwner; readonly etag: string };
/** Which rows: from the one that can hold device `from` on, optionally only some, at most `top`. */
export type RowQuery = {
  readonly from?: string | undefined;
  readonly where?: string | undefined;
  readonly top: number;
};
/** How far a notification's devices are. */
export type Standing = {
  readonly counts: Counts;
  /** When the first and the last of the rows are looked at in which only answers are missing; 0: there is none. */
  readonly firstLookAt: Instant;
  readonly lastLookAt: Instant;
};

/** The plan row with its etag. */
export type StoredPlan = { readonly progress: PlanProgress; readonly etag: string };

/** Row keys of delivery rows begin with this; the plan row's does not. */
export const prefix = "row:";
/** Behind the last of them. */
export const end = "row;";
const planKey = "plan";
const lanes = 8;

/** A row whose text cannot be read: the devices in it are not known, only how many of them were in which state. */
export class UnreadableRow extends Error {
  readonly lastDeviceId: string;

  constructor(lastDeviceId: string, cause: unknown) {
    super(`delivery row ${lastDeviceId} cannot be read: ${reasonOf(cause)}`, { cause });
    this.lastDeviceId = lastDeviceId;
  }
}

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

  /** Writes new rows and the plan's progress in one transaction; undefined when somebody was faster. */
  async commitPlan(
    notification: RowOwner & Pick<Notification, "notificationId">,
    rows: readonly DeliveryRow[],
    progress: PlanProgress,
    etag: string | undefined,
  ): Promise<StoredPlan | undefined> {
    const { notificationId, tenantId, actionId } = notification;
    const owner = { tenantId, actionId };
    const row = {
      partitionKey: notificationId,
      rowKey: planKey,
      progress: JSON.stringify(progress),
    };
    const plan: Change =
      etag === undefined ? { kind: "insert", row } : { kind: "replace", row, etag };
    const inserts = rows.map(
      (fresh): Change => ({ kind: "insert", row: toRow(notificationId, { ...fresh, owner }) }),
    );
    const ended = await this.#tables.transact(tableNames.deliveries, [plan, ...inserts]);
    return ended.kind === "done" ? { progress, etag: ended.etags[0] ?? "" } : undefined;
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
   * What one storage request finds, which may be less than there is, or nothing: the service stops after
   * a while. `next` goes on in the same query; without it there is no more.
   */
  async look(
    notificationId: string,
    { top, ...query }: RowQuery,
    token?: string,
  ): Promise<{ rows: StoredDeliveryRow[]; next?: string }> {
    const range = rangeOf(notificationId, query);
    const { rows, ...next } = await this.#tables.page(tableNames.deliveries, range, top, token);
    return { rows: rows.map(fromRow), ...next };
  }

  /** The first `top` rows, in as many requests as that takes. Fewer mean that no more follow. */
  async page(notificationId: string, query: RowQuery): Promise<StoredDeliveryRow[]> {
    const rows: StoredDeliveryRow[] = [];
    let next: string | undefined;
    do {
      const top = query.top - rows.length;
      const found = await this.look(notificationId, { ...query, top }, next);
      rows.push(...found.rows);
      next = found.next;
    } while (next !== undefined && rows.length < query.top);
    return rows;
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

  /**
   * Ends a row that cannot be read, once trying again has not helped: whatever was live in it is unknown. Its text
   * stays, for whoever can mend it by hand.
   */
  async endUnreadable(
    notificationId: string,
    { lastDeviceId, message }: UnreadableRow,
  ): Promise<void> {
    const row = await this.#tables.get(
      tableNames.deliveries,
      notificationId,
      prefix + lastDeviceId,
    );
    if (row === undefined) return;
    const { etag, columns, partitionKey, rowKey } = row;
    const { waiting, sent, unknown } = countsIn(row);
    const ended = { waiting: 0, sent: 0, unknown: unknown + waiting + sent, live: 0 };
    const same = { ...(columns as Row), partitionKey, rowKey };
    const fresh = { ...same, ...ended, unreadable: reasonIn(message, maxDetailChars) };
    // A lost race means that somebody could read it, or ended it too.
    await this.#tables.transact(tableNames.deliveries, [{ kind: "replace", row: fresh, etag }]);
  }

  /** Adds up the rows: at most a read per 1,000 rows, that is per 100,000 devices or more. */
  async counts(notificationId: string): Promise<Counts> {
    return (await this.standing(notificationId)).counts;
  }

  /** The counts, and when answers are looked at; in as few reads. */
  async standing(notificationId: string): Promise<Standing> {
    const select = [...countedStates, "dueAt"];
    const range = { partition: notificationId, from: prefix, below: end, select };
    let counts: Counts = emptyCounts();
    let firstLookAt = Number.POSITIVE_INFINITY;
    let lastLookAt = 0;
    for await (const row of allRows(this.#tables, tableNames.deliveries, range)) {
      const some = countsIn(row);
      counts = addCounts(counts, some);
      if (some.sent === 0 || some.waiting > 0) continue;
      firstLookAt = Math.min(firstLookAt, numberOf(row, "dueAt"));
      lastLookAt = Math.max(lastLookAt, numberOf(row, "dueAt"));
    }
    return { counts, firstLookAt: lastLookAt === 0 ? 0 : firstLookAt, lastLookAt };
  }

  /** True when a row still holds deliveries that need somebody. */
  async anyLive(notificationId: string): Promise<boolean> {
    const range = { ...rangeOf(notificationId, { where: "live gt 0" }), select: ["live"] };
    for await (const _ of allRows(this.#tables, tableNames.deliveries, range)) return true;
    return false;
  }
}

const rangeOf = (
  partition: string,
  { from = "", where }: Pick<RowQuery, "from" | "where">,
): Range => ({
  partition,
  from: prefix + from,
  below: end,
  ...(where === undefined ? {} : { where }),
});

function toRow(
  notificationId: string,
  { lastDeviceId, deliveries, dueAt, owner }: DeliveryRow & { readonly owner: RowOwner },
): Row {
  const { tenantId, actionId } = owner;
  const texts = pack(deliveries).map((text, index) => [`d${index}`, text] as const);
  return {
    partitionKey: notificationId,
    rowKey: prefix + lastDeviceId,
    tenantId,
    actionId,
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
  const lastDeviceId = row.rowKey.slice(prefix.length);
  return {
    lastDeviceId,
    deliveries: read(row, lastDeviceId),
    dueAt: numberOf(row, "dueAt"),
    owner: { tenantId: textOf(row, "tenantId"), actionId: textOf(row, "actionId") },
    etag: row.etag,
  };
}

/** The deliveries of a row; of one that ended unreadable, its one known device, with the cause. */
function read(row: StoredRow, lastDeviceId: string): readonly Delivery[] {
  const detail = row.columns["unreadable"];
  if (typeof detail === "string")
    return [
      {
        deviceId: lastDeviceId,
        deviceName: "",
        state: "unknown",
        route: -1,
        at: 0,
        attempts: 0,
        code: "muster-failed",
        detail,
      },
    ];
  try {
    return unpack(Array.from({ length: numberOf(row, "parts") }, (_, at) => textOf(row, `d${at}`)));
  } catch (error) {
    throw new UnreadableRow(lastDeviceId, error);
  }
}

function countsIn(row: StoredRow): Counts {
  const counts = emptyCounts();
  for (const state of countedStates) counts[state] = numberOf(row, state);
  return counts;
}
