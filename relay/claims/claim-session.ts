/**
 * A claim under way: its state in the journal, the only ways to change it and to speak of it to Muster; how each of its
 * batches is brought to the site, looked for where a call left no answer, and followed to its end.
 */
import { reasonIn } from "../../shared/kernel/outside-text.ts";
import {
  type BatchState,
  type Claim,
  choose,
  inDoubt,
  isClosed,
  isPush,
  neverAnswered,
  neverAsked,
  neverKnown,
  type Outcome,
  pushNeverKnown,
  type Result,
  reportGroups,
  unreported,
} from "../base/claim.ts";
import { pause, type Running, Stopping } from "../base/process.ts";
import { type Lease, type Muster, MusterFailure } from "../muster/muster.ts";
import { type Site, statusOf } from "../site/admin-service.ts";
import { SiteUnreadable } from "../site/transport.ts";
import type { Journal } from "./journal.ts";

/** What claims are worked on with. */
type ClaimParts = {
  readonly site: Site;
  readonly muster: Pick<Muster, "report" | "now">;
  readonly lease: Pick<Lease, "term">;
  readonly journal: Journal;
};

/** Time between the first looks at a status, and time after which a call without an answer is surely in the site's list. */
type ClaimTimes = { readonly pollMs: number; readonly settleMs: number };

/** How long after its end a claim's site is still asked for what could not be read; Muster waits longer. */
const graceMs = 15 * 60_000;
const baseBackoffMs = 1_000;
const maxBackoffMs = 60_000;

/** One claim under way. */
type ClaimSession = ReturnType<typeof openSession>;

/** The session of a claim that the journal knows. */
function openSession(parts: ClaimParts, running: Running, times: ClaimTimes, claimId: string) {
  const { journal } = parts;
  const { stopping } = running;
  const claim = (): Claim => {
    const found = journal.claims().get(claimId);
    if (found === undefined) throw new Error(`the journal has no claim ${claimId}`);
    return found;
  };
  const move = (batch: number, state: BatchState): void =>
    journal.write({ kind: "moved", claimId, batch, state });
  const stopIfAsked = (): void => {
    if (stopping.aborted) throw new Stopping();
  };
  /** When the last call for a batch had ended; for one that an earlier process made, when this one began. */
  const quietSince = new Map<number, number>();
  const began = performance.now();
  const wait = (ms: number): Promise<void> => pause(stopping, ms);
  return {
    ...parts,
    pollMs: times.pollMs,
    log: running.log,
    claim,
    move,
    wait,
    stopIfAsked,
    backoffMs: (attempt: number): number =>
      Math.min(baseBackoffMs * 2 ** (attempt - 1), maxBackoffMs) * (0.5 + Math.random() / 2),
    /** Begins the time in which a call for a batch may still arrive. */
    callEnded: (batch: number): void => void quietSince.set(batch, performance.now()),
    /** How long such a call may still arrive. */
    settlesInMs: (batch: number): number =>
      Math.max(0, (quietSince.get(batch) ?? began) + times.settleMs - performance.now()),
    settle: (batch: number, outcome: Outcome): void => move(batch, { kind: "settled", outcome }),
    close: (): void => journal.write({ kind: "closed", claimId }),
  };
}

// Reports to Muster what is due of a claim, however long that takes.

/** Gets a report through, however often Muster has to be asked. @throws MusterFailure when nobody waits for it any more. */
async function sendReport(
  { muster, log, wait, backoffMs, claim }: ClaimSession,
  results: readonly Result[],
): Promise<void> {
  const { work } = claim();
  for (let attempt = 1; ; attempt += 1) {
    let retryAfterMs = 0;
    try {
      await muster.report(work, results);
      return;
    } catch (error) {
      if (!(error instanceof MusterFailure) || error.gone) throw error;
      log("muster.failure", { claimId: work.claimId, why: error.message });
      ({ retryAfterMs } = error);
    }
    await wait(Math.max(backoffMs(attempt), retryAfterMs));
  }
}

/** Reports all that is due of a claim, however long that takes. */
async function sendReports(session: ClaimSession): Promise<void> {
  for (const group of reportGroups(session.claim())) {
    await sendReport(
      session,
      group.flatMap(({ results }) => results),
    );
    for (const { nth, reported } of group) session.move(nth, reported);
  }
}

// Looks among the site's operations for the one that a call without an answer may have started.

/** Calls without an answer and without a trace at the site, after which a batch has failed. */
const maxCalls = 5;

/** Keeps, in the journal, why a batch is not started yet: its end has to say so. */
function recordReason(session: ClaimSession, nth: number, reason: string): void {
  const state = session.claim().batches[nth]?.state;
  const why = reasonIn(reason);
  if (state?.kind !== "open" && state?.kind !== "calling") return;
  if (state.why !== why) session.move(nth, { ...state, why });
}

/** What a step came to: the site's highest operation, where it is known, and how long to wait before the next step. */
type Step = { readonly mark?: number | undefined; readonly waitMs?: number };

