/**
 * A refresh of the directory: what it has done, where it stands, who may go on with it, and the claim of whoever does.
 *
 * Stages: pages of devices, pages of Autopilot identities (for group tags), what sites report, merging into
 * the directory, then the finish that makes the result the directory. Each stage says where to go on after a crash.
 */

import { type Clock, type Instant, toIso } from "../../kernel/clock.ts";
import type { FailureCode } from "../../kernel/failure.ts";
import { digest } from "../../kernel/values.ts";

/** What came of the devices. `unreadable` ones had no usable id. */
type RefreshCounts = {
  readonly pages: number;
  readonly fetched: number;
  readonly unreadable: number;
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  readonly unchanged: number;
};

/** A site's inventory that the refresh takes in. */
type Inventory = {
  readonly siteCode: string;
  readonly inventoryId: string;
  readonly parts: number;
};

/** From one layout of the directory into another, or the same. */
export type LayoutStep = { readonly fromBits?: number; readonly toBits: number };

/** Where a refresh stands. */
export type Stage =
  | { readonly kind: "devices"; readonly nextLink?: string }
  | { readonly kind: "tags"; readonly nextLink?: string }
  /** `at`: parts of the inventories before this are joined; `added`: devices that only sites know. */
  | {
      readonly kind: "sites";
      readonly inventories: readonly Inventory[];
      readonly at: number;
      readonly added: number;
    }
  /** `at`: id partitions below this are merged; `merged`: devices in them. */
  | ({ readonly kind: "merge"; readonly at: number; readonly merged: number } & LayoutStep)
  | ({ readonly kind: "finish"; readonly merged: number } & LayoutStep);

/** What a part of the directory will count for once it is written; kept before it is written. */
export type Tally = Pick<RefreshCounts, "added" | "changed" | "removed" | "unchanged"> & {
  readonly part: string;
};

/** How a list is being walked through, and what was met on the way. */
type Walk = {
  /** Records asked for in a page: fewer after Graph could not answer in time. */
  readonly top: number;
  /** How often this walk was begun anew. */
  readonly restarts: number;
  /** What is kept of the links that were followed, to notice a circle. */
  readonly seen: readonly string[];
  /** The list was far shorter than what was there, and is read a second time. */
  readonly doubted: boolean;
};

/** How few a person has confirmed: a list of at least so many is taken for true, however many there were. */
export type Confirmed = { readonly devices?: number; readonly groupTags?: number };

/** One refresh. */
export type Refresh = {
  readonly tenantId: string;
  readonly refreshId: string;
  readonly state: "running" | "completed" | "failed";
  readonly stage: Stage;
  readonly counts: RefreshCounts;
  /** Whether group tags could be read, and if not, why; `count`: devices with one, as far as they were read. */
  readonly groupTags: {
    readonly state: "pending" | "read" | "notRead";
    readonly count: number;
    readonly detail?: string;
  };
  readonly startedAt: string;
  readonly finishedAt?: string;
  readonly failure?: { readonly code: FailureCode; readonly detail: string };
  /** Names of the runs written so far, in order. */
  readonly runs: readonly string[];
  readonly tally?: Tally;
  /** How often it was claimed: names what a claim writes, so that two workers never share a name. */
  readonly claims: number;
  readonly leaseUntil: Instant;
  readonly notBefore: Instant;
  readonly heartbeatAt: Instant;
  /** Whether the next slice has its reservation already. */
  readonly reserved: boolean;
  /** Claims since the last progress. */
  readonly attempts: number;
  /** What the latest attempt without progress met. */
  readonly lastError?: string;
  /** Times in a row that Graph asked us to wait. */
  readonly waits: number;
  readonly walk: Walk;
  readonly confirmed: Confirmed;
};

/** Claims without progress, and waits in a row, after which we give up. */
export const maxAttempts = 8;
export const maxWaits = 60;

const none: RefreshCounts = {
  pages: 0,
  fetched: 0,
  unreadable: 0,
  added: 0,
  changed: 0,
  removed: 0,
  unchanged: 0,
};

/** Records in a page as long as nothing speaks against it: Intune's most. */
const fullPage = 1000;
const newWalk: Walk = { top: fullPage, restarts: 0, seen: [], doubted: false };
/** Group tags before any was read. */
export const noTags: Refresh["groupTags"] = { state: "pending", count: 0 };

/** A refresh that nobody has begun. */
export const newRefresh = (
  tenantId: string,
  refreshId: string,
  now: Instant,
  confirmed: Confirmed = {},
): Refresh => ({
  tenantId,
  refreshId,
  state: "running",
  stage: { kind: "devices" },
  counts: none,
  groupTags: noTags,
  startedAt: toIso(now),
  runs: [],
  claims: 0,
  leaseUntil: 0,
  notBefore: 0,
  heartbeatAt: now,
  reserved: false,
  attempts: 0,
  waits: 0,
  walk: newWalk,
  confirmed,
});

/** The walk through the stage's list from its beginning: nothing counts that was read of it before. */
export const walkAnew = (refresh: Refresh, change: Partial<Walk>): Refresh => ({
  ...refresh,
  ...(refresh.stage.kind === "devices"
    ? { runs: [], counts: { ...refresh.counts, fetched: 0, unreadable: 0 } }
    : { groupTags: noTags }),
  stage: refresh.stage.kind === "tags" ? { kind: "tags" } : { kind: "devices" },
  walk: { ...refresh.walk, seen: [], ...change },
});

const maxSeen = 1_500;

