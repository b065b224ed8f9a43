/**
 * What the engine works with, built once per process, the same for every kind of job; how targets become items, rows and
 * chunks with a cost; and how many requests to the far side a pass may spend now, at the tenant's throttle.
 */
import type { Clock, Instant } from "../../kernel/clock.ts";
import { inChunks } from "../../kernel/concurrency.ts";
import type { Queues } from "../../storage/queues.ts";
import { count, seconds } from "../../telemetry/trace.ts";
import type { RestCheck } from "../../work/drain.ts";
import {
  costOfAll,
  type Finding,
  isCarried,
  type JobKind,
  type Survey,
  type Target,
} from "../kind.ts";
import type { Item, ItemRow } from "../state/item.ts";
import type { ItemStore, RowSummaries, StoredItemRow } from "../state/item-store.ts";
import type {
  ChunkMessage,
  FailureNotes,
  Job,
  JobIds,
  JobStore,
  ReadBackMessage,
} from "../state/job.ts";
import type { Chunk, Cost } from "../state/rollout.ts";

// Targets become items, items rows, and rows chunks.

/** Rows that one message takes care of, where the kind says nothing else. */
export const rowsPerChunk = 8;
/** Most rows of a step: they and the plan are one transaction, of 100 changes and 4 MiB at most. */
const rowsPerStep = 40;

const rowsOf = ({ rowsPerChunk: own = rowsPerChunk }: Pick<JobKind, "rowsPerChunk">): number => own;

/** The item that a target begins with. */
export function firstItem(kind: JobKind, job: Job, target: Target, now: Instant): Item {
  const { targetId } = target;
  const first = kind.plan(job, target);
  const base = { targetId, name: first.name, at: now, attempts: 0, state: first.state };
  if (first.state === "waiting") {
    const { route, step = 0, learned } = first;
    return {
      ...base,
      route,
      ...(step === 0 ? {} : { step }),
      ...(learned === undefined ? {} : { learned }),
    };
  }
  return { ...base, route: -1, code: first.code, detail: first.detail };
}

/**
 * The rows that a step keeps, and where the next one begins: while more follow it keeps whole chunks only,
 * so that no message goes for a row or two.
 */
