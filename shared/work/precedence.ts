/**
 * Requests go first. A worker answers people and handles messages on one core, and the messages of a large job keep it
 * full for seconds: a request of thirty short steps would wait at each. So whatever works for a message waits, before
 * and after each call that leaves the process, while somebody waits for an answer; and one goes on after the other, so that
 * a request that comes meanwhile has its turn between two.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate as loopAgain, setTimeout as sleep } from "node:timers/promises";
import type { Interceptor } from "../storage/calls.ts";

/** How long what for. */
type Waits = {
  /** A message's work never waits longer at one place: requests without a pause may slow it, not stop it. */
  readonly longestMs: number;
  /** A request that takes longer has no claim to be answered at once. */
  readonly briefMs: number;
};

/** Who goes first in this process. */
export type Precedence = {
  readonly request: <T>(work: () => Promise<T>) => Promise<T>;
  readonly message: <T>(work: () => Promise<T>) => Promise<T>;
  /** For every call that leaves the process. */
  readonly intercept: Interceptor;
};

/** Nobody works yet. */
export function precedence(
  { longestMs, briefMs }: Waits = { longestMs: 150, briefMs: 1_000 },
): Precedence {
  const forMessage = new AsyncLocalStorage<true>();
  const requests = new Set<object>();
  let quiet = Promise.withResolvers<void>();
  let steps: Promise<unknown> = Promise.resolve();

  const over = (request: object): void => {
    if (requests.delete(request) && requests.size === 0) quiet.resolve();
  };

  async function yieldToRequests(): Promise<void> {
    if (requests.size > 0) {
      const late = new AbortController();
      await Promise.race([quiet.promise, sleep(longestMs, undefined, late).catch(() => undefined)]);
      late.abort();
    }
    const mine = steps.then(() => loopAgain());
    steps = mine;
    await mine;
  }

  return {
    async request(work) {
      const request = {};
      if (requests.size === 0) quiet = Promise.withResolvers();
      requests.add(request);
      const timer = setTimeout(over, briefMs, request);
      try {
        return await work();
      } finally {
        clearTimeout(timer);
        over(request);
      }
    },
    message: (work) => forMessage.run(true, work),
    async intercept(_operation, call) {
      if (forMessage.getStore() === undefined) return call();
      await yieldToRequests();
      const answer = await call();
      await yieldToRequests();
      return answer;
    },
  };
}
