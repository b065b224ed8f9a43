/** What people say of a job that is under way: cancel it, let it rest, let it go on. */

import { inParallel } from "../../kernel/concurrency.ts";
import { queueNames } from "../../storage/names.ts";
import { type Engine, idsOf } from "../engine/engine.ts";
import { emptyCounts } from "../state/item.ts";
import { type Job, type JobStore, move } from "../state/job.ts";
import { chunksOf } from "./sweep.ts";

/**
 * Lets a job rest: nothing new is sent until it is resumed; what has left is followed. Undefined where its state does
 * not allow it; asking twice is once.
 */
export async function pause<J extends Job>(
  jobs: Pick<JobStore<J>, "replace">,
  job: J,
  etag: string,
) {
  if (job.state === "paused") return job;
  const paused = move(job, "pause");
  return paused && (await jobs.replace(paused, etag)) !== undefined ? paused : undefined;
}

/** How long messages wait for the state that they are about: whoever dies in between has changed nothing. */
const afterStateSeconds = 2;

/** Goes on with a paused job, and agrees to its next wave where it waits for that. Asking twice is once. */
export async function resume<J extends Job>(
  engine: Pick<Engine, "queues" | "items" | "kinds" | "summaries">,
  jobs: Pick<JobStore<J>, "replace">,
  job: J,
  etag: string,
): Promise<J | undefined> {
  const { queues, items } = engine;
  const kind = engine.kinds.get(job.kind)?.kind;
  const plan = await items.plan(job.jobId);
  const released = plan?.progress.released;
  if (job.state === "running" && !released?.awaiting) return job;
  // Also of one that runs: a pause that a rule is making right now then finds another version.
  const resumed = job.state === "running" ? job : move(job, "resume");
  if (resumed === undefined) return undefined;
  // Agreed first: a job that goes on without it would only rest again.
  if (plan && released && kind) {
    const { awaiting, ...rest } = released;
    const approved = awaiting ? released.wave + 1 : released.approved;
    const owned = { jobId: job.jobId, tenantId: job.tenantId, subject: kind.subjectOf(job) };
    const progress = { ...plan.progress, nextAt: 0, released: { ...rest, approved } };
    if (!(await items.commitPlan(owned, [], progress, plan.etag))) return undefined;
  }
  await requeueWaiting(engine, job);
  await queues.send(queueNames.fanoutPlan, idsOf(job), afterStateSeconds);
  return (await jobs.replace(resumed, etag)) === undefined ? undefined : resumed;
}

const concurrency = 8;

/** Sends a message for every chunk in which something waits: theirs came while the job rested. */
async function requeueWaiting(
  { summaries, queues }: Pick<Engine, "summaries" | "queues">,
  job: Job,
): Promise<void> {
  for await (const page of summaries.pages(job.jobId)) {
    const chunks = chunksOf(page, ({ waiting }) => waiting > 0);
    await inParallel(chunks, concurrency, async ({ from, to }) => {
      const message = { ...idsOf(job), from, to };
      await queues.send(queueNames.fanoutDispatch, message, afterStateSeconds);
    });
  }
}

/** Marks it, so that a queue function settles what waits. Asking twice is once. */
async function cancel<J extends Job>(
  { queues, clock }: Pick<Engine, "queues" | "clock">,
  jobs: Pick<JobStore<J>, "replace">,
  job: J,
  etag: string,
): Promise<J | undefined> {
  const cancelling =
    job.state === "cancelling" ? job : move(job, "cancel", endOfPending(job, clock.now()));
  if (cancelling === undefined) return undefined;
  const won = cancelling === job || (await jobs.replace(cancelling, etag)) !== undefined;
  if (!won) return undefined;
  await queues.send(queueNames.fanoutClose, idsOf(job));
  return cancelling;
}

/** What nobody approved yet ends at once: it has no items. */
const endOfPending = ({ state }: Job, finishedAt: number) =>
  state === "pendingApproval" ? { counts: emptyCounts(), finishedAt } : {};

/** What came of asking for a change: the job as it is now, and the state it was in. */
type ChangedJob<J extends Job> =
  | { readonly kind: "changed"; readonly job: J; readonly before: Job["state"] }
  /** Its state does not allow it; while it is planned, it will. */
  | { readonly kind: "refused" | "early"; readonly job: J }
  | { readonly kind: "gone" | "busy" };

/** Tries to win a job's row. */
const maxTries = 5;

/** Cancels a job, lets it rest, or lets it go on, if `mayChange` says so. Asking twice is once. */
export async function changeJob<J extends Job>(
  engine: Engine,
  jobs: Pick<JobStore<J>, "get" | "replace">,
  { tenantId, jobId }: Pick<Job, "tenantId" | "jobId">,
  {
    change,
    mayChange,
  }: {
    readonly change: "cancel" | "pause" | "resume";
    readonly mayChange: (job: J) => boolean;
  },
): Promise<ChangedJob<J>> {
  for (let tries = 0; tries < maxTries; tries += 1) {
    const stored = await jobs.get(tenantId, jobId);
    if (stored === undefined || !mayChange(stored.job)) return { kind: "gone" };
    const { job, etag } = stored;
    if (change !== "cancel" && job.state === "planning") return { kind: "early", job };
    if (!allowed[change](job)) return { kind: "refused", job };
    const changed = await acts[change](engine, jobs, job, etag);
    if (changed !== undefined) return { kind: "changed", job: changed, before: job.state };
  }
  return { kind: "busy" };
}

const isSent = ({ state }: Job): boolean => state === "running" || state === "paused";
const allowed = {
  cancel: (job: Job) => job.state === "cancelling" || move(job, "cancel") !== undefined,
  pause: isSent,
  resume: isSent,
};
const acts = {
  cancel,
  pause: <J extends Job>(_: Engine, jobs: Pick<JobStore<J>, "replace">, job: J, etag: string) =>
    pause(jobs, job, etag),
  resume,
};
