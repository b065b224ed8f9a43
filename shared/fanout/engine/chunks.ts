/** Targets become items, items rows, and rows chunks with a cost. Pure. */
import type { Instant } from "../../kernel/clock.ts";
import { inChunks } from "../../kernel/concurrency.ts";
import type { JobKind, Target } from "../kind.ts";
import type { Item } from "../state/item.ts";
import type { ItemRow } from "../state/item-row.ts";
import type { Job } from "../state/job.ts";
import type { Cost } from "../state/progress.ts";
import { costOfAll, isCarried } from "./decide.ts";
import type { Rate } from "./reservations.ts";

/** Rows that one message takes care of. */
export const rowsPerChunk = 8;
/** Most chunks of a step: their rows and the plan are one transaction, of 100 changes and 4 MiB at most. */
const chunksPerStep = 5;

/** The item that a target begins with. */
export function firstItem(kind: JobKind, job: Job, target: Target, now: Instant): Item {
  const { targetId } = target;
  const first = kind.plan(job, target);
  const base = { targetId, name: first.name, at: now, attempts: 0, state: first.state };
  if (first.state === "waiting") return { ...base, route: first.route };
  return { ...base, route: -1, code: first.code, detail: first.detail };
}

/**
 * The rows that a step keeps, and where the next one begins: while more follow it keeps whole chunks only,
 * so that no message goes for a row or two.
 */
export function keptOf(
  { cursorBehind }: Pick<JobKind, "cursorBehind">,
  rows: readonly ItemRow[],
  next: string | undefined,
): { readonly rows: readonly ItemRow[]; readonly next: string | undefined } {
  const most = chunksPerStep * rowsPerChunk;
  if (next === undefined && rows.length <= most) return { rows, next };
  const whole = rows.length - (rows.length % rowsPerChunk);
  const kept = rows.slice(0, Math.min(most, whole === 0 ? rows.length : whole));
  const last = kept.length < rows.length ? kept.at(-1)?.lastTargetId : undefined;
  return { rows: kept, next: last === undefined ? next : cursorBehind(next, last) };
}

// What items cost, and how long that takes.

/** What the waiting items of a chunk cost in requests: to send them, and to read what came of them. */
export function chunkCost(kind: JobKind, job: Job, waiting: readonly Item[]): Cost {
  const requests = costOfAll(kind.calls(job, waiting));
  const ours = waiting.filter((item) => !isCarried(kind, job, item));
  const reads = kind.readsOf(job, ours);
  return { items: ours.length, requests, reads, chunkRequests: requests, chunkReads: reads };
}

/** The cost of all, and of the largest chunk. */
export const addCost = (left: Cost, right: Cost): Cost => ({
  items: left.items + right.items,
  requests: left.requests + right.requests,
  reads: left.reads + right.reads,
  chunkRequests: Math.max(left.chunkRequests, right.chunkRequests),
  chunkReads: Math.max(left.chunkReads, right.chunkReads),
});

/** How fast a tenant may be asked: calls and reads. Undefined is without limit. */
export type WorkloadRates = { readonly send: Rate | undefined; readonly read: Rate | undefined };

/** What is ahead of some work, in ms from now. */
export type Ahead = {
  /** Until its first request may go. */
  readonly queuedMs: number;
  /** Until its first read may go. */
  readonly readsQueuedMs: number;
  /** From an item's request to the look at what became of it. */
  readonly readBackAfterMs: number;
  /** Until the first look at those who were sent already, and until the last one where no more is to be sent. */
  readonly firstReadMs?: number;
  readonly lastReadMs?: number;
};

/** How long it takes until the last request has gone, and from then until the last answer has been read. */
export type TimeLeft = { readonly sendingMs: number; readonly confirmingMs: number };

/**
 * How long work takes if targets have answered when they are looked at. Chunks are looked at one by one, some time
 * after the last request of each: so reading goes on beside sending, and is over when the last chunk has been read,
 * or, where reads are the slower ones, when all reads have gone, from the first chunk's look on.
 */
export function timeLeft(cost: Cost, { send, read }: WorkloadRates, ahead: Ahead): TimeLeft {
  if (cost.items === 0) return { sendingMs: 0, confirmingMs: 0 };
  const sendEveryMs = send?.intervalMs ?? 0;
  const { queuedMs, readsQueuedMs, readBackAfterMs, firstReadMs, lastReadMs } = ahead;
  const chunkRequests = Math.min(cost.requests, cost.chunkRequests);
  // The last chunk gets its time when all others have taken up theirs.
  const chunkMs = burstsMs(chunkRequests, send);
  const sendingMs = queuedMs + (cost.requests - chunkRequests) * sendEveryMs + chunkMs;
  const firstRead = queuedMs + chunkMs + readBackAfterMs;
  // Once reading is under way, the reads that are reserved are ours, as far as anybody can tell.
  const reading = burstsMs(cost.reads, read);
  const allRead =
    firstReadMs === undefined
      ? Math.max(firstRead, readsQueuedMs) + reading
      : Math.max(firstReadMs + reading, readsQueuedMs);
  const readingAt = lastReadMs ?? sendingMs + readBackAfterMs;
  const lastRead = readingAt + burstsMs(Math.min(cost.reads, cost.chunkReads), read);
  return { sendingMs, confirmingMs: Math.max(allRead, lastRead, sendingMs) - sendingMs };
}

/** Until the last of some requests goes: a burst at a time, each as its time comes. */
const burstsMs = (requests: number, rate: Rate | undefined): number =>
  rate === undefined
    ? 0
    : Math.max(0, Math.ceil(requests / rate.burst) - 1) * rate.burst * rate.intervalMs;

/** A chunk before it has a reservation. */
export type ChunkDraft = {
  readonly from: string;
  readonly to: string;
  readonly cost: Cost;
  readonly stops?: readonly string[];
};

/** Cuts rows into chunks; rows in which nothing waits need no message. What a carrier fetches costs nothing. */
export function toChunks(
  kind: JobKind,
  job: Job,
  rows: readonly ItemRow[],
  targets: readonly Target[] = [],
): ChunkDraft[] {
  const byId = new Map(targets.map((target) => [target.targetId, target]));
  const chunks: ChunkDraft[] = [];
  for (const part of inChunks(rows, rowsPerChunk)) {
    const waiting = part.flatMap(({ items }) => items.filter(({ state }) => state === "waiting"));
    const [first] = part;
    const last = part.at(-1);
    if (waiting.length === 0 || !first || !last) continue;
    const carried = waiting.filter((item) => isCarried(kind, job, item));
    const theirs = carried.flatMap(({ targetId }) => byId.get(targetId) ?? []);
    const stops = theirs.length === 0 ? [] : (kind.carrier?.stopsOf(theirs) ?? []);
    const cost = chunkCost(kind, job, waiting);
    const chunk = { from: first.lastTargetId, to: last.lastTargetId, cost };
    chunks.push(stops.length > 0 ? { ...chunk, stops } : chunk);
  }
  return chunks;
}
