/**
 * Reads back what became of what the far side took, in rounds over a chunk, until each item has its end or the job's
 * time is over. Surveys first: they tell of many for few requests, and what they leave open is read one by one.
 */

import type { Instant } from "../../kernel/clock.ts";
import { reasonIn } from "../../kernel/outside-text.ts";
import { type Finding, isCarried, type JobKind, type Survey } from "../kind.ts";
import type { Item, Transition } from "../state/item.ts";
import type { StoredItemRow } from "../state/item-store.ts";
import type { ReadBackMessage, Reading } from "../state/job.ts";
import {
  afterPass,
  changedIn,
  changeRows,
  changeUnsaved,
  closeIfDone,
  doubtful,
  isUnreleased,
  itemsIn,
  letOutTo,
  nextTouchOf,
  noClearAnswer,
  postpone,
  sentIn,
  silenceOf,
  tooMuchAtOnce,
  type Work,
} from "./change-rows.ts";
import {
  type ChunkOutcome,
  deferReads,
  type Engine,
  findJob,
  idsOf,
  nothingReserved,
  reserveFor,
  roundsOf,
  surveyFor,
} from "./engine.ts";

// What it means: of what the far side took, and of what nobody knows whether it left. Pure.

/** How late a reading is: `last` ends what is still pending, `hopeless` also what cannot be read. */
type Lateness = "early" | "last" | "hopeless";

/** How long after a job's end we go on trying to read what could not be read. */
const graceMs = 10 * 60_000;

/** How late it is for a job that ends at `expiresAt`. */
export function latenessAt(now: Instant, expiresAt: Instant): Lateness {
  if (now < expiresAt) return "early";
  return now < expiresAt + graceMs ? "last" : "hopeless";
}

/**
 * So often what may be repeated is asked without a clear answer before that ends as unknown: each time it may have
 * been done, and a far side that never answers is not helped by asking on.
 */
const mostUnclear = 3;
/**
 * For as long as so many claims hold, what must not be done twice is read back, before a person has to decide: what
 * the far side shows may come late.
 */
const readsForTrace = 5;
/** When it is read, how late that is, how long claims hold, and how often the kind lets an answer be unclear. */
type ReadTime = {
  readonly now: Instant;
  readonly lateness: Lateness;
  readonly claimMs: number;
  readonly maxUnclear?: number | undefined;
};

/** Time before what could not be read is tried again. */
const retryReadMs = 10_000;

/**
 * What a finding means for an item of which nobody knows whether it left. A trace on the far side settles it. No
 * trace settles nothing: what it shows may stay empty, and comes late. What is harmless twice is sent again, a few
 * times; what is not is read back for a while, and then a person decides. While the far side cannot be read, it stays
 * open; when it never will be (`hopeless`), that is the answer.
 */
export function afterDoubt(
  mayRepeat: boolean,
  item: Item,
  finding: Finding | undefined,
  { now, lateness, claimMs, maxUnclear = mostUnclear }: ReadTime,
): Transition {
  const { code = noClearAnswer } = item;
  // Another reason is from before the claim, and says nothing of what came of it.
  const heard = [noClearAnswer, tooMuchAtOnce].includes(code) ? item.detail : undefined;
  const detail = heard ?? "the worker ended before it noted an answer";
  const since = item.claimedAt ?? item.at;
  const known = { ...item, detail };
  switch (finding?.kind) {
    case "ended":
    case "pending":
      return { event: "accept" };
    case undefined:
    case "unreadable": {
      if (lateness === "hopeless") {
        const words = finding?.why === undefined ? "" : `: ${reasonIn(finding.why, 60)}`;
        return doubtful(known, `it could not be read back${words}`);
      }
      const notBefore = now + Math.min(retryReadMs, claimMs);
      return { event: "doubt", details: { notBefore, detail } };
    }
    case "gone":
      return doubtful(known, finding.detail);
    case "nothing":
      if (mayRepeat) return againWithoutTrace(known, maxUnclear);
      if (lateness !== "early" || now >= since + readsForTrace * claimMs)
        return doubtful(known, "no trace of it was found, and it must not be done twice");
      return { event: "doubt", details: { notBefore: now + claimMs, detail } };
  }
}

/** What is harmless twice is sent again; a call that was too much, and not the item, always: the next one is smaller. */
function againWithoutTrace(known: Item, maxUnclear: number): Transition {
  const { unclear = 0, code, detail } = known;
  if (unclear + 1 >= maxUnclear && code !== tooMuchAtOnce)
    return doubtful(known, "no trace of it was found");
  const details = { unclear: unclear + 1, ...(detail === undefined ? {} : { detail }) };
  return { event: "postpone", details };
}

/** What becomes of an item that could not be read back in time; with what was in the way, where that is known. */
export const unreadable = (why?: string): Transition => ({
  event: "lose",
  details: { code: "no-answer", detail: `could not be read back${why ? `: ${why}` : ""}` },
});

