/** A job: something asked for once, for many targets. Its lifecycle as a table. Pure. */
import type { Person } from "../../access/approvals/approval.ts";
import type { Instant } from "../../kernel/clock.ts";
import { countedStates } from "./item.ts";
import type { Counts } from "./item-row.ts";
import type { Rollout } from "./rollout.ts";

/** Where a job stands. How it went is in its counts: see `wordFor`. */
export type JobState =
  | "pendingApproval"
  | "planning"
  | "running"
  /** Nothing new is sent until somebody resumes it; what has left is followed. */
  | "paused"
  | "ended"
  | "cancelling"
  | "cancelled"
  | "rejected"
  /** It failed as a whole; what has left is still followed to its end. */
  | "failing"
  | "failed";

/** What can happen to it. */
export type JobEvent =
  | "approve"
  | "reject"
  | "planned"
  | "pause"
  | "resume"
  | "finish"
  | "cancel"
  | "abandon";

/** The whole lifecycle. A missing entry means: refused in that state. */
export const jobLifecycle: Readonly<
  Record<JobState, Readonly<Partial<Record<JobEvent, JobState>>>>
> = {
  pendingApproval: { approve: "planning", reject: "rejected", cancel: "cancelled" },
  planning: { planned: "running", cancel: "cancelling", abandon: "failing" },
  running: { pause: "paused", finish: "ended", cancel: "cancelling", abandon: "failing" },
  paused: { resume: "running", finish: "ended", cancel: "cancelling", abandon: "failing" },
  cancelling: { finish: "cancelled" },
  failing: { finish: "failed" },
  ended: {},
  cancelled: {},
  rejected: {},
  failed: {},
};

/** Which job: what every message names. */
export type JobIds = { readonly kind: string; readonly tenantId: string; readonly jobId: string };

/** What the engine knows of any job. A kind adds what it was asked for, frozen when it was asked. */
export type Job = JobIds & {
  readonly state: JobState;
  /** Who asked for it; absent where it was the app itself. */
  readonly requestedBy?: Person;
  /** For how many targets it is, as far as anybody could tell before they were planned one by one. */
  readonly expected?: number;
  /** Which targets it is for was settled when it was asked for, and is kept beside it: nobody joins. */
  readonly frozen?: true;
  /** How it is let out over its targets; absent: all of it, at the pace of the throttle. */
  readonly rollout?: Rollout;
  readonly createdAt: Instant;
  /** After this nothing is sent any more, and answers are no longer waited for. */
  readonly expiresAt: Instant;
  readonly finishedAt?: Instant;
  /** It was stopped before all of its targets were planned, so that the counts are not about all of them. */
  readonly cutShort?: true;
  /** Final counts, once finished. */
  readonly counts?: Counts;
  /** Why it failed as a whole, or was rejected. */
  readonly failure?: JobFailure;
};

/** A stable name, and words for people. */
export type JobFailure = { readonly code: string; readonly detail: string };

/** Applies an event; undefined when the lifecycle refuses it. */
export function move<J extends Job>(
  job: J,
  event: JobEvent,
  changes: Partial<Pick<Job, "counts" | "finishedAt" | "failure" | "expiresAt">> = {},
): J | undefined {
  const state = jobLifecycle[job.state][event];
  if (state === undefined) return undefined;
  const cutShort = job.state === "planning" && isStopping({ state });
  return { ...job, ...changes, state, ...(cutShort ? { cutShort } : {}) };
}

/** How a job appears: while it is open its state, and at its end what its counts say. */
export const shownJobStates = [
  "pendingApproval",
  "planning",
  "running",
  "paused",
  "cancelling",
  "failing",
  /** Every target that can do it has done it. */
  "completed",
  /** Some have done it, some have not. */
  "partlyCompleted",
  /** None has done it. */
  "failed",
  /** None is known to have done it, and some may have. */
  "unknown",
  /** There was no target, or none that can do it. */
  "nothingToSend",
  "cancelled",
  "rejected",
  /** It has ended, and how is not counted for who asks. */
  "ended",
] as const;
export type ShownState = (typeof shownJobStates)[number];

/** The word for a job. It follows the counts, so that a late report can still change it. */
export function wordFor({ state, cutShort }: Job, counts: Counts): ShownState {
  if (state === "cancelled" && (cutShort || counts.cancelled > 0 || sumOf(counts) === 0))
    return "cancelled";
  // A cancellation that came too late has cancelled nothing: then the counts have the word, too.
  if (state === "ended" || state === "cancelled") return wordForCounts(counts);
  // It failed as a whole: whoever was not planned has not done it either.
  if (state === "failed" && counts.done > 0) return "partlyCompleted";
  return state === "failed" && counts.unknown > 0 ? "unknown" : state;
}

function wordForCounts(counts: Counts): ShownState {
  const asked = sumOf(counts) - counts.notSupported;
  if (asked === 0) return "nothingToSend";
  if (counts.done === asked) return "completed";
  if (counts.done > 0) return "partlyCompleted";
  return counts.unknown > 0 ? "unknown" : "failed";
}

/** All items, whatever their state. */
export const sumOf = (counts: Counts): number =>
  countedStates.reduce((sum, state) => sum + counts[state], 0);

/** True while nothing more may leave, though some of it may still be under way. */
export const isStopping = ({ state }: Pick<Job, "state">): boolean =>
  state === "cancelling" || state === "failing";

/** True while somebody still has to do something. */
export const isOpen = ({ state }: Pick<Job, "state">): boolean =>
  Object.keys(jobLifecycle[state]).length > 0;
