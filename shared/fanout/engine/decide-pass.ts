/** What a pass over a chunk should do, and what the outcomes of its calls mean for items. Pure. */

import { backoffMs, type Instant } from "../../kernel/clock.ts";
import { type Call, costOf, type Hold, isCarried, type JobKind, type Outcome } from "../kind.ts";
import type { Item, Transition } from "../state/item.ts";
import type { Job } from "../state/job.ts";
import { endOf, noClearAnswer, readableAt, silenceOf, tooMuchAtOnce } from "./change-rows.ts";

/** So often the far side's own word on how long to wait decides alone. */
const maxSilentAttempts = 5;
const retryBaseMs = 5_000;
const retryMaxMs = 15 * 60_000;

/** What a pass does with each of its items. */
export type Pass<C extends Call = Call> = {
  /** Settled without asking anybody: cancelled, expired, given up. */
  readonly settle: ReadonlyMap<string, Transition>;
  /** Marked by a worker that never told the outcome, long enough ago: read back first. */
  readonly readBack: readonly Item[];
  /** To be claimed and sent now. */
  readonly calls: readonly C[];
  /** When the rows need somebody again because of what this pass leaves as it is. */
  readonly again?: Instant;
};

/** What a pass is allowed. */
type PassLimits = {
  readonly now: Instant;
  /** How long a claim holds. */
  readonly claimMs: number;
  /** Requests that may be spent now. */
  readonly budget: number;
  /** Items whose targets have left since the job was asked for. */
  readonly outOfScope?: ReadonlySet<string>;
  /** Items that do not go now, though it is their turn. */
  readonly held?: ReadonlyMap<string, Hold>;
};

/** Decides a pass over some items. */
export function decidePass(
  kind: JobKind,
  job: Job,
  items: readonly Item[],
  { now, claimMs, budget, outOfScope, held }: PassLimits,
): Pass {
  const settle = new Map<string, Transition>();
  const readBack: Item[] = [];
  const ready: Item[] = [];
  const laters: Instant[] = [];
  const claimed = (item: Item): void => {
    const free = readableAt(item, claimMs);
    if (free <= now) readBack.push(item);
    else laters.push(free);
  };
  const holding = ({ targetId }: Item, transition: Transition): void => {
    settle.set(targetId, transition);
    if (transition.details?.notBefore !== undefined) laters.push(transition.details.notBefore);
  };
  const waiting = (item: Item): void => {
    const { targetId, notBefore = 0 } = item;
    const ending = endOf(kind, job, item, now, outOfScope?.has(targetId));
    if (ending) settle.set(targetId, ending);
    else if (notBefore > now) laters.push(notBefore);
    else {
      const why = held && holdingOf(job, item, held.get(targetId), now);
      if (why) holding(item, why);
      else ready.push(item);
    }
  };
  for (const item of items) {
    if (item.state === "claimed" && !isCarried(kind, job, item)) claimed(item);
    else if (item.state === "waiting") waiting(item);
    else {
      // Only the carrier can read it back; it is asked again by a message to its stop.
      const silence = silenceOf(kind, job, item, now);
      if (silence) settle.set(item.targetId, silence);
    }
  }
  const { calls, left } = affordable(kind.calls(job, ready), budget);
  if (left) laters.push(now);
  const later = laters.length === 0 ? {} : { again: Math.min(...laters) };
  return { settle, readBack, calls, ...later };
}

/** Whoever is held is asked about again after this at the earliest. */
const shortestHoldMs = 1_000;

/** Nothing but the rules keeps it, and whoever lets it out sends for it. */
const isBack = ({ expiresAt: notBefore }: Job): Transition => ({
  event: "hold",
  details: {
    aside: "back",
    code: "concurrency",
    detail: "it is back, and goes when others are done, as the rollout says",
    notBefore,
  },
});

/** What keeps an item, if anything does. Once aside it stays so, whatever else holds it, until the rules let it out again. */
function holdingOf(
  job: Job,
  { aside }: Item,
  hold: Hold | undefined,
  now: Instant,
): Transition | undefined {
  if (hold === undefined) return aside === undefined ? undefined : isBack(job);
  const { code, detail } = hold;
  if ("end" in hold) return { event: hold.end, details: { code, detail } };
  const notBefore = Math.max(hold.until, now + shortestHoldMs);
  const isAside = job.rollout !== undefined && (hold.isAside || aside !== undefined);
  const details = { code, detail, notBefore };
  return { event: "hold", details: isAside ? { ...details, aside: "away" } : details };
}

/** The calls that the budget covers, in order; the last one may be one that is cut to what is left. */
function affordable(calls: readonly Call[], budget: number) {
  let rest = budget;
  const chosen: Call[] = [];
  let left = false;
  for (const call of calls) {
    const cost = costOf(call);
    if (cost <= rest) chosen.push(call);
    // Behind what is too much nothing but what is free goes: the order is that of their turns.
    else if (rest > 0) chosen.push({ ...call, targetIds: call.targetIds.slice(0, rest) });
    left ||= cost > rest;
    rest = Math.max(0, rest - cost);
  }
  return { calls: chosen, left };
}

/** What an outcome means for an item. `random` spreads the retries. */
export function transitionOf(
  outcome: Outcome,
  { attempts }: Item,
  now: Instant,
  random: number,
): Transition {
  switch (outcome.kind) {
    case "accepted":
      return outcome.learned === undefined
        ? { event: "accept" }
        : { event: "accept", details: { learned: outcome.learned } };
    case "done": {
      const { kind: _, ...details } = outcome;
      return Object.keys(details).length === 0 ? { event: "finish" } : { event: "finish", details };
    }
    case "declined": {
      const { kind: _, ...details } = outcome;
      return { event: "decline", details };
    }
    case "failed": {
      const { kind: _, ...details } = outcome;
      return { event: "fail", details };
    }
    case "singly":
      return {
        event: "postpone",
        details: { singly: true, code: outcome.code, detail: outcome.why },
      };
    case "later": {
      const ownMs = backoffMs(attempts, { baseMs: retryBaseMs, maxMs: retryMaxMs, random });
      // Its word is enough at first; after many tries in a row it is not, or they would soon be used up.
      const waitMs =
        attempts <= maxSilentAttempts
          ? (outcome.afterMs ?? ownMs)
          : Math.max(outcome.afterMs ?? 0, ownMs);
      const { kind: _, afterMs: _told, throttled: _all, why: detail, ...left } = outcome;
      return { event: "postpone", details: { ...left, detail, notBefore: now + waitMs } };
    }
    // The claim stays: when it has run out, the next pass reads the item back first.
    case "unclear": {
      const { why: detail, atMost } = outcome;
      if (atMost === undefined) return { event: "doubt", details: { code: noClearAnswer, detail } };
      return { event: "doubt", details: { code: tooMuchAtOnce, detail, atMost } };
    }
  }
}