type Doubt = Extract<BatchState, { kind: "calling" }> & {
  readonly term: number;
  readonly late: boolean;
};

/** Takes the operation that is ours, or opens the batch again when there is surely none. */
async function readBack(
  session: ClaimSession,
  nth: number,
  { after, calls, sure, term, late, why }: Doubt,
): Promise<Step> {
  const { work, batches } = session.claim();
  const targets = batches[nth]?.targets ?? [];
  if (work.operationType === undefined) {
    session.settle(nth, pushNeverKnown(why));
    return {};
  }
  const wanted = { type: work.operationType, after };
  await session.site.check();
  // Asked first: what is not in the list now, may yet come while this answer is on its way.
  const waitMs = session.settlesInMs(nth);
  // Operations that other batches are known to have are not ours.
  const listed = await session.site.operationsAfter(wanted, session.journal.own.known());
  const found = choose(listed, targets, sure);
  session.log("operation.read-back", { claimId: work.claimId, batch: nth, found: found.kind });
  if (found.kind === "ours") {
    session.journal.own.add(found.operationId);
    session.move(nth, { kind: "started", operationId: found.operationId, reported: false });
    return {};
  }
  if (found.kind === "unsure") {
    session.settle(nth, neverKnown(why));
    return {};
  }
  // A request may still be on its way through the site's front: the list counts only after a while.
  if (waitMs > 0) return { waitMs };
  if (late) session.settle(nth, neverAsked(why));
  else if (calls >= maxCalls) session.settle(nth, neverAnswered(calls, why));
  else session.move(nth, { kind: "open", calls, term, ...(why === undefined ? {} : { why }) });
  return {};
}

// Brings every batch of a claim to the site.
//
// Each step is in the journal before the next one relies on it. A call whose answer never came leaves its
// batch "calling": then the site's own list of operations is asked, and only when ours is surely not in it
// is the call made again. So nothing is started twice, wherever this process dies.

/**
 * Asks the site to start an operation for one batch; the journal says so before and after. `known`: the site's highest operation, when nobody
 * has waited since it was read.
 */
async function callSite(
  session: ClaimSession,
  nth: number,
  known: number | undefined,
): Promise<Step> {
  const { work, batches } = session.claim();
  const batch = batches[nth];
  if (batch?.state.kind !== "open") return {};
  await session.site.check();
  const ended = isPush(work) ? await noPush(session, batch.targets[0]?.resourceId ?? 0) : undefined;
  if (ended !== undefined) {
    session.settle(nth, ended);
    return known === undefined ? {} : { mark: known };
  }
  const mark = known ?? (await session.site.latestOperation());
  const { calls, term } = batch.state;
  session.move(nth, { kind: "calling", after: mark, calls: calls + 1, sure: true });
  const ids = batch.targets.map(({ resourceId }) => resourceId);
  const started = await session.site.start(work, ids);
  const about = { claimId: work.claimId, batch: nth, devices: ids.length };
  switch (started.kind) {
    case "started": {
      const { operationId } = started;
      if (operationId !== undefined) session.journal.own.add(operationId);
      session.move(nth, { ...started, reported: false });
      session.log("operation.start", { ...about, operationId });
      return { mark: Math.max(mark, operationId ?? 0) };
    }
    case "refused":
      session.settle(nth, { outcome: "failed", code: "site-refused", detail: started.detail });
      session.log("operation.refuse", { ...about, detail: started.detail });
      return { mark };
    case "busy":
      session.move(nth, { kind: "open", calls, term, why: reasonIn(started.why) });
      session.log("site.busy", { ...about, why: started.why });
      return { waitMs: session.backoffMs(1) };
    case "unclear":
      session.log("operation.unclear", { ...about, why: started.why });
      recordReason(session, nth, started.why);
      session.callEnded(nth);
      return {};
  }
}

/**
 * Why the site is not asked to push a client to a system: it is none of its own, or a client is there by now. Client
 * push makes the site sign in to its target, so that only what the site itself lists may be one.
 */
async function noPush({ site }: ClaimSession, resourceId: number): Promise<Outcome | undefined> {
  const client = await site.hasClient(resourceId);
  if (client === undefined)
    return { outcome: "failed", code: "device-not-found", detail: "the site lists no such system" };
  if (!client) return undefined;
  const detail = "the site lists a client on it already, and was not asked";
  return { outcome: "notSupported", code: "client-installed", detail };
}

/** Devices after which Muster is told while others are still being started. */
const reportAt = 100;

/**
 * Starts what is not started; returns when every batch is started, settled or reported. `known`: the site's highest
 * operation, when it has just been read.
 */
