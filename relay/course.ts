/** A claim under way: its state in the journal, and the only ways to change it and to speak of it. */
import type { SiteReader } from "./admin-service.ts";
import type { BatchState, Claim, Outcome } from "./claim.ts";
import type { Journal } from "./journal.ts";
import type { Lease } from "./lease.ts";
import type { Log } from "./log.ts";
import type { Muster } from "./muster.ts";
import type { OwnOperations } from "./own-operations.ts";
import { pause, Stopping } from "./pause.ts";
import type { SiteStarter } from "./start-operation.ts";

/** What courses need. */
export type CourseDeps = {
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
export type Course = ReturnType<typeof courseOf>;

/** The course of a claim that the journal knows. */
export function courseOf(deps: CourseDeps, claimId: string) {
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
