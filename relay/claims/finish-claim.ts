/** Follows the started operations of a claim to their end, and tells Muster of each. */
import { isClosed, isPush } from "../base/claim.ts";
import { SiteUnreadable } from "../site/reads.ts";
import { statusOf } from "../site/status.ts";
import { type Course, graceMs, tell } from "./claim-progress.ts";

const maxPollMs = 60_000;
/** A client takes its time to install and to report, and each look is a request for one device. */
const maxPushPollMs = 10 * 60_000;

/** Polls until every batch is reported. */
export async function finishClaim(course: Course): Promise<void> {
  const { work } = course.claim();
  const expiresAt = Date.parse(work.expiresAt);
  const longest = isPush(work) ? maxPushPollMs : maxPollMs;
  for (let round = 0; ; round += 1) {
    const now = course.now();
    await lookAtAll(course, now >= expiresAt, now >= expiresAt + graceMs);
    await tell(course);
    if (isClosed(course.claim())) break;
    const pollMs = Math.min(course.pollMs * 2 ** Math.min(round, 16), longest);
    // One look exactly at the end, so that nobody waits longer than the notification does.
    const untilEnd = expiresAt - course.now();
    await course.wait(untilEnd > 0 ? Math.min(pollMs, untilEnd) : pollMs);
  }
  course.close();
}

async function lookAtAll(course: Course, final: boolean, hopeless: boolean): Promise<void> {
  const { work, batches } = course.claim();
  for (const [nth, { state, targets }] of batches.entries()) {
    if (state.kind !== "started") continue;
    course.stopIfAsked();
    try {
      const outcome = await statusOf(course.site, work, { targets }, state.operationId, final);
      if (outcome !== undefined) course.settle(nth, outcome);
    } catch (error) {
      if (!(error instanceof SiteUnreadable)) throw error;
      course.log("site.unreadable", { claimId: work.claimId, why: error.message });
      if (hopeless)
        course.settle(nth, {
          outcome: "unknown",
          code: "no-answer",
          detail: `could not be read back: ${error.message}`,
        });
    }
  }
}
