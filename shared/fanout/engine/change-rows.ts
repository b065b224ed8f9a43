/**
 * What becomes of rows: when an item in them is at its end, when they need somebody again, and how transitions are
 * written down, whoever else changes them meanwhile. And the end of a job, when nothing of it needs anybody any more.
 */

import type { Instant } from "../../kernel/clock.ts";
import { reasonIn } from "../../kernel/outside-text.ts";
import { count, isOn } from "../../telemetry/trace.ts";
import { costOf, isCarried, type JobKind } from "../kind.ts";
import { type Attempt, attemptsEnded } from "../state/history.ts";
import { applyAll, type Item, liveOf, type Transition } from "../state/item.ts";
import type { StoredItemRow } from "../state/item-store.ts";
import { isOpen, isStopping, type Job, type JobIds, type JobStore, move } from "../state/job.ts";
import { nothingReleased } from "../state/rollout.ts";
import { type Engine, findJob, roundsOf } from "./engine.ts";

/** What one message works on. */
export type Work = {
  readonly kind: JobKind;
  readonly job: Job;
  readonly rows: readonly StoredItemRow[];
  /** Items up to this target are let out; absent: all. */
  readonly releasedTo?: string | undefined;
  /** When what the far side has taken is read back next; absent: after the kind's first wait. */
  readonly readAt?: Instant | undefined;
};

/** Whether an item waits and must not leave yet: its job is paused, or it is not let out. Pure. */
export const isUnreleased = (
  { job, releasedTo }: Pick<Work, "job" | "releasedTo">,
  { state, targetId }: Item,
): boolean =>
  state === "waiting" &&
  !isStopping(job) &&
  (job.state === "paused" || (releasedTo !== undefined && targetId > releasedTo));

/** Up to which target a job with rollout rules is let out; undefined without them: one read where there are some. */
export async function letOutTo(
  { items }: Pick<Engine, "items">,
  { jobId, rollout }: Job,
): Promise<string | undefined> {
  if (rollout === undefined) return undefined;
  return ((await items.plan(jobId))?.progress.released ?? nothingReleased).to;
}

/** All items of some rows. */
export const itemsIn = (rows: readonly StoredItemRow[]): Item[] =>
  rows.flatMap(({ items }) => items);

// When an item is at its end without anybody being asked.

export const noClearAnswer = "no-clear-answer";
/** The whole call got no answer, and is asked again with fewer items. */
export const tooMuchAtOnce = "too-much-at-once";

/** Nobody can tell whether it was done: says how often it was asked, what the latest answer was, and why it ends. */
export function doubtful(
  { unclear = 0, state, detail }: Pick<Item, "unclear" | "state" | "detail">,
  end: string,
): Transition {
  const times = state === "claimed" ? unclear + 1 : unclear;
  const asked = times === 1 ? "asked once" : `asked ${times} times`;
  const latest = detail === undefined ? "" : ` (${reasonIn(detail, 70)})`;
  return {
    event: "lose",
    details: {
      code: noClearAnswer,
      detail: `${asked} without a clear answer${latest}; ${end}`,
    },
  };
}

/** Attempts before an item is given up as failed, where the kind has no other number. */
export const maxAttempts = 20;

type EndingKind = Pick<JobKind, "reasons" | "carrier" | "followsThrough" | "maxAttempts">;

/** Why a waiting item is at its end, if it is. What was asked without a clear answer may have been done. */
export function endOf(
  kind: EndingKind,
  job: Job,
  item: Item,
  now: Instant,
  left = false,
): Transition | undefined {
  const ending: Transition | undefined = left
    ? { event: "cancel", details: kind.reasons.leftScope }
    : plainEndOf(kind, job, item, now);
  if (ending === undefined || !item.unclear) return ending;
  const end = ending.details?.code === "expired" ? "its time ended" : ending.details?.detail;
  return doubtful(item, end ?? "it ended");
}

