/**
 * Plans a job step by step: its targets become rows of items, and chunks of rows get a reservation at the tenant's
 * throttle.
 *
 * Rows and progress change in one transaction, and the progress names the chunks whose messages are still to be
 * sent. So a planner that dies anywhere is followed by one that repeats nothing but those messages, which are
 * harmless twice.
 */
import type { Instant } from "../../kernel/clock.ts";
import { inParallel } from "../../kernel/concurrency.ts";
import { queueNames } from "../../storage/names.ts";
import type { JobKind } from "../kind.ts";
import type { Item } from "../state/item.ts";
import { type ItemRow, toRows } from "../state/item-row.ts";
import type { StoredPlan } from "../state/item-store.ts";
import { type Job, type JobIds, move } from "../state/job.ts";
import type { ChunkMessage } from "../state/messages.ts";
import {
  beforePlanning,
  type Chunk,
  noCost,
  nothingReleased,
  type PlanProgress,
  type Released,
} from "../state/progress.ts";
import { decideRollout } from "../state/rollout.ts";
import { addCost, type ChunkDraft, firstItem, keptOf, toChunks } from "./chunks.ts";
import { closeIfDone } from "./close.ts";
import { type Engine, type FoundJob, findJob, idsOf } from "./engine.ts";

// The reservations of a step's chunks: all in one.

/** Chunks with their reservations. */
type Placed = {
  readonly chunks: readonly Chunk[];
  /** When the last request goes, unless the reservations are moved. */
  readonly endAt: Instant;
  /** By how much all reservations had been moved. */
  readonly shiftMs: number;
};

/**
 * Reserves all chunks of a step in one write. Planners that come to the same step get the same reservations: only one
 * of them will write them down.
 */
async function place(
  { throttle }: Pick<Engine, "throttle">,
  { workloads }: Pick<JobKind, "workloads">,
  { tenantId, jobId }: Job,
  step: number,
  drafts: readonly ChunkDraft[],
  now: Instant,
): Promise<Placed> {
  const cost = drafts.reduce((sum, draft) => sum + draft.cost.requests, 0);
  const rate = cost === 0 ? undefined : await throttle.rateOf(tenantId, workloads.calls);
  if (rate === undefined) {
    const chunks = drafts.map((draft) => chunkOf(draft, now, 0));
    return { chunks, endAt: now, shiftMs: 0 };
  }
  const name = `${jobId} ${step}`;
  const made = await throttle.reserve(tenantId, workloads.calls, cost, now, rate, name);
  const { startAt, shiftMs } = made;
  let at = startAt;
  const chunks = drafts.map((draft) => {
    const chunk = chunkOf(draft, at, shiftMs);
    at += draft.cost.requests * rate.intervalMs;
    return chunk;
  });
  return { chunks, endAt: startAt + cost * rate.intervalMs, shiftMs };
}

const chunkOf = ({ cost, ...draft }: ChunkDraft, at: Instant, shiftMs: number): Chunk => ({
  ...draft,
  at,
  reserved: cost.requests,
  shiftMs,
});

/** Rows are due when the time of their chunk comes. */
const dueWithChunks = <R extends ItemRow>(rows: readonly R[], chunks: readonly Chunk[]): R[] =>
  rows.map((row) => {
    const chunk = chunks.find(({ from, to }) => from <= row.lastTargetId && row.lastTargetId <= to);
    return chunk === undefined ? row : { ...row, dueAt: chunk.at };
  });

// Planning.

/** How a planning pass ended. */
export type PlanOutcome =
  | "planned"
  | "unfinished"
  | "gone"
  | "not-planning"
  | "lost"
  /** It is being let out: look again then. */
  | { readonly at: Instant };

/** How long planning goes on, and what it does with chunks whose rows are written. */
export type Planning = {
  readonly forMs: number;
  readonly takeChunks: (found: FoundJob, chunks: readonly Chunk[]) => Promise<void>;
};

/** A pass stops after so long and sends itself a message, well inside the function's time. */
const passMs = 60_000;
const concurrency = 8;

/** Goes on planning until it is done, or for about a minute; chunks get a message each. */
export async function plan(
  engine: Engine,
  ids: JobIds,
  { forMs, takeChunks }: Planning = {
    forMs: passMs,
    takeChunks: async (found, chunks) => {
      await inParallel(chunks, concurrency, (chunk) => sendChunk(engine, found, chunk));
    },
  },
): Promise<PlanOutcome> {
  const began = engine.clock.now();
  let [stored, found] = await Promise.all([engine.items.plan(ids.jobId), findJob(engine, ids)]);
  for (;;) {
    if (found === undefined) return "gone";
    const { state } = found.job;
    // A message too many: nothing may be planned, nor be taken for planned, before somebody agrees.
    if (state === "pendingApproval") return "not-planning";
    await takeChunks(found, stored?.progress.outbox ?? []);
    if (state !== "planning" || stored?.progress.done)
      return afterPlanning(engine, found, stored, takeChunks);
    if (engine.clock.now() - began > forMs) return "unfinished";
    const next = await planStep(engine, found, stored);
    if (next === undefined) return "lost";
    stored = next;
    found = await findJob(engine, ids);
  }
}

