/**
 * Brings every batch of a claim to the site.
 *
 * Each step is in the journal before the next one relies on it. A call whose answer never came leaves its
 * batch "calling": then the site's own list of operations is asked, and only when ours is surely not in it
 * is the call made again. So nothing is started twice, wherever this process dies.
 */

import { reasonIn } from "../../shared/kernel/outside-text.ts";
import { inDoubt, isPush, type Outcome, type Step } from "../base/claim.ts";
import { SiteUnreadable } from "../site/reads.ts";
import { type ClaimSession, graceMs, sendReports, unreported } from "./claim-session.ts";
import { neverAsked, neverKnown, readBack, recordReason } from "./read-back.ts";

// Asks the site to start an operation for one batch; the journal says so before and after.

/** Makes the call. `known`: the site's highest operation, when nobody has waited since it was read. */
async function callSite(
  session: ClaimSession,
  nth: number,
  known: number | undefined,
): Promise<Step> {
  const { work, batches } = session.claim();
  const batch = batches[nth];
  if (batch?.state.kind !== "open") return {};
  await session.checkSite();
  const ended = isPush(work) ? await noPush(session, batch.targets[0]?.resourceId ?? 0) : undefined;
  if (ended !== undefined) {
    session.settle(nth, ended);
    return known === undefined ? {} : { mark: known };
  }
  const mark = known ?? (await session.site.latestOperation());
  const { calls, term } = batch.state;
  session.move(nth, { kind: "calling", after: mark, calls: calls + 1, sure: true });
  const ids = batch.targets.map(({ resourceId }) => resourceId);
  const started = await session.start(work, ids);
  const about = { claimId: work.claimId, batch: nth, devices: ids.length };
  switch (started.kind) {
    case "started": {
      const { operationId } = started;
      if (operationId !== undefined) session.own.add(operationId);
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
export async function startClaim(session: ClaimSession, known?: number): Promise<void> {
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
  const hopeless = session.now() >= endMs + graceMs;
  const term = session.lease.term();
  if (term === undefined) {
    // Another relay has the site: what it did with these devices, it tells Muster itself.
    if (hopeless) session.move(nth, { kind: "reported" });
    return hopeless ? {} : { waitMs: session.backoffMs(1) };
  }
  try {
    return await stepIn(session, nth, { term, mark, late: session.now() >= endMs });
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
