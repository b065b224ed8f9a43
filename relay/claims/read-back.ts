/** Looks among the site's operations for the one that a call without an answer may have started. */

import { reasonIn } from "../../shared/kernel/outside-text.ts";
import type { BatchState, Outcome, Step, Target } from "../base/claim.ts";
import type { SiteReader } from "../site/admin-service.ts";
import type { SiteOperation } from "../site/operations.ts";
import type { ClaimSession } from "./claim-session.ts";

// Finds, among the site's operations, the one that a call without an answer may have started. Pure but for the reading.

/** What the site's list says. */
export type Found =
  | { readonly kind: "ours"; readonly operationId: number }
  | { readonly kind: "none" }
  /** One of the same type is there that may be ours, and nothing says for sure. */
  | { readonly kind: "unsure" };

/** What is looked for. */
export type Wanted = {
  readonly type: number;
  readonly targets: readonly Target[];
  /** No operation up to this number is ours. */
  readonly after: number;
  /** We know how the claim was cut: an operation for some of the targets is somebody else's. */
  readonly sure: boolean;
};

/** Looks through the site's list; operations that other batches are known to have are not ours. */
async function findOwn(
  site: Pick<SiteReader, "operationsAfter">,
  { targets, sure, ...wanted }: Wanted,
  known: ReadonlySet<number>,
): Promise<Found> {
  return choose(await site.operationsAfter(wanted, known), targets, sure);
}

/**
 * Which of some operations has exactly these targets. When we do not know how the claim was cut (`sure` is
 * false), one that shares a target may have been ours as well.
 */
export function choose(
  operations: readonly SiteOperation[],
  targets: readonly Target[],
  sure: boolean,
): Found {
  const ids = targets.map(({ resourceId }) => resourceId);
  const ours = operations.find((each) => each.targets && keyOf(each.targets) === keyOf(ids));
  if (ours !== undefined) return { kind: "ours", operationId: ours.id };
  const wanted = new Set(ids);
  const mayBeOurs = (each: SiteOperation): boolean =>
    each.targets === undefined || (!sure && each.targets.some((id) => wanted.has(id)));
  return { kind: operations.some(mayBeOurs) ? "unsure" : "none" };
}

const keyOf = (ids: readonly number[]): string =>
  [...new Set(ids)].toSorted((a, b) => a - b).join(",");

/** Calls without an answer and without a trace at the site, after which a batch has failed. */
const maxCalls = 5;

/** The end of a batch whose time was over before the site was asked; with what had kept it. */
export const neverAsked = (why?: string): Outcome => ({
  outcome: "expired",
  detail: `its time ended before the site was asked${latest(why)}`,
});
/** The end of a batch whose call left no answer, and whose site cannot be read. */
export const neverKnown = (why?: string): Outcome => ({
  outcome: "unknown",
  code: "no-answer",
  detail: `the site did not say whether it took the request${latest(why)}`,
});
const latest = (why?: string): string => (why === undefined ? "" : `; the latest: ${why}`);

/** Keeps, in the journal, why a batch is not started yet: its end has to say so. */
export function recordReason(session: ClaimSession, nth: number, reason: string): void {
  const state = session.claim().batches[nth]?.state;
  const why = reasonIn(reason);
  if (state?.kind !== "open" && state?.kind !== "calling") return;
  if (state.why !== why) session.move(nth, { ...state, why });
}

/** The end of a client push whose call left no answer: the site lists no such requests, and may have written it. */
const pushNeverKnown = (why?: string): Outcome => ({
  outcome: "unknown",
  code: "no-clear-answer",
  detail: `the site did not say whether it wrote the client push request, and it lists none${latest(why)}`,
});

type Doubt = Extract<BatchState, { kind: "calling" }> & {
  readonly term: number;
  readonly late: boolean;
};

/** Takes the operation that is ours, or opens the batch again when there is surely none. */
export async function readBack(
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
  const wanted = { type: work.operationType, targets, after, sure };
  await session.checkSite();
  // Asked first: what is not in the list now, may yet come while this answer is on its way.
  const waitMs = session.settlesInMs(nth);
  const found = await findOwn(session.site, wanted, session.own.known());
  session.log("operation.read-back", { claimId: work.claimId, batch: nth, found: found.kind });
  if (found.kind === "ours") {
    session.own.add(found.operationId);
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
  else if (calls >= maxCalls)
    session.settle(nth, {
      outcome: "failed",
      code: "site-refused",
      detail: `the site gave no answer to ${calls} calls, and shows no operation${latest(why)}`,
    });
  else session.move(nth, { kind: "open", calls, term, ...(why === undefined ? {} : { why }) });
  return {};
}
