/** Tells Muster the news of a claim, however long that takes. */
import type { Course } from "./course.ts";
import type { Result } from "./muster.ts";
import { MusterTrouble } from "./muster-trouble.ts";
import { newsGroups } from "./news.ts";

/** Muster does not know the claim's notification any more: nobody waits for the outcome. */
export class ClaimGone extends Error {}

/** Gets a report through, however often Muster has to be asked. */
async function report(
  { muster, log, wait, backoffMs, claim }: Course,
  results: readonly Result[],
): Promise<void> {
  const { work } = claim();
  for (let attempt = 1; ; attempt += 1) {
    let retryAfterMs = 0;
    try {
      await muster.report(work, results);
      return;
    } catch (error) {
      if (!(error instanceof MusterTrouble)) throw error;
      if (error.gone) throw new ClaimGone(error.message);
      log("muster.trouble", { claimId: work.claimId, why: error.message });
      ({ retryAfterMs } = error);
    }
    await wait(Math.max(backoffMs(attempt), retryAfterMs));
  }
}

/** Tells Muster all news of a claim, however long that takes. */
export async function tell(course: Course): Promise<void> {
  for (const group of newsGroups(course.claim())) {
    await report(
      course,
      group.flatMap(({ results }) => results),
    );
    for (const { nth, told } of group) course.move(nth, told);
  }
}
