/**
 * A claim on its way through the relay, as its journal tells it. Pure.
 *
 * A claim is cut into batches, each of which becomes one operation of the site. A batch is open, then being
 * called, then started (the site gave it an operation), then settled (outcomes are known), then reported.
 */

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
export type Target = { readonly deviceId: string; readonly resourceId: number };

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

const scriptType = 135;
const pivotType = 145;

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

// What a step of a claim came to.

/** The site's highest operation, where it is known, and how long to wait before the next step. */
export type Step = { readonly mark?: number | undefined; readonly waitMs?: number };
