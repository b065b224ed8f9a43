/** Follows the started operations of a claim to their end, and tells Muster of each. */
import { isClosed, isPush } from "../base/claim.ts";
import { SiteUnreadable } from "../site/reads.ts";
import { statusOf } from "../site/status.ts";
import { type ClaimSession, graceMs, sendReports } from "./claim-session.ts";

const maxPollMs = 60_000;
/** A client takes its time to install and to report, and each look is a request for one device. */
const maxPushPollMs = 10 * 60_000;

/** Polls until every batch is reported. */
export async function finishClaim(session: ClaimSession): Promise<void> {
  const { work } = session.claim();
  const expiresAt = Date.parse(work.expiresAt);
  const longest = isPush(work) ? maxPushPollMs : maxPollMs;
  for (let round = 0; ; round += 1) {
    const now = session.now();
    await readStatuses(session, now >= expiresAt, now >= expiresAt + graceMs);
    await sendReports(session);
    if (isClosed(session.claim())) break;
    const pollMs = Math.min(session.pollMs * 2 ** Math.min(round, 16), longest);
    // One look exactly at the end, so that nobody waits longer than the notification does.
    const untilEnd = expiresAt - session.now();
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
