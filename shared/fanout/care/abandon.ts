/**
 * Ends what no message could bring to its end: long after the job's time, when nothing of it has moved for as long.
 * What still moves, however slowly, is waited for: a million answers take hours to read.
 */
import type { Instant } from "../../kernel/clock.ts";
import { queueNames } from "../../storage/names.ts";
import { changeRows, itemsIn } from "../engine/change-rows.ts";
import { closeIfDone } from "../engine/close.ts";
import { endOf, unreadable } from "../engine/decide.ts";
import { type Engine, type FoundJob, findJob, idsOf } from "../engine/engine.ts";
import type { Transition } from "../state/item.ts";
import { type Job, type JobFailure, type JobIds, move } from "../state/job.ts";
import { beforePlanning, type PlanProgress } from "../state/progress.ts";

/** Whether a job is still being planned, or let out. */
export const isBeingPlanned = ({ state, rollout }: Job): boolean =>
  state === "planning" || (state === "running" && rollout !== undefined);

/**
 * Fails a job if it is still being planned: nothing more of it leaves, what has left is followed to its end, and the
 * job says why. Asking twice is once; answers whether it was.
 */
export async function failPlanning(
  engine: Engine,
  ids: JobIds,
  failure: JobFailure,
): Promise<boolean> {
  const found = await findJob(engine, ids);
  if (found === undefined || !isBeingPlanned(found.job)) return false;
  const failing = move(found.job, "abandon", { failure });
  // A lost race means that planning, or a cancellation, has got further.
  if (failing === undefined) return false;
  if ((await found.jobs.replace(failing, found.etag)) === undefined) return false;
  await closePlan(engine, found);
  await engine.queues.send(queueNames.fanoutClose, idsOf(ids));
  return true;
}

/** No row is added any more, so that the job can come to its end. */
async function closePlan({ items }: Pick<Engine, "items">, { kind, job }: FoundJob): Promise<void> {
  const owned = { jobId: job.jobId, tenantId: job.tenantId, subject: kind.subjectOf(job) };
  for (;;) {
    const plan = await items.plan(job.jobId);
    if (plan?.progress.done) return;
    const before = plan?.progress ?? beforePlanning;
    const progress: PlanProgress = { ...before, done: true, outbox: [] };
    if (await items.commitPlan(owned, [], progress, plan?.etag)) return;
  }
}

/** How long nothing must have moved, after the job's end. */
const stuckAfterMs = 60 * 60_000;
/** Rows abandoned in one transaction. */
const rowsPerStep = 32;

/**
 * True when its time is long over, nobody has got through to any of it for as long, and a message that was sent
 * anew did not help either: an app that was switched off for hours gets the chance to read the answers.
 */
export async function isStuck(
  { items, summaries, times }: Pick<Engine, "items" | "summaries" | "times">,
  { jobId, expiresAt }: Job,
  now: Instant,
): Promise<boolean> {
  const since = now - stuckAfterMs;
  if (expiresAt > since) return false;
  if (await summaries.movedSince(jobId, since)) return false;
  const plan = await items.plan(jobId);
  if (plan && !plan.progress.done && plan.progress.at > since) return false;
  if (!(await items.anyLive(jobId))) return true;
  return summaries.requeuedInVain(jobId, since, now - times.overdueMs);
}

/** Ends every item that is still open, then the job; or goes as far as it comes until `until`. */
export async function abandon(
  engine: Engine,
  { kind, job }: FoundJob,
  until: Instant,
): Promise<void> {
  const { cause } = await engine.failures.get(job);
  let from = "";
  do {
    const page = { from, where: "live gt 0", top: rowsPerStep };
    const rows = await engine.items.readablePage(job.jobId, page);
    const last = rows.at(-1);
    if (last === undefined) break;
    const now = engine.clock.now();
    const transitions = new Map<string, Transition>();
    for (const item of itemsIn(rows)) {
      const why = cause || item.detail;
      const ending = item.state === "waiting" ? endOf(kind, job, item, now) : unreadable(why);
      if (ending) transitions.set(item.targetId, ending);
    }
    await changeRows(engine, { kind, job, rows }, { transitions, now });
    from = `${last.lastTargetId}!`;
  } while (engine.clock.now() < until);
  const detail = `its targets could not be planned in time${cause && `: ${cause}`}`;
  await failPlanning(engine, job, { code: "planning-failed", detail });
  await closeIfDone(engine, job);
}