/** What a finding means for an item that the far side took; undefined: wait on. */
export function afterReport(
  { reasons }: Pick<JobKind, "reasons">,
  finding: Finding | undefined,
  lateness: Lateness,
): Transition | undefined {
  switch (finding?.kind) {
    case "ended": {
      const { event, kind: _, ...details } = finding;
      return Object.keys(details).length === 0 ? { event } : { event, details };
    }
    case "gone":
      return { event: "lose", details: { code: finding.code, detail: finding.detail } };
    case undefined:
    case "unreadable":
      return lateness === "hopeless" ? unreadable(finding?.why) : undefined;
    case "nothing":
      return lateness === "early" ? undefined : { event: "lose", details: reasons.noResult };
    case "pending":
      if (lateness === "early") return undefined;
      return finding.awake
        ? { event: "expire", details: reasons.pending }
        : { event: "silence", details: reasons.silent };
  }
}

/** Longest time between two rounds of reading back, where the kind has no other. */
const maxRoundMs = 15 * 60_000;
/** Least time between two rounds, where the first one comes sooner than that. */
const minRoundMs = 1_000;
/** Time between rounds once the job's time is over. */
const lateRoundMs = 15_000;

/** When the round after `round` rounds is due: doubling, and one exactly at the job's end. */
export function nextRoundAt(
  round: number,
  {
    now,
    expiresAt,
    firstMs,
    mostMs = maxRoundMs,
  }: ReturnType<typeof roundsOf> & { readonly now: Instant; readonly expiresAt: Instant },
): Instant {
  if (now >= expiresAt) return now + lateRoundMs;
  return Math.min(now + Math.min(Math.max(firstMs, minRoundMs) * 2 ** round, mostMs), expiresAt);
}

/** Rounds that go by before an item is asked for itself about what a survey leaves open: surveys may stay behind. */
const maxSilentRounds = 3;

/** Whether an item must be read by itself: what a survey settles or is about to settle costs no request. */
function needsReading(surveyed: Finding | undefined, round: number, lateness: Lateness): boolean {
  if (lateness !== "early") return true;
  // Not listed yet: the first round gives the list its time.
  return surveyed === undefined ? round > 0 : round >= maxSilentRounds;
}

// Reading.

/** The rows after reading, and where reading goes on; absent: nothing is left to read. */
type Read = { readonly rows: readonly StoredItemRow[]; readonly next?: Reading };

/** Most items read in one invocation. */
const maxReads = 200;
/** Due times are kept to the millisecond, messages come on whole seconds. */
const earlyMs = 1_000;

/** Reads the next items of the round; of the rows as they are, where they are known. */
export async function readBack(
  engine: Engine,
  message: ReadBackMessage,
  known?: readonly StoredItemRow[],
): Promise<ChunkOutcome> {
  const found = await findJob(engine, message);
  if (found === undefined) return { kind: "gone" };
  const { jobId, from, to } = message;
  const rows = known ?? (await engine.items.range(jobId, from, to));
  const { kind, job } = found;
  const work = { kind, job, rows, releasedTo: await letOutTo(engine, job) };
  return handOver(engine, work, message, await readRound(engine, work, message));
}

/** The chunk goes on with whatever is due first: reading back, or sending what waits. */
async function handOver(
  engine: Engine,
  before: Work,
  message: ReadBackMessage,
  { rows, next }: Read,
): Promise<ChunkOutcome> {
  const work = { ...before, rows };
  const { from, to, sending } = message;
  const chunk = { ...idsOf(work.job), from, to };
  const at = sendsAgainAt(engine, work, sending);
  if (next !== undefined && next.at <= at) {
    const { at: readAt, ...position } = next;
    const onward = { ...chunk, ...(sending && { sending }), ...position };
    return { kind: "goesOn", next: { does: "readBack", message: onward, at: readAt }, rows };
  }
  if (next === undefined) await awaitCarrier(engine, work);
  if (Number.isFinite(at)) {
    const reading = next === undefined ? {} : { reading: next };
    const { reserved = 0, shiftMs = 0, ...rest } = sending ?? {};
    const onward = { ...chunk, ...rest, reserved, shiftMs, ...reading };
    return { kind: "goesOn", next: { does: "dispatch", message: onward, at }, rows };
  }
  await closeIfDone(engine, work.job);
  return { kind: "done" };
}

/** Reads the next items of a round. */
async function readRound(engine: Engine, work: Work, message: ReadBackMessage): Promise<Read> {
  const { kind, job, rows } = work;
  const { after = "", round } = message;
  const sent = sentIn(work, itemsIn(rows));
  if (sent.length === 0) return { rows };
  const now = engine.clock.now();
  const dueAt = earliestDue(work);
  // Early, or a second message for the same rows: the round belongs to whoever comes when it is due.
  if (after === "" && dueAt > now + earlyMs && now < job.expiresAt)
    return { rows, next: { at: dueAt, round } };
  const { told, open } = await survey(engine, work, sent, round);
  const rest = open.filter(({ targetId }) => targetId > after);
  if (rest.length === 0) return endRound(engine, work, told, message);
  const place = { tenantId: job.tenantId, workload: kind.workloadsOf(job).reads };
  const allowance = await reserveFor(engine, place, rest.length, message.reads ?? nothingReserved);
  const { startAt, reserved, at, shiftMs, budget } = allowance;
  if (startAt > engine.clock.now()) {
    await postpone(engine, { ...work, readAt: startAt }, startAt, engine.clock.now());
    const position = after === "" ? {} : { after };
    const next = { at: startAt, round, ...position, reads: { reserved, at, shiftMs } };
    return { rows, next };
  }
  return readSome(engine, work, { rest, count: Math.min(maxReads, budget), told }, message);
}

