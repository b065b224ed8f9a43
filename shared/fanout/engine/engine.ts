/** What the engine works with: built once per process, the same for every kind of job. */
import type { Clock } from "../../kernel/clock.ts";
import type { Queues } from "../../storage/queues.ts";
import type { JobKind } from "../kind.ts";
import type { ItemStore } from "../state/item-store.ts";
import type { Job, JobIds } from "../state/job.ts";
import type { FailureNotes, JobStore } from "../state/job-store.ts";
import type { RowSummaries } from "../state/row-summaries.ts";
import type { Throttle } from "./reservations.ts";

/** How long the engine waits for what. */
export type Times = {
  /** How long a claim holds; longer than any answer of a far side is waited for. */
  readonly claimMs: number;
  /** How long an answer is waited for. */
  readonly askMs: number;
  /** Time from sending to the first reading back. */
  readonly readBackAfterMs: number;
  /** How far behind a row must be before its message counts as lost. */
  readonly overdueMs: number;
};

/** What a request takes on itself of a job that is small. */
export type FirstPass = {
  /** Most targets of a job that is small. */
  readonly targets: number;
  /** How long the request waits. */
  readonly boxMs: number;
  /** When the message comes that goes on where the worker died; after that nothing new is begun. */
  readonly safetyMs: number;
};

/** The engine's parts. */
export type Engine = {
  /** Kinds of jobs with their stores, by the kind's id. */
  readonly kinds: ReadonlyMap<string, { readonly kind: JobKind; readonly jobs: JobStore }>;
  readonly items: ItemStore;
  readonly summaries: RowSummaries;
  readonly failures: FailureNotes;
  readonly throttle: Throttle;
  readonly queues: Queues;
  /** Whether the tenant is still registered. */
  readonly knows: (tenantId: string) => Promise<boolean>;
  readonly clock: Clock;
  /** 0 to 1; spreads retries. */
  readonly random: () => number;
  readonly times: Times;
  readonly firstPass: FirstPass;
};

/** A job with its kind, as it was read. */
export type FoundJob = {
  readonly kind: JobKind;
  readonly jobs: JobStore;
  readonly job: Job;
  readonly etag: string;
};

/** The job that a message names; undefined when it, its tenant or its kind is gone. */
export async function findJob(
  { kinds, knows }: Pick<Engine, "kinds" | "knows">,
  { kind: id, tenantId, jobId }: JobIds,
): Promise<FoundJob | undefined> {
  const entry = kinds.get(id);
  const [stored, known] = await Promise.all([entry?.jobs.get(tenantId, jobId), knows(tenantId)]);
  return entry && stored && known ? { ...entry, ...stored } : undefined;
}

/** The ids of a job, for messages. */
export const idsOf = ({ kind, tenantId, jobId }: JobIds): JobIds => ({ kind, tenantId, jobId });
