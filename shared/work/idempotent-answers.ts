/** Keeps answers by idempotency key for a day, in the shape the HTTP room asks for. */
import * as z from "zod";
import type { Clock } from "../kernel/clock.ts";
import { inParallel } from "../kernel/concurrency.ts";
import { maxPropertyChars } from "../storage/limits.ts";
import { tableNames } from "../storage/names.ts";
import { numberOf, type Row, type StoredRow, textOf } from "../storage/rows.ts";
import { lost, type Tables, updateRow } from "../storage/tables.ts";

const dayMs = 24 * 3600 * 1000;
const concurrency = 8;
/** Every scope: they begin with the name of an operation. */
const everything = { partitionsFrom: "", partitionsBelow: "~" };

type Kept = { readonly bodyHash: string; readonly seed: string; readonly reply?: KeptReply };
/** Whatever else an answer has is the HTTP room's. */
const KeptReply = z.looseObject({ status: z.int() });
type KeptReply = { readonly status: number };

/** Rows: partition = scope (operation and tenant), row = hash of the key. */
export class TableAnswerStore {
  readonly #tables: Tables;
  readonly #clock: Clock;

  constructor(tables: Tables, clock: Clock) {
    this.#tables = tables;
    this.#clock = clock;
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
   * that is taken anew meanwhile stays. Keys know no time, so that all are looked at, a thousand to a read; they are
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