const nothingThere: Finding = { kind: "nothing", awake: true };

type Told = ReadonlyMap<string, Transition>;

/** Whether what a survey does not show of an item is not there. */
function tellsAllOf(list: Survey | undefined, item: Item): boolean {
  if (list === undefined || !list.covers(item)) return false;
  return typeof list.isWhole === "function" ? list.isWhole(item) : list.isWhole === true;
}

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
    const isWhole = tellsAllOf(list, item);
    const known = isWhole ? (finding ?? nothingThere) : finding;
    const isSaid = isWhole || known?.kind === "ended";
    const end = isSaid ? afterReport(kind, known, lateness) : undefined;
    if (end) told.set(item.targetId, end);
    else if (!list?.covers(item) || (!isWhole && needsReading(finding, round, lateness)))
      open.push(item);
  }
  return { told, open };
}

/** Items to be read, how many of them now, and what a survey told of others. */
type Portion = {
  readonly rest: readonly Item[];
  readonly count: number;
  readonly told: Told;
};

async function readSome(
  engine: Engine,
  work: Work,
  { rest, count, told }: Portion,
  message: ReadBackMessage,
): Promise<Read> {
  const { kind, job } = work;
  const some = rest.slice(0, count);
  const findings = await kind.readBack(job, some);
  await deferReads(engine, kind, job, findings);
  const now = engine.clock.now();
  const lateness = latenessAt(now, job.expiresAt);
  const transitions = new Map(told);
  for (const { targetId } of some) {
    const transition = afterReport(kind, findings.get(targetId), lateness);
    if (transition) transitions.set(targetId, transition);
  }
  const last = some.at(-1)?.targetId;
  if (last !== undefined && rest.length > some.length) {
    const dueAt = earliestDue(work);
    const rows = await changeRows(engine, work, { transitions, now, dueAt: () => dueAt });
    return { rows, next: { at: now, after: last, round: message.round } };
  }
  return endRound(engine, work, transitions, message);
}

/** Writes down the end of a round, and when the next one is due. */
async function endRound(
  engine: Engine,
  work: Work,
  transitions: Told,
  { round, sending }: ReadBackMessage,
): Promise<Read> {
  const now = engine.clock.now();
  const rounds = roundsOf(work.kind, engine.times);
  const at = nextRoundAt(round, { now, expiresAt: work.job.expiresAt, ...rounds });
  const change = afterPass(engine, { ...work, readAt: at }, transitions, now);
  if (isWrittenNext(engine, { ...work, rows: changedIn(work, change) }, sending))
    return { rows: changeUnsaved(work, change) };
  const rows = await changeRows(engine, work, change);
  return sentIn(work, itemsIn(rows)).length > 0
    ? { rows, next: { at, round: round + 1 } }
    : { rows };
}

/** Whether nothing of the rows is left to read and their next step is due: what claims it writes the end of this one, too. */
const isWrittenNext = (
  engine: Pick<Engine, "clock" | "times">,
  work: Work,
  sending: ReadBackMessage["sending"],
): boolean =>
  work.kind.lastStep(work.job) > 0 &&
  sentIn(work, itemsIn(work.rows)).length === 0 &&
  sendsAgainAt(engine, work, sending) <= engine.clock.now();

/** Whether a message has been at a waiting item before. For those that were let out since, another one comes. */
const wasSeen = ({ step = 0, attempts, notBefore }: Item): boolean =>
  step > 0 || attempts > 0 || notBefore !== undefined;

/** When something of the rows can be sent, or asked about, again; never: nothing of it waits. */
function sendsAgainAt(
  { clock, times }: Pick<Engine, "clock" | "times">,
  work: Work,
  sending: ReadBackMessage["sending"],
): Instant {
  const { kind, job, rows } = work;
  const { reserved = 0, at = 0 } = sending ?? {};
  const isOurs = (item: Item): boolean =>
    item.state === "claimed" ||
    (item.state === "waiting" && (sending !== undefined || wasSeen(item)));
  const open = itemsIn(rows)
    .filter(isOurs)
    .filter((item) => !isUnreleased(work, item) && !isCarried(kind, job, item));
  const due = nextTouchOf(work, open, times.claimMs, reserved > 0 ? at : 0);
  // At its end, at the latest, what waits is settled.
  return clock.now() < job.expiresAt && open.length > 0 ? Math.min(due, job.expiresAt) : due;
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

/** When the first of the rows with sent items is due. */
function earliestDue(work: Work): Instant {
  const open = work.rows.filter(({ items }) => sentIn(work, items).length > 0);
  return Math.min(...open.map(({ dueAt }) => dueAt));
}
