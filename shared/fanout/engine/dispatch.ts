/**
 * Sends what waits in a chunk.
 *
 * Each pass claims what it is about to send, makes the calls, and writes down the outcomes (settle). A worker that
 * dies in between leaves claims; when they have run out, the next pass reads those items back before it sends
 * anything again. So nothing is lost, and nothing is done twice.
 */

import type { Instant } from "../../kernel/clock.ts";
import { inParallel } from "../../kernel/concurrency.ts";
import { count } from "../../telemetry/trace.ts";
import { restMs } from "../../work/drain.ts";
import { type Call, costOf, costOfAll, type Hold, isCarried, type Outcome } from "../kind.ts";
import type { Item, Transition } from "../state/item.ts";
import type { StoredItemRow } from "../state/item-store.ts";
import type { ChunkMessage, Reading } from "../state/job.ts";
import {
  afterPass,
  changeRows,
  changeRowsOnce,
  closeIfDone,
  isUnreleased,
  itemsIn,
  letOutTo,
  nextTouchOf,
  postpone,
  sentIn,
  type Work,
} from "./change-rows.ts";
import { decidePass, type Pass, transitionOf } from "./decide-pass.ts";
import {
  type ChunkOutcome,
  deferReads,
  type Engine,
  findJob,
  idsOf,
  nothingReserved,
  type Reserved,
  reserveFor,
  roundsOf,
  surveyFor,
} from "./engine.ts";
import { afterDoubt, latenessAt } from "./read-back.ts";

/** Another pass over the chunk. */
type Again = {
  readonly at: Instant;
  /** What is reserved for the next pass. */
  readonly reserved: Reserved;
  /** What is reserved for its reading back. */
  readonly reads?: Reserved;
};

/** What a pass has left: the rows, and when it is to be repeated; absent: nothing of the chunk waits. */
type Passed = {
  readonly rows: readonly StoredItemRow[];
  readonly again?: Again;
  /** When what the far side took in it is read back first. */
  readonly readAt?: Instant;
};

/** How a message came. */
export type Coming = {
  /** Inside of a request: it makes what may go at once. */
  readonly isInRequest?: boolean;
  /** It has come before, and whoever had it failed or died. */
  readonly isRedelivered?: boolean;
  /** The rows, where they are known. */
  readonly rows?: readonly StoredItemRow[];
};

/** Makes one pass over the chunk that the message names. */
export async function dispatch(
  engine: Engine,
  message: ChunkMessage,
  { isInRequest = false, isRedelivered = false, rows: known }: Coming = {},
): Promise<ChunkOutcome> {
  const [found, rows] = await Promise.all([
    findJob(engine, message),
    known ?? engine.items.range(message.jobId, message.from, message.to),
  ]);
  if (found === undefined) return { kind: "gone" };
  const { kind, job } = found;
  const releasedTo = await letOutTo(engine, job);
  const work = { kind, job, rows, releasedTo, readAt: message.reading?.at };
  const told = await tellCarrier(engine, work, message);
  if (!isRedelivered && isTooMany(engine, message, work)) return { kind: "done" };
  const passed = await pass(engine, message, work, isInRequest);
  return handOver(engine, work, { ...message, told }, passed);
}