/** What a waiting item was waiting for, as far as anybody knows. */
function waitedFor({ carrier }: Pick<JobKind, "carrier">, job: Job, item: Item): string {
  const { attempts, detail } = item;
  if (detail !== undefined) return `the latest try: ${detail}`;
  if (attempts > 1) return "tried twice or more, without a reason";
  if (attempts > 0) return "tried once, without a reason";
  return carrier?.carries(job, item) ? carrier.unfetched : "it waited for its turn";
}

function plainEndOf(kind: EndingKind, job: Job, item: Item, now: Instant): Transition | undefined {
  const { attempts, detail = "", step = 0 } = item;
  const before = step > 0 ? "before its next step left" : "before it left";
  const mayStop = kind.followsThrough?.(job, item) !== true;
  if (job.state === "failing" && mayStop) {
    const { code, detail: failed } = kind.reasons.jobFailed;
    return { event: "cancel", details: { code, detail: `${failed} ${before}` } };
  }
  if ((job.state === "cancelling" && mayStop) || !isOpen(job))
    return { event: "cancel", details: { code: "cancelled", detail: `cancelled ${before}` } };
  if (now >= job.expiresAt)
    return {
      // Of what is followed through, what mattered is done, and nobody knows how it ended; in a job that fails it is one of the rest.
      event: mayStop || job.state === "failing" ? "expire" : "lose",
      details: {
        code: "expired",
        detail: `its time ended ${before}; ${waitedFor(kind, job, item)}`,
      },
    };
  if (attempts >= (kind.maxAttempts ?? maxAttempts))
    return {
      event: "fail",
      details: {
        code: "too-many-attempts",
        detail: `gave up after ${attempts} attempts; the latest: ${detail || "no clear answer"}`,
      },
    };
  return undefined;
}

// When rows need somebody again.

/** When a claimed item may be read back: its claim has run out, and the pause since the latest reading is over. */
export const readableAt = ({ claimedAt = 0, notBefore = 0 }: Item, claimMs: number): Instant =>
  Math.max(claimedAt + claimMs, notBefore);

/** The end of an item whose carrier never told, long after the job's own end. */
export function silenceOf(
  kind: JobKind,
  job: Job,
  item: Item,
  now: Instant,
): Transition | undefined {
  const { carrier } = kind;
  if (!carrier || (item.state !== "claimed" && item.state !== "sent")) return undefined;
  if (now < job.expiresAt + carrier.graceMs || !carrier.carries(job, item)) return undefined;
  const { code, detail } = carrier.silence;
  const latest = item.detail === undefined ? "" : `; the latest reason: ${item.detail}`;
  return { event: "lose", details: { code, detail: detail + latest } };
}

/** When rows need somebody because of what a carrier fetches; undefined when nothing of that is live. */
export function carrierDueAt(
  { carrier }: JobKind,
  job: Job,
  items: readonly Item[],
  now: Instant,
): Instant | undefined {
  if (carrier === undefined) return undefined;
  const carried = items.filter((item) => carrier.carries(job, item));
  const states = new Set(carried.map(({ state }) => state));
  const end = job.expiresAt + carrier.graceMs;
  const again = now + carrier.tellAgainMs;
  if (states.has("waiting")) return Math.min(again, Math.max(now, job.expiresAt));
  if (states.has("claimed")) return Math.min(again, end);
  return states.has("sent") ? end : undefined;
}

/** What the far side took, and we can ask about. */
export const sentIn = ({ kind, job }: Pick<Work, "kind" | "job">, items: readonly Item[]): Item[] =>
  items.filter((item) => item.state === "sent" && !isCarried(kind, job, item));

/** When an item can be touched again: when it may be sent, or its claim has run out. */
export const touchAt = (item: Item, claimMs: number): Instant =>
  item.state === "claimed" ? readableAt(item, claimMs) : (item.notBefore ?? 0);

