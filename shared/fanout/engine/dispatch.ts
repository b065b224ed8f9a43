/**
 * Sends what waits in a chunk.
 *
 * Each pass claims what it is about to send, makes the calls, and writes down the outcomes (settle). A worker that
 * dies in between leaves claims; when they have run out, the next pass reads those items back before it sends
 * anything again. So nothing is lost, and nothing is done twice.
 */

import { backoffMs, type Instant } from "../../kernel/clock.ts";
import { inParallel } from "../../kernel/concurrency.ts";
import { queueNames } from "../../storage/names.ts";
import { type Call, costOf, costOfAll, isCarried, type JobKind, type Outcome } from "../kind.ts";
import type { Item, Transition } from "../state/item.ts";
import type { StoredItemRow } from "../state/item-store.ts";
import type { ChunkIds, ChunkMessage, Job } from "../state/job.ts";
import {
  afterPass,
  changeRows,
  changeRowsOnce,
  closeIfDone,
  endOf,
  isUnreleased,
  itemsIn,
  letOutTo,
  noClearAnswer,
  postpone,
  readableAt,
  silenceOf,
  tooMuchAtOnce,
  touchAt,
  type Work,
} from "./change-rows.ts";
import {
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

// What a pass should do, and what outcomes mean for an item. Pure.

/** So often the far side's own word on how long to wait decides alone. */
const maxSilentAttempts = 5;
const retryBaseMs = 5_000;
const retryMaxMs = 15 * 60_000;

/** What a pass does with each of its items. */
type Pass<C extends Call = Call> = {
  /** Settled without asking anybody: cancelled, expired, given up. */
  readonly settle: ReadonlyMap<string, Transition>;
  /** Marked by a worker that never told the outcome, long enough ago: read back first. */
  readonly readBack: readonly Item[];
  /** To be claimed and sent now. */
  readonly calls: readonly C[];
  /** When the rows need somebody again because of what this pass leaves as it is. */
  readonly again?: Instant;
};

/** What a pass is allowed. */
type PassLimits = {
  readonly now: Instant;
  /** How long a claim holds. */
  readonly claimMs: number;
  /** Requests that may be spent now. */
  readonly budget: number;
  /** Items whose targets have left since the job was asked for. */
  readonly outOfScope?: ReadonlySet<string>;
};

/** Decides a pass over some items. */
export function decidePass(
  kind: JobKind,
  job: Job,
  items: readonly Item[],
  { now, claimMs, budget, outOfScope }: PassLimits,
): Pass {
  const settle = new Map<string, Transition>();
  const readBack: Item[] = [];
  const ready: Item[] = [];
  const laters: Instant[] = [];
  const claimed = (item: Item): void => {
    const free = readableAt(item, claimMs);
    if (free <= now) readBack.push(item);
    else laters.push(free);
  };
  const waiting = (item: Item): void => {
    const ending = endOf(kind, job, item, now, outOfScope?.has(item.targetId));
    if (ending) settle.set(item.targetId, ending);
    else if ((item.notBefore ?? 0) > now) laters.push(item.notBefore ?? now);
    else ready.push(item);
  };
  for (const item of items) {
    if (item.state === "claimed" && !isCarried(kind, job, item)) claimed(item);
    else if (item.state === "waiting") waiting(item);
    else {
      // Only the carrier can read it back; it is asked again by a message to its stop.
      const silence = silenceOf(kind, job, item, now);
      if (silence) settle.set(item.targetId, silence);
    }
  }
  const { calls, left } = affordable(kind.calls(job, ready), budget);
  if (left) laters.push(now);
  const later = laters.length === 0 ? {} : { again: Math.min(...laters) };
  return { settle, readBack, calls, ...later };
}

/** The calls that the budget covers, in order; the last one may be one that is cut to what is left. */
function affordable(calls: readonly Call[], budget: number) {
  let rest = budget;
  const chosen: Call[] = [];
  for (const call of calls) {
    const cost = costOf(call);
    if (cost > rest) {
      if (rest > 0) chosen.push({ ...call, targetIds: call.targetIds.slice(0, rest) });
      return { calls: chosen, left: true };
    }
    rest -= cost;
    chosen.push(call);
  }
  return { calls: chosen, left: false };
}

/** What an outcome means for an item. `random` spreads the retries. */
export function transitionOf(
  outcome: Outcome,
  { attempts }: Item,
  now: Instant,
  random: number,
): Transition {
  switch (outcome.kind) {
    case "accepted":
      return outcome.learned === undefined
        ? { event: "accept" }
        : { event: "accept", details: { learned: outcome.learned } };
    case "done": {
      const { kind: _, ...details } = outcome;
      return Object.keys(details).length === 0 ? { event: "finish" } : { event: "finish", details };
    }
    case "declined":
      return { event: "decline", details: { code: outcome.code, detail: outcome.detail } };
    case "failed":
      return { event: "fail", details: { code: outcome.code, detail: outcome.detail } };
    case "singly":
      return {
        event: "postpone",
        details: { singly: true, code: outcome.code, detail: outcome.why },
      };
    case "later": {
      const ownMs = backoffMs(attempts, { baseMs: retryBaseMs, maxMs: retryMaxMs, random });
      // Its word is enough at first; after many tries in a row it is not, or they would soon be used up.
      const waitMs =
        attempts <= maxSilentAttempts
          ? (outcome.afterMs ?? ownMs)
          : Math.max(outcome.afterMs ?? 0, ownMs);
      const details = { notBefore: now + waitMs, code: outcome.code, detail: outcome.why };
      return { event: "postpone", details };
    }
    // The claim stays: when it has run out, the next pass reads the item back first.
    case "unclear": {
      const { why: detail, atMost } = outcome;
      if (atMost === undefined) return { event: "doubt", details: { code: noClearAnswer, detail } };
      return { event: "doubt", details: { code: tooMuchAtOnce, detail, atMost } };
    }
  }
}

// The pass itself.

/** What becomes of the message. */
type DispatchOutcome =
  | { readonly kind: "done" | "gone" }
  | {
      readonly kind: "again";
      readonly at: Instant;
      /** What is reserved for the next pass. */
      readonly reserved: Reserved;
      /** What is reserved for its reading back. */
      readonly reads?: Reserved;
      readonly told?: true;
    };

/** Makes one pass over the chunk that the message names. */
export async function dispatch(engine: Engine, message: ChunkMessage): Promise<DispatchOutcome> {
  const [found, rows] = await Promise.all([
    findJob(engine, message),
    engine.items.range(message.jobId, message.from, message.to),
  ]);
  if (found === undefined) return { kind: "gone" };
  const work = {
    kind: found.kind,
    job: found.job,
    rows,
    releasedTo: await letOutTo(engine, found.job),
  };
  const told = await tellCarrier(engine, work, message);
  const outcome = await pass(engine, message, work);
  return outcome.kind === "again" && told ? { ...outcome, told } : outcome;
}

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

async function pass(engine: Engine, message: ChunkMessage, work: Work): Promise<DispatchOutcome> {
  const { kind, job } = work;
  const { clock, times } = engine;
  const { reserved, shiftMs, at = clock.now() } = message;
  const before = { reserved, shiftMs, at };
  const whole = { now: clock.now(), claimMs: times.claimMs, budget: Number.POSITIVE_INFINITY };
  const decided = decidePass(kind, job, outIn(work), whole);
  if (decided.readBack.length > 0)
    return readBackFirst(engine, work, decided.readBack, { before, reads: message.reads });
  const place = { tenantId: job.tenantId, workload: kind.workloadsOf(job).calls };
  const allowance = await reserveFor(engine, place, costOfAll(decided.calls), before);
  const now = clock.now();
  if (allowance.startAt > now) {
    await postpone(engine, work, allowance.startAt, now);
    return again(engine, work, allowance.startAt, allowance);
  }
  const sent = await send(engine, work, allowance);
  if (sent === undefined) return again(engine, work, clock.now() + afterLostMs, allowance);
  return next(
    engine,
    message,
    { ...work, rows: sent.rows },
    {
      reserved: Math.max(0, allowance.reserved - sent.spent),
      shiftMs: allowance.shiftMs,
      // From the reservation and not from now: a pass that came late must not push into the time of others.
      at: allowance.at + sent.spent * allowance.intervalMs,
    },
  );
}

/** After losing a race, the winner gets this long before we try again. */
const afterLostMs = 2_000;

// A pass that reads back items whose worker never told what came of its call.

/** Most items read in one pass. */
const maxReads = 200;

/** Reads them back, writes down what was found, and asks for another pass. */
async function readBackFirst(
  engine: Engine,
  work: Work,
  suspects: readonly Item[],
  { before, reads = nothingReserved }: { before: Reserved; reads?: Reserved | undefined },
): Promise<DispatchOutcome> {
  const { kind, job } = work;
  const place = { tenantId: job.tenantId, workload: kind.workloadsOf(job).reads };
  const allowance = await reserveFor(engine, place, suspects.length, reads);
  const { startAt, budget, reserved, at, shiftMs } = allowance;
  if (startAt > engine.clock.now())
    return { kind: "again", at: startAt, reserved: before, reads: { reserved, at, shiftMs } };
  const some = suspects.slice(0, Math.min(maxReads, budget));
  const survey = await surveyFor(engine, kind, job, some);
  const findings = await kind.readBack(job, some);
  const now = engine.clock.now();
  const { claimMs } = engine.times;
  const time = { now, lateness: latenessAt(now, job.expiresAt), claimMs };
  await deferReads(engine, kind, job, findings);
  const transitions = new Map(
    some.map((item) => {
      const finding = survey?.find(item) ?? findings.get(item.targetId);
      return [item.targetId, afterDoubt(kind.mayRepeat(job, item), item, finding, time)];
    }),
  );
  await changeRows(engine, work, afterPass(engine, work, transitions, now));
  return { kind: "again", at: now, reserved: before };
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
): Promise<{ readonly rows: readonly StoredItemRow[]; readonly spent: number } | undefined> {
  const { kind, job } = work;
  const { clock, times } = engine;
  const items = outIn(work);
  const waiting = items.filter(({ state }) => state === "waiting");
  const outOfScope = await kind.outOfScope(job, waiting);
  const limits = { now: clock.now(), claimMs: times.claimMs, budget: allowance.budget, outOfScope };
  const decided = decidePass(kind, job, items, limits);
  const claimed = await claim(engine, work, decided);
  if (claimed === undefined) return undefined;
  const { calls } = decided;
  if (calls.length === 0) return { rows: claimed, spent: 0 };
  // Our claims must hold while an answer can still come: the last request leaves so long before they run out.
  const lastAsk = limits.now + times.claimMs - times.askMs;
  const mayAsk = () => clock.now() < lastAsk;
  const outcomes = await inParallel(calls, concurrency, (call) => kind.execute(job, call, mayAsk));
  const settling = { ...work, rows: claimed };
  const transitions = transitionsOf(engine, claimed, outcomes);
  const change = afterPass(engine, work, transitions, clock.now());
  const rows = await changeRows(engine, settling, change);
  // After the outcomes are safe: without this note others only ask a little too early.
  const kept = await moveAside(engine, work, { calls, outcomes }, allowance);
  return { rows, spent: costOfAll(calls) - kept };
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
  await throttle.defer(job.tenantId, kind.workloadsOf(job).calls, until, now);
  return cost;
}

// What the rows need next.

/** Another pass, reading back, or nothing any more. */
async function next(
  engine: Engine,
  { from, to }: ChunkIds,
  work: Work,
  reserved: Reserved,
): Promise<DispatchOutcome> {
  const { kind, job, rows } = work;
  const items = outIn(work, rows).filter((item) => !isCarried(kind, job, item));
  const open = items.filter(({ state }) => state === "waiting" || state === "claimed");
  if (open.length > 0) {
    const earliest = Math.min(...open.map((item) => touchAt(item, engine.times.claimMs)));
    return again(engine, work, Math.max(earliest, reserved.at), reserved);
  }
  if (items.some(({ state }) => state === "sent")) {
    const message = { ...idsOf(job), from, to };
    const delaySeconds = roundsOf(kind, engine.times).firstMs / 1000;
    await engine.queues.send(queueNames.fanoutReadBack, message, delaySeconds);
    return { kind: "done" };
  }
  await closeIfDone(engine, job);
  return { kind: "done" };
}

/** Another pass; none later than the job's end, at which what waits is settled. */
function again(
  { clock }: Pick<Engine, "clock">,
  { job }: Work,
  until: Instant,
  { reserved, shiftMs, at }: Reserved,
): DispatchOutcome {
  const { expiresAt } = job;
  const end = clock.now() < expiresAt ? Math.min(until, expiresAt) : until;
  return { kind: "again", at: end, reserved: { reserved, shiftMs, at } };
}

/** The message for another pass over the same chunk, and when it is due; undefined when none is needed. */
export function nextPass(
  { kind, tenantId, jobId, from, to }: ChunkMessage,
  outcome: DispatchOutcome,
): { readonly message: ChunkMessage; readonly at: Instant } | undefined {
  if (outcome.kind !== "again") return undefined;
  const { at, reserved, reads, told } = outcome;
  const rest = { ...(reads && { reads }), ...(told && { told }) };
  return { message: { kind, tenantId, jobId, from, to, ...reserved, ...rest }, at };
}
