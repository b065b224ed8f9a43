/**
 * Reads back what became of what the far side took, in rounds over a chunk, until each item has its end or the job's
 * time is over. Surveys first: they tell of many for few requests, and what they leave open is read one by one.
 */
import type { Instant } from "../../kernel/clock.ts";
import { queueNames } from "../../storage/names.ts";
import type { Item, Transition } from "../state/item.ts";
import type { StoredItemRow } from "../state/item-store.ts";
import type { ReadBackMessage } from "../state/messages.ts";
import { afterPass, changeRows, itemsIn, postpone, type Work } from "./change-rows.ts";
import { closeIfDone } from "./close.ts";
import {
  afterReport,
  isCarried,
  latenessAt,
  needsReading,
  nextRoundAt,
  silenceOf,
} from "./decide.ts";
import { releasedTo } from "./dispatch.ts";
import { type Engine, findJob, idsOf } from "./engine.ts";
import {
  deferReads,
  nothingReserved,
  type Reserved,
  reserveFor,
  surveyFor,
} from "./reservations.ts";

/** What becomes of the message. */
export type ReadBackOutcome =
  | { readonly kind: "done" | "gone" }
  | {
      readonly kind: "again";
      readonly at: Instant;
      readonly after?: string;
      readonly round: number;
      /** Requests that were reserved for reading on. */
      readonly reads?: Reserved;
    };

/** Most items read in one invocation. */
const maxReads = 200;
/** Due times are kept to the millisecond, messages come on whole seconds. */
const earlyMs = 1_000;

/** Reads the next items of the round. */
export async function readBack(engine: Engine, message: ReadBackMessage): Promise<ReadBackOutcome> {
  const found = await findJob(engine, message);
  if (found === undefined) return { kind: "gone" };
  const rows = await engine.items.range(message.jobId, message.from, message.to);
  const { kind, job } = found;
  const work = { kind, job, rows, releasedTo: await releasedTo(engine, job) };
  const { expiresAt } = work.job;
  const { after = "", round } = message;
  const sent = sentIn(work, rows);
  if (sent.length === 0) return ended(engine, work, message);
  const now = engine.clock.now();
  const dueAt = earliestDue(work);
  // Early, or a second message for the same rows: the round belongs to whoever comes when it is due.
  if (after === "" && dueAt > now + earlyMs && now < expiresAt)
    return { kind: "again", at: dueAt, round };
  const { told, open } = await survey(engine, work, sent, round);
  const rest = open.filter(({ targetId }) => targetId > after);
  if (rest.length === 0) return endRound(engine, work, told, message);
  const place = { tenantId: work.job.tenantId, workload: work.kind.workloads.reads };
  const allowance = await reserveFor(engine, place, rest.length, message.reads ?? nothingReserved);
  const { startAt, reserved, at, shiftMs, budget } = allowance;
  if (startAt > engine.clock.now()) {
    await postpone(engine, work, startAt, engine.clock.now());
    const position = after === "" ? {} : { after };
    return { kind: "again", at: startAt, round, ...position, reads: { reserved, at, shiftMs } };
  }
  return readSome(engine, work, { rest, count: Math.min(maxReads, budget), told }, message);
}

type Told = ReadonlyMap<string, Transition>;

/** What a survey tells of, and what has to be read item by item. */
async function survey(
  engine: Engine,
  { kind, job }: Work,
  sent: readonly Item[],
  round: number,
): Promise<{ readonly told: Told; readonly open: readonly Item[] }> {
  const list = await surveyFor(engine, kind, job, sent);
  const lateness = latenessAt(engine.clock.now(), job.expiresAt);
  const told = new Map<string, Transition>();
  const open: Item[] = [];
  for (const item of sent) {
    const finding = list?.find(item);
    const end = finding?.kind === "ended" ? afterReport(kind, finding, lateness) : undefined;
    if (end) told.set(item.targetId, end);
    else if (!list?.covers(item) || needsReading(finding, round, lateness)) open.push(item);
  }
  return { told, open };
}

