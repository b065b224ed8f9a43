/**
 * Item rows of a job, and its plan row, in one partition: so that planning can write rows
 * and its own progress in one transaction, and a worker can claim or settle many rows in one.
 */
import type { Instant } from "../../kernel/clock.ts";
import { inChunks, inParallel } from "../../kernel/concurrency.ts";
import { reasonIn, reasonOf } from "../../kernel/outside-text.ts";
import { maxTransactionOperations } from "../../storage/calls.ts";
import { tableNames } from "../../storage/names.ts";
import {
  allRows,
  type Change,
  numberOf,
  type Range,
  type Row,
  type StoredRow,
  type Tables,
  textOf,
} from "../../storage/tables.ts";
import { type Attempt, historyRow } from "./history.ts";
import {
  addCounts,
  asideOf,
  begunOf,
  type Counts,
  countedStates,
  countOf,
  emptyCounts,
  type Item,
  type ItemRow,
  liveOf,
  maxDetailChars,
  pack,
  unpack,
} from "./item.ts";
import type { Job } from "./job.ts";
import { type PlanProgress, StoredProgress } from "./rollout.ts";

/** Whose rows they are, and what they are about, in a word of the kind's: who reads rows need not read their job too. */
type RowOwner = { readonly tenantId: string; readonly subject: string };
/** A row with the etag that a change must present. */
export type StoredItemRow = ItemRow & { readonly owner: RowOwner; readonly etag: string };
/** Which rows: from the one that can hold target `from` on, optionally only some, at most `top`. */
export type RowQuery = {
  readonly from?: string | undefined;
  readonly where?: string | undefined;
  readonly top: number;
};
/** How far a job's items are. */
export type Standing = {
  readonly counts: Counts;
  /** Of those that wait, how many have been begun: between two steps, or two attempts. */
  readonly begun: number;
  /** How many wait aside, so that they take no place among what rules let out, and how many of these are back. */
  readonly aside: number;
  readonly back: number;
  /** When the first and the last of the rows are read back in which only answers are missing; 0: there is none. */
  readonly firstReadAt: Instant;
  readonly lastReadAt: Instant;
};

/** The plan row with its etag. */
export type StoredPlan = { readonly progress: PlanProgress; readonly etag: string };

/** Row keys of item rows begin with this; the plan row's does not. */
const prefix = "row:";
/** Behind the last of them. */
const end = "row;";
/** The plan row's key: it is written anew with every row that planning adds. */
export const planKey = "plan";
/** What rows say of their items beside the states. */
const others = ["begun", "aside", "back"] as const;
const concurrency = 8;

/** A row whose text cannot be read: the items in it are not known, only how many of them were in which state. */
export class UnreadableRow extends Error {
  readonly lastTargetId: string;

  constructor(lastTargetId: string, cause: unknown) {
    super(`item row ${lastTargetId} cannot be read: ${reasonOf(cause)}`, { cause });
    this.lastTargetId = lastTargetId;
  }
}

/** Rows in and out. */
export class ItemStore {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** The plan row, or undefined before planning began. */
  async plan(jobId: string): Promise<StoredPlan | undefined> {
    const row = await this.#tables.get(tableNames.items, jobId, planKey);
    if (row === undefined) return undefined;
    checkVersion(row);
    const progress = StoredProgress.parse(JSON.parse(textOf(row, "progress")));
    return { progress, etag: row.etag };
  }

  /** Writes new rows and the plan's progress in one transaction; undefined when somebody was faster. */
  async commitPlan(
    job: RowOwner & Pick<Job, "jobId">,
    rows: readonly ItemRow[],
    progress: PlanProgress,
    etag: string | undefined,
    changed: readonly StoredItemRow[] = [],
  ): Promise<StoredPlan | undefined> {
    const { jobId, tenantId, subject } = job;
    const owner = { tenantId, subject };
    const row = {
      partitionKey: jobId,
      rowKey: planKey,
      v: version,
      progress: JSON.stringify(progress),
    };
    const plan: Change =
      etag === undefined ? { kind: "insert", row } : { kind: "replace", row, etag };
    const inserts = rows.map(
      (fresh): Change => ({ kind: "insert", row: toRow(jobId, { ...fresh, owner }) }),
    );
    const replaces = changed.map(
      (each): Change => ({ kind: "replace", row: toRow(jobId, each), etag: each.etag }),
    );
    const ended = await this.#tables.transact(tableNames.items, [plan, ...inserts, ...replaces]);
    return ended.kind === "done" ? { progress, etag: ended.etags[0] ?? "" } : undefined;
  }

