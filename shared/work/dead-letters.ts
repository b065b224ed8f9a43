/**
 * Messages that were set aside, with the reason: newest first, in one partition. One that is kept whole can be sent
 * again, once what made it fail is mended; any can be discarded.
 */
import { type Clock, type Instant, toIso } from "../kernel/clock.ts";
import { fail, type Result, succeed } from "../kernel/failure.ts";
import { plainText, reasonIn } from "../kernel/outside-text.ts";
import { invertedTime, newestFirstId } from "../kernel/values.ts";
import { type QueueName, queueNames, tableNames } from "../storage/names.ts";
import type { Queues } from "../storage/queues.ts";
import { deleteRange, flagOf, type StoredRow, type Tables, textOf } from "../storage/tables.ts";

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
  /** Whether it can be sent again: it is kept whole, and is for a queue and of a version that exist. */
  readonly replayable: boolean;
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
    const content = plainText(text, maxContentChars);
    await this.#tables.insert(tableNames.deadLetters, {
      partitionKey: partition,
      rowKey: newestFirstId(now),
      queue: entry.queue,
      reason: reasonIn(entry.reason),
      content,
      // Cut in the middle, or with other blanks, it would say something else.
      whole: content === text,
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
    const entries = page.rows.map(entryOf);
    return page.next === undefined ? { entries } : { entries, next: page.next };
  }

  /** One of them. */
  async get(deadLetterId: string): Promise<Result<DeadLetter>> {
    const row = await this.#tables.get(tableNames.deadLetters, partition, deadLetterId);
    return row === undefined ? unknown(deadLetterId) : succeed(entryOf(row));
  }

  /**
   * Sends a message to its queue again, and then forgets that it was set aside: dying in between it is there still, and a message
   * too many is harmless, since every handler looks at rows first.
   */
  async replay(deadLetterId: string, queues: Pick<Queues, "send">): Promise<Result<DeadLetter>> {
    const found = await this.get(deadLetterId);
    if (!found.ok) return found;
    const { queue, content, replayable } = found.value;
    const message = messageIn(content);
    if (!(replayable && isQueue(queue)) || message === undefined)
      return fail(
        "not-replayable",
        `Message ${deadLetterId} is not kept whole, or is none that a function of this version takes. Discard it; the work itself is in its row, and is looked after there.`,
      );
    await queues.send(queue, message);
    await this.discard(deadLetterId);
    return found;
  }

  /** Forgets a message; answers what it was. */
  async discard(deadLetterId: string): Promise<Result<DeadLetter>> {
    const found = await this.get(deadLetterId);
    if (found.ok) await this.#tables.removeRows(tableNames.deadLetters, partition, [deadLetterId]);
    return found;
  }
}

const unknown = (deadLetterId: string): Result<never> =>
  fail("unknown-dead-letter", `There is no message ${deadLetterId} set aside.`);

function entryOf(row: StoredRow): DeadLetter {
  const [queue, content] = [textOf(row, "queue"), textOf(row, "content")];
  return {
    deadLetterId: row.rowKey,
    queue,
    reason: textOf(row, "reason"),
    content,
    at: textOf(row, "at"),
    replayable: flagOf(row, "whole") && isQueue(queue) && messageIn(content) !== undefined,
  };
}

const isQueue = (name: string): name is QueueName =>
  Object.values<string>(queueNames).includes(name);

/** What a kept text said, where that is a message of ours. */
function messageIn(content: string): object | undefined {
  try {
    const { v, ...message } = JSON.parse(content) as { v?: unknown };
    return v === 1 ? message : undefined;
  } catch {
    return undefined;
  }
}