/** The chunk goes on with whatever is due first: another pass, or reading back. */
async function handOver(
  engine: Engine,
  { kind, job }: Work,
  { from, to, told, reading: before }: Omit<ChunkMessage, "told"> & { told: true | undefined },
  { rows, again: next, readAt }: Passed,
): Promise<ChunkOutcome> {
  const chunk = { ...idsOf(job), from, to };
  const isSent = sentIn({ kind, job }, itemsIn(rows)).length > 0;
  const first = engine.clock.now() + roundsOf(kind, engine.times).firstMs;
  const known = before ?? { at: first, round: 0 };
  const isLast = next === undefined && readAt !== undefined;
  const later = isLast ? { ...known, at: readAt, round: 0 } : readingAfter(known, readAt);
  const reading = isSent ? later : undefined;
  if (reading !== undefined && reading.at < (next?.at ?? Number.POSITIVE_INFINITY)) {
    const { at, ...position } = reading;
    const sending = next && { ...next.reserved, ...(next.reads && { reads: next.reads }) };
    const rest = sending && { sending: { ...sending, ...(told && { told }) } };
    const message = { ...chunk, ...position, ...rest };
    return { kind: "goesOn", next: { does: "readBack", message, at }, rows };
  }
  if (next !== undefined) {
    const { at, reserved, reads } = next;
    const rest = { ...(reads && { reads }), ...(told && { told }), ...(reading && { reading }) };
    const message = { ...chunk, ...reserved, ...rest };
    return { kind: "goesOn", next: { does: "dispatch", message, at }, rows };
  }
  await closeIfDone(engine, job);
  return { kind: "done" };
}

/** Where reading back goes on: from the beginning, and in time for it, when the far side has taken something new. */
const readingAfter = (before: Reading, readAt: Instant | undefined): Reading =>
  readAt === undefined
    ? before
    : {
        at: Math.min(before.at, readAt),
        round: 0,
        ...(before.reads && { reads: before.reads }),
      };

/** The items of a chunk that may be touched. */
const outIn = (work: Work, rows = work.rows): Item[] =>
  itemsIn(rows).filter((item) => !isUnreleased(work, item));

/**
 * Tells the carrier's stops of what waits or is claimed in the rows, unless the message says that they know; answers
 * whether they know now.
 */
async function tellCarrier(
  engine: Engine,
  work: Work,
  message: ChunkMessage,
): Promise<true | undefined> {
  const { carrier } = work.kind;
  if (message.told) return true;
  const open = outIn(work).filter(
    (item) =>
      (item.state === "waiting" || item.state === "claimed") &&
      isCarried(work.kind, work.job, item),
  );
  if (carrier === undefined || open.length === 0) return undefined;
  const { stops, lost } = await carrier.findStops(work.job, open);
  if (lost.size > 0) await changeRows(engine, work, { transitions: lost, now: engine.clock.now() });
  await carrier.tell(message, stops);
  return true;
}

/** Messages come on whole seconds, and clocks differ a little. */
const earlyMs = 5_000;

/**
 * Each time that a rollout's rules let some of a row out a message is sent for it. Who finds that nothing in it is due was not
 * the first: the first has written when it comes back, and sends a message for then. Where it died in between, its own one is
 * delivered again, which the queue tells; such a message is never too many. Jobs without rules have none that are.
 */
function isTooMany({ clock, times }: Engine, { from, to }: ChunkMessage, work: Work): boolean {
  const now = clock.now();
  if (work.job.rollout === undefined || from !== to) return false;
  // At the job's end everybody comes, and who has claimed some of it comes once more.
  if (now >= work.job.expiresAt) return false;
  if (work.rows.some(({ dueAt }) => dueAt <= now + earlyMs)) return false;
  const limits = { now, claimMs: times.claimMs, budget: Number.POSITIVE_INFINITY };
  const decided = decidePass(work.kind, work.job, outIn(work), limits);
  const { settle, readBack: suspects, calls, again = 0 } = decided;
  if (settle.size + suspects.length + calls.length > 0) return false;
  // A row that rested with its job is due at the job's end: nobody comes for it before.
  return work.rows.every(({ dueAt }) => dueAt <= again + earlyMs);
}

