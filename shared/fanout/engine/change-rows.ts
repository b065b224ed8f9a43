/** Applies transitions to stored rows, whoever else changes them meanwhile. */
import type { Instant } from "../../kernel/clock.ts";
import type { JobKind } from "../kind.ts";
import { applyAll, type Item, type Transition } from "../state/item.ts";
import { liveOf } from "../state/item-row.ts";
import type { StoredItemRow } from "../state/item-store.ts";
import { isStopping, type Job } from "../state/job.ts";
import { carrierDueAt, isCarried, readableAt } from "./decide.ts";
import type { Engine, Times } from "./engine.ts";

/** What one message works on. */
export type Work = {
  readonly kind: JobKind;
  readonly job: Job;
  readonly rows: readonly StoredItemRow[];
  /** Items up to this target are let out; absent: all. */
  readonly releasedTo?: string | undefined;
};

/** Whether an item waits and must not leave yet: its job is paused, or it is not let out. Pure. */
export const isUnreleased = (
  { job, releasedTo }: Pick<Work, "job" | "releasedTo">,
  { state, targetId }: Item,
): boolean =>
  state === "waiting" &&
  !isStopping(job) &&
  (job.state === "paused" || (releasedTo !== undefined && targetId > releasedTo));

/** All items of some rows. */
export const itemsIn = (rows: readonly StoredItemRow[]): Item[] =>
  rows.flatMap(({ items }) => items);

// When rows need somebody again. Pure.

/** When an item can be touched again: when it may be sent, or its mark has run out. */
export const touchAt = (item: Item, claimMs: number): Instant =>
  item.state === "claimed" ? readableAt(item, claimMs) : (item.notBefore ?? 0);

/** When a row needs somebody again: its earliest waiting or marked item, else the first reading back. */
function dueAfterPass(
  { claimMs, readBackAfterMs }: Pick<Times, "claimMs" | "readBackAfterMs">,
  work: Omit<Work, "rows">,
  whole: readonly Item[],
  now: Instant,
): Instant {
  const { kind, job } = work;
  const all = whole.filter((item) => !isUnreleased(work, item));
  const items = all.filter((item) => !isCarried(kind, job, item));
  const carrierDue = carrierDueAt(kind, job, all, now) ?? Number.POSITIVE_INFINITY;
  // Answers are read when nothing of the row is still to be sent.
  const isSent = items.some(({ state }) => state === "sent");
  const isOpen = items.some(({ state }) => state === "waiting" || state === "claimed");
  let due = Math.min(carrierDue, isSent && !isOpen ? now + readBackAfterMs : carrierDue);
  for (const item of items)
    if (item.state === "waiting" || item.state === "claimed")
      due = Math.min(due, Math.max(now, touchAt(item, claimMs)));
  if (Number.isFinite(due)) return due;
  // What must not leave yet needs nobody before the job's end: whoever lets it go sends for it.
  return all.length < whole.length ? Math.max(now, job.expiresAt) : now + readBackAfterMs;
}

// Writing.

/** What is to happen to the rows of some work. */
export type RowChange = {
  readonly transitions: ReadonlyMap<string, Transition>;
  readonly now: Instant;
  /** When somebody should touch a row again, given what stands in it then; absent: as before. */
  readonly dueAt?: (items: readonly Item[]) => Instant;
};

/** A change after which rows are due as after any pass. */
export const afterPass = (
  { times }: Pick<Engine, "times">,
  work: Omit<Work, "rows">,
  transitions: ReadonlyMap<string, Transition>,
  now: Instant,
): RowChange => ({
  transitions,
  now,
  dueAt: (items) => dueAfterPass(times, work, items, now),
});

/** Losing this often in a row means that something is badly wrong. */
const maxTries = 8;

type Rows = Pick<Engine, "items">;

/**
 * Applies transitions to exactly the rows that were read, or to none: undefined when another writer was
 * faster. For decisions that hold only for what was read, such as claims.
 */
export async function changeRowsOnce(
  { items }: Rows,
  { kind, job, rows }: Work,
  change: RowChange,
): Promise<readonly StoredItemRow[] | undefined> {
  const lastStep = kind.lastStep(job);
  const changed = rows.flatMap((row) => changedRow(row, change, lastStep) ?? []);
  if (changed.length === 0) return rows;
  const stored = await items.replace(job.jobId, changed);
  return stored === undefined ? undefined : merged(rows, stored);
}

/**
 * Applies transitions to rows, in one transaction. When another writer was faster, the rows are read again
 * and the transitions applied to what stands there: the lifecycle drops what no longer fits. An item that
 * was claimed anew meanwhile is left as it is, because the transition is about what came of an earlier claim.
 */
export async function changeRows(
  engine: Rows,
  work: Work,
  change: RowChange,
): Promise<readonly StoredItemRow[]> {
  const { job, rows } = work;
  let current = rows;
  let { transitions } = change;
  for (let tries = 0; tries < maxTries; tries += 1) {
    const stored = await changeRowsOnce(
      engine,
      { ...work, rows: current },
      { ...change, transitions },
    );
    if (stored !== undefined) return stored;
    current = await engine.items.reread(job.jobId, current);
    transitions = transitionsThatFit(transitions, rows, current);
  }
  throw new Error(`could not win rows of ${job.kind} ${job.jobId}`);
}

/** The transitions for items that nobody has claimed since `before`. */
function transitionsThatFit(
  transitions: ReadonlyMap<string, Transition>,
  before: readonly StoredItemRow[],
  now: readonly StoredItemRow[],
): ReadonlyMap<string, Transition> {
  const tries = new Map(itemsIn(before).map((item) => [item.targetId, tryOf(item)]));
  const claimed = itemsIn(now).filter((item) => tryOf(item) !== tries.get(item.targetId));
  const taken = new Set(claimed.map(({ targetId }) => targetId));
  return new Map([...transitions].filter(([targetId]) => !taken.has(targetId)));
}

/** Names a claim: attempts begin anew with each step. */
const tryOf = ({ step = 0, attempts }: Item): string => `${step} ${attempts}`;

/** The row after the transitions, or undefined when nothing of it changes. */
function changedRow(
  row: StoredItemRow,
  { transitions, now, dueAt }: RowChange,
  lastStep: number,
): StoredItemRow | undefined {
  const items = applyAll(row.items, transitions, now, lastStep);
  const due = dueAt === undefined ? row.dueAt : dueAt(items);
  const same = items.every((item, at) => item === row.items[at]);
  if (same && (row.dueAt === due || liveOf(items) === 0)) return undefined;
  return { ...row, items, dueAt: due };
}

function merged(
  rows: readonly StoredItemRow[],
  changed: readonly StoredItemRow[],
): StoredItemRow[] {
  const byKey = new Map(changed.map((row) => [row.lastTargetId, row]));
  return rows.map((row) => byKey.get(row.lastTargetId) ?? row);
}

/** Shorter waits end before any sweeper would notice, and are not worth a write. */
const shortMs = 60_000;

/** Tells the sweeper that rows wait until then, and are not forgotten, where that is much later than they say. */
export async function postpone(
  engine: Rows,
  work: Work,
  until: Instant,
  now: Instant,
): Promise<void> {
  const due = Math.min(...work.rows.map(({ dueAt }) => dueAt));
  if (until - Math.max(due, now) < shortMs) return;
  await changeRows(engine, work, { transitions: new Map(), now, dueAt: () => until });
}
