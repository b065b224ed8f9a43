/**
 * Looks after jobs whose messages were lost, or that the host has given up, and ends what neither brings to its end.
 *
 * What should have been touched long ago gets a new message: rows decide what is to be done, so that one too many does no
 * harm. Of messages that were given up, planning is tried again a few times, further and further apart, and then the job
 * fails; a chunk is tried again row by row, so that one that breaks its handlers does not take its neighbours along, and a
 * row that keeps failing comes to a true end. What it was is said in either case.
 */
import type { Instant } from "../../kernel/clock.ts";
import { apart, inParallel } from "../../kernel/concurrency.ts";
import { timeOf } from "../../kernel/values.ts";
import { type QueueName, queueNames } from "../../storage/names.ts";
import {
  changeRows,
  closeIfDone,
  endOf,
  isUnreleased,
  itemsIn,
  letOutTo,
  strikeOff,
  touchAt,
} from "../engine/change-rows.ts";
import { type Engine, type FoundJob, findJob, idsOf, rowsPerChunk } from "../engine/engine.ts";
import { afterReport, unreadable } from "../engine/read-back.ts";
import { type Finding, isCarried, type JobKind } from "../kind.ts";
import { type Item, lifecycle, type Transition } from "../state/item.ts";
import { type RowSummary, UnreadableRow } from "../state/item-store.ts";
import {
  type ChunkIds,
  causeOf,
  isOpen,
  isStopping,
  type Job,
  type JobFailure,
  type JobIds,
  type JobStore,
  move,
} from "../state/job.ts";
import { beforePlanning, type PlanProgress } from "../state/rollout.ts";

// Ends what no message could bring to its end: long after the job's time, when nothing of it has moved for as long.
// What still moves, however slowly, is waited for: a million answers take hours to read.

/** Whether a job is still being planned, or let out. */
const isBeingPlanned = ({ state, rollout }: Job): boolean =>
  state === "planning" || (state === "running" && rollout !== undefined);

/**
 * Fails a job if it is still being planned: nothing more of it leaves, what has left is followed to its end, and the
 * job says why. Asking twice is once; answers whether it was.
 */
