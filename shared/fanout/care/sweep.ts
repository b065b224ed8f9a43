/**
 * Looks after jobs whose messages were lost: what should have been touched long ago gets a new message. Rows decide
 * what is to be done, so a message too many does no harm.
 */
import type { Instant } from "../../kernel/clock.ts";
import { inParallel } from "../../kernel/concurrency.ts";
import { timeOf } from "../../kernel/values.ts";
import { queueNames } from "../../storage/names.ts";
import { rowsPerChunk } from "../engine/chunks.ts";
import { closeIfDone } from "../engine/close.ts";
import { type Engine, findJob, idsOf } from "../engine/engine.ts";
import type { JobKind } from "../kind.ts";
import { isOpen, isStopping, type Job, type JobIds } from "../state/job.ts";
import type { JobStore } from "../state/job-store.ts";
import type { RowSummary } from "../state/row-summaries.ts";
import { abandon, isStuck } from "./abandon.ts";

// Which rows need a new message because theirs was lost, and how few messages that takes. Pure.

/** Consecutive rows for one message. */
export type OverdueChunk = {
  /** The rows that are overdue; those between them have nothing left to do. */
  readonly rows: readonly RowSummary[];
  readonly from: string;
  readonly to: string;
  /** Something waits to be sent; otherwise only answers are missing. */
  readonly toSend: boolean;
};

/** True when neither a handler nor a sweeper has seen to the row since `before`. */
const isOverdue = ({ live, dueAt, requeuedAt }: RowSummary, before: Instant): boolean =>
  live > 0 && dueAt < before && requeuedAt < before;

/** Cuts rows, as they stand in their order, into chunks of overdue ones. */
export const overdueChunks = (rows: readonly RowSummary[], before: Instant): OverdueChunk[] =>
  chunksOf(rows, (row) => isOverdue(row, before));

/**
 * Cuts rows, as they stand in their order, into chunks of those that need a message. A chunk never reaches across a
 * live row that needs none: a message names all rows between its ends.
 */
export function chunksOf(
  rows: readonly RowSummary[],
  needsMessage: (row: RowSummary) => boolean,
): OverdueChunk[] {
  const chunks: OverdueChunk[] = [];
  let open: RowSummary[] = [];
  let span = 0;
  const close = (): void => {
    const [first] = open;
    const last = open.at(-1);
    if (first && last) {
      const toSend = open.some(({ waiting }) => waiting > 0);
      chunks.push({ rows: open, from: first.lastTargetId, to: last.lastTargetId, toSend });
    }
    open = [];
    span = 0;
  };
  for (const row of rows) {
    const mine = needsMessage(row);
    if (span === rowsPerChunk || (!mine && row.live > 0)) close();
    if (mine) open.push(row);
    if (open.length > 0) span += 1;
  }
  close();
  return chunks;
}

// Sends new messages for rows whose messages were lost: one for up to eight rows, as planning does, and for all of
// them in one run.

const concurrency = 8;

/** Sends messages for every row that is far behind, or until `until`; answers how many. */
async function sweepRows(
  { summaries, queues, clock, times }: Engine,
  job: Job,
  until: Instant,
): Promise<number> {
  const now = clock.now();
  const before = now - times.overdueMs;
  // Nearly always nothing is behind, and one read says so.
  const first = await summaries.overdue(job.jobId, before);
  if (first === undefined) return 0;
  const requeue = async ({ from, to, toSend }: OverdueChunk): Promise<void> => {
    const queue = toSend ? queueNames.fanoutDispatch : queueNames.fanoutReadBack;
    await queues.send(queue, { ...idsOf(job), from, to });
  };
  let sent = 0;
  for await (const page of summaries.pages(job.jobId, first.lastTargetId)) {
    const chunks = overdueChunks(page, before);
    await inParallel(chunks, concurrency, requeue);
    // Noted: the messages have as long as any other before they count as lost, too.
    const rows = chunks.flatMap((chunk) => chunk.rows);
    await summaries.note(job.jobId, rows, { requeuedAt: now });
    sent += chunks.length;
    if (clock.now() > until) break;
  }
  return sent;
}

