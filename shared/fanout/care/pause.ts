/** Lets a job rest, and go on: by a person's word, or between two waves of its rollout. */
import { inParallel } from "../../kernel/concurrency.ts";
import { queueNames } from "../../storage/names.ts";
import { type Engine, idsOf } from "../engine/engine.ts";
import { type Job, move } from "../state/job.ts";
import type { JobStore } from "../state/job-store.ts";
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
