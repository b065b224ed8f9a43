/** How many requests to the far side a pass may spend now, at the tenant's throttle. */
import type { Clock, Instant } from "../../kernel/clock.ts";
import type { Finding, JobKind, Survey } from "../kind.ts";
import type { Item } from "../state/item.ts";
import type { ItemRow } from "../state/item-row.ts";
import type { Job } from "../state/job.ts";
import type { Chunk } from "../state/progress.ts";
import type { ChunkDraft } from "./chunks.ts";
import type { Engine } from "./engine.ts";

/** One request each `intervalMs`, and so many at once. */
export type Rate = { readonly intervalMs: number; readonly burst: number };

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
export type Allowance = Reserved & {
  /** Not before this. */
  readonly startAt: Instant;
  /** Requests that this pass may spend: at most a burst. */
  readonly budget: number;
  /** Time that each spent request takes up; 0 without a limit. */
  readonly intervalMs: number;
};

const unlimited = { budget: Number.POSITIVE_INFINITY, intervalMs: 0 };

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
): Promise<Allowance> {
  const now = clock.now();
  const rate = cost === 0 ? undefined : await throttle.rateOf(tenantId, workload);
  if (rate === undefined) return { ...unlimited, ...before, startAt: now };
  const { intervalMs, burst } = rate;
  const reserved = before.reserved > 0 ? before.reserved : Math.min(cost, burst);
  const budget = Math.min(reserved, burst);
  if (before.reserved === 0) {
    const { startAt, shiftMs } = await throttle.reserve(tenantId, workload, reserved, now, rate);
    return { startAt, at: startAt, shiftMs, reserved, budget, intervalMs };
  }
  const { shiftMs, closedUntil } = await throttle.read(tenantId, workload);
  const at = throttle.whenDue(before, shiftMs, now);
  if (at !== undefined)
    return { startAt: Math.max(at, closedUntil), at, shiftMs, reserved, budget, intervalMs };
  const squeezed = await throttle.squeezeIn(tenantId, workload, budget * intervalMs, now);
  const { startAt } = squeezed;
  return { startAt, at: startAt, shiftMs: squeezed.shiftMs, reserved, budget, intervalMs };
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
  const rate = await throttle.rateOf(tenantId, kind.workloads.reads);
  // Charged once its size is known: whoever comes next waits for it.
  if (rate !== undefined)
    await throttle.reserve(tenantId, kind.workloads.reads, survey.requests, clock.now(), rate);
  return survey;
}

/** Keeps everybody's reads back for as long as the far side asked for, where the tenant has a limit at all. */
export async function deferReads(
  { throttle, clock }: Pick<Engine, "throttle" | "clock">,
  { workloads }: Pick<JobKind, "workloads">,
  tenantId: string,
  findings: ReadonlyMap<string, Finding>,
): Promise<void> {
  let waitMs = 0;
  for (const finding of findings.values())
    if (finding.kind === "unreadable") waitMs = Math.max(waitMs, finding.afterMs ?? 0);
  if (waitMs === 0 || (await throttle.rateOf(tenantId, workloads.reads)) === undefined) return;
  const now = clock.now();
  await throttle.defer(tenantId, workloads.reads, now + waitMs, now);
}

// Chunks of a step get their reservations together.

/** Chunks with their reservations. */
export type Placed = {
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
export const dueWithChunks = <R extends ItemRow>(
  rows: readonly R[],
  chunks: readonly Chunk[],
): R[] =>
  rows.map((row) => {
    const chunk = chunks.find(({ from, to }) => from <= row.lastTargetId && row.lastTargetId <= to);
    return chunk === undefined ? row : { ...row, dueAt: chunk.at };
  });