  /** Rows from one last-target id to another, both included. */
  async range(jobId: string, from: string, to: string): Promise<StoredItemRow[]> {
    const range = { partition: jobId, from: prefix + from, below: `${prefix}${to}!` };
    const rows: StoredItemRow[] = [];
    for await (const row of allRows(this.#tables, tableNames.items, range)) rows.push(fromRow(row));
    return rows;
  }

  /** The same rows as they are now. */
  async reread(jobId: string, rows: readonly StoredItemRow[]): Promise<StoredItemRow[]> {
    const found = await inParallel(rows, concurrency, ({ lastTargetId }) =>
      this.#tables.get(tableNames.items, jobId, prefix + lastTargetId),
    );
    return found.flatMap((row) => (row === undefined ? [] : fromRow(row)));
  }

  /** The one row that can hold a target. */
  async rowOf(jobId: string, targetId: string): Promise<StoredItemRow | undefined> {
    const range = { partition: jobId, from: prefix + targetId, below: end };
    const { rows } = await this.#tables.page(tableNames.items, range, 1);
    return rows[0] === undefined ? undefined : fromRow(rows[0]);
  }

  /**
   * What one storage request finds, which may be less than there is, or nothing: the service stops after
   * a while. `next` goes on in the same query; without it there is no more.
   */
  async scan(
    jobId: string,
    { top, ...query }: RowQuery,
    token?: string,
  ): Promise<{ rows: StoredItemRow[]; next?: string }> {
    const range = rangeOf(jobId, query);
    const { rows, ...next } = await this.#tables.page(tableNames.items, range, top, token);
    return { rows: rows.map(fromRow), ...next };
  }

  /** The first `top` rows, in as many requests as that takes. Fewer mean that no more follow. */
  async page(jobId: string, query: RowQuery): Promise<StoredItemRow[]> {
    const rows: StoredItemRow[] = [];
    let next: string | undefined;
    do {
      const top = query.top - rows.length;
      const found = await this.scan(jobId, { ...query, top }, next);
      rows.push(...found.rows);
      next = found.next;
    } while (next !== undefined && rows.length < query.top);
    return rows;
  }

  /** The same of rows that can be read; those that cannot end on the way. */
  async readablePage(jobId: string, query: RowQuery): Promise<StoredItemRow[]> {
    for (;;)
      try {
        return await this.page(jobId, query);
      } catch (error) {
        if (!(error instanceof UnreadableRow)) throw error;
        await this.endUnreadable(jobId, error);
      }
  }

  /**
   * Replaces rows in one transaction, and adds the attempts that ended with that; the new etags, or undefined when
   * somebody was faster.
   */
  async replace(
    jobId: string,
    rows: readonly (StoredItemRow & { readonly ended?: readonly Attempt[] })[],
  ): Promise<StoredItemRow[] | undefined> {
    const counted = rows.map(({ ended = [], ...row }) => {
      const { lastTargetId, logs = 0 } = row;
      return ended.length === 0
        ? { row, log: [] }
        : { row: { ...row, logs: logs + 1 }, log: [historyRow(jobId, lastTargetId, logs, ended)] };
    });
    const changes = counted.map(
      ({ row }): Change => ({ kind: "replace", row: toRow(jobId, row), etag: row.etag }),
    );
    const added = counted.flatMap(({ log }) => log.map((row): Change => ({ kind: "insert", row })));
    const written = await this.#tables.transact(tableNames.items, [...changes, ...added]);
    if (written.kind === "lost") return undefined;
    return counted.map(({ row }, index) => ({ ...row, etag: written.etags[index] ?? "" }));
  }

  /**
   * Ends a row that cannot be read, once trying again has not helped: whatever was live in it is unknown. Its text
   * stays, for whoever can mend it by hand.
   */
  async endUnreadable(jobId: string, { lastTargetId, message }: UnreadableRow): Promise<void> {
    const row = await this.#tables.get(tableNames.items, jobId, prefix + lastTargetId);
    if (row === undefined) return;
    const { etag, columns, partitionKey, rowKey } = row;
    const { waiting, sent, unknown } = countsIn(row);
    const none = { waiting: 0, begun: 0, aside: 0, back: 0, sent: 0, live: 0 };
    const ended = { ...none, unknown: unknown + waiting + sent };
    const same = { ...(columns as Row), partitionKey, rowKey };
    const fresh = { ...same, ...ended, unreadable: reasonIn(message, maxDetailChars) };
    // A lost race means that somebody could read it, or ended it too.
    await this.#tables.transact(tableNames.items, [{ kind: "replace", row: fresh, etag }]);
  }

  /** Adds up the rows: at most a read per 1,000 rows, that is per 100,000 items or more. */
  async counts(jobId: string): Promise<Counts> {
    return (await this.standing(jobId)).counts;
  }

  /** The counts, and when answers are read back; in as few reads. */
  async standing(jobId: string): Promise<Standing> {
    const select = [...countedStates, ...others, "dueAt"];
    const range = { partition: jobId, from: prefix, below: end, select };
    let counts: Counts = emptyCounts();
    const sums = { begun: 0, aside: 0, back: 0 };
    let firstReadAt = Number.POSITIVE_INFINITY;
    let lastReadAt = 0;
    for await (const row of allRows(this.#tables, tableNames.items, range)) {
      const some = countsIn(row);
      counts = addCounts(counts, some);
      for (const column of others) sums[column] += numberOf(row, column);
      if (some.sent === 0 || some.waiting > 0) continue;
      firstReadAt = Math.min(firstReadAt, numberOf(row, "dueAt"));
      lastReadAt = Math.max(lastReadAt, numberOf(row, "dueAt"));
    }
    return { counts, ...sums, firstReadAt: lastReadAt === 0 ? 0 : firstReadAt, lastReadAt };
  }

  /** True when a row still holds items that need somebody. */
  async anyLive(jobId: string): Promise<boolean> {
    const range = { ...rangeOf(jobId, { where: "live gt 0" }), select: ["live"] };
    for await (const _ of allRows(this.#tables, tableNames.items, range)) return true;
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

/** Version of the rows that are written. Another one is refused by name, not read by guess. */
const version = 1;

function checkVersion(row: StoredRow): void {
  const found = numberOf(row, "v");
  if (found !== version)
    throw new Error(`it has version ${found}, and this Muster reads version ${version}`);
}

function toRow(
  jobId: string,
  { lastTargetId, items, dueAt, owner, logs = 0 }: ItemRow & { readonly owner: RowOwner },
): Row {
  const { tenantId, subject } = owner;
  const texts = pack(items).map((text, index) => [`d${index}`, text] as const);
  return {
    partitionKey: jobId,
    rowKey: prefix + lastTargetId,
    v: version,
    tenantId,
    subject,
    ...countOf(items),
    begun: begunOf(items),
    ...asideOf(items),
    live: liveOf(items),
    dueAt,
    // Written down anew by whoever gets through: what was noted about lost messages is over.
    requeuedAt: 0,
    parts: texts.length,
    ...(logs === 0 ? {} : { logs }),
    ...Object.fromEntries(texts),
  };
}

function fromRow(row: StoredRow): StoredItemRow {
  const lastTargetId = row.rowKey.slice(prefix.length);
  return {
    lastTargetId,
    items: read(row, lastTargetId),
    dueAt: numberOf(row, "dueAt"),
    owner: { tenantId: textOf(row, "tenantId"), subject: textOf(row, "subject") },
    ...(numberOf(row, "logs") === 0 ? {} : { logs: numberOf(row, "logs") }),
    etag: row.etag,
  };
}

/** The items of a row; of one that ended unreadable, its one known target, with the cause. */
function read(row: StoredRow, lastTargetId: string): readonly Item[] {
  const detail = row.columns["unreadable"];
  if (typeof detail === "string")
    return [
      {
        targetId: lastTargetId,
        name: "",
        state: "unknown",
        route: -1,
        at: 0,
        attempts: 0,
        code: "muster-failed",
        detail,
      },
    ];
  try {
    checkVersion(row);
    return unpack(Array.from({ length: numberOf(row, "parts") }, (_, at) => textOf(row, `d${at}`)));
  } catch (error) {
    throw new UnreadableRow(lastTargetId, error);
  }
}

function countsIn(row: StoredRow): Counts {
  const counts = emptyCounts();
  for (const state of countedStates) counts[state] = numberOf(row, state);
  return counts;
}

// Item rows without their items: what sweeping needs of them, a thousand to a read, and what it
// notes on them. Sweepers alone write these notes; a handler that changes the row wipes them away.

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

  /** True when a handler has got through to a row, or holds a reservation for one, after `since`. */
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