/** What follows when nothing is left to plan: a job with rollout rules is let out. */
async function afterPlanning(
  engine: Engine,
  found: FoundJob,
  stored: StoredPlan | undefined,
  takeChunks: Planning["takeChunks"],
): Promise<PlanOutcome> {
  if (found.job.state === "running" && found.job.rollout && stored?.progress.done)
    return letOut(engine, found, stored, takeChunks);
  await endPlanning(engine, found, stored);
  return found.job.state === "planning" ? "planned" : "not-planning";
}

/** One step: read targets, reserve for their chunks, commit rows and progress. Undefined: lost a race. */
async function planStep(
  engine: Engine,
  { kind, job }: FoundJob,
  before: StoredPlan | undefined,
): Promise<StoredPlan | undefined> {
  const progress = before?.progress ?? beforePlanning;
  const page = await kind.targets(job, progress.cursor);
  const now = engine.clock.now();
  const items = page.targets.map((target) => firstItem(kind, job, target, now));
  const { rows, next } = keptOf(kind, toRows(items, now), page.next);
  const drafts = toChunks(kind, job, rows, page.targets);
  // With rollout rules nothing leaves before it is let out.
  const placed =
    job.rollout === undefined
      ? await place(engine, kind, job, progress.steps, drafts, now)
      : { chunks: [], endAt: progress.lastAt, shiftMs: progress.shiftMs };
  const kept = rows.flatMap((row) => row.items);
  const waiting = kept.filter(({ state }) => state === "waiting").length;
  const cost = drafts.reduce((sum, draft) => addCost(sum, draft.cost), noCost);
  const carried = progress.carried + waiting - cost.items;
  const sum = { carried, cost: addCost(progress.cost, cost) };
  const after = { ...stepOn(progress, placed, now), ...sum, ...goingOn(next) };
  const owned = { jobId: job.jobId, tenantId: job.tenantId, subject: kind.subjectOf(job) };
  const due = job.rollout
    ? rows.map((row) => ({ ...row, dueAt: job.expiresAt }))
    : dueWithChunks(rows, placed.chunks);
  return engine.items.commitPlan(owned, due, after, before?.etag);
}

/** Where planning stands after a step. */
function stepOn(
  before: PlanProgress,
  placed: Placed,
  now: Instant,
): Omit<PlanProgress, "done" | "cost" | "carried"> {
  const last =
    placed.chunks.length > 0 ? placed : { endAt: before.lastAt, shiftMs: before.shiftMs };
  return {
    outbox: placed.chunks,
    lastAt: last.endAt,
    shiftMs: last.shiftMs,
    steps: before.steps + 1,
    at: now,
  };
}

const goingOn = (next: string | undefined) =>
  next === undefined ? { done: true } : { done: false, cursor: next };

/** Tells the carrier what it fetches of a chunk; answers the message for what we send ourselves, if any. */
export async function messageFor(
  { kind, job }: Pick<FoundJob, "kind" | "job">,
  { stops = [], ...chunk }: Chunk,
): Promise<ChunkMessage | undefined> {
  const ids = idsOf(job);
  if (stops.length === 0) return { ...ids, ...chunk };
  // It does not wait for the time that our throttle gives.
  await kind.carrier?.tell({ ...ids, from: chunk.from, to: chunk.to }, stops);
  return chunk.reserved === 0 ? undefined : { ...ids, ...chunk, told: true };
}

async function sendChunk(engine: Engine, found: FoundJob, chunk: Chunk): Promise<void> {
  const message = await messageFor(found, chunk);
  if (message === undefined) return;
  const delaySeconds = (chunk.at - engine.clock.now()) / 1000;
  await engine.queues.send(queueNames.fanoutDispatch, message, delaySeconds);
}

/** Marks planning as done on the job; a cancelled one keeps its state, but plans no further. */
async function endPlanning(
  engine: Engine,
  { kind, jobs, job, etag }: FoundJob,
  stored: StoredPlan | undefined,
): Promise<void> {
  // Their messages are out: a late duplicate of ours must not send them again.
  if (!stored?.progress.done || stored.progress.outbox.length > 0) {
    const progress: PlanProgress = {
      ...(stored?.progress ?? beforePlanning),
      done: true,
      outbox: [],
    };
    const owned = { jobId: job.jobId, tenantId: job.tenantId, subject: kind.subjectOf(job) };
    await engine.items.commitPlan(owned, [], progress, stored?.etag);
  }
  const planned = move(job, "planned");
  if (planned !== undefined) {
    await jobs.replace(planned, etag);
    if (job.rollout) await engine.queues.send(queueNames.fanoutPlan, idsOf(job));
  }
  await closeIfDone(engine, job);
}

// Letting out a job with rollout rules, a part at a time.

/** Due times are kept to the millisecond, messages come on whole seconds. */
const earlyMs = 1_000;
/** Rows let out in one step: their due times and the progress are one transaction. */
const rowsPerRelease = 40;

/** How many items were to go when they were planned. */
const plannedIn = ({ cost, carried }: PlanProgress): number => cost.items + carried;

