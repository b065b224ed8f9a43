/**
 * Idempotency keys: the same key and body get the same answer, however often the client asks.
 *
 * The key is claimed before the work and keeps an id for what the work creates. A claim whose worker
 * died is taken up again with the same id, so that the second try creates the same thing.
 */
import { fail, type Result, succeed } from "../kernel/failure.ts";
import { digest } from "../kernel/ids.ts";
import type { Reply } from "./reply.ts";

/** Longest key taken, in characters. */
const maxKeyChars = 256;

/** What is kept per key. */
export type KeptAnswer = {
  readonly bodyHash: string;
  /** Seed for the ids of what the request creates. */
  readonly seed: string;
  /** Absent while the first request is under way. */
  readonly reply?: Reply;
};

/** Where answers are kept. */
export type AnswerStore = {
  /** Takes the key; answers what stands after it: ours, or the one before us. */
  claim(scope: string, key: string, fresh: KeptAnswer): Promise<KeptAnswer>;
  /** Keeps the answer for whoever asks again. */
  settle(scope: string, key: string, answer: KeptAnswer): Promise<void>;
  /** Gives the key back, unless somebody else with the same request has kept an answer: then that one. */
  release(scope: string, key: string): Promise<KeptAnswer | undefined>;
};

/** One request as far as idempotency is concerned. */
export type KeyedRequest = {
  readonly scope: string;
  readonly key: string | null;
  readonly body: string;
  /** A fresh seed, used when the key is new. */
  readonly seed: string;
};

/** Runs `work` at most once to its end for a key; without a key it just runs. */
export async function onceForKey(
  store: AnswerStore,
  request: KeyedRequest,
  work: (seed: string) => Promise<Result<Reply>>,
): Promise<Result<Reply>> {
  if (request.key === null) return work(request.seed);
  if (request.key.length === 0 || request.key.length > maxKeyChars)
    return fail("invalid-request", `Idempotency-Key takes 1 to ${maxKeyChars} characters.`, {
      faults: [{ pointer: "/headers/Idempotency-Key", detail: "wrong length" }],
    });
  const { scope } = request;
  const key = digest(request.key);
  const bodyHash = digest(request.body);
  const kept = await store.claim(scope, key, { bodyHash, seed: request.seed });
  if (kept.bodyHash !== bodyHash)
    return fail(
      "idempotency-key-reused",
      "This Idempotency-Key was used with another body. Use a new key for a new request.",
    );
  if (kept.reply) return succeed(replayed(kept.reply));
  const result = await work(kept.seed);
  if (result.ok) {
    await store.settle(scope, key, { bodyHash, seed: kept.seed, reply: result.value });
    return result;
  }
  // The same request at the same time may have been the one that did it.
  const other = await store.release(scope, key);
  return other?.reply === undefined ? result : succeed(replayed(other.reply));
}

const mark = "idempotency-replayed";

const replayed = (reply: Reply): Reply => ({
  ...reply,
  headers: { ...reply.headers, [mark]: "true" },
});

/** Whether an answer was given before, to the same request. */
export const isReplayed = ({ headers }: Reply): boolean => headers?.[mark] === "true";
