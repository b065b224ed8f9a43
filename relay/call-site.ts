/** Asks the site to start an operation for one batch; the journal says so before and after. */
import type { Course } from "./course.ts";
import type { Step } from "./step.ts";

/** Makes the call. `known`: the site's highest operation, when nobody has waited since it was read. */
export async function callSite(
  course: Course,
  nth: number,
  known: number | undefined,
): Promise<Step> {
  const { work, batches } = course.claim();
  const batch = batches[nth];
  if (batch?.state.kind !== "open") return {};
  await course.checkSite();
  const mark = known ?? (await course.site.latestOperation());
  const { calls, term } = batch.state;
  course.move(nth, { kind: "calling", after: mark, calls: calls + 1, sure: true });
  const ids = batch.targets.map(({ resourceId }) => resourceId);
  const started = await course.start(work, ids);
  const about = { claimId: work.claimId, batch: nth, devices: ids.length };
  switch (started.kind) {
    case "started": {
      const { operationId } = started;
      course.own.add(operationId);
      course.move(nth, { kind: "started", operationId, told: false });
      course.log("operation.start", { ...about, operationId });
      return { mark: Math.max(mark, operationId) };
    }
    case "refused":
      course.settle(nth, { outcome: "failed", code: "site-refused", detail: started.detail });
      course.log("operation.refuse", { ...about, detail: started.detail });
      return { mark };
    case "busy":
      course.move(nth, { kind: "open", calls, term });
      course.log("site.busy", { ...about, why: started.why });
      return { waitMs: course.backoffMs(1) };
    case "unclear":
      course.log("operation.unclear", { ...about, why: started.why });
      course.callEnded(nth);
      return {};
  }
}
