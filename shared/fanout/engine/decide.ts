/** What a pass over some rows should do, and what outcomes and findings mean for an item. Pure. */
import { backoffMs, type Instant } from "../../kernel/clock.ts";
import { reasonIn } from "../../kernel/outside-text.ts";
import type { Call, Finding, JobKind, Outcome } from "../kind.ts";
import type { Item, Transition } from "../state/item.ts";
import { isOpen, type Job } from "../state/job.ts";

// How late it is for a job, as far as it decides what an answer means, or none.

/** How late a reading is: `last` ends what is still pending, `hopeless` also what cannot be read. */
export type Lateness = "early" | "last" | "hopeless";

/** How long after a job's end we go on trying to read what could not be read. */
const graceMs = 10 * 60_000;

/** How late it is for a job that ends at `expiresAt`. */
export function latenessAt(now: Instant, expiresAt: Instant): Lateness {
  if (now < expiresAt) return "early";
  return now < expiresAt + graceMs ? "last" : "hopeless";
}

/**
 * So often what may be repeated is asked without a clear answer before that ends as unknown: each time it may have
 * been done, and a far side that never answers is not helped by asking on.
 */
const maxUnclear = 3;
/**
 * So many claims long we look for a trace of what must not be done twice, before a person has to decide: what the
 * far side shows may come late.
 */
const readsForTrace = 5;
/** Attempts before an item is given up as failed. */
export const maxAttempts = 20;
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
export type PassLimits = {
  readonly now: Instant;
  /** How long a claim holds. */
  readonly claimMs: number;
  /** Requests that may be spent now. */
  readonly budget: number;
  /** Items whose targets have left since the job was asked for. */
  readonly outOfScope?: ReadonlySet<string>;
};

/** Decides a pass over some items. */
export function decidePass(
  kind: JobKind,
  job: Job,
  items: readonly Item[],
  { now, claimMs, budget, outOfScope }: PassLimits,
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
  const waiting = (item: Item): void => {
    const ending = endOf(kind, job, item, now, outOfScope?.has(item.targetId));
    if (ending) settle.set(item.targetId, ending);
    else if ((item.notBefore ?? 0) > now) laters.push(item.notBefore ?? now);
    else ready.push(item);
  };
  for (const item of items) {
    if (item.state === "claimed" && !isCarried(kind, job, item)) claimed(item);
    else if (item.state === "waiting") waiting(item);
    else {
      // Only the carrier can look; it is asked again by a message to its stop.
      const silence = silenceOf(kind, job, item, now);
      if (silence) settle.set(item.targetId, silence);
    }
  }
  const { calls, left } = affordable(kind.calls(job, ready), budget);
  if (left) laters.push(now);
  const again = laters.length === 0 ? {} : { again: Math.min(...laters) };
  return { settle, readBack, calls, ...again };
}

/** When a marked item may be looked for: its mark has run out, and the time since the latest look is over. */
export const readableAt = ({ claimedAt = 0, notBefore = 0 }: Item, claimMs: number): Instant =>
  Math.max(claimedAt + claimMs, notBefore);

/** Whether a carrier fetches the item, so that we never ask about it ourselves. */
export const isCarried = ({ carrier }: JobKind, job: Job, item: Item): boolean =>
  carrier?.carries(job, item) ?? false;

/** The end of an item whose carrier never told, long after the job's own end. */
export function silenceOf(
  kind: JobKind,
  job: Job,
  item: Item,
  now: Instant,
): Transition | undefined {
  const { carrier } = kind;
  if (!carrier || (item.state !== "claimed" && item.state !== "sent")) return undefined;
  if (now < job.expiresAt + carrier.graceMs || !carrier.carries(job, item)) return undefined;
  const { code, detail } = carrier.silence;
  const latest = item.detail === undefined ? "" : `; the latest reason: ${item.detail}`;
  return { event: "lose", details: { code, detail: detail + latest } };
}

/** When rows need somebody because of what a carrier fetches; undefined when nothing of that is live. */
export function carrierDueAt(
  { carrier }: JobKind,
  job: Job,
  items: readonly Item[],
  now: Instant,
): Instant | undefined {
  if (carrier === undefined) return undefined;
  const carried = items.filter((item) => carrier.carries(job, item));
  const states = new Set(carried.map(({ state }) => state));
  const end = job.expiresAt + carrier.graceMs;
  const again = now + carrier.tellAgainMs;
  if (states.has("waiting")) return Math.min(again, Math.max(now, job.expiresAt));
  if (states.has("claimed")) return Math.min(again, end);
  return states.has("sent") ? end : undefined;
}

