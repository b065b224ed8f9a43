/** Lets a job with rollout rules out over its targets, a part at a time: asks the rules, and does what they say. */
import type { Instant } from "../../kernel/clock.ts";
import { queueNames } from "../../storage/names.ts";
import type { Item } from "../state/item.ts";
import type { StoredItemRow, StoredPlan } from "../state/item-store.ts";
import { move } from "../state/job.ts";
import {
  type Chunk,
  nothingReleased,
  type PlanProgress,
  type Released,
} from "../state/progress.ts";
import { decideRollout, type RolloutDecision } from "../state/rollout.ts";
import { toChunks } from "./chunks.ts";
import { closeIfDone } from "./close.ts";
import { type Engine, type FoundJob, idsOf } from "./engine.ts";
import { dueWithChunks, place } from "./reservations.ts";

/** Due times are kept to the millisecond, messages come on whole seconds. */
const earlyMs = 1_000;
/** Rows let out in one step: their due times and the progress are one transaction. */
const rowsPerRelease = 40;

/** How many items were to go when they were planned. */
const plannedIn = ({ cost, carried }: PlanProgress): number => cost.items + carried;

/** What became of asking: everything that is to be done is done, somebody else was faster, or ask again then. */
export type LetOut = "planned" | "not-planning" | "lost" | { readonly at: Instant };

/** Asks the rules once, unless it is too early: then the message is one too many. */
export async function letOut(
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
  const counts = await engine.items.counts(job.jobId);
  const nextAt = now + Math.ceil(engine.times.readBackAfterMs / 2);
  const planned = { items: plannedIn(progress), failed: progress.failed };
  const decided = decideRollout(job.rollout ?? {}, planned, released, counts, now);
  return carryOut(engine, found, stored, { decided, nextAt, takeChunks });
}

/** What the rules said, when they are asked again at the latest, and who passes chunks on. */
type Step = {
  readonly decided: RolloutDecision;
  readonly nextAt: Instant;
  readonly takeChunks: (chunks: readonly Chunk[]) => Promise<void>;
};

async function carryOut(
  engine: Engine,
  found: FoundJob,
  stored: StoredPlan,
  { decided, nextAt, takeChunks }: Step,
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
      const changes = { ...quiet, nextAt: until };
      return (await writeProgress(engine, found, stored, changes)) ? { at: until } : "lost";
    }
    case "release": {
      const next = await release(engine, found, stored, { ...decided, nextAt });
      if (next === undefined) return "lost";
      await takeChunks(next.progress.outbox);
      // Their messages are out: whoever comes next must not send them again.
      const passedOn = await writeProgress(engine, found, next, {});
      return passedOn ? { at: next.progress.nextAt ?? nextAt } : "lost";
    }
  }
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

type Release = { readonly count: number; readonly wave: number; readonly nextAt: Instant };

/** Lets the next items out: their rows become due, and progress names their chunks, in one transaction. */
async function release(
  engine: Engine,
  { kind, job }: FoundJob,
  { progress, etag }: StoredPlan,
  { count, wave, nextAt }: Release,
): Promise<StoredPlan | undefined> {
  const { items } = engine;
  const before = progress.released ?? nothingReleased;
  const page = { from: before.to, where: "waiting gt 0", top: rowsPerRelease };
  const rows = await items.readablePage(job.jobId, page);
  const next = nextIn(rows, before.to, count);
  // Cut by what one transaction takes, and not by the rules: the rest goes at once.
  const isCut = next.count < count && rows.length === rowsPerRelease;
  const isEnd = next.count === 0 || (next.count < count && !isCut);
  const now = engine.clock.now();
  const drafts = toChunks(kind, job, next.some);
  const placed = await place(engine, kind, job, progress.steps, drafts, now);
  const released: Released = {
    to: next.to,
    count: isEnd ? plannedIn(progress) : before.count + next.count,
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
    nextAt: isCut ? now : nextAt,
    released,
  };
  // Rows may wait for answers of what went before.
  const due = dueWithChunks(next.touched, placed.chunks).map((row, at) => ({
    ...row,
    dueAt: Math.min(row.dueAt, next.touched[at]?.dueAt ?? row.dueAt),
  }));
  const owned = { jobId: job.jobId, tenantId: job.tenantId, subject: kind.subjectOf(job) };
  return items.commitPlan(owned, [], after, etag, due);
}
