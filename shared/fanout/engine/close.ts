/** Ends a job when nothing of it needs anybody any more, and what waits of one that is stopped. */
import { queueNames } from "../../storage/names.ts";
import type { Transition } from "../state/item.ts";
import { emptyCounts } from "../state/item-row.ts";
import { isOpen, type Job, type JobIds, move } from "../state/job.ts";
import { changeRows, itemsIn } from "./change-rows.ts";
import { endOf } from "./decide.ts";
import { type Engine, findJob, idsOf } from "./engine.ts";

/** Ends the job with its final counts, if planning is done and no item is live. Asking too often is harmless. */
export async function closeIfDone(
  { kinds, items, clock }: Pick<Engine, "kinds" | "items" | "clock">,
  { kind, tenantId, jobId }: JobIds,
): Promise<boolean> {
  // In this order: once planning is done no row is added, so none can appear behind our back.
  const plan = await items.plan(jobId);
  if (!plan?.progress.done) return false;
  if (await items.anyLive(jobId)) return false;
  const jobs = kinds.get(kind)?.jobs;
  const stored = await jobs?.get(tenantId, jobId);
  if (jobs === undefined || stored === undefined) return false;
  const { job, etag } = stored;
  if (job.counts !== undefined) {
    // Ended before, and a late report has changed a row since: the counts follow.
    const counts = await items.counts(jobId);
    if (JSON.stringify(counts) !== JSON.stringify(job.counts))
      await jobs.replace({ ...job, counts }, etag);
  }
  if (isOpen(job)) {
    const counts = await items.counts(jobId);
    const finished = move(job, "finish", { counts, finishedAt: clock.now() });
    // A lost race means that somebody else ended it, or will be asked again.
    if (finished === undefined) return false;
    if ((await jobs.replace(finished, etag)) === undefined) return false;
  }
  await jobs.close(jobId);
  return true;
}

/** Tries to win a job's row. */
const maxTries = 5;

/** What came of asking for a job to be cancelled: the job as it is now, and the state it was in. */
export type Cancelled<J extends Job> =
  | { readonly kind: "cancelled"; readonly job: J; readonly before: Job["state"] }
  | { readonly kind: "ended"; readonly job: J }
  | { readonly kind: "gone" | "busy" };

/** Marks a job, if `mayCancel` says so; a queue function then settles what waits. Asking twice is once. */
export async function cancel<J extends Job>(
  { queues, clock }: Pick<Engine, "queues" | "clock">,
  jobs: {
    get(tenantId: string, jobId: string): Promise<{ job: J; etag: string } | undefined>;
    replace(job: J, etag: string): Promise<string | undefined>;
  },
  { tenantId, jobId }: Pick<JobIds, "tenantId" | "jobId">,
  mayCancel: (job: J) => boolean,
): Promise<Cancelled<J>> {
  for (let tries = 0; tries < maxTries; tries += 1) {
    const stored = await jobs.get(tenantId, jobId);
    if (stored === undefined || !mayCancel(stored.job)) return { kind: "gone" };
    const { job, etag } = stored;
    const cancelling =
      job.state === "cancelling" ? job : move(job, "cancel", endOfPending(job, clock.now()));
    if (cancelling === undefined) return { kind: "ended", job };
    const won = cancelling === job || (await jobs.replace(cancelling, etag)) !== undefined;
    if (!won) continue;
    await queues.send(queueNames.fanoutClose, idsOf(job));
    return { kind: "cancelled", job: cancelling, before: job.state };
  }
  return { kind: "busy" };
}

/** What nobody approved yet ends at once: it has no items. */
const endOfPending = ({ state }: Job, finishedAt: number) =>
  state === "pendingApproval" ? { counts: emptyCounts(), finishedAt } : {};

/** Rows settled in one transaction. */
const rowsPerStep = 40;

/** Settles every waiting item of a job that is stopped, or whose time is over. */
export async function closeWaiting(engine: Engine, ids: JobIds): Promise<"done" | "gone"> {
  const found = await findJob(engine, ids);
  if (found === undefined) return "gone";
  const { kind, job } = found;
  let from = "";
  while (isOpen(job)) {
    const page = { from, where: "waiting gt 0", top: rowsPerStep };
    const rows = await engine.items.page(job.jobId, page);
    const last = rows.at(-1);
    if (last === undefined) break;
    const now = engine.clock.now();
    const transitions = new Map<string, Transition>();
    for (const item of itemsIn(rows)) {
      const ending = item.state === "waiting" ? endOf(kind, job, item, now) : undefined;
      if (ending) transitions.set(item.targetId, ending);
    }
    await changeRows(engine, { kind, job, rows }, { transitions, now });
    from = `${last.lastTargetId}!`;
  }
  await closeIfDone(engine, ids);
  return "done";
}
