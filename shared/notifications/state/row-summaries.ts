/**
 * Delivery rows without their deliveries: what sweeping needs of them, a thousand to a read, and what it
 * notes on them. Sweepers alone write these notes; a handler that changes the row wipes them away.
 */
import type { Instant } from "../../kernel/clock.ts";
import { inChunks } from "../../kernel/concurrency.ts";
import { maxTransactionOperations } from "../../storage/limits.ts";
import { tableNames } from "../../storage/names.ts";
import { type Change, numberOf, type Range, type StoredRow } from "../../storage/rows.ts";
import type { Tables } from "../../storage/tables.ts";
import { end, prefix } from "./delivery-store.ts";

/** A row as the sweeper sees it. */
export type RowMark = {
  readonly lastDeviceId: string;
  /** Deliveries that still need somebody, and how many of them wait to be sent. */
  readonly live: number;
  readonly waiting: number;
  /** When a handler should have come back. */
  readonly dueAt: Instant;
  /** When a message was last sent in place of a lost one. */
  readonly nudgedAt: Instant;
  /** How many messages for it ended in a poison queue since a handler last got through. */
  readonly troubles: number;
};

const select = ["live", "waiting", "dueAt", "nudgedAt", "troubles"];
const rowsPerRead = 1000;

/** Marks in and out. */
export class MarkStore {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** Rows in the order of their ids, page by page, from the one that holds device `from` on. */
  async *pages(notificationId: string, from = "", to?: string): AsyncGenerator<RowMark[]> {
    const below = to === undefined ? end : `${prefix}${to}!`;
    const range = { partition: notificationId, from: prefix + from, below, select };
    let token: string | undefined;
    do {
      const page = await this.#tables.page(tableNames.deliveries, range, rowsPerRead, token);
      yield page.rows.map(toMark);
      token = page.next;
    } while (token !== undefined);
  }

  /** The first row that a handler should have touched before `before`, and no sweeper has since. */
  overdue(notificationId: string, before: Instant): Promise<RowMark | undefined> {
    const moment = before.toFixed(1);
    return this.#first(
      notificationId,
      `live gt 0 and dueAt lt ${moment} and nudgedAt lt ${moment}`,
    );
  }

  /** True when a handler has got through to a row, or holds a turn for one, after `since`. */
  async movedSince(notificationId: string, since: Instant): Promise<boolean> {
    return (await this.#first(notificationId, `dueAt gt ${since.toFixed(1)}`)) !== undefined;
  }

  /** True when a message sent in place of a lost one, after `since` and before `before`, was lost like it. */
  async nudgedInVain(notificationId: string, since: Instant, before: Instant): Promise<boolean> {
    const between = `nudgedAt gt ${since.toFixed(1)} and nudgedAt lt ${before.toFixed(1)}`;
    return (await this.#first(notificationId, `live gt 0 and ${between}`)) !== undefined;
  }

  /** Writes a note on rows that are there; whoever changes them meanwhile is not disturbed in what counts. */
  async note(
    notificationId: string,
    marks: readonly Pick<RowMark, "lastDeviceId">[],
    columns: Partial<Pick<RowMark, "nudgedAt" | "troubles">>,
  ): Promise<void> {
    const changes = marks.map(({ lastDeviceId }): Change => {
      const row = { partitionKey: notificationId, rowKey: prefix + lastDeviceId, ...columns };
      return { kind: "note", row };
    });
    // A row that is gone takes its neighbours' notes along: they get one message too many.
    for (const part of inChunks(changes, maxTransactionOperations))
      await this.#tables.transact(tableNames.deliveries, part);
  }

  async #first(notificationId: string, where: string): Promise<RowMark | undefined> {
    const range: Range = { partition: notificationId, from: prefix, below: end, where, select };
    let token: string | undefined;
    do {
      const page = await this.#tables.page(tableNames.deliveries, range, 1, token);
      if (page.rows[0] !== undefined) return toMark(page.rows[0]);
      token = page.next;
    } while (token !== undefined);
    return undefined;
  }
}

const toMark = (row: StoredRow): RowMark => ({
  lastDeviceId: row.rowKey.slice(prefix.length),
  live: numberOf(row, "live"),
  waiting: numberOf(row, "waiting"),
  dueAt: numberOf(row, "dueAt"),
  nudgedAt: numberOf(row, "nudgedAt"),
  troubles: numberOf(row, "troubles"),
});
