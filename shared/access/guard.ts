/**
 * The way of a request to its handler: how often may it ask, who is it, may they, and what the handler is then told of
 * them. Between the last two steps the request is read, since some operations name in their body what they are about.
 */
import { LRUCache } from "lru-cache";
import type { Clock, Instant } from "../kernel/clock.ts";
import { type Failure, fail, type Result, succeed } from "../kernel/failure.ts";
import {
  type Authorization,
  evaluate,
  missesGroups,
  type RequestTarget,
  refusalOf,
  type SnapshotReader,
  type Standing,
} from "./roles/decide.ts";
import { requirementOf } from "./roles/requirements.ts";
import type { Caller } from "./sign-in/caller.ts";
import { type TokenStep, type TokenVerdict, tokenRefusal } from "./sign-in/tokens.ts";

/** A bucket's size, and how fast it fills. */
type Rate = {
  /** Requests that may come at once after a pause. */
  readonly burst: number;
  readonly perSecond: number;
};

/** Kinds of requests that are counted apart. */
export type RateClass = "read" | "write";
/** On whose account a request is counted; the last two are about audit events, and refuse nobody. */
type RateAccount = "caller" | "tenant" | "address" | "anonymous" | "allAnonymous";

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
type Bucket = { readonly left: number; readonly at: Instant };

/** What asking for one request gave. */
type Taken =
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
const askedTooOften = (account: RateAccount, retryAfterSeconds: number) =>
  fail(
    "too-many-requests",
    `Too many requests for this ${account}. Try again after ${retryAfterSeconds} s.`,
    { retryAfterSeconds },
  );

/** A table times a factor of the installation's own, each burst at least one request. */
const ratesTimes = (factor: number, rates: typeof defaultRates): typeof defaultRates => {
  const times = ({ burst, perSecond }: Rate): Rate => ({
    burst: Math.max(1, burst * factor),
    perSecond: perSecond * factor,
  });
  const both = ({ read, write }: Readonly<Record<RateClass, Rate>>) => ({
    read: times(read),
    write: times(write),
  });
  return {
    caller: both(rates.caller),
    tenant: both(rates.tenant),
    address: both(rates.address),
    anonymous: both(rates.anonymous),
    allAnonymous: both(rates.allAnonymous),
  };
};

// Buckets of this process, by account. The least recently used ones go when there are too many.

/** Counts one request on an account; a failure with a time when it has to wait. */
type RateLimiter = {
  readonly count: (account: RateAccount, id: string, kind: RateClass) => Result<undefined>;
};

const maxBuckets = 10_000;

/** Makes the limiter of this process; `factor` is the installation's own. */
export function rateLimiter(clock: Clock, factor = 1, rates = defaultRates): RateLimiter {
  const table = ratesTimes(factor, rates);
  const buckets = new LRUCache<string, Bucket>({ max: maxBuckets });
  return {
    count(account, id, kind) {
      const key = `${account} ${kind} ${id}`;
      const rate = table[account][kind];
      const now = clock.now();
      const taken = take(buckets.get(key) ?? fullBucket(rate, now), rate, now);
      buckets.set(key, taken.bucket);
      return taken.allowed ? succeed(undefined) : askedTooOften(account, taken.retryAfterSeconds);
    },
  };
}

// Which refused anonymous calls get an audit event of their own. Anybody can be refused as often as they
// like, from as many addresses as they have, and the trail is kept for ever: beyond a rate such calls are
// counted, and the next event says how many there were. Each stands in the log by itself.

/** Keeps count for this process; `unrecorded` is how many had no event since the last one that had. */
export function limitAnonymousEvents(limiter: RateLimiter) {
  let unrecorded = 0;
  return {
    ask(network: string): { readonly audited: boolean; readonly unrecorded: number } {
      const heard =
        limiter.count("anonymous", network, "write").ok &&
        limiter.count("allAnonymous", "all", "write").ok;
      const before = unrecorded;
      unrecorded = heard ? 0 : before + 1;
      return { audited: heard, unrecorded: before };
    },
  };
}

const groups = 8;
/** Whoever has one address of IPv6 has all of its /64. */
const networkGroups = 4;

/** What counts as one place to call from: an IPv4 address, or the /64 of one of IPv6. Pure. */
export function networkOf(address: string): string {
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.toLowerCase().split("::");
  const [first, last] = [groupsOf(head), groupsOf(tail ?? "")];
  const gap = tail === undefined ? 0 : Math.max(0, groups - first.length - last.length);
  const all = [...first, ...Array.from({ length: gap }, () => "0"), ...last];
  const network = all.slice(0, networkGroups).map((part) => part.replace(/^0+(?=.)/, ""));
  return `${network.join(":")}::/64`;
}

const groupsOf = (text: string): string[] => text.split(":").filter((part) => part !== "");

