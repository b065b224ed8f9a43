/** Looks among the site's operations for the one that a call without an answer may have started. */
import type { BatchState } from "./claim.ts";
import type { Course } from "./course.ts";
import { findOwn } from "./find-own.ts";
import type { Step } from "./step.ts";

/** Calls without an answer and without a trace at the site, after which a batch has failed. */
const maxCalls = 5;

/** The end of a batch whose time was over before the site was asked. */
export const neverAsked = {
  outcome: "expired",
  detail: "its time ended before the site was asked",
} as const;
/** The end of a batch whose call left no answer, and whose site cannot be read. */
export const neverKnown = {
  outcome: "unknown",
  code: "no-answer",
  detail: "the site did not say whether it took the request",
} as const;

type Doubt = Extract<BatchState, { kind: "calling" }> & {
  readonly term: number;
  readonly late: boolean;
};

/** Takes the operation that is ours, or opens the batch again when there is surely none. */
export async function lookAtSite(
  course: Course,
  nth: number,
  { after, calls, sure, term, late }: Doubt,
): Promise<Step> {
  const { work, batches } = course.claim();
  const targets = batches[nth]?.targets ?? [];
  const wanted = { type: work.operationType, targets, after, sure };
  await course.checkSite();
  // Asked first: what is not in the list now, may yet come while this answer is on its way.
  const waitMs = course.settlesInMs(nth);
  const found = await findOwn(course.site, wanted, course.own.known());
  course.log("operation.look", { claimId: work.claimId, batch: nth, found: found.kind });
  if (found.kind === "ours") {
    course.own.add(found.operationId);
    course.move(nth, { kind: "started", operationId: found.operationId, told: false });
    return {};
  }
  if (found.kind === "unsure") {
    course.settle(nth, neverKnown);
    return {};
  }
  // A request may still be on its way through the site's front: the list counts only after a while.
  if (waitMs > 0) return { waitMs };
  if (late) course.settle(nth, neverAsked);
  else if (calls >= maxCalls)
    course.settle(nth, {
      outcome: "failed",
      code: "site-refused",
      detail: `the site gave no answer to ${calls} calls, and shows no operation`,
    });
  else course.move(nth, { kind: "open", calls, term });
  return {};
}
