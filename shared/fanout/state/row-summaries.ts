/**
 * Item rows without their items: what sweeping needs of them, a thousand to a read, and what it
 * notes on them. Sweepers alone write these notes; a handler that changes the row wipes them away.
 */
import type { Instant } from "../../kernel/clock.ts";
import { inChunks } from "../../kernel/concurrency.ts";
import { maxTransactionOperations } from "../../storage/calls.ts";
import { tableNames } from "../../storage/names.ts";
import {
  type Change,
  numberOf,
  type Range,
  type StoredRow,
  type Tables,
} from "../../storage/tables.ts";
import { end, prefix } from "./item-store.ts";

/** A row as the sweeper sees it. */
export type RowSummary = {
  readonly lastTargetId: string;
  /** Items that still need somebody, and how many of them wait to be sent. */
  readonly live: number;
  readonly waiting: number;
  /** When a handler should have come back. */
  readonly dueAt: Instant;
  /** When a message was last sent in place of a lost one. */
  readonly requeuedAt: Instant;
  /** How many messages for it ended in a poison queue since a handler last got through. */
  readonly failures: number;
};

const select = ["live", "waiting", "dueAt", "requeuedAt", "failures"];
const rowsPerRead = 1000;

/** Summaries in and out. */
export class RowSummaries {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** Rows in the order of their ids, page by page, from the one that holds target `from` on. */
  async *pages(jobId: string, from = "", to?: string): AsyncGenerator<RowSummary[]> {
    const below = to === undefined ? end : `${prefix}${to}!`;
    const range = { partition: jobId, from: prefix + from, below, select };
    let token: string | undefined;
    do {
      const page = await this.#tables.page(tableNames.items, range, rowsPerRead, token);
      yield page.rows.map(summaryOf);
      token = page.next;
    } while (token !== undefined);
  }

  /** The first row that a handler should have touched before `before`, and no sweeper has since. */
  overdue(jobId: string, before: Instant): Promise<RowSummary | undefined> {
    const moment = before.toFixed(1);
    return this.#first(jobId, `live gt 0 and dueAt lt ${moment} and requeuedAt lt ${moment}`);
  }

  /** True when a handler has got through to a row, or holds a turn for one, after `since`. */
  async movedSince(jobId: string, since: Instant): Promise<boolean> {
    return (await this.#first(jobId, `dueAt gt ${since.toFixed(1)}`)) !== undefined;
  }

  /** True when a message sent in place of a lost one, after `since` and before `before`, was lost like it. */
  async requeuedInVain(jobId: string, since: Instant, before: Instant): Promise<boolean> {
    const between = `requeuedAt gt ${since.toFixed(1)} and requeuedAt lt ${before.toFixed(1)}`;
    return (await this.#first(jobId, `live gt 0 and ${between}`)) !== undefined;
  }

  /** Writes a note on rows that are there; whoever changes them meanwhile is not disturbed in what counts. */
  async note(
    jobId: string,
    rows: readonly Pick<RowSummary, "lastTargetId">[],
    columns: Partial<Pick<RowSummary, "requeuedAt" | "failures">>,
  ): Promise<void> {
    const changes = rows.map(({ lastTargetId }): Change => {
      const row = { partitionKey: jobId, rowKey: prefix + lastTargetId, ...columns };
      return { kind: "note", row };
    });
    // A row that is gone takes its neighbours' notes along: they get one message too many.
    for (const part of inChunks(changes, maxTransactionOperations))
      await this.#tables.transact(tableNames.items, part);
  }

  async #first(jobId: string, where: string): Promise<RowSummary | undefined> {
    const range: Range = { partition: jobId, from: prefix, below: end, where, select };
    let token: string | undefined;
    do {
      const page = await this.#tables.page(tableNames.items, range, 1, token);
      if (page.rows[0] !== undefined) return summaryOf(page.rows[0]);
      token = page.next;
    } while (token !== undefined);
    return undefined;
  }
}

const summaryOf = (row: StoredRow): RowSummary => ({
  lastTargetId: row.rowKey.slice(prefix.length),
  live: numberOf(row, "live"),
  waiting: numberOf(row, "waiting"),
  dueAt: numberOf(row, "dueAt"),
  requeuedAt: numberOf(row, "requeuedAt"),
  failures: numberOf(row, "failures"),
});
