/** Delivering, without storage: what a pass over some rows should do, and what outcomes mean. Pure. */

import type { Action } from "../../devices/actions/action.ts";
import type { Audit } from "../../devices/actions/audits.ts";
import { callsFor, costOf, type SendCall } from "../../devices/actions/calls.ts";
import { findAction } from "../../devices/actions/catalogue.ts";
import type { Look } from "../../devices/actions/read-back.ts";
import { seenSince, strictly, type Verdict, verdictOf } from "../../devices/actions/results.ts";
import type { SendOutcome } from "../../devices/actions/send.ts";
import { backoffMs } from "../../kernel/backoff.ts";
import type { Instant } from "../../kernel/clock.ts";
import { reasonIn } from "../../kernel/outside-text.ts";
import { apply, type Delivery, type Step } from "../state/delivery.ts";
import { isOpen, type Notification } from "../state/notification.ts";
import { byRelay, relaySilence } from "../state/relay-route.ts";
import { groupsOf } from "./planning-steps.ts";

// How late it is for a notification, as far as it decides what an answer means, or none. Pure.

/** How late a look is: `last` ends what is still pending, `hopeless` also what cannot be read. */
export type Lateness = "early" | "last" | "hopeless";

/** How long after a notification's end we go on trying to read what could not be read. */
const graceMs = 10 * 60_000;

/** How late it is for a notification that ends at `expiresAt`. */
export function latenessAt(now: Instant, expiresAt: Instant): Lateness {
  if (now < expiresAt) return "early";
  return now < expiresAt + graceMs ? "last" : "hopeless";
}

/**
 * So often a repeatable action is asked without a clear answer before that ends as unknown: each time it may have
 * been done, and a far side that never answers is not helped by asking on.
 */
const maxUnclear = 3;
/**
 * So many claims long we look for a trace of an action that must not be done twice, before a person has to decide:
 * results and audits may come late.
 */
const looksForTrace = 5;
/** Attempts before a delivery is given up as failed. */
export const maxAttempts = 20;
/** So often Graph's own Retry-After decides alone. */
const patientAttempts = 5;
const retryBaseMs = 5_000;
const retryMaxMs = 15 * 60_000;

/** What a pass does with each of its deliveries. */
export type Pass = {
  /** Settled without asking anybody: cancelled, expired, given up. */
  readonly settle: ReadonlyMap<string, Step>;
  /** Marked by a worker that never told the outcome, long enough ago: look first. */
  readonly look: readonly Delivery[];
  /** To be claimed and sent now. */
  readonly calls: readonly SendCall[];
  /** When the rows need somebody again because of what this pass leaves alone. */
  readonly again?: Instant;
};

/** What a pass is allowed. */
export type PassLimits = {
  readonly now: Instant;
  /** How long a claim holds. */
  readonly claimMs: number;
  /** Graph requests that may be spent now. */
  readonly budget: number;
  /** Devices that the target's rule no longer finds. */
  readonly leavers?: ReadonlySet<string>;
};

/** Decides a pass over the deliveries of some rows. */
export function decidePass(
  action: Action,
  notification: Notification,
  deliveries: readonly Delivery[],
  { now, claimMs, budget, leavers }: PassLimits,
): Pass {
  const settle = new Map<string, Step>();
  const look: Delivery[] = [];
  const ready: Delivery[] = [];
  const laters: Instant[] = [];
  for (const delivery of deliveries) {
    const { state, deviceId } = delivery;
    if (byRelay(action, delivery) && state !== "waiting") {
      // Only the relay can look; it is asked again by a message to its site.
      const silence = relaySilence(notification, delivery, now);
      if (silence) settle.set(deviceId, silence);
    } else if (state === "claimed") {
      const free = lookableAt(delivery, claimMs);
      if (free <= now) look.push(delivery);
      else laters.push(free);
    } else if (state === "waiting") {
      const ending = endOf(notification, delivery, now, leavers?.has(deviceId));
      if (ending) settle.set(deviceId, ending);
      else if ((delivery.notBefore ?? 0) > now) laters.push(delivery.notBefore ?? now);
      else ready.push(delivery);
    }
  }
  const { calls, left } = affordable(callsFor(groupsOf(action, ready)), budget);
  if (left) laters.push(now);
  const again = laters.length === 0 ? {} : { again: Math.min(...laters) };
  return { settle, look, calls, ...again };
}

/** When a marked delivery may be looked for: its mark has run out, and the time since the latest look is over. */
export const lookableAt = ({ markedAt = 0, notBefore = 0 }: Delivery, claimMs: number): Instant =>
  Math.max(markedAt + claimMs, notBefore);

/** What becomes of a delivery whose device has left the target. */
const leftTarget: Step = {
  event: "cancel",
  details: { code: "left-target", detail: "the collection's rule no longer finds the device" },
};

const noClearAnswer = "no-clear-answer";
/** The whole call got no answer, and is asked again with fewer devices. */
const tooMuchAtOnce = "too-much-at-once";

