/** A claim under way: its state in the journal, and the only ways to change it and to speak of it. */
import { setTimeout as sleep } from "node:timers/promises";
import type { SiteReader } from "./admin-service.ts";
import type { Batch, BatchState, Claim, Outcome } from "./claim.ts";
import type { Journal } from "./journal.ts";
import type { Log } from "./log.ts";
import { type Muster, MusterTrouble, type Result } from "./muster.ts";
import type { SiteStarter } from "./start-operation.ts";

/** What courses need. */
export type CourseDeps = {
  readonly site: SiteReader;
  readonly start: SiteStarter;
  readonly muster: Pick<Muster, "report">;
  readonly journal: Journal;
  readonly log: Log;
  readonly pollMs: number;
  readonly settleMs: number;
  /** Aborted when the relay is to stop; what is under way is left to the journal. */
  readonly stopping: AbortSignal;
};

/** The relay is stopping: the journal knows where to go on. */
export class Stopping extends Error {}

/** Muster does not know the claim's notification any more: nobody waits for the outcome. */
export class ClaimGone extends Error {}

/** How long after its end a claim's site is still asked for what could not be read; Muster waits longer. */
export const graceMs = 15 * 60_000;
const baseBackoffMs = 1_000;
const maxBackoffMs = 60_000;
/** Devices in one report. */
const maxResults = 500;

/** One claim under way. */
export type Course = ReturnType<typeof courseOf>;

/** The course of a claim that the journal knows. */
export function courseOf(deps: CourseDeps, claimId: string) {
  const { journal, stopping } = deps;
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
  const wait = async (ms: number): Promise<void> => {
    stopIfAsked();
    await sleep(ms, undefined, { signal: stopping }).catch(() => undefined);
    stopIfAsked();
  };
  return {
    ...deps,
    claim,
    claims: () => journal.claims().values(),
    now: () => Date.now(),
    move,
    wait,
    stopIfAsked,
    backoffMs: (attempt: number): number =>
      Math.min(baseBackoffMs * 2 ** (attempt - 1), maxBackoffMs) * (0.5 + Math.random() / 2),
    settle: (batch: number, outcome: Outcome): void => move(batch, { kind: "settled", outcome }),
    /** Devices whose news Muster does not have yet. */
    untold: (): number =>
      claim().batches.reduce((sum, batch) => sum + (newsOf(batch) ? batch.targets.length : 0), 0),
    close: (): void => journal.write({ kind: "closed", claimId }),
  };
}

/** Gets a report through, however often Muster has to be asked. */
async function report(
  { muster, log, wait, backoffMs, claim }: Course,
  results: readonly Result[],
): Promise<void> {
  const { work } = claim();
  for (let attempt = 1; ; attempt += 1) {
    try {
      await muster.report(work, results);
      return;
    } catch (error) {
      if (!(error instanceof MusterTrouble)) throw error;
      if (error.gone) throw new ClaimGone(error.message);
      log("muster.trouble", { claimId: work.claimId, why: error.message });
    }
    await wait(backoffMs(attempt));
  }
}

/** Tells Muster all news of a claim, however long that takes. */
export async function tell(course: Course): Promise<void> {
  for (const group of groupsOf(course.claim())) {
    await report(
      course,
      group.flatMap(({ results }) => results),
    );
    for (const { nth, told } of group) course.move(nth, told);
  }
}

/** What Muster has to hear of a batch. */
function newsOf({ state }: Batch): { outcome: Outcome; told: BatchState } | undefined {
  if (state.kind === "settled") return { outcome: state.outcome, told: { kind: "reported" } };
  if (state.kind !== "started" || state.told) return undefined;
  return { outcome: { outcome: "accepted" }, told: { ...state, told: true } };
}

type News = {
  readonly nth: number;
  readonly told: BatchState;
  readonly results: readonly Result[];
};

/** News in groups of at most a report's size. */
function groupsOf({ batches }: Claim): News[][] {
  const groups: News[][] = [];
  let devices = 0;
  for (const [nth, batch] of batches.entries()) {
    const news = newsOf(batch);
    if (news === undefined) continue;
    const results = batch.targets.map(({ deviceId }) => ({ deviceId, ...news.outcome }));
    const group = groups.at(-1);
    const fits = group !== undefined && devices + results.length <= maxResults;
    devices = fits ? devices + results.length : results.length;
    const item = { nth, told: news.told, results };
    if (fits) group.push(item);
    else groups.push([item]);
  }
  return groups;
}