/** The links of a walk with one more; undefined when it was followed before. When they are many, only some are kept. */
export function withLink(seen: readonly string[], link: string): readonly string[] | undefined {
  const name = digest(link).slice(0, 10);
  if (seen.includes(name)) return undefined;
  const kept = seen.length < maxSeen ? seen : seen.filter((_, at) => at % 2 === 0);
  return [...kept, name];
}

/** Below this share of what was there a large fleet is not believed to have shrunk by itself. */
const believedShare = 0.1;
const largeFleet = 100;

/** Whether a list of `now` entries, where there were `before`, is rather a fault than true; not if a person `confirmed` so few. */
export const isDoubtful = (before: number, now: number, confirmed = Infinity): boolean =>
  now < confirmed &&
  ((before > 0 && now === 0) || (before >= largeFleet && now < before * believedShare));

/** What a worker may do with a refresh. */
type Claim =
  | { readonly kind: "work"; readonly refresh: Refresh }
  | { readonly kind: "wait"; readonly until: Instant }
  | { readonly kind: "abandon"; readonly refresh: Refresh }
  | { readonly kind: "settled" };

/** Decides whether work may go on now. Asking twice is harmless. */
export function claim(refresh: Refresh, now: Instant, leaseMs: number): Claim {
  if (refresh.state !== "running") return { kind: "settled" };
  const opensAt = Math.max(refresh.leaseUntil, refresh.notBefore);
  if (now < opensAt) return { kind: "wait", until: opensAt };
  if (refresh.attempts >= maxAttempts) {
    const latest = refresh.lastError ?? "each ended without a word, as when its worker is killed";
    const detail = `Gave up after ${maxAttempts} attempts without progress; the latest: ${latest}`;
    // Group tags are good to have: without them the refresh goes on.
    if (refresh.stage.kind === "tags" && refresh.groupTags.state === "pending")
      return claim(
        { ...refresh, attempts: 0, groupTags: { ...refresh.groupTags, state: "notRead", detail } },
        now,
        leaseMs,
      );
    return { kind: "abandon", refresh: failed(refresh, { code: "internal-error", detail }, now) };
  }
  const claimed = { ...refresh, claims: refresh.claims + 1, attempts: refresh.attempts + 1 };
  return { kind: "work", refresh: held(claimed, now, leaseMs) };
}

/** The same refresh, with its lease renewed. */
const held = (refresh: Refresh, now: Instant, leaseMs: number): Refresh => ({
  ...refresh,
  leaseUntil: now + leaseMs,
  notBefore: 0,
  heartbeatAt: now,
});

/** The same refresh, free for whoever comes after `notBefore`. */
const released = (refresh: Refresh, now: Instant, notBefore: Instant): Refresh => ({
  ...refresh,
  leaseUntil: 0,
  notBefore,
  heartbeatAt: now,
});

/** A step was done: the count of attempts begins anew. */
export function progressed(refresh: Refresh, stage: Stage): Refresh {
  const { lastError: _, ...rest } = refresh;
  const walk = stage.kind === refresh.stage.kind ? refresh.walk : newWalk;
  return { ...rest, stage, attempts: 0, waits: 0, walk };
}

/** The end, good or bad. What was already merged stays. */
const completed = (refresh: Refresh, now: Instant): Refresh => ({
  ...released(refresh, now, 0),
  state: "completed",
  finishedAt: toIso(now),
});
const failed = (
  refresh: Refresh,
  failure: NonNullable<Refresh["failure"]>,
  now: Instant,
): Refresh => ({
  ...released(refresh, now, 0),
  state: "failed",
  failure,
  finishedAt: toIso(now),
});

// A claim at work: the refresh as its row stands, and the only way to change it.

/** Another worker has the refresh now. */
export class ClaimLost extends Error {}

/** What a claim works with. */
type ClaimParts = {
  readonly refreshes: {
    /** Replaces the row that had `etag`; the new etag, or undefined when somebody was faster. */
    readonly replace: (refresh: Refresh, etag: string) => Promise<string | undefined>;
  };
  readonly clock: Clock;
  readonly leaseMs: number;
};

/** A refresh under our claim. */
export class RefreshWork {
  readonly #parts: ClaimParts;
  #refresh: Refresh;
  #etag: string;

  constructor(parts: ClaimParts, refresh: Refresh, etag: string) {
    this.#parts = parts;
    this.#refresh = refresh;
    this.#etag = etag;
  }

  /** The refresh as its row stands. */
  get refresh(): Refresh {
    return this.#refresh;
  }

  /** Writes the next state and renews the claim. */
  keep(next: Refresh): Promise<void> {
    return this.#write(held(next, this.#parts.clock.now(), this.#parts.leaseMs));
  }

  /** Leaves it, as it stands or in a next state, to whoever comes after a while. */
  release(afterMs: number, next = this.#refresh): Promise<void> {
    const now = this.#parts.clock.now();
    return this.#write(released(next, now, now + afterMs));
  }

  /** The end: good, or bad where there is a failure. */
  end(failure?: NonNullable<Refresh["failure"]>): Promise<void> {
    const now = this.#parts.clock.now();
    const refresh = this.#refresh;
    return this.#write(failure ? failed(refresh, failure, now) : completed(refresh, now));
  }

  async #write(next: Refresh): Promise<void> {
    const etag = await this.#parts.refreshes.replace(next, this.#etag);
    if (etag === undefined) throw new ClaimLost(next.refreshId);
    this.#refresh = next;
    this.#etag = etag;
  }
}