/** A request that goes no further. */
export type Refused = {
  readonly kind: "refused";
  readonly failure: Failure;
  /** Where it failed; for the log and the audit trail. */
  readonly step: string;
  /** False for asking too often: one event for each such request would be the flood itself. */
  readonly audited: boolean;
  /** Refused anonymous calls without an event, since the last one that had one. */
  readonly unrecorded?: number;
};

type Parts = {
  readonly checkToken: (authorization: string | null) => Promise<TokenVerdict>;
  readonly snapshots: SnapshotReader;
  readonly limiter: RateLimiter;
  /** Whether a tenant is registered. */
  readonly isTenant: (tenantId: string) => Promise<boolean>;
};

/** Where a request comes from, and what kind it is. */
type From = { readonly address: string; readonly rate: RateClass };

/** Authenticates and authorizes requests. */
export class Guard {
  readonly #parts: Parts;
  readonly #anonymousEvents: ReturnType<typeof limitAnonymousEvents>;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#anonymousEvents = limitAnonymousEvents(parts.limiter);
  }

  /**
   * Who is it? Answers what decisions about them are made from. Counts on the account of the address first, so that
   * guessing is bounded too.
   */
  async authenticate(
    authorization: string | null,
    { address, rate }: From,
  ): Promise<{ readonly kind: "authenticated"; readonly standing: Standing } | Refused> {
    const { checkToken, snapshots } = this.#parts;
    const network = networkOf(address);
    const early = this.#tooOften("address", network, rate);
    if (early) return early;
    const verdict = await checkToken(authorization);
    if (verdict.kind === "refused") return this.#anonymousRefused(verdict.step, network);
    const { caller } = verdict;
    const late = this.#tooOften("caller", accountOf(caller), rate);
    if (late) return late;
    return { kind: "authenticated", standing: { caller, ...(await snapshots.read()) } };
  }

  /** What needs no sign-in costs something too: it is on the account of its address, as what comes before a sign-in is. */
  countAnonymous({ address, rate }: From): Refused | undefined {
    return this.#tooOften("address", networkOf(address), rate);
  }

  /** Somebody came to a callback with what is none of ours: in the trail, as other anonymous refusals are. */
  noteAnonymous({ address }: From): Pick<Refused, "step" | "audited" | "unrecorded"> {
    return { step: "callback", ...this.#anonymousEvents.ask(networkOf(address)) };
  }

  /** May they? A tenant that is not registered looks like one that is out of reach. */
  async authorize(
    standing: Standing,
    request: {
      readonly operation: string;
      readonly target: RequestTarget;
      readonly rate: RateClass;
    },
  ): Promise<
    | {
        readonly kind: "authorized";
        readonly authorization: Extract<Authorization, { allowed: true }>;
      }
    | Refused
  > {
    const { operation, target, rate } = request;
    const { tenantId } = target;
    const requirement = requirementOf(operation);
    if (requirement === undefined)
      return refused(
        "unlisted",
        refusalOf({ step: "permission", permission: "access.manage" }),
        true,
      );
    const answer = evaluate(standing, requirement, target);
    if (!answer.allowed) return refused(answer.step, refusalOf(answer), true);
    // Asked for those only who may: to everybody else the answer, and its time, are the same without it.
    const registered = tenantId === undefined || (await this.#parts.isTenant(tenantId));
    // Who may see every tenant is told by the handler that there is none; anybody else is out of reach.
    const permission = answer.asked[0]?.permission;
    if (!registered && permission !== undefined && answer.assignment?.scope.kind !== "everything") {
      const step = missesGroups(standing) ? "groups-overage" : "scope";
      return refused("tenant", refusalOf({ step, permission }), true);
    }
    const busy = tenantId === undefined ? undefined : this.#tooOften("tenant", tenantId, rate);
    return busy ?? { kind: "authorized", authorization: answer };
  }

  /** Nobody is wrong when the keys cannot be read: then there is nothing to record. */
  #anonymousRefused(step: TokenStep, network: string): Refused {
    const failure = tokenRefusal(step);
    if (step === "keys-unavailable") return refused(step, failure, false);
    const { audited, unrecorded } = this.#anonymousEvents.ask(network);
    return { ...refused(step, failure, audited), unrecorded };
  }

  #tooOften(account: RateAccount, id: string, rate: RateClass): Refused | undefined {
    const counted = this.#parts.limiter.count(account, id, rate);
    return counted.ok ? undefined : refused(`rate-${account}`, counted, false);
  }
}

/** The caller's own account for limits and for idempotency keys. */
export const accountOf = ({ kind, tid, oid }: Caller): string => `${kind} ${tid} ${oid}`;

/** A refusal with its step. */
export function refused(step: string, result: Result<unknown>, audited: boolean): Refused {
  if (result.ok) throw new Error(`${step}: a refusal is a failure`);
  return { kind: "refused", failure: result.failure, step, audited };
}
