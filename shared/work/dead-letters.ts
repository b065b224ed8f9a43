/** Messages that were set aside, with the reason: newest first, in one partition. */
import { type Clock, type Instant, toIso } from "../kernel/clock.ts";
import { plainText, reasonIn } from "../kernel/outside-text.ts";
import { invertedTime, newestFirstId } from "../kernel/values.ts";
import { tableNames } from "../storage/names.ts";
import { deleteRange, type Tables, textOf } from "../storage/tables.ts";

const partition = "messages";
/** Enough to recognise a message; whole bodies of anonymous callers are not kept. */
const maxContentChars = 2000;

/** A message set aside. */
type DeadLetter = {
  readonly deadLetterId: string;
  readonly queue: string;
  readonly reason: string;
  /** What it said; of much, the two ends. */
  readonly content: string;
  readonly at: string;
};

/** Rows in and out. */
export class DeadLetterStore {
  readonly #tables: Tables;
  readonly #clock: Clock;

  constructor(tables: Tables, clock: Clock) {
    this.#tables = tables;
    this.#clock = clock;
  }

  /** Sets a message aside. */
  async add(entry: { queue: string; reason: string; content: unknown }): Promise<void> {
    const now = this.#clock.now();
    const text =
      typeof entry.content === "string" ? entry.content : (JSON.stringify(entry.content) ?? "");
    await this.#tables.insert(tableNames.deadLetters, {
      partitionKey: partition,
      rowKey: newestFirstId(now),
      queue: entry.queue,
      reason: reasonIn(entry.reason),
      content: plainText(text, maxContentChars),
      at: toIso(now),
    });
  }

  /** Deletes what was set aside before `before`, while `mayGoOn`. */
  expire(before: Instant, mayGoOn: () => boolean): Promise<boolean> {
    const old = { partition, from: invertedTime(before) };
    return deleteRange(this.#tables, tableNames.deadLetters, old, mayGoOn);
  }

  /** A page, newest first. */
  async list(top: number, token?: string): Promise<{ entries: DeadLetter[]; next?: string }> {
    const page = await this.#tables.page(tableNames.deadLetters, { partition }, top, token);
    const entries = page.rows.map((row) => ({
      deadLetterId: row.rowKey,
      queue: textOf(row, "queue"),
      reason: textOf(row, "reason"),
      content: textOf(row, "content"),
      at: textOf(row, "at"),
    }));
    return page.next === undefined ? { entries } : { entries, next: page.next };
  }
}
