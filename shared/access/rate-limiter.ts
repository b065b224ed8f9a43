/** Buckets of this process, by account. The least recently used ones go when there are too many. */
import type { Clock } from "../kernel/clock.ts";
import type { Result } from "../kernel/failure.ts";
import { succeed } from "../kernel/failure.ts";
import {
  type Bucket,
  rates as defaultRates,
  fullBucket,
  type RateAccount,
  type RateClass,
  take,
  tooOften,
} from "./rate-limit.ts";

/** Counts one request on an account; a failure with a time when it has to wait. */
export type RateLimiter = {
  readonly count: (account: RateAccount, id: string, kind: RateClass) => Result<undefined>;
};

const maxBuckets = 10_000;

/** Makes the limiter of this process. */
export function rateLimiter(clock: Clock, rates = defaultRates): RateLimiter {
  const buckets = new Map<string, Bucket>();
  return {
    count(account, id, kind) {
      const key = `${account} ${kind} ${id}`;
      const rate = rates[account][kind];
      const now = clock.now();
      const taken = take(buckets.get(key) ?? fullBucket(rate, now), rate, now);
      // Put back at the end: a Map remembers the order, so that the first is the least recently used.
      buckets.delete(key);
      buckets.set(key, taken.bucket);
      const [oldest] = buckets.keys();
      if (buckets.size > maxBuckets && oldest !== undefined) buckets.delete(oldest);
      return taken.allowed ? succeed(undefined) : tooOften(account, taken.retryAfterSeconds);
    },
  };
}
