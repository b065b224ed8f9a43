/** What people say of a job that is under way: cancel it, let it rest, let it go on. And how much is under way at all. */

import { inParallel } from "../../kernel/concurrency.ts";
import { fail, type Result, succeed } from "../../kernel/failure.ts";
import { queueNames } from "../../storage/names.ts";
import { itemsIn } from "../engine/change-rows.ts";
import { type Engine, idsOf } from "../engine/engine.ts";
import { isCarried, type JobKind } from "../kind.ts";
import { emptyCounts } from "../state/item.ts";
import { isOpen, type Job, type JobStore, move } from "../state/job.ts";
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

/** A job as it is now, and the state it was in. */
type ChangedJob<J extends Job> = { readonly job: J; readonly before: Job["state"] };

/** What is asked of a job, by whom it may be asked, and how it is spoken of where it cannot be. */
type Change<J extends Job> = {
  readonly change: "cancel" | "pause" | "resume";
  /** Whoever it is not for is told that there is none. */
  readonly mayChange?: (job: J) => boolean;
  /** Its sort and its id, at the beginning of a sentence. */
  readonly name: string;
  readonly unknown: Result<never>;
  readonly stateOf: (job: J) => string;
};

/** Tries to win a job's row. */
const maxTries = 5;
const askAgain = { retryAfterSeconds: 2 };
const refusals = {
  cancel: "nothing is left to cancel",
  pause: "only what is under way can be paused",
  resume: "only what is paused can be resumed",
};

/** Cancels a job, lets it rest, or lets it go on. Asking twice is once. */
export async function changeJob<J extends Job>(
  engine: Engine,
  jobs: Pick<JobStore<J>, "get" | "replace">,
  { tenantId, jobId }: Pick<Job, "tenantId" | "jobId">,
  { change, mayChange = () => true, name, unknown, stateOf }: Change<J>,
): Promise<Result<ChangedJob<J>>> {
  for (let tries = 0; tries < maxTries; tries += 1) {
    const stored = await jobs.get(tenantId, jobId);
    if (stored === undefined || !mayChange(stored.job)) return unknown;
    const { job, etag } = stored;
    // While it is planned its state does not allow it yet.
    if (change !== "cancel" && job.state === "planning")
      return fail("conflict", "Its devices are still being planned; ask again.", askAgain);
    if (!allowed[change](job))
      return fail("conflict", `${name} is ${stateOf(job)} already; ${refusals[change]}.`);
    const changed = await acts[change](engine, jobs, job, etag);
    if (changed !== undefined) return succeed({ job: changed, before: job.state });
  }
  return fail("conflict", `${name} keeps changing; ask again.`, askAgain);
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

const openPerPage = 100;
const rowsPerRead = 100;

/** How many jobs have not ended, and how many of their items a call is out for that has not been answered. */
export async function countOpen({ kinds, items }: Pick<Engine, "kinds" | "items">) {
  const left = { jobs: 0, calls: 0 };
  for (const { kind, jobs } of kinds.values()) {
    let token: string | undefined;
    do {
      const page: Awaited<ReturnType<JobStore["open"]>> = await jobs.open(openPerPage, token);
      await inParallel(page.open, concurrency, async ({ tenantId, jobId }) => {
        const job = (await jobs.get(tenantId, jobId))?.job;
        if (job === undefined || !isOpen(job)) return;
        left.jobs += 1;
        left.calls += await callsOf(items, kind, job);
      });
      token = page.next;
    } while (token !== undefined);
  }
  return left;
}

/** What a carrier has fetched is under way there, and goes on without us. */
async function callsOf(items: Engine["items"], kind: JobKind, job: Job): Promise<number> {
  let [calls, token]: [number, string | undefined] = [0, undefined];
  do {
    const query = { where: "begun gt 0", top: rowsPerRead };
    const page: Awaited<ReturnType<typeof items.scan>> = await items.scan(job.jobId, query, token);
    const claimed = itemsIn(page.rows).filter(({ state }) => state === "claimed");
    calls += claimed.filter((item) => !isCarried(kind, job, item)).length;
    token = page.next;
  } while (token !== undefined);
  return calls;
}
