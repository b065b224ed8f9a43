/**
 * Plans a job step by step: its targets become rows of items, and chunks of rows get a reservation at the tenant's
 * throttle. One with rollout rules is let out over its targets then, a part at a time.
 *
 * Rows and progress change in one transaction, and the progress names the chunks whose messages are still to be
 * sent. So a planner that dies anywhere is followed by one that repeats nothing but those messages, which are
 * harmless twice.
 */

import type { Instant } from "../../kernel/clock.ts";
import { inParallel } from "../../kernel/concurrency.ts";
import { queueNames } from "../../storage/names.ts";
import { restMs } from "../../work/drain.ts";
import { type Item, letIn, toRows } from "../state/item.ts";
import type { StoredItemRow, StoredPlan } from "../state/item-store.ts";
import { type ChunkMessage, type JobIds, move } from "../state/job.ts";
import {
  beforePlanning,
  type Chunk,
  decideRollout,
  noCost,
  nothingReleased,
  type PlanProgress,
} from "../state/rollout.ts";
import { closeIfDone, itemsIn } from "./change-rows.ts";
import {
  addCost,
  dueWithChunks,
  type Engine,
  type FoundJob,
  findJob,
  firstItem,
  idsOf,
  keptOf,
  place,
  toChunks,
} from "./engine.ts";

// Lets a job with rollout rules out over its targets, a part at a time: asks the rules, and does what they say.

/** Due times are kept to the millisecond, messages come on whole seconds. */
const earlyMs = 1_000;
/** Where what was sent is looked at at once, rules are still asked at a pace. */
const leastPauseMs = 1_000;
/** Rows let out in one step: their due times and the progress are one transaction. */
const rowsPerRelease = 40;

/** How many items were to go when they were planned. */
const plannedIn = ({ cost, carried }: PlanProgress): number => cost.items + carried;

/** What became of asking: everything that is to be done is done, somebody else was faster, or ask again then. */
type LetOut = "planned" | "not-planning" | "lost" | { readonly at: Instant };

/** Asks the rules once, unless it is too early: then the message is one too many. */
async function letOut(
  engine: Engine,
  found: FoundJob,
  stored: StoredPlan,
  takeChunks: (chunks: readonly Chunk[]) => Promise<void>,
): Promise<LetOut> {
  const { job } = found;
  const { progress } = stored;
  const released = progress.released ?? nothingReleased;
  const now = engine.clock.now();
  if (now < (progress.nextAt ?? 0) - earlyMs) return "not-planning";
  // What is left then ends by its time, and not by the rules.
  if (now >= job.expiresAt) return over(engine, found);
  // While nothing may leave there is nothing to decide; written down, so that the sweeper does not take the message for lost.
  if (await engine.rests(job.tenantId)) return askedAgainAt(engine, found, stored, now + restMs);
  const standing = await engine.items.standing(job.jobId);
  const nextAt = now + (Math.ceil(engine.times.readBackAfterMs / 2) || leastPauseMs);
  const planned = { items: plannedIn(progress), failed: progress.failed };
  const decided = decideRollout(job.rollout ?? {}, planned, released, standing, now);
  const isBack = standing.back > 0;
  return carryOut(engine, found, stored, { decided, isBack, nextAt, takeChunks });
}

/** What the rules said, when they are asked again at the latest, and who passes chunks on. */
type Step = {
  readonly decided: ReturnType<typeof decideRollout>;
  /** Somebody who waited aside is to be let out again: before anybody new. */
  readonly isBack: boolean;
  readonly nextAt: Instant;
  readonly takeChunks: (chunks: readonly Chunk[]) => Promise<void>;
};

async function carryOut(
  engine: Engine,
  found: FoundJob,
  stored: StoredPlan,
  { decided, isBack, nextAt, takeChunks }: Step,
): Promise<LetOut> {
  const { job } = found;
  const { released = nothingReleased } = stored.progress;
  switch (decided.kind) {
    case "done":
      await writeProgress(engine, found, stored, { nextAt: job.expiresAt });
      return over(engine, found);
    case "stop":
      return stop(engine, found, decided.detail);
    case "pause": {
      const awaiting = { released: { ...released, awaiting: true } };
      if (!(await writeProgress(engine, found, stored, awaiting))) return "lost";
      return (await changed(found, "pause")) ? "planned" : "lost";
    }
    case "wait": {
      const { quietSince, until = nextAt } = decided;
      const quiet = quietSince === undefined ? {} : { released: { ...released, quietSince } };
      return askedAgainAt(engine, found, stored, until, quiet);
    }
    case "release": {
      const next = await letGo(engine, found, stored, { ...decided, isBack, nextAt });
      if (next === undefined) return "lost";
      await takeChunks(next.progress.outbox);
      // Their messages are out: whoever comes next must not send them again.
      const passedOn = await writeProgress(engine, found, next, {});
      return passedOn ? { at: next.progress.nextAt ?? nextAt } : "lost";
    }
  }
}

/** Nothing more is let out before then. */
async function askedAgainAt(
  engine: Engine,
  found: FoundJob,
  stored: StoredPlan,
  nextAt: Instant,
  changes: Partial<PlanProgress> = {},
): Promise<LetOut> {
  const written = await writeProgress(engine, found, stored, { ...changes, nextAt });
  return written ? { at: nextAt } : "lost";
}

async function over(engine: Engine, { job }: FoundJob): Promise<LetOut> {
  await closeIfDone(engine, job);
  return "planned";
}