async function pass(
  engine: Engine,
  message: ChunkMessage,
  work: Work,
  isInRequest: boolean,
): Promise<Passed> {
  const { kind, job, rows } = work;
  const { clock, times } = engine;
  const { reserved, shiftMs, at = clock.now() } = message;
  const before = { reserved, shiftMs, at };
  const whole = { now: clock.now(), claimMs: times.claimMs, budget: Number.POSITIVE_INFINITY };
  const decided = decidePass(kind, job, outIn(work), whole);
  if (decided.readBack.length > 0)
    return readBackFirst(engine, work, decided.readBack, { before, reads: message.reads });
  const held = await heldIn(engine, work, decided.calls);
  const { calls } =
    held === undefined ? decided : decidePass(kind, job, outIn(work), { ...whole, held });
  const place = { tenantId: job.tenantId, workload: kind.workloadsOf(job).calls };
  // Its last call has to leave while the claims hold, however late it comes.
  const mostMs = isInRequest ? 0 : (times.claimMs - times.askMs) * 0.75;
  const passMs = Math.min(kind.passMs ?? 0, mostMs);
  const allowance = await reserveFor(engine, place, costOfAll(calls), before, passMs);
  const now = clock.now();
  const mayGo = allowance.startAt <= now;
  // What costs nothing does not wait with what does.
  if (!mayGo && calls.every((call) => costOf(call) > 0)) {
    await postpone(engine, work, allowance.startAt, now);
    return { rows, again: anotherPass(engine, work, allowance.startAt, allowance) };
  }
  const spends = mayGo ? allowance : { ...allowance, budget: 0 };
  // Who comes due in the meantime was not asked about, and goes in the next pass.
  const sent = await send(engine, work, spends, { now: whole.now, ...(held && { held }) });
  if (sent === undefined)
    return { rows, again: anotherPass(engine, work, clock.now() + afterLostMs, allowance) };
  const left = {
    reserved: Math.max(0, allowance.reserved - sent.spent),
    shiftMs: allowance.shiftMs,
    // From the reservation and not from now: a pass that came late must not push into the time of others.
    at: allowance.at + sent.spent * allowance.intervalMs,
  };
  return leftOf(engine, work, sent, left, Math.max(left.at, allowance.startAt));
}

/** Who does not go, of those whose turn it is; undefined where nobody was asked about. */
async function heldIn(
  { rests, clock }: Pick<Engine, "rests" | "clock">,
  { kind, job, rows }: Work,
  calls: readonly Call[],
): Promise<ReadonlyMap<string, Hold> | undefined> {
  if (calls.length === 0) return undefined;
  const ids = new Set(calls.flatMap(({ targetIds }) => targetIds));
  const items = itemsIn(rows).filter(({ targetId }) => ids.has(targetId));
  const rest = await rests(job.tenantId);
  if (rest === undefined) return kind.holds?.(job, items);
  const hold: Hold = { ...rest, until: clock.now() + restMs };
  const begun = items.filter((item) => kind.followsThrough?.(job, item) !== true);
  return new Map(begun.map(({ targetId }) => [targetId, hold]));
}

/** After losing a race, the winner gets this long before we try again. */
const afterLostMs = 2_000;

// A pass that reads back items whose worker never told what came of its call.

/** Most items read in one pass. */
const maxReads = 200;

/** Reads them back, writes down what was found, and asks for another pass when one is due: before, it would be one too many. */
async function readBackFirst(
  engine: Engine,
  work: Work,
  suspects: readonly Item[],
  { before, reads = nothingReserved }: { before: Reserved; reads?: Reserved | undefined },
): Promise<Passed> {
  const { kind, job } = work;
  const place = { tenantId: job.tenantId, workload: kind.workloadsOf(job).reads };
  const allowance = await reserveFor(engine, place, suspects.length, reads);
  const { startAt, budget, reserved, at, shiftMs } = allowance;
  if (startAt > engine.clock.now()) {
    const reading = { reserved, at, shiftMs };
    return { rows: work.rows, again: { at: startAt, reserved: before, reads: reading } };
  }
  const some = suspects.slice(0, Math.min(maxReads, budget));
  const survey = await surveyFor(engine, kind, job, some);
  const findings = await kind.readBack(job, some);
  const now = engine.clock.now();
  const { claimMs } = engine.times;
  const { maxUnclear } = kind;
  const time = { now, lateness: latenessAt(now, job.expiresAt), claimMs, maxUnclear };
  await deferReads(engine, kind, job, findings);
  const transitions = new Map(
    some.map((item) => {
      const finding = survey?.find(item) ?? findings.get(item.targetId);
      return [item.targetId, afterDoubt(kind.mayRepeat(job, item), item, finding, time)];
    }),
  );
  const rows = await changeRows(engine, work, afterPass(engine, work, transitions, now));
  return leftOf(engine, work, { rows }, before, before.reserved > 0 ? before.at : now);
}

