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
import { type Course, graceMs, tell, untold } from "./claim-progress.ts";
import { lookAtSite, neverAsked, neverKnown, noteWhy } from "./look-at-site.ts";

// Asks the site to start an operation for one batch; the journal says so before and after.

/** Makes the call. `known`: the site's highest operation, when nobody has waited since it was read. */
async function callSite(course: Course, nth: number, known: number | undefined): Promise<Step> {
  const { work, batches } = course.claim();
  const batch = batches[nth];
  if (batch?.state.kind !== "open") return {};
  await course.checkSite();
  const ended = isPush(work) ? await noPush(course, batch.targets[0]?.resourceId ?? 0) : undefined;
  if (ended !== undefined) {
    course.settle(nth, ended);
    return known === undefined ? {} : { mark: known };
  }
  const mark = known ?? (await course.site.latestOperation());
  const { calls, term } = batch.state;
  course.move(nth, { kind: "calling", after: mark, calls: calls + 1, sure: true });
  const ids = batch.targets.map(({ resourceId }) => resourceId);
  const started = await course.start(work, ids);
  const about = { claimId: work.claimId, batch: nth, devices: ids.length };
  switch (started.kind) {
    case "started": {
      const { operationId } = started;
      if (operationId !== undefined) course.own.add(operationId);
      course.move(nth, { ...started, told: false });
      course.log("operation.start", { ...about, operationId });
      return { mark: Math.max(mark, operationId ?? 0) };
    }
    case "refused":
      course.settle(nth, { outcome: "failed", code: "site-refused", detail: started.detail });
      course.log("operation.refuse", { ...about, detail: started.detail });
      return { mark };
    case "busy":
      course.move(nth, { kind: "open", calls, term, why: reasonIn(started.why) });
      course.log("site.busy", { ...about, why: started.why });
      return { waitMs: course.backoffMs(1) };
    case "unclear":
      course.log("operation.unclear", { ...about, why: started.why });
      noteWhy(course, nth, started.why);
      course.callEnded(nth);
      return {};
  }
}

/**
 * Why the site is not asked to push a client to a system: it is none of its own, or a client is there by now. Client
 * push makes the site sign in to its target, so that only what the site itself lists may be one.
 */
async function noPush({ site }: Course, resourceId: number): Promise<Outcome | undefined> {
  const client = await site.hasClient(resourceId);
  if (client === undefined)
    return { outcome: "failed", code: "device-not-found", detail: "the site lists no such system" };
  if (!client) return undefined;
  const detail = "the site lists a client on it already, and was not asked";
  return { outcome: "notSupported", code: "client-installed", detail };
}

/** Devices after which Muster is told while others are still being started. */
const tellAt = 100;

/**
 * Starts what is not started; returns when every batch is started, settled or reported. `known`: the site's highest
 * operation, when it has just been read.
 */
export async function startClaim(course: Course, known?: number): Promise<void> {
  let waits = 0;
  // A mark holds until we have waited: meanwhile others may have started operations.
  let mark = known;
  for (;;) {
    course.stopIfAsked();
    const nth = course
      .claim()
      .batches.findIndex(({ state }) => state.kind === "open" || state.kind === "calling");
    if (nth < 0) break;
    const step = await tryStep(course, nth, mark);
    mark = step.mark;
    if (step.waitMs === undefined) {
      waits = 0;
      if (untold(course.claim()) >= tellAt) await tell(course);
      continue;
    }
    await tell(course);
    await course.wait(Math.max(step.waitMs, waits === 0 ? 0 : course.backoffMs(waits)));
    waits += 1;
  }
  await tell(course);
}

async function tryStep(course: Course, nth: number, mark: number | undefined): Promise<Step> {
  const { work } = course.claim();
  const endMs = Date.parse(work.expiresAt);
  const hopeless = course.now() >= endMs + graceMs;
  const term = course.lease.term();
  if (term === undefined) {
    // Another relay has the site: what it did with these devices, it tells Muster itself.
    if (hopeless) course.move(nth, { kind: "reported" });
    return hopeless ? {} : { waitMs: course.backoffMs(1) };
  }
  try {
    return await stepIn(course, nth, { term, mark, late: course.now() >= endMs });
  } catch (error) {
    if (!(error instanceof SiteUnreadable)) throw error;
    course.log("site.unreadable", { claimId: work.claimId, why: error.message });
    noteWhy(course, nth, error.message);
    if (!hopeless) return { waitMs: course.backoffMs(1) };
    course.settle(nth, neverKnown(reasonIn(error.message)));
    return {};
  }
}

type Moment = {
  readonly term: number;
  readonly mark: number | undefined;
  readonly late: boolean;
};

async function stepIn(course: Course, nth: number, moment: Moment): Promise<Step> {
  const { batches } = course.claim();
  const { term, mark, late } = moment;
  const state = batches[nth]?.state;
  if (state?.kind === "calling") return lookAtSite(course, nth, { ...state, term, late });
  if (state?.kind !== "open") return { mark };
  if (state.term !== term) {
    doubt(course, term);
    return { mark };
  }
  if (late) {
    course.settle(nth, neverAsked(state.why));
    return { mark };
  }
  return callSite(course, nth, mark);
}

/** The site was another relay's meanwhile, which was given this claim too, and may have called for any of it. */
function doubt(course: Course, term: number): void {
  const { work, batches } = course.claim();
  for (const [nth, { state }] of batches.entries()) {
    if (state.kind !== "open" || state.term === term) continue;
    course.move(nth, inDoubt(work, state.calls));
    course.callEnded(nth);
  }
}