/** When the first of some items goes on: what costs requests not before those that are reserved, what is free by itself. */
export function nextTouchOf(
  { kind, job }: Pick<Work, "kind" | "job">,
  open: readonly Item[],
  claimMs: number,
  reservedAt: Instant,
): Instant {
  const waiting = open.filter(({ state }) => state === "waiting");
  const calls = reservedAt > 0 ? kind.calls(job, waiting) : [];
  const ids = calls.filter((call) => costOf(call) === 0).flatMap(({ targetIds }) => targetIds);
  const free = new Set(ids);
  return Math.min(
    ...open.map((item) => {
      const at = touchAt(item, claimMs);
      return free.has(item.targetId) ? at : Math.max(at, reservedAt);
    }),
  );
}

/** When a row needs somebody again: its earliest waiting or claimed item, or the next reading back. */
function dueAfterPass(
  times: Pick<Engine["times"], "claimMs" | "readBackAfterMs">,
  work: Omit<Work, "rows">,
  whole: readonly Item[],
  now: Instant,
): Instant {
  const { kind, job } = work;
  const { claimMs } = times;
  const readAt = work.readAt ?? now + roundsOf(kind, times).firstMs;
  const all = whole.filter((item) => !isUnreleased(work, item));
  const items = all.filter((item) => !isCarried(kind, job, item));
  const carrierDue = carrierDueAt(kind, job, all, now) ?? Number.POSITIVE_INFINITY;
  const isSent = items.some(({ state }) => state === "sent");
  let due = isSent ? Math.min(carrierDue, readAt) : carrierDue;
  for (const item of items)
    if (item.state === "waiting" || item.state === "claimed")
      due = Math.min(due, Math.max(now, touchAt(item, claimMs)));
  if (Number.isFinite(due)) return due;
  // What must not leave yet needs nobody before the job's end: whoever lets it go sends for it.
  return all.length < whole.length ? Math.max(now, job.expiresAt) : readAt;
}

// Writing.

/** What is to happen to the rows of some work. */
type RowChange = {
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
  const changed = changedIn({ kind, job, rows }, change).filter(isUnsaved);
  if (changed.length === 0) return rows;
  const stored = await items.replace(job.jobId, changed);
  if (stored === undefined) return undefined;
  if (isOn()) tell(job, rows, stored, change);
  return merged(rows, stored);
}

/** A row that was changed and not written down: whoever writes it next takes that along, with the attempts that ended. */
type UnsavedRow = StoredItemRow & { readonly ended: readonly Attempt[] };
export const isUnsaved = (row: StoredItemRow): row is UnsavedRow => "ended" in row;

/** The rows after transitions; those that change are unsaved. Pure. */
export function changedIn({ kind, job, rows }: Work, change: RowChange): readonly StoredItemRow[] {
  const lastStep = kind.lastStep(job);
  const { transitions } = change;
  return rows.map((row) => {
    const after = changedRow(row, change, lastStep);
    if (after === undefined) return row;
    const ended = kind.keepsAttempts ? attemptsEnded(row.items, after.items, transitions) : [];
    const unsaved: UnsavedRow = {
      ...after,
      ended: isUnsaved(row) ? [...row.ended, ...ended] : ended,
    };
    return unsaved;
  });
}

/** The same for rows that somebody writes down at once, together with what comes next. Who dies before has changed nothing. */
export function changeUnsaved(work: Work, change: RowChange): readonly StoredItemRow[] {
  const after = changedIn(work, change);
  if (isOn()) tell(work.job, work.rows, after, change);
  return after;
}