const noClearAnswer = "no-clear-answer";
/** The whole call got no answer, and is asked again with fewer items. */
const tooMuchAtOnce = "too-much-at-once";

/** Nobody can tell whether it was done: says how often it was asked, what the latest answer was, and why it ends. */
function doubtful(
  { unclear = 0, state, detail }: Pick<Item, "unclear" | "state" | "detail">,
  end: string,
): Transition {
  const times = state === "claimed" ? unclear + 1 : unclear;
  const asked = times === 1 ? "asked once" : `asked ${times} times`;
  const latest = detail === undefined ? "" : ` (${reasonIn(detail, 70)})`;
  return {
    event: "lose",
    details: {
      code: noClearAnswer,
      detail: `${asked} without a clear answer${latest}; ${end}`,
    },
  };
}

/** Why a waiting item is at its end, if it is. What was asked without a clear answer may have been done. */
export function endOf(
  kind: Pick<JobKind, "reasons" | "carrier">,
  job: Job,
  item: Item,
  now: Instant,
  left = false,
): Transition | undefined {
  const ending: Transition | undefined = left
    ? { event: "cancel", details: kind.reasons.leftScope }
    : plainEndOf(kind, job, item, now);
  if (ending === undefined || !item.unclear) return ending;
  const end = ending.details?.code === "expired" ? "its time ended" : ending.details?.detail;
  return doubtful(item, end ?? "it ended");
}

/** What a waiting item was waiting for, as far as anybody knows. */
function waitedFor({ carrier }: Pick<JobKind, "carrier">, job: Job, item: Item): string {
  const { attempts, detail } = item;
  if (detail !== undefined) return `the latest try: ${detail}`;
  if (attempts > 1) return "tried twice or more, without a reason";
  if (attempts > 0) return "tried once, without a reason";
  return carrier?.carries(job, item) ? carrier.unfetched : "it waited for its turn";
}

function plainEndOf(
  kind: Pick<JobKind, "reasons" | "carrier">,
  job: Job,
  item: Item,
  now: Instant,
): Transition | undefined {
  const { attempts, detail = "" } = item;
  if (job.state === "failing") return { event: "cancel", details: kind.reasons.jobFailed };
  if (job.state === "cancelling" || !isOpen(job))
    return { event: "cancel", details: { code: "cancelled", detail: "cancelled before it left" } };
  if (now >= job.expiresAt)
    return {
      event: "expire",
      details: {
        code: "expired",
        detail: `its time ended before it left; ${waitedFor(kind, job, item)}`,
      },
    };
  if (attempts >= maxAttempts)
    return {
      event: "fail",
      details: {
        code: "too-many-attempts",
        detail: `gave up after ${attempts} attempts; the latest: ${detail || "no clear answer"}`,
      },
    };
  return undefined;
}

// Calls, and what comes of them.

/** What a call costs in requests. */
export const costOf = ({ perTarget, targetIds }: Call): number =>
  perTarget ? targetIds.length : 1;

/** What calls cost together. */
export const costOfAll = (calls: readonly Call[]): number =>
  calls.reduce((sum, call) => sum + costOf(call), 0);

/** The calls that the budget covers, in order; the last one may be one that is cut to what is left. */
function affordable(calls: readonly Call[], budget: number) {
  let rest = budget;
  const chosen: Call[] = [];
  for (const call of calls) {
    const cost = costOf(call);
    if (cost > rest) {
      if (rest > 0) chosen.push({ ...call, targetIds: call.targetIds.slice(0, rest) });
      return { calls: chosen, left: true };
    }
    rest -= cost;
    chosen.push(call);
  }
  return { calls: chosen, left: false };
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
      return { event: "accept" };
    case "done":
      return { event: "finish" };
    case "declined":
      return { event: "decline", details: { code: outcome.code, detail: outcome.detail } };
    case "failed":
      return { event: "fail", details: { code: outcome.code, detail: outcome.detail } };
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
      const details = { notBefore: now + waitMs, code: outcome.code, detail: outcome.why };
      return { event: "postpone", details };
    }
    // The mark stays: when the claim has run out, the next pass looks for the item first.
    case "unclear": {
      const { why: detail, atMost } = outcome;
      if (atMost === undefined) return { event: "doubt", details: { code: noClearAnswer, detail } };
      return { event: "doubt", details: { code: tooMuchAtOnce, detail, atMost } };
    }
  }
}

// Reading back: what it means where nobody knows whether an item left, and where the far side took it.

/** When it is read, how late that is, and how long claims hold. */
export type ReadTime = {
  readonly now: Instant;
  readonly lateness: Lateness;
  readonly claimMs: number;
};