// A pass that claims waiting items, makes the calls, and writes down what came of them.

/** Calls under way at once. */
const concurrency = 4;
/** Everybody waits this long after a word to wait that did not say how long. */
const defaultThrottleMs = 2_000;

type Sent = {
  readonly calls: readonly Call[];
  readonly outcomes: readonly ReadonlyMap<string, Outcome>[];
};

/** Makes the pass: the rows as they are then, and the requests it spent. Undefined when somebody else is at them. */
async function send(
  engine: Engine,
  work: Work,
  allowance: Awaited<ReturnType<typeof reserveFor>>,
  asked: { readonly now: Instant; readonly held?: ReadonlyMap<string, Hold> },
): Promise<(Passed & { readonly spent: number }) | undefined> {
  const { kind, job } = work;
  const { clock, times } = engine;
  const items = outIn(work);
  const waiting = items.filter(({ state }) => state === "waiting");
  const outOfScope = await kind.outOfScope(job, waiting);
  const began = clock.now();
  const limits = { ...asked, claimMs: times.claimMs, budget: allowance.budget };
  const decided = decidePass(kind, job, items, { ...limits, outOfScope });
  const claimed = await claim(engine, work, decided);
  if (claimed === undefined) return undefined;
  const { calls } = decided;
  if (calls.length === 0) return { rows: claimed, spent: 0 };
  // Our claims must hold while an answer can still come: the last request leaves so long before they run out.
  const lastAsk = began + times.claimMs - times.askMs;
  const mayAsk = () => clock.now() < lastAsk;
  const spread = spreadOver(engine, calls, allowance);
  const outcomes = await inParallel(calls, concurrency, async (call, at) => {
    await spread(at);
    return kind.execute(job, call, mayAsk);
  });
  const transitions = transitionsOf(engine, claimed, outcomes);
  const isLast = decided.again === undefined && !leavesSome(transitions);
  const readAt = readFirstAt(engine, isLast ? { ...work, readAt: undefined } : work, transitions);
  const settling = { ...work, rows: claimed, readAt: readAt ?? work.readAt };
  const change = afterPass(engine, settling, transitions, clock.now());
  const rows = await changeRows(engine, settling, change);
  // After the outcomes are safe: without this note others only ask a little too early.
  const kept = await moveAside(engine, work, { calls, outcomes }, allowance);
  const spent = costOfAll(calls) - kept;
  return readAt === undefined ? { rows, spent } : { rows, spent, readAt };
}

/** Whether some of what was asked for has to be asked again. */
const leavesSome = (transitions: ReadonlyMap<string, Transition>): boolean =>
  [...transitions.values()].some(({ event }) => event === "postpone" || event === "doubt");

/**
 * When what was taken just now is read back first: no later than anything before it. The last of a chunk has its whole
 * time before it is read, and the others with it, so that one round does for all.
 */
function readFirstAt(
  { clock, times }: Engine,
  { kind, readAt = Number.POSITIVE_INFINITY }: Pick<Work, "kind" | "readAt">,
  transitions: ReadonlyMap<string, Transition>,
): Instant | undefined {
  if (![...transitions.values()].some(({ event }) => event === "accept")) return undefined;
  return Math.min(readAt, clock.now() + roundsOf(kind, times).firstMs);
}