/** Nothing more leaves: what waits is settled, what has left is followed to its end. */
async function stop({ queues }: Engine, found: FoundJob, detail: string): Promise<LetOut> {
  const failure = { code: "stopped-by-rollout", detail };
  if (!(await changed(found, "abandon", { failure }))) return "lost";
  await queues.send(queueNames.fanoutClose, idsOf(found.job));
  return "planned";
}

/** Moves the job; false when somebody else changed it meanwhile. */
async function changed(
  { job, jobs, etag }: FoundJob,
  event: Parameters<typeof move>[1],
  changes: Parameters<typeof move>[2] = {},
): Promise<boolean> {
  const moved = move(job, event, changes);
  return moved !== undefined && (await jobs.replace(moved, etag)) !== undefined;
}

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

/** The next waiting items behind those that are out, with their rows. */
function nextIn(rows: readonly StoredItemRow[], before: string, count: number) {
  const isNew = ({ state, targetId }: Item): boolean => state === "waiting" && targetId > before;
  const chosen = rows.flatMap(({ items }) => items.filter(isNew)).slice(0, count);
  const to = chosen.at(-1)?.targetId ?? before;
  const touched = rows.filter(({ items }) =>
    items.some((each) => isNew(each) && each.targetId <= to),
  );
  const some = touched.map((row) => ({
    ...row,
    items: row.items.filter((each) => isNew(each) && each.targetId <= to),
  }));
  return { count: chosen.length, to, touched, some };
}

type Release = {
  readonly count: number;
  readonly wave: number;
  readonly isBack: boolean;
  readonly nextAt: Instant;
};

/** Who goes, with the rows as they are with only them, and as they are to be. */
type Letting = {
  readonly some: readonly StoredItemRow[];
  readonly rows: readonly StoredItemRow[];
  readonly released: NonNullable<PlanProgress["released"]>;
  readonly nextAt: (now: Instant) => Instant;
};

/** Lets out who is back, else the next ones. */
const letGo: typeof release = (engine, found, stored, next) =>
  (next.isBack ? readmit : release)(engine, found, stored, next);

/** Lets the next items out: their rows become due, and progress names their chunks, in one transaction. */
async function release(
  engine: Engine,
  found: FoundJob,
  stored: StoredPlan,
  { count, wave, nextAt }: Release,
): Promise<StoredPlan | undefined> {
  const { progress } = stored;
  const before = progress.released ?? nothingReleased;
  const page = { from: before.to, where: "waiting gt 0", top: rowsPerRelease };
  const rows = await engine.items.readablePage(found.job.jobId, page);
  const next = nextIn(rows, before.to, count);
  // Cut by what one transaction takes, and not by the rules: the rest goes at once.
  const isCut = next.count < count && rows.length === rowsPerRelease;
  const isEnd = next.count === 0 || (next.count < count && !isCut);
  return commit(engine, found, stored, {
    some: next.some,
    rows: next.touched,
    released: {
      to: next.to,
      count: isEnd ? plannedIn(progress) : before.count + next.count,
      wave,
      approved: before.approved,
    },
    nextAt: (now) => (isCut ? now : nextAt),
  });
}

/** Lets out again who waited aside and is back; the rules are asked at once who else may go. */
async function readmit(
  engine: Engine,
  found: FoundJob,
  stored: StoredPlan,
  { count, wave, nextAt }: Release,
): Promise<StoredPlan | undefined> {
  const page = { where: "back gt 0", top: rowsPerRelease };
  const rows = await engine.items.readablePage(found.job.jobId, page);
  const back = itemsIn(rows).filter(({ aside }) => aside === "back");
  const ids = new Set(back.slice(0, count).map(({ targetId }) => targetId));
  const goes = ({ targetId }: Item): boolean => ids.has(targetId);
  const touched = rows.filter(({ items }) => items.some(goes));
  const going = (row: StoredItemRow): StoredItemRow => ({
    ...row,
    items: row.items.map((item) => (goes(item) ? letIn(item) : item)),
  });
  const { to, approved, count: out } = stored.progress.released ?? nothingReleased;
  return commit(engine, found, stored, {
    some: touched.map((row) => ({ ...row, items: row.items.filter(goes) })),
    rows: touched.map(going),
    released: { to, count: out, wave, approved },
    nextAt: (now) => (ids.size < count ? now : nextAt),
  });
}

async function commit(
  engine: Engine,
  { kind, job }: FoundJob,
  { progress, etag }: StoredPlan,
  { some, rows, released, nextAt }: Letting,
): Promise<StoredPlan | undefined> {
  const now = engine.clock.now();
  const placed = await place(engine, kind, job, progress.steps, toChunks(kind, job, some), now);
  const after: PlanProgress = {
    ...progress,
    outbox: placed.chunks,
    lastAt: placed.endAt,
    shiftMs: placed.shiftMs,
    steps: progress.steps + 1,
    at: now,
    nextAt: nextAt(now),
    released,
  };
  // Rows may wait for answers of what went before.
  const due = dueWithChunks(rows, placed.chunks).map((row, at) => ({
    ...row,
    dueAt: Math.min(row.dueAt, rows[at]?.dueAt ?? row.dueAt),
  }));
  const owned = { jobId: job.jobId, tenantId: job.tenantId, subject: kind.subjectOf(job) };
  return engine.items.commitPlan(owned, [], after, etag, due);
}

/** How a planning pass ended. */
type PlanOutcome =
  | "planned"
  | "unfinished"
  | "gone"
  | "not-planning"
  | "lost"
  /** It is being let out: come again then. */
  | { readonly at: Instant };

/** How long planning goes on, and what it does with chunks whose rows are written. */
type Planning = {
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
  placed: Awaited<ReturnType<typeof place>>,
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