/** Time before what could not be read is tried again. */
const retryReadMs = 10_000;

/**
 * What a finding means for an item of which nobody knows whether it left. A trace on the far side settles it. No
 * trace settles nothing: what it shows may stay empty, and comes late. What is harmless twice is sent again, a few
 * times; what is not is looked for a while, and then a person decides. While nobody can look, nobody can tell; when
 * it is `hopeless`, that is the answer.
 */
export function afterDoubt(
  mayRepeat: boolean,
  item: Item,
  finding: Finding | undefined,
  { now, lateness, claimMs }: ReadTime,
): Transition {
  const { code = noClearAnswer } = item;
  // Another reason is from before the claim, and says nothing of what came of it.
  const heard = [noClearAnswer, tooMuchAtOnce].includes(code) ? item.detail : undefined;
  const detail = heard ?? "the worker ended before it noted an answer";
  const since = item.claimedAt ?? item.at;
  const known = { ...item, detail };
  switch (finding?.kind) {
    case "ended":
    case "pending":
      return { event: "accept" };
    case undefined:
    case "unreadable": {
      if (lateness === "hopeless") {
        const words = finding?.why === undefined ? "" : `: ${reasonIn(finding.why, 60)}`;
        return doubtful(known, `it could not be read back${words}`);
      }
      const notBefore = now + Math.min(retryReadMs, claimMs);
      return { event: "doubt", details: { notBefore, detail } };
    }
    case "gone":
      return doubtful(known, finding.detail);
    case "nothing":
      if (mayRepeat) return againWithoutTrace(known);
      if (lateness !== "early" || now >= since + readsForTrace * claimMs)
        return doubtful(known, "no trace of it was found, and it must not be done twice");
      return { event: "doubt", details: { notBefore: now + claimMs, detail } };
  }
}

/** What is harmless twice is sent again; a call that was too much, and not the item, always: the next one is smaller. */
function againWithoutTrace(known: Item): Transition {
  const { unclear = 0, code, detail } = known;
  if (unclear + 1 >= maxUnclear && code !== tooMuchAtOnce)
    return doubtful(known, "no trace of it was found");
  const details = { unclear: unclear + 1, ...(detail === undefined ? {} : { detail }) };
  return { event: "postpone", details };
}

/** What becomes of an item that could not be read back in time; with what was in the way, where that is known. */
export const unreadable = (why?: string): Transition => ({
  event: "lose",
  details: { code: "no-answer", detail: `could not be read back${why ? `: ${why}` : ""}` },
});

/** What a finding means for an item that the far side took; undefined: wait on. */
export function afterReport(
  { reasons }: Pick<JobKind, "reasons">,
  finding: Finding | undefined,
  lateness: Lateness,
): Transition | undefined {
  switch (finding?.kind) {
    case "ended": {
      const { event, kind: _, ...details } = finding;
      return Object.keys(details).length === 0 ? { event } : { event, details };
    }
    case "gone":
      return { event: "lose", details: { code: finding.code, detail: finding.detail } };
    case undefined:
    case "unreadable":
      return lateness === "hopeless" ? unreadable(finding?.why) : undefined;
    case "nothing":
      return lateness === "early" ? undefined : { event: "lose", details: reasons.noResult };
    case "pending":
      if (lateness === "early") return undefined;
      return finding.awake
        ? { event: "expire", details: reasons.pending }
        : { event: "silence", details: reasons.silent };
  }
}

/** Longest time between two rounds of reading back. */
const maxRoundMs = 15 * 60_000;
/** Time between rounds once the job's time is over. */
const lateRoundMs = 15_000;

/** When the round after `round` rounds is due: doubling, and one exactly at the job's end. */
export function nextRoundAt(
  round: number,
  { now, expiresAt, firstMs }: { now: Instant; expiresAt: Instant; firstMs: number },
): Instant {
  if (now >= expiresAt) return now + lateRoundMs;
  return Math.min(now + Math.min(firstMs * 2 ** round, maxRoundMs), expiresAt);
}

/** Rounds that go by before an item is asked for itself about what a survey leaves open: surveys may stay behind. */
const maxSilentRounds = 3;

/** Whether an item must be read by itself: what a survey settles or is about to settle costs no request. */
export function needsReading(
  surveyed: Finding | undefined,
  round: number,
  lateness: Lateness,
): boolean {
  if (lateness !== "early") return true;
  // Not listed yet: the first round gives the list its time.
  return surveyed === undefined ? round > 0 : round >= maxSilentRounds;
}