/** Looks after a job that waits for somebody's approval; the gate knows how. */
export type SweepGate = (job: Job) => Promise<void>;

/** A run stops after so long, well inside the function's time; the next one goes on where it was. */
const runMs = 150_000;
const openPerPage = 100;

/**
 * Looks after every open job of every kind; answers how many messages it sent. One that cannot be looked after keeps
 * nobody from the others; what was wrong with it is thrown at the end.
 */
export async function sweep(engine: Engine, sweepGate: SweepGate): Promise<number> {
  const failures: unknown[] = [];
  const until = engine.clock.now() + runMs;
  let sent = 0;
  for (const { kind, jobs } of engine.kinds.values()) {
    let token: string | undefined;
    do {
      const page: Awaited<ReturnType<JobStore["open"]>> = await jobs.open(openPerPage, token);
      for (const ids of page.open)
        sent += await sweepOne(engine, { kind, jobs, ids, sweepGate }, until).catch(
          (error: unknown) => {
            failures.push(new Error(`${ids.kind} ${ids.jobId}`, { cause: error }));
            return 0;
          },
        );
      token = page.next;
    } while (token !== undefined && engine.clock.now() < until);
  }
  if (failures.length > 0) throw new AggregateError(failures, "some jobs were not swept");
  return sent;
}

type Open = {
  readonly kind: JobKind;
  readonly jobs: JobStore;
  readonly ids: JobIds;
  readonly sweepGate: SweepGate;
};

async function sweepOne(engine: Engine, { jobs, ids, sweepGate }: Open, until: Instant) {
  const { tenantId, jobId } = ids;
  const now = engine.clock.now();
  const stored = await jobs.get(tenantId, jobId);
  // A row without its job: still being written, or never to be.
  if (stored === undefined) {
    if (now - timeOf(jobId) > engine.times.overdueMs) await jobs.close(jobId);
    return 0;
  }
  const found = await findJob(engine, ids);
  if (found === undefined || !isOpen(found.job)) {
    await jobs.close(jobId);
    return 0;
  }
  const { job } = found;
  if (job.state === "pendingApproval") {
    await sweepGate(job);
    return 0;
  }
  if (await isStuck(engine, job, now)) {
    await abandon(engine, found, until);
    return 0;
  }
  const planning = await sweepPlanning(engine, job, now);
  const ending = await sweepEnding(engine, job, now);
  const rows = await sweepRows(engine, job, until);
  if (planning + ending + rows === 0) await closeIfDone(engine, job);
  return planning + ending + rows;
}

/** Planning that has not moved for long goes on. */
async function sweepPlanning(
  { items, queues, times }: Engine,
  job: Job,
  now: Instant,
): Promise<number> {
  const plan = await items.plan(job.jobId);
  const isLetOut = job.rollout !== undefined && job.state === "running" && now < job.expiresAt;
  if (plan?.progress.done && job.state !== "planning" && !isLetOut) return 0;
  const { at = 0, nextAt = 0 } = plan?.progress ?? {};
  if (now - Math.max(at, nextAt, job.createdAt) < times.overdueMs) return 0;
  await queues.send(queueNames.fanoutPlan, idsOf(job));
  return 1;
}

/** What still waits when the time is over, or after a cancellation, is settled without its time. */
async function sweepEnding({ items, queues }: Engine, job: Job, now: Instant): Promise<number> {
  if (!isStopping(job) && now < job.expiresAt) return 0;
  const waiting = await items.page(job.jobId, { where: "waiting gt 0", top: 1 });
  if (waiting.length === 0) return 0;
  await queues.send(queueNames.fanoutClose, idsOf(job));
  return 1;
}