/** Items to be read, how many of them now, and what a survey told of others. */
type Reading = {
  readonly rest: readonly Item[];
  readonly count: number;
  readonly told: Told;
};

async function readSome(
  engine: Engine,
  work: Work,
  { rest, count, told }: Reading,
  message: ReadBackMessage,
): Promise<ReadBackOutcome> {
  const { kind, job } = work;
  const some = rest.slice(0, count);
  const findings = await kind.readBack(job, some);
  await deferReads(engine, kind, job.tenantId, findings);
  const now = engine.clock.now();
  const lateness = latenessAt(now, job.expiresAt);
  const transitions = new Map(told);
  for (const { targetId } of some) {
    const transition = afterReport(kind, findings.get(targetId), lateness);
    if (transition) transitions.set(targetId, transition);
  }
  const last = some.at(-1)?.targetId;
  if (last !== undefined && rest.length > some.length) {
    await settle(engine, work, transitions, undefined);
    return { kind: "again", at: now, after: last, round: message.round };
  }
  return endRound(engine, work, transitions, message);
}

/** Writes down the end of a round, and when the next one is due. */
async function endRound(
  engine: Engine,
  work: Work,
  transitions: Told,
  message: ReadBackMessage,
): Promise<ReadBackOutcome> {
  const { round } = message;
  const now = engine.clock.now();
  const firstMs = engine.times.readBackAfterMs;
  const at = nextRoundAt(round, { now, expiresAt: work.job.expiresAt, firstMs });
  const rows = await settle(engine, work, transitions, at);
  if (sentIn(work, rows).length > 0) {
    await passOn(engine, { ...work, rows }, message);
    return { kind: "again", at, round: round + 1 };
  }
  return ended(engine, { ...work, rows }, message);
}

/** Nothing is left to read: what waits for its next step goes on, and what only a carrier can tell is waited for. */
async function ended(
  engine: Engine,
  work: Work,
  message: ReadBackMessage,
): Promise<ReadBackOutcome> {
  await passOn(engine, work, message);
  await awaitCarrier(engine, work);
  await closeIfDone(engine, work.job);
  return { kind: "done" };
}

const isNext = ({ state, step = 0 }: Item): boolean => state === "waiting" && step > 0;

/** Items that have done a step wait for the next one: dispatching takes them. */
async function passOn(
  { queues }: Engine,
  { kind, job, rows }: Work,
  { from, to }: ReadBackMessage,
): Promise<void> {
  if (kind.lastStep(job) > 0 && itemsIn(rows).some(isNext))
    await queues.send(queueNames.fanoutDispatch, { ...idsOf(job), from, to });
}

/** Ends what a carrier never reported on, and says when the rows are due again. */
async function awaitCarrier(engine: Engine, work: Work): Promise<void> {
  const { kind, job, rows } = work;
  const now = engine.clock.now();
  const carried = itemsIn(rows).filter((item) => isCarried(kind, job, item));
  if (carried.length === 0) return;
  const transitions = new Map<string, Transition>();
  for (const item of carried) {
    const silence = silenceOf(kind, job, item, now);
    if (silence) transitions.set(item.targetId, silence);
  }
  await changeRows(engine, work, afterPass(engine, work, transitions, now));
}

function settle(
  engine: Engine,
  work: Work,
  transitions: Told,
  roundAt: Instant | undefined,
): Promise<readonly StoredItemRow[]> {
  const due = roundAt ?? earliestDue(work);
  return changeRows(engine, work, { transitions, now: engine.clock.now(), dueAt: () => due });
}

/** What the far side took, and we can ask about. */
const sentIn = ({ kind, job }: Work, rows: readonly StoredItemRow[]): Item[] =>
  itemsIn(rows).filter((item) => item.state === "sent" && !isCarried(kind, job, item));

/** When the first of the rows with sent items is due. */
function earliestDue(work: Work): Instant {
  const open = work.rows.filter((row) => sentIn(work, [row]).length > 0);
  return Math.min(...open.map(({ dueAt }) => dueAt));
}
