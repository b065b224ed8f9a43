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
import { toRows } from "../state/item-row.ts";
import type { StoredPlan } from "../state/item-store.ts";
import { type JobIds, move } from "../state/job.ts";
import type { ChunkMessage } from "../state/messages.ts";
import { beforePlanning, type Chunk, noCost, type PlanProgress } from "../state/progress.ts";
import { addCost, firstItem, keptOf, toChunks } from "./chunks.ts";
import { closeIfDone } from "./close.ts";
import { type Engine, type FoundJob, findJob, idsOf } from "./engine.ts";
import { letOut } from "./let-out.ts";
import { dueWithChunks, type Placed, place } from "./reservations.ts";

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
    return letOut(engine, found, stored, (chunks) => takeChunks(found, chunks));
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
  const failed = progress.failed + kept.filter(({ state }) => state === "failed").length;
  const sum = { carried, failed, cost: addCost(progress.cost, cost) };
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
): Omit<PlanProgress, "done" | "cost" | "carried" | "failed"> {
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