/** Counts which states items came to, and what is to be tried again, and why. */
function tell(
  { kind }: Work["job"],
  before: readonly StoredItemRow[],
  after: readonly StoredItemRow[],
  { transitions }: RowChange,
): void {
  const states = new Map(itemsIn(before).map(({ targetId, state }) => [targetId, state]));
  const moved = itemsIn(after).filter(({ targetId, state }) => states.get(targetId) !== state);
  for (const [state, items] of Map.groupBy(moved, (item) => item.state))
    count("muster.items", items.length, { kind, state });
  const again = [...transitions.values()].filter(({ event }) => isAgain.has(event));
  for (const [code = "none", some] of Map.groupBy(again, ({ details }) => details?.code))
    count("muster.retries", some.length, { kind, code });
}

const isAgain: ReadonlySet<Transition["event"]> = new Set(["postpone", "doubt", "repeat"]);

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
  // Reading back goes on meanwhile.
  const { readAt = until } = work;
  const dueAt = (items: readonly Item[]) =>
    items.some(({ state }) => state === "sent") ? Math.min(until, readAt) : until;
  await changeRows(engine, work, { transitions: new Map(), now, dueAt });
}

// The end of a job, and of what waits of one that is stopped.

/** Ends the job with its final counts, if planning is done and no item is live. Asking too often is harmless. */
export async function closeIfDone(
  engine: Pick<Engine, "kinds" | "items" | "clock" | "announce">,
  { kind, tenantId, jobId }: JobIds,
): Promise<boolean> {
  const { kinds, items, clock } = engine;
  // In this order: once planning is done no row is added, so none can appear behind our back.
  const plan = await items.plan(jobId);
  if (!plan?.progress.done) return false;
  if (await items.anyLive(jobId)) return false;
  const jobs = kinds.get(kind)?.jobs;
  const stored = await jobs?.get(tenantId, jobId);
  if (jobs === undefined || stored === undefined) return false;
  const { job, etag } = stored;
  let ended = job;
  if (job.counts !== undefined) {
    // Ended before, and a late report has changed a row since: the counts follow.
    const counts = await items.counts(jobId);
    if (JSON.stringify(counts) !== JSON.stringify(job.counts))
      await jobs.replace({ ...job, counts }, etag);
  }
  if (isOpen(job)) {
    const counts = await items.counts(jobId);
    const finished = move(job, "finish", { counts, finishedAt: clock.now() });
    // A lost race means that somebody else ended it, or will be asked again.
    if (finished === undefined) return false;
    if ((await jobs.replace(finished, etag)) === undefined) return false;
    ended = finished;
  }
  await strikeOff(engine, jobs, ended);
  return true;
}

/** Takes an ended job off the sweeper's list, once others were told: whoever dies before that leaves it there. */
export async function strikeOff(
  { announce }: Pick<Engine, "announce">,
  jobs: Pick<JobStore, "close">,
  job: Job,
): Promise<void> {
  await announce?.(job);
  await jobs.close(job.jobId);
}

/** Rows settled in one transaction; fewer where what is settled is written down twice. */
const rowsPerStep = 40;
const rowsWithHistory = 16;

/** Settles every waiting item of a job that is stopped, or whose time is over. */
export async function closeWaiting(engine: Engine, ids: JobIds): Promise<"done" | "gone"> {
  const found = await findJob(engine, ids);
  if (found === undefined) return "gone";
  const { kind, job } = found;
  let from = "";
  while (isOpen(job)) {
    const top = kind.keepsAttempts ? rowsWithHistory : rowsPerStep;
    const page = { from, where: "waiting gt 0", top };
    const rows = await engine.items.page(job.jobId, page);
    const last = rows.at(-1);
    if (last === undefined) break;
    const now = engine.clock.now();
    const transitions = new Map<string, Transition>();
    for (const item of itemsIn(rows)) {
      const ending = item.state === "waiting" ? endOf(kind, job, item, now) : undefined;
      if (ending) transitions.set(item.targetId, ending);
    }
    await changeRows(engine, { kind, job, rows }, { transitions, now });
    from = `${last.lastTargetId}!`;
  }
  await closeIfDone(engine, ids);
  return "done";
}
