/** Lets a job rest, and go on: by a person's word, or between two waves of its rollout. */
import { inParallel } from "../../kernel/concurrency.ts";
import { queueNames } from "../../storage/names.ts";
import { type Engine, idsOf } from "../engine/engine.ts";
import { type Job, move } from "../state/job.ts";
import type { JobStore } from "../state/job-store.ts";
import { overdueChunks } from "./sweep.ts";

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

/** Goes on with a paused job, and agrees to its next wave where it waits for that. */
export async function resume<J extends Job>(
  engine: Pick<Engine, "queues" | "items" | "kinds" | "summaries">,
  jobs: Pick<JobStore<J>, "replace">,
  job: J,
  etag: string,
): Promise<J | undefined> {
  const resumed = job.state === "running" ? job : move(job, "resume");
  if (resumed === undefined) return undefined;
  const plan = await engine.items.plan(job.jobId);
  const kind = engine.kinds.get(job.kind)?.kind;
  // Agreed first: a job that goes on without it would only rest again.
  if (plan?.progress.released && kind) {
    const { awaiting, ...released } = plan.progress.released;
    const approved = awaiting ? released.wave + 1 : released.approved;
    const owned = { jobId: job.jobId, tenantId: job.tenantId, subject: kind.subjectOf(job) };
    const progress = { ...plan.progress, nextAt: 0, released: { ...released, approved } };
    if (!(await engine.items.commitPlan(owned, [], progress, plan.etag))) return undefined;
  }
  if (resumed !== job && (await jobs.replace(resumed, etag)) === undefined) return undefined;
  await engine.queues.send(queueNames.fanoutPlan, idsOf(job));
  await requeueWaiting(engine, job);
  return resumed;
}

const concurrency = 8;

/** Sends a message for every chunk in which something waits: theirs came while the job rested. */
async function requeueWaiting(
  { summaries, queues }: Pick<Engine, "summaries" | "queues">,
  job: Job,
): Promise<void> {
  for await (const page of summaries.pages(job.jobId)) {
    const waiting = page.filter((row) => row.waiting > 0);
    await inParallel(
      overdueChunks(waiting, Number.POSITIVE_INFINITY),
      concurrency,
      async ({ from, to }) => {
        await queues.send(queueNames.fanoutDispatch, { ...idsOf(job), from, to });
      },
    );
  }
}