export function keptOf(
  kind: Pick<JobKind, "cursorBehind" | "rowsPerChunk">,
  rows: readonly ItemRow[],
  next: string | undefined,
): { readonly rows: readonly ItemRow[]; readonly next: string | undefined } {
  const perChunk = rowsOf(kind);
  const most = rowsPerStep - (rowsPerStep % perChunk);
  if (next === undefined && rows.length <= most) return { rows, next };
  const whole = rows.length - (rows.length % perChunk);
  const kept = rows.slice(0, Math.min(most, whole === 0 ? rows.length : whole));
  const last = kept.length < rows.length ? kept.at(-1)?.lastTargetId : undefined;
  return { rows: kept, next: last === undefined ? next : kind.cursorBehind(next, last) };
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
type WorkloadRates = { readonly send: Rate | undefined; readonly read: Rate | undefined };

/** What is ahead of some work, in ms from now. */
type Ahead = {
  /** Until its first request may go. */
  readonly queuedMs: number;
  /** Until its first read may go. */
  readonly readsQueuedMs: number;
  /** From an item's request to its first reading back. */
  readonly readBackAfterMs: number;
  /** Until those who were sent already are read first, and until they are read last where no more is to be sent. */
  readonly firstReadMs?: number;
  readonly lastReadMs?: number;
};

/** How long it takes until the last request has gone, and from then until the last answer has been read. */
type TimeLeft = { readonly sendingMs: number; readonly confirmingMs: number };

/**
 * How long work takes if targets have answered when they are read back. Chunks are read one by one, some time
 * after the last request of each: so reading goes on beside sending, and is over when the last chunk has been read,
 * or, where reads are the slower ones, when all reads have gone, counted from the first chunk's.
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
type ChunkDraft = {
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
  for (const part of inChunks(rows, rowsOf(kind))) {
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

// Reservations at the throttle.

/** One request each `intervalMs`, and so many at once. */
type Rate = { readonly intervalMs: number; readonly burst: number };

/** A reservation as it was made: when its first request goes, and by how much all had been moved then. */
type Made = { readonly startAt: Instant; readonly shiftMs: number };

/**
 * The throttle of each tenant and workload, kept in one row for every instance of the app. Whoever is told to wait
 * moves everybody behind along, so that all keep their places.
 */
export interface Throttle {
  /** How fast the tenant may be asked; undefined where nothing limits it. */
  rateOf(tenantId: string, workload: string): Promise<Rate | undefined>;
  /** Reserves requests; with a `name`, asking again gets the same, as long as nobody reserved behind it. */
  reserve(
    tenantId: string,
    workload: string,
    cost: number,
    now: Instant,
    rate: Rate,
    name?: string,
  ): Promise<Made>;
  /** A new place for somebody who comes much too late: now, while everybody else waits `takesMs`. */
  squeezeIn(tenantId: string, workload: string, takesMs: number, now: Instant): Promise<Made>;
  /** Nobody sends before `until`. */
  defer(tenantId: string, workload: string, until: Instant, now: Instant): Promise<void>;
  /** Where it stands. */
  read(
    tenantId: string,
    workload: string,
  ): Promise<{
    readonly shiftMs: number;
    readonly closedUntil: Instant;
    readonly nextFree: Instant;
  }>;
  /** When a reservation's first request may go; undefined when its place is gone. */
  whenDue(
    reservation: Pick<Reserved, "at" | "shiftMs">,
    shiftMs: number,
    now: Instant,
  ): Instant | undefined;
}

/** A reservation on its way through messages: so many requests are reserved and not spent. */
export type Reserved = {
  /** When its first request was to go, when it was made. */
  readonly at: Instant;
  /** By how much all reservations had been moved then. */
  readonly shiftMs: number;
  readonly reserved: number;
};

/** What a pass may do. */
type Allowance = Reserved & {
  /** Not before this. */
  readonly startAt: Instant;
  /** Requests that this pass may spend: at most a burst, or what the kind's time for a pass has room for. */
  readonly budget: number;
  /** Requests that may go at once. */
  readonly burst: number;
  /** Time that each spent request takes up; 0 without a limit. */
  readonly intervalMs: number;
};

const unlimited = {
  budget: Number.POSITIVE_INFINITY,
  burst: Number.POSITIVE_INFINITY,
  intervalMs: 0,
};
/** Passes that a kind which spreads its calls reserves for at once. */
const passesReserved = 4;

/** No reservation yet. */
export const nothingReserved: Reserved = { reserved: 0, at: 0, shiftMs: 0 };

type Parts = { readonly throttle: Throttle; readonly clock: Clock };

/**
 * What a pass may do of `cost` requests: what was reserved before, moved by as much as all reservations have been
 * moved since; else a reservation of its own, for one burst at a time. Whoever is told to wait takes it along, and
 * whoever comes much too late is let in at once, a burst at a time: reserving anew would send both to the end of a
 * line that may be hours long.
 */
export async function reserveFor(
  { throttle, clock }: Parts,
  { tenantId, workload }: { readonly tenantId: string; readonly workload: string },
  cost: number,
  before: Reserved,
  passMs = 0,
): Promise<Allowance> {
  const now = clock.now();
  const rate = cost === 0 ? undefined : await throttle.rateOf(tenantId, workload);
  if (rate === undefined) return { ...unlimited, ...before, startAt: now };
  const { intervalMs, burst } = rate;
  const perPass = Math.max(burst, Math.floor(passMs / intervalMs));
  // Whoever takes its time has more passes to come, and need not get in line for each.
  const most = passMs > 0 ? passesReserved * perPass : burst;
  const reserved = before.reserved > 0 ? before.reserved : Math.min(cost, most);
  const budget = Math.min(reserved, perPass);
  if (before.reserved === 0) {
    const { startAt, shiftMs } = await throttle.reserve(tenantId, workload, reserved, now, rate);
    seconds("muster.throttle.wait", Math.max(0, startAt - now) / 1000, { workload });
    return { startAt, at: startAt, shiftMs, reserved, budget, intervalMs, burst };
  }
  const { shiftMs, closedUntil } = await throttle.read(tenantId, workload);
  const at = throttle.whenDue(before, shiftMs, now);
  if (at !== undefined)
    return { startAt: Math.max(at, closedUntil), at, shiftMs, reserved, budget, intervalMs, burst };
  const squeezed = await throttle.squeezeIn(tenantId, workload, budget * intervalMs, now);
  const { startAt } = squeezed;
  return { startAt, at: startAt, shiftMs: squeezed.shiftMs, reserved, budget, intervalMs, burst };
}

/** Surveys the far side, and charges what that took; undefined where it has no such list for these items. */
export async function surveyFor(
  { throttle, clock }: Pick<Engine, "throttle" | "clock">,
  kind: JobKind,
  job: Job,
  items: readonly Item[],
): Promise<Survey | undefined> {
  const survey = await kind.survey?.(job, items);
  if (survey === undefined || survey.requests === 0) return survey;
  const { tenantId } = job;
  const { reads } = kind.workloadsOf(job);
  const rate = await throttle.rateOf(tenantId, reads);
  // Charged once its size is known: whoever comes next waits for it.
  if (rate !== undefined)
    await throttle.reserve(tenantId, reads, survey.requests, clock.now(), rate);
  return survey;
}

/** Keeps everybody's reads back for as long as the far side asked for, where the tenant has a limit at all. */
export async function deferReads(
  { throttle, clock }: Pick<Engine, "throttle" | "clock">,
  kind: Pick<JobKind, "workloadsOf">,
  job: Job,
  findings: ReadonlyMap<string, Finding>,
): Promise<void> {
  let waitMs = 0;
  for (const finding of findings.values())
    if (finding.kind === "unreadable") waitMs = Math.max(waitMs, finding.afterMs ?? 0);
  const { tenantId } = job;
  const { reads } = kind.workloadsOf(job);
  if (waitMs === 0 || (await throttle.rateOf(tenantId, reads)) === undefined) return;
  const now = clock.now();
  count("muster.throttle.closed", 1, { workload: reads });
  await throttle.defer(tenantId, reads, now + waitMs, now);
}

// Chunks of a step get their reservations together.

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
export async function place(
  { throttle }: Pick<Engine, "throttle">,
  kind: Pick<JobKind, "workloadsOf">,
  job: Job,
  step: number,
  drafts: readonly ChunkDraft[],
  now: Instant,
): Promise<Placed> {
  const cost = drafts.reduce((sum, draft) => sum + draft.cost.requests, 0);
  const { tenantId, jobId } = job;
  const workload = kind.workloadsOf(job).calls;
  const rate = cost === 0 ? undefined : await throttle.rateOf(tenantId, workload);
  if (rate === undefined) {
    const chunks = drafts.map((draft) => chunkOf(draft, now, 0));
    return { chunks, endAt: now, shiftMs: 0 };
  }
  const name = `${jobId} ${step}`;
  const made = await throttle.reserve(tenantId, workload, cost, now, rate, name);
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
export const dueWithChunks = <R extends ItemRow>(
  rows: readonly R[],
  chunks: readonly Chunk[],
): R[] =>
  rows.map((row) => {
    const chunk = chunks.find(({ from, to }) => from <= row.lastTargetId && row.lastTargetId <= to);
    return chunk === undefined ? row : { ...row, dueAt: chunk.at };
  });

/** How long the engine waits for what. */
type Times = {
  /** How long a claim holds; longer than any answer of a far side is waited for. */
  readonly claimMs: number;
  /** How long an answer is waited for. */
  readonly askMs: number;
  /** Time from sending to the first reading back. */
  readonly readBackAfterMs: number;
  /** How far behind a row must be before its message counts as lost. */
  readonly overdueMs: number;
};

/** How long rounds of reading back are apart. */
export const roundsOf = (
  { rounds }: Pick<JobKind, "rounds">,
  { readBackAfterMs }: Pick<Times, "readBackAfterMs">,
): { readonly firstMs: number; readonly mostMs?: number } => rounds ?? { firstMs: readBackAfterMs };

/** What a request takes on itself of a job that is small. */
type FirstPass = {
  /** Most targets of a job that is small. */
  readonly targets: number;
  /** How long the request waits. */
  readonly boxMs: number;
  /** When the message comes that goes on where the worker died; after that nothing new is begun. */
  readonly safetyMs: number;
};

/** The engine's parts. */
export type Engine = {
  /** Kinds of jobs with their stores, by the kind's id. */
  readonly kinds: ReadonlyMap<string, { readonly kind: JobKind; readonly jobs: JobStore }>;
  readonly items: ItemStore;
  readonly summaries: RowSummaries;
  readonly failures: FailureNotes;
  readonly throttle: Throttle;
  readonly queues: Queues;
  /** Whether the tenant is still registered. */
  readonly knows: (tenantId: string) => Promise<boolean>;
  /** Why nothing new leaves for the tenant now; undefined: it may. */
  readonly rests: RestCheck;
  readonly clock: Clock;
  /** 0 to 1; spreads retries. */
  readonly random: () => number;
  /** Lets time go by in a pass that spreads its calls. */
  readonly wait: (ms: number) => Promise<void>;
  readonly times: Times;
  readonly firstPass: FirstPass;
  /** Tells others that a job waits for a second person, or how it ended; the same again makes nothing twice. */
  readonly announce?: (job: Job) => Promise<void>;
};

/** A job with its kind, as it was read. */
export type FoundJob = {
  readonly kind: JobKind;
  readonly jobs: JobStore;
  readonly job: Job;
  readonly etag: string;
};

/** The job that a message names; undefined when it, its tenant or its kind is gone. */
export async function findJob(
  { kinds, knows }: Pick<Engine, "kinds" | "knows">,
  { kind: id, tenantId, jobId }: JobIds,
): Promise<FoundJob | undefined> {
  const entry = kinds.get(id);
  const [stored, known] = await Promise.all([entry?.jobs.get(tenantId, jobId), knows(tenantId)]);
  return entry && stored && known ? { ...entry, ...stored } : undefined;
}

/** What a chunk needs next, and when: sending what waits of it, or reading back what was taken. */
export type Continuation = { readonly at: Instant } & (
  | { readonly does: "dispatch"; readonly message: ChunkMessage }
  | { readonly does: "readBack"; readonly message: ReadBackMessage }
);

/**
 * What became of some work on a chunk; `gone`: the job is. Whoever goes on at once takes the rows along: where somebody else
 * has changed them since, their etags say so.
 */
export type ChunkOutcome =
  | { readonly kind: "done" | "gone" }
  | {
      readonly kind: "goesOn";
      readonly next: Continuation;
      readonly rows: readonly StoredItemRow[];
    };

/** The ids of a job, for messages. */
export const idsOf = ({ kind, tenantId, jobId }: JobIds): JobIds => ({ kind, tenantId, jobId });
