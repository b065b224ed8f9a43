/**
 * A claim on its way through the relay: what its journal tells of it, which of the site's operations is its, and what
 * Muster has to hear. Pure.
 *
 * A claim is cut into batches, each of which becomes one operation of the site. A batch is open, then being
 * called, then started (the site gave it an operation), then settled (outcomes are known), then reported.
 */
import { reasonIn } from "../../shared/kernel/outside-text.ts";

/** A message from the site's queue: the rows in which something waits. */
export type ClaimRequest = {
  readonly notificationId: string;
  readonly from: string;
  readonly to: string;
};

/** What Muster gave us to do. */
export type Work = {
  readonly claimId: string;
  /** The site's highest operation number when the claim was first made: no operation up to it is the claim's. */
  readonly mark: number;
  readonly notificationId: string;
  readonly action: string;
  /** Type of the client operation; absent for client push, which is none. */
  readonly operationType?: number;
  readonly parameters: Readonly<Record<string, unknown>>;
  /** ISO 8601: nothing is started after this, and answers are no longer waited for. */
  readonly expiresAt: string;
  readonly devices: readonly Target[];
  /** Muster has given it out before: an operation of ours may exist that our journal does not know. */
  readonly again: boolean;
};

/** A device of a claim. */
type Target = { readonly deviceId: string; readonly resourceId: number };

/** What became of a device, in Muster's words. */
export type Outcome = {
  readonly outcome:
    | "accepted"
    | "done"
    | "failed"
    | "notSupported"
    | "offline"
    | "unknown"
    | "expired";
  readonly code?: string;
  readonly detail?: string;
};

/**
 * Where a batch stands. `calls`: calls that were made for it, this one included. `term`: the term of our lease
 * of the site in which it was surely not called yet. `after`: no operation of the site up to this number is
 * ours. `sure`: we know how the claim was cut, so that an operation for part of its devices is not ours.
 * `why`: the latest reason for which it is not started, or not known to be.
 */
export type BatchState =
  | {
      readonly kind: "open";
      readonly calls: number;
      readonly term: number;
      readonly why?: string;
    }
  | {
      readonly kind: "calling";
      readonly after: number;
      readonly calls: number;
      readonly sure: boolean;
      readonly why?: string;
    }
  | { readonly kind: "started"; readonly operationId?: number; readonly reported: boolean }
  | { readonly kind: "settled"; readonly outcome: Outcome }
  | { readonly kind: "reported" };

/** A batch: devices that go together. */
export type Batch = { readonly targets: readonly Target[]; readonly state: BatchState };

/** A claim with its batches. */
export type Claim = { readonly work: Work; readonly batches: readonly Batch[] };

/** One line of the journal. */
export type Entry =
  | {
      readonly kind: "claimed";
      readonly work: Work;
      readonly batchSize: number;
      readonly term: number;
    }
  | {
      readonly kind: "moved";
      readonly claimId: string;
      readonly batch: number;
      readonly state: BatchState;
    }
  | { readonly kind: "closed"; readonly claimId: string };

/** Types of client operations that AdminService has functions of its own for. */
export const scriptType = 135;
export const pivotType = 145;

/** Client push: the site writes a request, gives it no number, and shows nothing of it but a client, some time later. */
export const isPush = ({ operationType }: Pick<Work, "operationType">): boolean =>
  operationType === undefined;

/** Scripts, CMPivot and client push are asked for one device at a time; that is also what their results are for. */
const oneByOne = (work: Pick<Work, "operationType">): boolean =>
  isPush(work) || work.operationType === scriptType || work.operationType === pivotType;

/** A batch that somebody else may have called for: the site is looked at before anything is started. */
export const inDoubt = ({ mark }: Pick<Work, "mark">, calls: number): BatchState => ({
  kind: "calling",
  after: mark,
  calls,
  sure: false,
});

/** A claim as it begins, in some term of our lease of the site. */
export function begin(work: Work, batchSize: number, term: number): Claim {
  const size = oneByOne(work) ? 1 : batchSize;
  // We do not remember it, but Muster does: its calls may have been made.
  const state: BatchState = work.again ? inDoubt(work, 0) : { kind: "open", calls: 0, term };
  const batches: Batch[] = [];
  for (let at = 0; at < work.devices.length; at += size)
    batches.push({ targets: work.devices.slice(at, at + size), state });
  return { work, batches };
}

/** Applies a line of the journal to what is known. */
export function apply(claims: ReadonlyMap<string, Claim>, entry: Entry): Map<string, Claim> {
  const next = new Map(claims);
  if (entry.kind === "claimed")
    next.set(entry.work.claimId, begin(entry.work, entry.batchSize, entry.term));
  else if (entry.kind === "closed") next.delete(entry.claimId);
  else {
    const claim = next.get(entry.claimId);
    if (claim) next.set(entry.claimId, moved(claim, entry.batch, entry.state));
  }
  return next;
}

/** The claim with one batch in another state. */
const moved = (claim: Claim, nth: number, state: BatchState): Claim => ({
  ...claim,
  batches: claim.batches.map((batch, at) => (at === nth ? { ...batch, state } : batch)),
});

/** True when nothing of the claim is left to do. */
export const isClosed = ({ batches }: Claim): boolean =>
  batches.every(({ state }) => state.kind === "reported");

// Which of the site's operations a call without an answer may have started.

/** An operation as the site lists it; `targets` is undefined where the site does not tell. */
export type SiteOperation = {
  readonly id: number;
  readonly targets: readonly number[] | undefined;
};

/** What the site's list says. */
type Found =
  | { readonly kind: "ours"; readonly operationId: number }
  | { readonly kind: "none" }
  /** One of the same type is there that may be ours, and nothing says for sure. */
  | { readonly kind: "unsure" };

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

// How batches end that the site never answered for.

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
/** The end of a batch for which the site was called again and again. */
export const neverAnswered = (calls: number, why?: string): Outcome => ({
  outcome: "failed",
  code: "site-refused",
  detail: `the site gave no answer to ${calls} calls, and shows no operation${latest(why)}`,
});
/** The end of a client push whose call left no answer: the site lists no such requests, and may have written it. */
export const pushNeverKnown = (why?: string): Outcome => ({
  outcome: "unknown",
  code: "no-clear-answer",
  detail: `the site did not say whether it wrote the client push request, and it lists none${latest(why)}`,
});
const latest = (why?: string): string => (why === undefined ? "" : `; the latest: ${why}`);

// What Muster has to hear about a claim's batches, in reports of a size that it takes.

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

/** A device with what became of it. */
export type Result = Outcome & { readonly deviceId: string };

/** What one batch has to report, and its state once Muster has it. */
type DueReport = {
  readonly nth: number;
  readonly reported: BatchState;
  readonly results: readonly Result[];
};

/** What is due, in groups of at most a report's size. */
export function reportGroups({ work, batches }: Claim): DueReport[][] {
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