/** Lets each call wait until the throttle has room for all of it: what may go at once does. */
function spreadOver(
  { clock, wait }: Engine,
  calls: readonly Call[],
  { intervalMs, burst }: Awaited<ReturnType<typeof reserveFor>>,
): (at: number) => Promise<void> {
  const began = clock.now();
  let sum = 0;
  const ends = calls.map((call) => {
    sum += costOf(call);
    return sum;
  });
  return async (at) => {
    const due = began + Math.max(0, (ends[at] ?? 0) - burst) * intervalMs;
    if (intervalMs > 0 && due > clock.now()) await wait(due - clock.now());
  };
}

/** Marks what is to be sent, and settles what needs no call. Only on the rows as they were read. */
function claim(
  engine: Engine,
  work: Work,
  { settle, calls }: Pass,
): Promise<readonly StoredItemRow[] | undefined> {
  const now = engine.clock.now();
  const transitions = new Map<string, Transition>(settle);
  for (const { targetIds } of calls)
    for (const id of targetIds)
      transitions.set(id, { event: "claim", details: { claimedAt: now } });
  return changeRowsOnce(engine, work, afterPass(engine, work, transitions, now));
}

function transitionsOf(
  { clock, random }: Engine,
  rows: readonly StoredItemRow[],
  outcomes: readonly ReadonlyMap<string, Outcome>[],
): Map<string, Transition> {
  const byTarget = new Map(outcomes.flatMap((part) => [...part]));
  // One throw for all: what failed together goes again together, in as few calls.
  const spread = random();
  const now = clock.now();
  return new Map(
    itemsIn(rows).flatMap((item) => {
      const outcome = byTarget.get(item.targetId);
      return outcome ? [[item.targetId, transitionOf(outcome, item, now, spread)] as const] : [];
    }),
  );
}

/**
 * Makes way for what failed in passing: everybody waits as long as the far side said, and as long as asking again
 * will take. Answers the requests whose reservation stays good, because nothing came of them.
 */
async function moveAside(
  { throttle, clock }: Engine,
  { kind, job }: Work,
  { calls, outcomes }: Sent,
  { intervalMs }: Awaited<ReturnType<typeof reserveFor>>,
): Promise<number> {
  let waitMs = 0;
  let cost = 0;
  for (const [index, call] of calls.entries()) {
    const later = [...(outcomes[index]?.values() ?? [])].filter((each) => each.kind === "later");
    if (later.length > 0) cost += call.perTarget ? later.length : costOf(call);
    for (const { throttled, afterMs = defaultThrottleMs } of later)
      if (throttled) waitMs = Math.max(waitMs, afterMs);
  }
  if (cost === 0 || intervalMs === 0) return 0;
  const now = clock.now();
  const until = now + waitMs + cost * intervalMs;
  const { calls: workload } = kind.workloadsOf(job);
  count("muster.throttle.closed", 1, { workload });
  await throttle.defer(job.tenantId, workload, until, now);
  return cost;
}

// What the rows need next.

/** Another pass, or none. */
function leftOf(
  engine: Engine,
  work: Work,
  { rows, readAt }: Passed,
  reserved: Reserved,
  reservedAt: Instant,
): Passed {
  const { kind, job } = work;
  const passed = readAt === undefined ? { rows } : { rows, readAt };
  const items = outIn(work, rows).filter((item) => !isCarried(kind, job, item));
  const open = items.filter(({ state }) => state === "waiting" || state === "claimed");
  if (open.length === 0) return passed;
  const due = nextTouchOf(work, open, engine.times.claimMs, reservedAt);
  return { ...passed, again: anotherPass(engine, work, due, reserved) };
}

/** Another pass; none later than the job's end, at which what waits is settled. */
function anotherPass(
  { clock }: Pick<Engine, "clock">,
  { job }: Work,
  until: Instant,
  { reserved, shiftMs, at }: Reserved,
): Again {
  const { expiresAt } = job;
  const end = clock.now() < expiresAt ? Math.min(until, expiresAt) : until;
  return { at: end, reserved: { reserved, shiftMs, at } };
}
