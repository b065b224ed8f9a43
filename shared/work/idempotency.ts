/**
 * Idempotency keys: the same key and body get the same answer, however often the client asks.
 *
 * The key is claimed before the work and keeps an id for what the work creates. A claim whose worker
 * died is taken up again with the same id, so that the second try creates the same thing.
 */

import * as z from "zod";
import type { Reply } from "../http/reply.ts";
import type { Clock } from "../kernel/clock.ts";
import { inParallel } from "../kernel/concurrency.ts";
import { fail, type Result, succeed } from "../kernel/failure.ts";
import { digest } from "../kernel/values.ts";
import { maxPropertyChars } from "../storage/calls.ts";
import { tableNames } from "../storage/names.ts";
import {
  lost,
  numberOf,
  type Row,
  type StoredRow,
  type Tables,
  textOf,
  updateRow,
} from "../storage/tables.ts";

/** Longest key taken, in characters. */
const maxKeyChars = 256;
const dayMs = 24 * 3600 * 1000;
const concurrency = 8;
/** Every scope: they begin with the name of an operation. */
const everything = { partitionsFrom: "", partitionsBelow: "~" };

/** What is kept for a key: `seed` is for the ids of what the request creates. */
type Kept = {
  readonly bodyHash: string;
  readonly seed: string;
  /** Absent while the first request is under way. */
  readonly reply?: Reply;
};
/** Whatever else an answer has is the HTTP room's. */
const KeptReply = z.looseObject({ status: z.int() });

const mark = "idempotency-replayed";

const replayed = (reply: Reply): Result<Reply> =>
  succeed({ ...reply, headers: { ...reply.headers, [mark]: "true" } });

/** Whether an answer was given before, to the same request. */
export const isReplayed = ({ headers }: Reply): boolean => headers?.[mark] === "true";

/** Answers by their keys, kept for a day. Rows: partition = scope (operation and tenant), row = hash of the key. */
export class IdempotentAnswers {
  readonly #tables: Tables;
  readonly #clock: Clock;

  constructor(tables: Tables, clock: Clock) {
    this.#tables = tables;
    this.#clock = clock;
  }

  /** Runs `work` at most once to its end for a key, with a `seed` that is fresh where the key is; without a key it just runs. */
  async once(
    request: { scope: string; key: string | null; body: string; seed: string },
    work: (seed: string) => Promise<Result<Reply>>,
  ): Promise<Result<Reply>> {
    const { scope, seed } = request;
    if (request.key === null) return work(seed);
    if (request.key.length === 0 || request.key.length > maxKeyChars)
      return fail("invalid-request", `Idempotency-Key takes 1 to ${maxKeyChars} characters.`, {
        faults: [{ pointer: "/headers/Idempotency-Key", detail: "wrong length" }],
      });
    const key = digest(request.key);
    const bodyHash = digest(request.body);
    const kept = await this.claim(scope, key, { bodyHash, seed });
    if (kept.bodyHash !== bodyHash)
      return fail(
        "idempotency-key-reused",
        "This Idempotency-Key was used with another body. Use a new key for a new request.",
      );
    if (kept.reply) return replayed(kept.reply);
    const result = await work(kept.seed);
    if (result.ok) {
      await this.settle(scope, key, { bodyHash, seed: kept.seed, reply: result.value });
      return result;
    }
    // The same request at the same time may have been the one that did it.
    const other = await this.release(scope, key);
    return other?.reply === undefined ? result : replayed(other.reply);
  }

  /** Takes the key, or answers what the one before us left there. Older than a day counts as absent. */
  claim(scope: string, key: string, fresh: Kept): Promise<Kept> {
    return updateRow(`the answer ${scope} ${key}`, async () => {
      const row = toRow(scope, key, fresh, this.#clock.now());
      if ((await this.#tables.insert(tableNames.answers, row)) === "inserted") return fresh;
      const kept = await this.#tables.get(tableNames.answers, scope, key);
      if (kept === undefined) return lost;
      if (this.#clock.now() - numberOf(kept, "at") < dayMs) return fromRow(kept);
      const won = await this.#tables.replace(tableNames.answers, row, kept.etag);
      return won === undefined ? lost : fresh;
    });
  }

  /** Keeps the answer for whoever asks again. */
  settle(scope: string, key: string, answer: Kept): Promise<void> {
    return this.#tables.put(tableNames.answers, toRow(scope, key, answer, this.#clock.now()));
  }

  /**
   * Deletes answers that count as absent, while `mayGoOn`; answers how many. One by one, each as it was read: a key
   * that is taken anew meanwhile stays. Keys know no time, so that all are read, a thousand at once; they are
   * those of a day or two.
   */
  async expire(mayGoOn: () => boolean): Promise<number> {
    const old = { ...everything, where: `at lt ${(this.#clock.now() - dayMs).toFixed(1)}` };
    let expired = 0;
    let token: string | undefined;
    do {
      const page = await this.#tables.page(tableNames.answers, { ...old, select: [] }, 1000, token);
      await inParallel(page.rows, concurrency, ({ partitionKey, rowKey, etag }) =>
        this.#tables.remove(tableNames.answers, partitionKey, rowKey, etag),
      );
      expired += page.rows.length;
      token = page.next;
    } while (token !== undefined && mayGoOn());
    return expired;
  }

  /** Gives the key back, unless an answer was kept meanwhile: then that one. */
  release(scope: string, key: string): Promise<Kept | undefined> {
    return updateRow(`the answer ${scope} ${key}`, async () => {
      const row = await this.#tables.get(tableNames.answers, scope, key);
      if (row === undefined) return undefined;
      const kept = fromRow(row);
      if (kept.reply !== undefined) return kept;
      const removed = await this.#tables.remove(tableNames.answers, scope, key, row.etag);
      return removed === "lost" ? lost : undefined;
    });
  }
}

/**
 * A long answer takes several columns: `reply0`, `reply1`, and so on. In ASCII, so that no cut goes through
 * a character and every store counts the same length.
 */
function toRow(scope: string, key: string, { bodyHash, seed, reply }: Kept, at: number): Row {
  const text = reply === undefined ? "" : asciiJson(reply);
  const parts: Record<string, string> = {};
  for (let from = 0; from < text.length; from += maxPropertyChars)
    parts[`reply${from / maxPropertyChars}`] = text.slice(from, from + maxPropertyChars);
  return { partitionKey: scope, rowKey: key, bodyHash, seed, at, ...parts };
}

const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replaceAll(
    /[^\0-\x7f]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

function fromRow(row: StoredRow): Kept {
  let reply = "";
  for (let part = 0; `reply${part}` in row.columns; part += 1) reply += textOf(row, `reply${part}`);
  return {
    bodyHash: textOf(row, "bodyHash"),
    seed: textOf(row, "seed"),
    ...(reply === "" ? {} : { reply: KeptReply.parse(JSON.parse(reply)) }),
  };
}