async function startClaim(session: ClaimSession, known?: number): Promise<void> {
  let waits = 0;
  // A mark holds until we have waited: meanwhile others may have started operations.
  let mark = known;
  for (;;) {
    session.stopIfAsked();
    const nth = session
      .claim()
      .batches.findIndex(({ state }) => state.kind === "open" || state.kind === "calling");
    if (nth < 0) break;
    const step = await tryStep(session, nth, mark);
    mark = step.mark;
    if (step.waitMs === undefined) {
      waits = 0;
      if (unreported(session.claim()) >= reportAt) await sendReports(session);
      continue;
    }
    await sendReports(session);
    await session.wait(Math.max(step.waitMs, waits === 0 ? 0 : session.backoffMs(waits)));
    waits += 1;
  }
  await sendReports(session);
}

async function tryStep(
  session: ClaimSession,
  nth: number,
  mark: number | undefined,
): Promise<Step> {
  const { work } = session.claim();
  const endMs = Date.parse(work.expiresAt);
  const hopeless = session.muster.now() >= endMs + graceMs;
  const term = session.lease.term();
  if (term === undefined) {
    // Another relay has the site: what it did with these devices, it tells Muster itself.
    if (hopeless) session.move(nth, { kind: "reported" });
    return hopeless ? {} : { waitMs: session.backoffMs(1) };
  }
  try {
    return await stepIn(session, nth, { term, mark, late: session.muster.now() >= endMs });
  } catch (error) {
    if (!(error instanceof SiteUnreadable)) throw error;
    session.log("site.unreadable", { claimId: work.claimId, why: error.message });
    recordReason(session, nth, error.message);
    if (!hopeless) return { waitMs: session.backoffMs(1) };
    session.settle(nth, neverKnown(reasonIn(error.message)));
    return {};
  }
}

type Moment = {
  readonly term: number;
  readonly mark: number | undefined;
  readonly late: boolean;
};

async function stepIn(session: ClaimSession, nth: number, moment: Moment): Promise<Step> {
  const { batches } = session.claim();
  const { term, mark, late } = moment;
  const state = batches[nth]?.state;
  if (state?.kind === "calling") return readBack(session, nth, { ...state, term, late });
  if (state?.kind !== "open") return { mark };
  if (state.term !== term) {
    doubt(session, term);
    return { mark };
  }
  if (late) {
    session.settle(nth, neverAsked(state.why));
    return { mark };
  }
  return callSite(session, nth, mark);
}

/** The site was another relay's meanwhile, which was given this claim too, and may have called for any of it. */
function doubt(session: ClaimSession, term: number): void {
  const { work, batches } = session.claim();
  for (const [nth, { state }] of batches.entries()) {
    if (state.kind !== "open" || state.term === term) continue;
    session.move(nth, inDoubt(work, state.calls));
    session.callEnded(nth);
  }
}

// Follows the started operations of a claim to their end, and tells Muster of each.

const maxPollMs = 60_000;
/** A client takes its time to install and to report, and each look is a request for one device. */
const maxPushPollMs = 10 * 60_000;

/** Polls until every batch is reported. */
async function finishClaim(session: ClaimSession): Promise<void> {
  const { work } = session.claim();
  const expiresAt = Date.parse(work.expiresAt);
  const longest = isPush(work) ? maxPushPollMs : maxPollMs;
  for (let round = 0; ; round += 1) {
    const now = session.muster.now();
    await readStatuses(session, now >= expiresAt, now >= expiresAt + graceMs);
    await sendReports(session);
    if (isClosed(session.claim())) break;
    const pollMs = Math.min(session.pollMs * 2 ** Math.min(round, 16), longest);
    // One look exactly at the end, so that nobody waits longer than the notification does.
    const untilEnd = expiresAt - session.muster.now();
    await session.wait(untilEnd > 0 ? Math.min(pollMs, untilEnd) : pollMs);
  }
  session.close();
}

async function readStatuses(
  session: ClaimSession,
  final: boolean,
  hopeless: boolean,
): Promise<void> {
  const { work, batches } = session.claim();
  for (const [nth, { state, targets }] of batches.entries()) {
    if (state.kind !== "started") continue;
    session.stopIfAsked();
    try {
      const outcome = await statusOf(session.site, work, { targets }, state.operationId, final);
      if (outcome !== undefined) session.settle(nth, outcome);
    } catch (error) {
      if (!(error instanceof SiteUnreadable)) throw error;
      session.log("site.unreadable", { claimId: work.claimId, why: error.message });
      if (hopeless)
        session.settle(nth, {
          outcome: "unknown",
          code: "no-answer",
          detail: `could not be read back: ${error.message}`,
        });
    }
  }
}

/** A claim under way, as the worker on claims has it. */
export const claimOpener =
  (parts: ClaimParts, running: Running, times: ClaimTimes) => (claimId: string) => {
    const session = openSession(parts, running, times, claimId);
    return {
      /** Starts what is not started. `mark`: the site's highest operation, when it has just been read. */
      start: (mark?: number): Promise<void> => startClaim(session, mark),
      /** Follows what is started to its end. */
      finish: (): Promise<void> => finishClaim(session),
      /** Nobody waits for it any more. */
      close: session.close,
    };
  };