async function failPlanning(engine: Engine, ids: JobIds, failure: JobFailure): Promise<boolean> {
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
const rowsPerStep = 16;

/**
 * True when its time is long over, nobody has got through to any of it for as long, and a message that was sent
 * anew did not help either: an app that was switched off for hours gets the chance to read the answers.
 */
async function isStuck(
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
async function abandon(engine: Engine, { kind, job }: FoundJob, until: Instant): Promise<void> {
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

// Messages that the host has given up.

/** So many messages in a row may be given up before their work ends where people see it. */
export const maxFailures = 3;

const waitsSeconds = [60, 240];

/** Seconds before trying again, after the n-th message in a row. */
const waitAfter = (nth: number): number =>
  waitsSeconds[Math.min(nth, waitsSeconds.length) - 1] ?? 0;

/** A message that asked for planning: tries again, or fails the job. */
export async function poisonedPlan(
  engine: Engine,
  ids: JobIds,
): Promise<"again" | "failed" | "over"> {
  const found = await findJob(engine, ids);
  if (found === undefined || !isBeingPlanned(found.job)) return "over";
  const note = await engine.failures.get(ids);
  const atStep = (await engine.items.plan(ids.jobId))?.progress.steps ?? 0;
  // A step further than last time: somebody got through meanwhile.
  const plans = atStep > note.atStep ? 1 : note.plans + 1;
  if (plans < maxFailures) {
    await engine.failures.notePlans(ids, { plans, atStep });
    await engine.queues.send(queueNames.fanoutPlan, idsOf(ids), waitAfter(plans));
    return "again";
  }
  const detail = `its targets could not be planned: ${causeOf(note)}`;
  await failPlanning(engine, ids, { code: "planning-failed", detail });
  return "failed";
}

/** A message about a chunk: tries its rows again one by one, and ends those that failed too often. */
export async function poisonedChunk(
  engine: Engine,
  { from, to, ...ids }: ChunkIds,
): Promise<{ again: number; ended: number }> {
  const found = await findJob(engine, ids);
  let again = 0;
  let ended = 0;
  if (found === undefined) return { again, ended };
  for await (const page of engine.summaries.pages(ids.jobId, from, to))
    for (const row of page.filter(({ live }) => live > 0)) {
      const failures = row.failures + 1;
      const { lastTargetId } = row;
      const requeuedAt = engine.clock.now();
      await engine.summaries.note(ids.jobId, [row], { failures, requeuedAt });
      if (failures < maxFailures) {
        const single = { ...idsOf(ids), from: lastTargetId, to: lastTargetId };
        await engine.queues.send(queueFor(row), single, waitAfter(failures));
        again += 1;
      } else {
        await endRow(engine, found, lastTargetId, causeOf(await engine.failures.get(ids)));
        ended += 1;
      }
    }
  return { again, ended };
}

const queueFor = ({ waiting }: RowSummary): QueueName =>
  waiting > 0 ? queueNames.fanoutDispatch : queueNames.fanoutReadBack;

/**
 * Brings a row that no handler gets through to a true end: what never left has failed, what may have left is read
 * back once more, and what shows no trace ends as unknown. What a carrier fetches is its own to report. The
 * readings are few, and inside what the throttle leaves free.
 */
async function endRow(
  engine: Engine,
  { kind, job }: FoundJob,
  lastTargetId: string,
  cause: string,
): Promise<void> {
  const rows = await readableRows(engine, job.jobId, lastTargetId);
  const now = engine.clock.now();
  const limit = { job, releasedTo: await letOutTo(engine, job) };
  const open = itemsIn(rows)
    .filter((item) => !isUnreleased(limit, item))
    .filter((item) => item.state === "waiting" || !isCarried(kind, job, item))
    // Under a claim that still holds, a call may be on its way: whoever comes next ends it.
    .filter((item) => item.state !== "claimed" || touchAt(item, engine.times.claimMs) <= now);
  const left = open.filter(({ state }) => state === "claimed" || state === "sent");
  // Reading may be the very thing that fails.
  const findings = await kind.readBack(job, left).catch(() => new Map<string, Finding>());
  const transitions = new Map(
    open.map((item) => [item.targetId, endStep(kind, item, findings.get(item.targetId), cause)]),
  );
  await changeRows(engine, { kind, job, rows }, { transitions, now: engine.clock.now() });
  await closeIfDone(engine, job);
}

/** The row, or nothing of one whose text cannot be read: that one ends here. */
async function readableRows({ items }: Pick<Engine, "items">, jobId: string, key: string) {
  try {
    return await items.range(jobId, key, key);
  } catch (error) {
    if (!(error instanceof UnreadableRow)) throw error;
    await items.endUnreadable(jobId, error);
    return [];
  }
}

/** How an item ends whose handlers fail, by what the far side shows of it. */
export function endStep(
  kind: Pick<JobKind, "reasons">,
  item: Item,
  finding: Finding | undefined,
  cause: string,
): Transition {
  const details = { code: "muster-failed", detail: `Muster could not handle it: ${cause}` };
  const lose: Transition = { event: "lose", details };
  // What was asked without a clear answer may have been done, however little can be seen of it.
  if (item.state === "waiting") return item.unclear ? lose : { event: "fail", details };
  if (finding?.kind !== "ended") return lose;
  const transition = afterReport(kind, finding, "early");
  return transition && lifecycle[item.state][transition.event] !== undefined ? transition : lose;
}

// Which rows need a new message because theirs was lost, and how few messages that takes. Pure.

/** Consecutive rows for one message. */
type OverdueChunk = {
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
type SweepGate = (job: Job) => Promise<void>;

/** A run stops after so long, well inside the function's time; the next one goes on where it was. */
const runMs = 150_000;
const openPerPage = 100;

/**
 * Looks after every open job of every kind; answers how many messages it sent. One that cannot be looked after keeps
 * nobody from the others; what was wrong with it is thrown at the end.
 */
export async function sweep(engine: Engine, sweepGate: SweepGate): Promise<number> {
  const each = apart("some jobs were not swept");
  const until = engine.clock.now() + runMs;
  let sent = 0;
  for (const { kind, jobs } of engine.kinds.values()) {
    let token: string | undefined;
    do {
      const page: Awaited<ReturnType<JobStore["open"]>> = await jobs.open(openPerPage, token);
      for (const ids of page.open)
        sent += await each.run(
          `${ids.kind} ${ids.jobId}`,
          () => sweepOne(engine, { kind, jobs, ids, sweepGate }, until),
          0,
        );
      token = page.next;
    } while (token !== undefined && engine.clock.now() < until);
  }
  each.end();
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
  if (found === undefined) {
    await jobs.close(jobId);
    return 0;
  }
  if (!isOpen(found.job)) {
    await strikeOff(engine, jobs, found.job);
    return 0;
  }
  const { job } = found;
  if (job.state === "pendingApproval") {
    await engine.announce?.(job);
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