/** Nobody can tell whether it was done: says how often it was asked, what the latest answer was, and why it ends. */
function doubtful(
  { unclear = 0, state, detail }: Pick<Delivery, "unclear" | "state" | "detail">,
  end: string,
): Step {
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

/** Why a waiting delivery is at its end, if it is. What was asked without a clear answer may have been done. */
export function endOf(
  notification: Notification,
  delivery: Delivery,
  now: Instant,
  left = false,
): Step | undefined {
  const ending = left ? leftTarget : plainEndOf(notification, delivery, now);
  if (ending === undefined || !delivery.unclear) return ending;
  const end = ending.details?.code === "expired" ? "its time ended" : ending.details?.detail;
  return doubtful(delivery, end ?? "it ended");
}

/** What a waiting delivery was waiting for, as far as anybody knows. */
function waitedFor({ actionId }: Notification, delivery: Delivery): string {
  const { attempts, detail } = delivery;
  if (detail !== undefined) return `the latest try: ${detail}`;
  if (attempts > 1) return "tried twice or more, without a reason";
  if (attempts > 0) return "tried once, without a reason";
  const action = findAction(actionId);
  return action !== undefined && byRelay(action, delivery)
    ? "no relay of its site asked for it"
    : "it waited for its turn";
}

function plainEndOf(
  notification: Notification,
  delivery: Delivery,
  now: Instant,
): Step | undefined {
  const { attempts, detail = "" } = delivery;
  if (notification.state === "failing")
    return {
      event: "cancel",
      details: { code: "notification-failed", detail: "the notification failed before it left" },
    };
  if (notification.state === "cancelling" || !isOpen(notification))
    return { event: "cancel", details: { code: "cancelled", detail: "cancelled before it left" } };
  if (now >= notification.expiresAt)
    return {
      event: "expire",
      details: {
        code: "expired",
        detail: `its time ended before it left; ${waitedFor(notification, delivery)}`,
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

/** The calls that the budget covers, in order; the last one may be a batch that is cut to what is left. */
function affordable(calls: readonly SendCall[], budget: number) {
  let rest = budget;
  const chosen: SendCall[] = [];
  for (const call of calls) {
    const cost = costOf(call);
    if (cost > rest) {
      if (rest > 0) chosen.push({ ...call, deviceIds: call.deviceIds.slice(0, rest) });
      return { calls: chosen, left: true };
    }
    rest -= cost;
    chosen.push(call);
  }
  return { calls: chosen, left: false };
}

/** What Graph's answer means for a delivery. `random` spreads the retries. */
export function stepOf(
  outcome: SendOutcome,
  { attempts }: Delivery,
  now: Instant,
  random: number,
): Step | undefined {
  switch (outcome.kind) {
    case "accepted":
      return { event: "accept" };
    case "declined":
      return { event: "decline", details: { code: outcome.code, detail: outcome.detail } };
    case "failed":
      return { event: "fail", details: { code: outcome.code, detail: outcome.detail } };
    case "alone":
      return {
        event: "postpone",
        details: { alone: true, code: "bulk-refused", detail: outcome.why },
      };
    case "later": {
      const ownMs = backoffMs(attempts, { baseMs: retryBaseMs, maxMs: retryMaxMs, random });
      // Graph's word is enough at first; after many tries in a row it is not, or they would soon be used up.
      const waitMs =
        attempts <= patientAttempts
          ? (outcome.afterMs ?? ownMs)
          : Math.max(outcome.afterMs ?? 0, ownMs);
      const details = { notBefore: now + waitMs, code: "graph-busy", detail: outcome.why };
      return { event: "postpone", details };
    }
    // The mark stays: when the claim has run out, the next pass looks at the device first.
    case "unclear": {
      const { why: detail, atMost } = outcome;
      if (atMost === undefined) return { event: "doubt", details: { code: noClearAnswer, detail } };
      return { event: "doubt", details: { code: tooMuchAtOnce, detail, atMost } };
    }
  }
}

/** When a look is made, how long claims hold, and the second witness: when Intune says that it took the request. */
export type LookTime = {
  readonly audited?: Audit | undefined;
  readonly now: Instant;
  readonly lateness: Lateness;
  readonly claimMs: number;
};

/**
 * What a look at a device means for a delivery of which nobody knows whether it left. A trace on the far side
 * settles it. No trace settles nothing: results stay empty for some devices, and come late for others. What is
 * harmless twice is sent again, a few times; what is not is looked for a while, and then a person decides. While
 * nobody can look, nobody can tell; when it is `hopeless`, that is the answer.
 */
export function stepAfterLook(
  action: Action,
  delivery: Delivery,
  look: Look | undefined,
  { now, lateness, claimMs, audited }: LookTime,
): Step | undefined {
  if (audited !== undefined) return { event: "accept" };
  const { unclear = 0, code = noClearAnswer } = delivery;
  // Another reason is from before the claim, and says nothing of what came of it.
  const heard = [noClearAnswer, tooMuchAtOnce].includes(code) ? delivery.detail : undefined;
  const detail = heard ?? "the worker ended before it noted an answer";
  const since = delivery.markedAt ?? delivery.at;
  const known = { ...delivery, detail };
  switch (look?.kind) {
    case undefined:
    case "later":
    case "refused": {
      if (lateness === "hopeless") {
        const unread = whyUnread(look);
        const words = unread === undefined ? "" : `: ${reasonIn(unread, 60)}`;
        return doubtful(known, `it could not be read back${words}`);
      }
      return {
        event: "doubt",
        details: { notBefore: now + Math.min(retryReadMs, claimMs), detail },
      };
    }
    case "gone":
      return doubtful(known, "Intune no longer knows the device");
    case "seen": {
      const names = action.routes[delivery.route]?.resultNames ?? [];
      const after = action.repeatable ? since : strictly(since);
      if (verdictOf(look.device, names, after) !== "none") return { event: "accept" };
      if (action.repeatable)
        // The call was too much, and not the device: at most three times, since the next one is smaller.
        return unclear + 1 < maxUnclear || code === tooMuchAtOnce
          ? { event: "postpone", details: { unclear: unclear + 1, detail } }
          : doubtful(known, "no trace of it was found");
      if (lateness !== "early" || now >= since + looksForTrace * claimMs)
        return doubtful(known, "no trace of it was found, and it must not be done twice");
      return { event: "doubt", details: { notBefore: now + claimMs, detail } };
    }
  }
}

/** Time before what could not be read is tried again. */
const retryReadMs = 10_000;

/** What becomes of a delivery that could not be read back in time; with what was in the way, where that is known. */
export const unreadable = (why?: string): Step => ({
  event: "lose",
  details: { code: "no-answer", detail: `could not be read back${why ? `: ${why}` : ""}` },
});

/** Why a look found nothing out, in words. */
function whyUnread(look: Look | undefined): string | undefined {
  if (look?.kind === "later") return look.why;
  return look?.kind === "refused" ? look.detail : undefined;
}

/** Applies steps to deliveries; those without one, or whose state refuses it, stay as they are. */
export function applySteps(
  deliveries: readonly Delivery[],
  steps: ReadonlyMap<string, Step>,
  now: Instant,
): Delivery[] {
  return deliveries.map((delivery) => {
    const step = steps.get(delivery.deviceId);
    return step === undefined ? delivery : apply(delivery, step.event, now, step.details);
  });
}

// Confirming, without storage: when to look, and what a look means for a delivery. Pure.

/** Longest time between two rounds of looks. */
const maxRoundMs = 15 * 60_000;
/** Time between rounds once the notification's time is over. */
const lateRoundMs = 15_000;

/** When the round after `round` rounds is due: doubling, and one exactly at the notification's end. */
export function nextRoundAt(
  round: number,
  { now, expiresAt, firstMs }: { now: Instant; expiresAt: Instant; firstMs: number },
): Instant {
  if (now >= expiresAt) return now + lateRoundMs;
  return Math.min(now + Math.min(firstMs * 2 ** round, maxRoundMs), expiresAt);
}

/** Rounds that go by before a device is asked itself about what its audit leaves open: audits may stay behind. */
const patientRounds = 3;

/** Whether a device must be asked itself: what the audits settle or are about to settle costs no request. */
export function needsLook(audit: Audit | undefined, round: number, lateness: Lateness): boolean {
  if (lateness !== "early") return true;
  // Not listed yet: the first round gives the list its time.
  return audit === undefined ? round > 0 : round >= patientRounds;
}

/** The end that a verdict means, wherever it was read; none for what is still open. */
export function stepAfterVerdict(verdict: Verdict): Step | undefined {
  switch (verdict) {
    case "done":
      return { event: "finish" };
    case "failed":
      return {
        event: "fail",
        details: { code: "device-reported-failure", detail: "the device reported that it failed" },
      };
    case "notSupported":
      return {
        event: "decline",
        details: { code: "not-supported-by-device", detail: "the device reported so" },
      };
    case "cancelled":
      return {
        event: "cancel",
        details: { code: "cancelled-elsewhere", detail: "cancelled in Intune" },
      };
    case "pending":
    case "none":
      return undefined;
  }
}

/** What a look means for a delivery that Graph took. */
export function stepAfterReport(
  action: Action,
  delivery: Delivery,
  look: Look | undefined,
  lateness: Lateness,
): Step | undefined {
  const final = lateness !== "early";
  const since = delivery.markedAt ?? delivery.at;
  if (look?.kind === "gone")
    return { event: "lose", details: { code: "device-gone", detail: "left Intune meanwhile" } };
  if (look?.kind !== "seen")
    return lateness === "hopeless" ? unreadable(whyUnread(look)) : undefined;
  const names = action.routes[delivery.route]?.resultNames ?? [];
  const verdict = verdictOf(look.device, names, since);
  const end = stepAfterVerdict(verdict);
  if (end !== undefined || !final) return end;
  if (verdict === "none")
    return { event: "lose", details: { code: "no-result", detail: "Intune shows no result" } };
  return seenSince(look.device, delivery.at)
    ? {
        event: "expire",
        details: {
          code: "no-result-in-time",
          detail: "the device checked in, and Intune still shows the action as pending",
        },
      }
    : { event: "silence", details: { code: "device-offline", detail: "not seen since" } };
}