/** Asks the rules, and does what they say: lets more out, waits, pauses, or stops the job. */
async function letOut(
  engine: Engine,
  found: FoundJob,
  stored: StoredPlan,
  takeChunks: Planning["takeChunks"],
): Promise<PlanOutcome> {
  const { job } = found;
  const { progress } = stored;
  const released = progress.released ?? nothingReleased;
  const now = engine.clock.now();
  if (now < (progress.nextAt ?? 0) - earlyMs) return "not-planning";
  const counts = await engine.items.counts(job.jobId);
  const nextAt = now + Math.ceil(engine.times.readBackAfterMs / 2);
  const decided = decideRollout(job.rollout ?? {}, plannedIn(progress), released, counts, now);
  switch (decided.kind) {
    case "done":
      if (progress.outbox.length > 0) await writeProgress(engine, found, stored, {});
      await closeIfDone(engine, job);
      return "planned";
    case "stop":
      return stopRollout(engine, found, decided.detail);
    case "pause":
      return pauseRollout(engine, found, stored, { ...released, awaiting: true });
    case "wait": {
      const { quietSince, until = nextAt } = decided;
      const quiet = quietSince === undefined ? {} : { released: { ...released, quietSince } };
      const changes = { ...quiet, nextAt: until };
      return (await writeProgress(engine, found, stored, changes)) ? { at: until } : "lost";
    }
    case "release": {
      const next = await release(engine, found, stored, { ...decided, nextAt });
      if (next === undefined) return "lost";
      await takeChunks(found, next.progress.outbox);
      return { at: nextAt };
    }
  }
}

async function stopRollout(
  engine: Engine,
  found: FoundJob,
  detail: string,
): Promise<"planned" | "lost"> {
  const failure = { code: "stopped-by-rollout", detail };
  if (!(await changed(found, move(found.job, "abandon", { failure })))) return "lost";
  await engine.queues.send(queueNames.fanoutClose, idsOf(found.job));
  return "planned";
}

async function pauseRollout(
  engine: Engine,
  found: FoundJob,
  stored: StoredPlan,
  released: Released,
): Promise<"planned" | "lost"> {
  if (!(await writeProgress(engine, found, stored, { released }))) return "lost";
  return (await changed(found, move(found.job, "pause"))) ? "planned" : "lost";
}

/** Writes a job's next state; false when there is none, or somebody was faster. */
const changed = async (
  { jobs, etag }: FoundJob,
  next: FoundJob["job"] | undefined,
): Promise<boolean> => next !== undefined && (await jobs.replace(next, etag)) !== undefined;

/** Writes progress whose messages are out. */
function writeProgress(
  { items, clock }: Pick<Engine, "items" | "clock">,
  { kind, job }: FoundJob,
  { progress, etag }: StoredPlan,
  changes: Partial<PlanProgress>,
): Promise<StoredPlan | undefined> {
  const owned = { jobId: job.jobId, tenantId: job.tenantId, subject: kind.subjectOf(job) };
  const after: PlanProgress = { ...progress, ...changes, outbox: [], at: clock.now() };
  return items.commitPlan(owned, [], after, etag);
}

/** Lets the next items out: their rows become due, and progress names their chunks, in one transaction. */
async function release(
  engine: Engine,
  { kind, job }: FoundJob,
  { progress, etag }: StoredPlan,
  {
    count,
    wave,
    nextAt,
  }: { readonly count: number; readonly wave: number; readonly nextAt: Instant },
): Promise<StoredPlan | undefined> {
  const { items } = engine;
  const before = progress.released ?? nothingReleased;
  const page = { from: before.to, where: "waiting gt 0", top: rowsPerRelease };
  const rows = await items.page(job.jobId, page);
  const isNew = ({ state, targetId }: Item): boolean => state === "waiting" && targetId > before.to;
  const chosen = rows.flatMap((row) => row.items.filter(isNew)).slice(0, count);
  const last = chosen.at(-1);
  const isEnd = last === undefined || (chosen.length < count && rows.length < rowsPerRelease);
  const to = last?.targetId ?? before.to;
  const touched = rows.filter((row) =>
    row.items.some((each) => isNew(each) && each.targetId <= to),
  );
  const now = engine.clock.now();
  const some = touched.map((row) => ({
    ...row,
    items: row.items.filter((each) => isNew(each) && each.targetId <= to),
  }));
  const drafts = toChunks(kind, job, some);
  const placed = await place(engine, kind, job, progress.steps, drafts, now);
  const released: Released = {
    to,
    count: isEnd ? plannedIn(progress) : before.count + chosen.length,
    wave,
    approved: before.approved,
  };
  const after: PlanProgress = {
    ...progress,
    outbox: placed.chunks,
    lastAt: placed.endAt,
    shiftMs: placed.shiftMs,
    steps: progress.steps + 1,
    at: now,
    nextAt,
    released,
  };
  const due = dueWithChunks(touched, placed.chunks);
  const owned = { jobId: job.jobId, tenantId: job.tenantId, subject: kind.subjectOf(job) };
  return items.commitPlan(owned, [], after, etag, due);
}
