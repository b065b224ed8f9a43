/** How often callers and tenants may ask: a token bucket, and the table of its sizes. Pure. */
import type { Clock, Instant } from "../../kernel/clock.ts";
import { fail, type Result, succeed } from "../../kernel/failure.ts";

/** A bucket's size, and how fast it fills. */
export type Rate = {
  /** Requests that may come at once after a pause. */
  readonly burst: number;
  readonly perSecond: number;
};

/** Kinds of requests that are counted apart. */
export type RateClass = "read" | "write";
/** On whose account a request is counted; the last two are about audit events, and refuse nobody. */
export type RateAccount = "caller" | "tenant" | "address" | "anonymous" | "allAnonymous";

/**
 * The table. An instance counts for itself: with n instances a caller may reach n times as much, which
 * bounds what one of them has to bear, and that is what the limit is for.
 */
export const defaultRates: Readonly<Record<RateAccount, Readonly<Record<RateClass, Rate>>>> = {
  caller: { read: { burst: 200, perSecond: 40 }, write: { burst: 60, perSecond: 10 } },
  tenant: { read: { burst: 600, perSecond: 120 }, write: { burst: 120, perSecond: 20 } },
  /** Before anybody knows who it is: what a wrong token costs is bounded too. */
  address: { read: { burst: 300, perSecond: 60 }, write: { burst: 300, perSecond: 60 } },
  /** Audit events of refused anonymous callers, from one place and from all: 90,000 a day are some 60 MB. */
  anonymous: events(60, 0.2),
  allAnonymous: events(600, 1),
};

function events(burst: number, perSecond: number) {
  return { read: { burst, perSecond }, write: { burst, perSecond } };
}

/** What is left in a bucket, and when that was. */
export type Bucket = { readonly left: number; readonly at: Instant };

/** What asking for one request gave. */
export type Taken =
  | { readonly allowed: true; readonly bucket: Bucket }
  | { readonly allowed: false; readonly bucket: Bucket; readonly retryAfterSeconds: number };

const secondMs = 1000;
/** Fractions add up to a little less than a whole: nobody is refused for that. */
const rounding = 1e-9;

/** A bucket that nobody has taken from. */
export const fullBucket = ({ burst }: Rate, now: Instant): Bucket => ({ left: burst, at: now });

/** Takes one request out of a bucket, if there is one in it. */
export function take(bucket: Bucket, rate: Rate, now: Instant): Taken {
  // A clock that jumps back fills nothing, and empties nothing.
  const elapsedMs = Math.max(0, now - bucket.at);
  const at = Math.max(now, bucket.at);
  const left = Math.min(rate.burst, bucket.left + (elapsedMs / secondMs) * rate.perSecond);
  if (left >= 1 - rounding) return { allowed: true, bucket: { left: Math.max(0, left - 1), at } };
  const retryAfterSeconds = Math.max(1, Math.ceil((1 - left) / rate.perSecond));
  return { allowed: false, bucket: { left, at }, retryAfterSeconds };
}

/** What a caller is told who asks too often. */
const tooOften = (account: RateAccount, retryAfterSeconds: number) =>
  fail(
    "too-many-requests",
    `Too many requests for this ${account}. Try again after ${retryAfterSeconds} s.`,
    { retryAfterSeconds },
  );

// The table of request rates, times a factor of the installation's own. Pure.

/** The rates of every account, each burst at least one request. */
export const ratesTimes = (factor: number): typeof defaultRates => {
  const times = ({ burst, perSecond }: Rate): Rate => ({
    burst: Math.max(1, burst * factor),
    perSecond: perSecond * factor,
  });
  const both = ({ read, write }: Readonly<Record<RateClass, Rate>>) => ({
    read: times(read),
    write: times(write),
  });
  return {
    caller: both(defaultRates.caller),
    tenant: both(defaultRates.tenant),
    address: both(defaultRates.address),
    anonymous: both(defaultRates.anonymous),
    allAnonymous: both(defaultRates.allAnonymous),
  };
};

// Buckets of this process, by account. The least recently used ones go when there are too many.

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
