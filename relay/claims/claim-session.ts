/** A claim under way: its state in the journal, and the only ways to change it and to speak of it. */

import { reasonIn } from "../../shared/kernel/outside-text.ts";
import {
  type Batch,
  type BatchState,
  type Claim,
  isPush,
  type Outcome,
  type Work,
} from "../base/claim.ts";
import type { Log } from "../base/log.ts";
import { MusterFailure } from "../base/muster-failure.ts";
import { pause, Stopping } from "../base/pause.ts";
import type { Lease } from "../muster/lease.ts";
import type { Muster, Result } from "../muster/muster.ts";
import type { SiteReader } from "../site/admin-service.ts";
import type { SiteStarter } from "../site/start-operation.ts";
import type { Journal } from "./journal.ts";
import type { OwnOperations } from "./own-operations.ts";

/** What sessions need. */
export type ClaimSessionDeps = {
  readonly site: SiteReader;
  /** Makes sure that it is our site; before anything is started there. */
  readonly checkSite: () => Promise<void>;
  readonly start: SiteStarter;
  readonly muster: Pick<Muster, "report">;
  readonly lease: Pick<Lease, "term">;
  readonly own: OwnOperations;
  readonly journal: Journal;
  readonly log: Log;
  /** The moment on Muster's clock, on which claims end. */
  readonly now: () => number;
  readonly pollMs: number;
  readonly settleMs: number;
  /** Aborted when the relay is to stop; what is under way is left to the journal. */
  readonly stopping: AbortSignal;
};

/** How long after its end a claim's site is still asked for what could not be read; Muster waits longer. */
export const graceMs = 15 * 60_000;
const baseBackoffMs = 1_000;
const maxBackoffMs = 60_000;

/** One claim under way. */
export type ClaimSession = ReturnType<typeof openSession>;

/** The session of a claim that the journal knows. */
export function openSession(deps: ClaimSessionDeps, claimId: string) {
  const { journal, stopping, settleMs } = deps;
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
    ...deps,
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
      Math.max(0, (quietSince.get(batch) ?? began) + settleMs - performance.now()),
    settle: (batch: number, outcome: Outcome): void => move(batch, { kind: "settled", outcome }),
    close: (): void => journal.write({ kind: "closed", claimId }),
  };
}

// What Muster has to hear about a claim's batches, in reports of a size that it takes. Pure.

/** Devices in one report. */
const maxResults = 500;

/** What the site's "taken" means. */
const acceptanceOf = (work: Work): Outcome =>
  isPush(work)
    ? {
        outcome: "accepted",
        code: "push-requested",
        detail: "the site has written the client push request, which is no client yet",
      }
    : { outcome: "accepted" };

/** What Muster has to hear of a batch. */
function dueReport(
  work: Work,
  { state }: Batch,
): { outcome: Outcome; reported: BatchState } | undefined {
  if (state.kind === "settled") {
    const { detail, ...outcome } = state.outcome;
    const words = detail === undefined ? {} : { detail: reasonIn(detail) };
    return { outcome: { ...outcome, ...words }, reported: { kind: "reported" } };
  }
  if (state.kind !== "started" || state.reported) return undefined;
  return { outcome: acceptanceOf(work), reported: { ...state, reported: true } };
}

/** What one batch has to report, and its state once Muster has it. */
export type DueReport = {
  readonly nth: number;
  readonly reported: BatchState;
  readonly results: readonly Result[];
};

/** What is due, in groups of at most a report's size. */
function reportGroups({ work, batches }: Claim): DueReport[][] {
  const groups: DueReport[][] = [];
  let devices = 0;
  for (const [nth, batch] of batches.entries()) {
    const report = dueReport(work, batch);
    if (report === undefined) continue;
    const results = batch.targets.map(({ deviceId }) => ({ deviceId, ...report.outcome }));
    const group = groups.at(-1);
    const fits = group !== undefined && devices + results.length <= maxResults;
    devices = fits ? devices + results.length : results.length;
    const item = { nth, reported: report.reported, results };
    if (fits) group.push(item);
    else groups.push([item]);
  }
  return groups;
}

/** Devices of which a report is due. */
export const unreported = ({ work, batches }: Claim): number =>
  batches.reduce((sum, batch) => sum + (dueReport(work, batch) ? batch.targets.length : 0), 0);

// Reports to Muster what is due of a claim, however long that takes.

/** Muster does not know the claim's notification any more: nobody waits for the outcome. */
export class ClaimGone extends Error {}

/** Gets a report through, however often Muster has to be asked. */
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
      if (!(error instanceof MusterFailure)) throw error;
      if (error.gone) throw new ClaimGone(error.message);
      log("muster.failure", { claimId: work.claimId, why: error.message });
      ({ retryAfterMs } = error);
    }
    await wait(Math.max(backoffMs(attempt), retryAfterMs));
  }
}

/** Reports all that is due of a claim, however long that takes. */
export async function sendReports(session: ClaimSession): Promise<void> {
  for (const group of reportGroups(session.claim())) {
    await sendReport(
      session,
      group.flatMap(({ results }) => results),
    );
    for (const { nth, reported } of group) session.move(nth, reported);
  }
}
