/**
 * Brings every batch of a claim to the site.
 *
 * Each step is in the journal before the next one relies on it. A call whose answer never came leaves its
 * batch "calling": then the site's own list of operations is asked, and only when ours is surely not in it
 * is the call made again. So nothing is started twice, wherever this process dies.
 */
import { timeOf } from "../shared/kernel/ids.ts";
import { SiteUnreadable } from "./admin-service.ts";
import type { BatchState, Work } from "./claim.ts";
import { type Course, graceMs, tell } from "./course.ts";
import { findOwn, knownOperations } from "./find-own.ts";

/** Calls without an answer and without a trace at the site, after which a batch has failed. */
const maxCalls = 5;
/** Clocks of Muster and the site may differ by so much. */
const skewMs = 10 * 60_000;

/** Starts what is not started; returns when every batch is started, settled or reported. */
export async function startClaim(course: Course): Promise<void> {
  let waits = 0;
  // A mark holds until we have waited: meanwhile others may have started operations.
  let mark: number | undefined;
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
      if (course.untold() >= tellAt) await tell(course);
      continue;
    }
    await tell(course);
    await course.wait(Math.max(step.waitMs, waits === 0 ? 0 : course.backoffMs(waits)));
    waits += 1;
  }
  await tell(course);
}

/** Devices after which Muster is told while others are still being started. */
const tellAt = 100;

/** What a step came to: the site's highest operation, and how long to wait before the next one. */
type Step = { readonly mark?: number | undefined; readonly waitMs?: number };

async function tryStep(course: Course, nth: number, mark: number | undefined): Promise<Step> {
  const { work, batches } = course.claim();
  const state = batches[nth]?.state;
  const late = course.now() >= Date.parse(work.expiresAt);
  try {
    if (state?.kind === "calling") return await look(course, nth, state, late);
    if (late) {
      course.settle(nth, neverAsked);
      return { mark };
    }
    return await call(course, nth, mark);
  } catch (error) {
    if (!(error instanceof SiteUnreadable)) throw error;
    course.log("site.unreadable", { claimId: work.claimId, why: error.message });
    const hopeless = course.now() >= Date.parse(work.expiresAt) + graceMs;
    if (!hopeless) return { waitMs: course.backoffMs(1) };
    course.settle(nth, neverKnown);
    return {};
  }
}

const neverAsked = {
  outcome: "expired",
  detail: "its time ended before the site was asked",
} as const;
const neverKnown = {
  outcome: "unknown",
  code: "no-answer",
  detail: "the site did not say whether it took the request",
} as const;

async function call(course: Course, nth: number, known: number | undefined): Promise<Step> {
  const { work, batches } = course.claim();
  const batch = batches[nth];
  if (batch?.state.kind !== "open") return {};
  const mark = known ?? (await course.site.latestOperation(0));
  const calls = batch.state.calls + 1;
  course.move(nth, { kind: "calling", after: mark, at: course.now(), calls });
  const ids = batch.targets.map(({ resourceId }) => resourceId);
  const started = await course.start(work, ids);
  const about = { claimId: work.claimId, batch: nth, devices: ids.length };
  switch (started.kind) {
    case "started": {
      const { operationId } = started;
      course.move(nth, { kind: "started", operationId, told: false });
      course.log("operation.start", { ...about, operationId });
      return { mark: Math.max(mark, operationId) };
    }
    case "refused":
      course.settle(nth, { outcome: "failed", code: "site-refused", detail: started.detail });
      course.log("operation.refuse", { ...about, detail: started.detail });
      return { mark };
    case "busy":
      course.move(nth, { kind: "open", calls: calls - 1 });
      course.log("site.busy", { ...about, why: started.why });
      return { waitMs: course.backoffMs(1) };
    case "unclear":
      course.log("operation.unclear", { ...about, why: started.why });
      return {};
  }
}

async function look(
  course: Course,
  nth: number,
  { after, at, calls }: Extract<BatchState, { kind: "calling" }>,
  late: boolean,
): Promise<Step> {
  const { work, batches } = course.claim();
  const targets = batches[nth]?.targets ?? [];
  const since = after === 0 ? claimedAt(work) - skewMs : 0;
  const wanted = { type: work.operationType, targets, after, since };
  const found = await findOwn(course.site, wanted, knownOperations(course.claims()));
  course.log("operation.look", { claimId: work.claimId, batch: nth, found: found.kind });
  if (found.kind === "ours") {
    course.move(nth, { kind: "started", operationId: found.operationId, told: false });
    return {};
  }
  if (found.kind === "unsure") {
    course.settle(nth, neverKnown);
    return {};
  }
  // A request may still be on its way through the site's front: the list counts only after a while.
  const settlesAt = at + course.settleMs;
  if (course.now() < settlesAt) return { waitMs: settlesAt - course.now() };
  if (late) course.settle(nth, neverAsked);
  else if (calls >= maxCalls)
    course.settle(nth, {
      outcome: "failed",
      code: "site-refused",
      detail: `the site gave no answer to ${calls} calls, and shows no operation`,
    });
  else course.move(nth, { kind: "open", calls });
  return {};
}

const claimedAt = ({ claimId }: Work): number => timeOf(claimId);
