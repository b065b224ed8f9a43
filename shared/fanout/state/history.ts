/**
 * The history of items: how each attempt ended, in rows that are only ever added, in the same transaction that changes
 * the items. So what became of an item and how it came to that never contradict each other, and history costs no request
 * of its own.
 */
import type { Instant } from "../../kernel/clock.ts";
import { reasonIn } from "../../kernel/outside-text.ts";
import { tableNames } from "../../storage/names.ts";
import { numberOf, type Row, type StoredRow, type Tables, textOf } from "../../storage/tables.ts";
import { type Item, type ItemEvent, inArrays, maxDetailChars, type Transition } from "./item.ts";

/** An attempt that has ended, or what ended an item while it waited. */
export type Attempt = {
  readonly targetId: string;
  readonly step: number;
  /** Which of the step's attempts; 0: it was never tried. */
  readonly attempt: number;
  /** When it was claimed; absent of what waited. */
  readonly startedAt?: Instant;
  readonly endedAt: Instant;
  readonly event: ItemEvent;
  readonly code: string;
  readonly detail: string;
  /** What it left behind, in the kind's words. */
  readonly kept: string;
};

/** Events that end no attempt. */
const goesOn: ReadonlySet<ItemEvent> = new Set(["claim", "hold", "doubt", "accept"]);

/** The attempts that transitions end, given the items before and after, in the same order. Pure. */
export const attemptsEnded = (
  before: readonly Item[],
  after: readonly Item[],
  transitions: ReadonlyMap<string, Transition>,
): Attempt[] =>
  before.flatMap((item, index) => {
    const transition = transitions.get(item.targetId);
    const next = after[index];
    if (transition === undefined || next === undefined || next === item) return [];
    const { event, details } = transition;
    // Of what only waits the kind keeps nothing: it has not been tried.
    const isWait = event === "postpone" && details?.kept === "";
    return goesOn.has(event) || isWait ? [] : [attemptOf(item, next.at, transition)];
  });

function attemptOf(item: Item, endedAt: Instant, { event, details = {} }: Transition): Attempt {
  const { targetId, step = 0, attempts: attempt, state, claimedAt } = item;
  const { code = "", detail = "", kept = item.learned ?? "" } = details;
  return {
    targetId,
    step,
    attempt,
    ...(state === "waiting" || claimedAt === undefined ? {} : { startedAt: claimedAt }),
    endedAt,
    event,
    code,
    detail: reasonIn(detail, maxDetailChars),
    kept,
  };
}

type Packed = [
  id: string,
  step: number,
  attempt: number,
  startedAt: number,
  endedAt: number,
  event: ItemEvent,
  code: string,
  detail: string,
  kept: string,
];

const packed = (each: Attempt): Packed => {
  const { targetId, step, attempt, startedAt = 0, endedAt, event, code, detail, kept } = each;
  return [targetId, step, attempt, startedAt, endedAt, event, code, detail, kept];
};

function unpacked([targetId, step, attempt, startedAt, ...rest]: Packed): Attempt {
  const [endedAt, event, code, detail, kept] = rest;
  const started = startedAt === 0 ? {} : { startedAt };
  return { targetId, step, attempt, ...started, endedAt, event, code, detail, kept };
}

/** Row keys of history begin with this; those of items and of the plan do not. */
const prefix = "log:";
/** Behind the last of them. */
const end = "log;";
/** Between an item row's key and the number of one of its rows of history. */
const divider = "|";
const behindDivider = "}";
const numberDigits = 8;
const version = 1;

/** The `nth` row of history that belongs to the item row of `lastTargetId`. */
export function historyRow(
  jobId: string,
  lastTargetId: string,
  nth: number,
  attempts: readonly Attempt[],
): Row {
  const texts = inArrays(attempts.map((each) => JSON.stringify(packed(each))));
  return {
    partitionKey: jobId,
    rowKey: `${prefix}${lastTargetId}${divider}${String(nth).padStart(numberDigits, "0")}`,
    v: version,
    parts: texts.length,
    ...Object.fromEntries(texts.map((text, index) => [`d${index}`, text])),
  };
}

function attemptsIn(row: StoredRow): Attempt[] {
  if (numberOf(row, "v") !== version)
    throw new Error(`history ${row.rowKey} has version ${numberOf(row, "v")}, not ${version}`);
  const texts = Array.from({ length: numberOf(row, "parts") }, (_, at) => textOf(row, `d${at}`));
  return texts.flatMap((text) => (JSON.parse(text) as Packed[]).map(unpacked));
}

/** Reads history: that of a whole job a page at a time, or only what belongs to one row of items. */
export async function readHistory(
  tables: Tables,
  jobId: string,
  { row, top, token }: { readonly row?: string; readonly top: number; readonly token?: string },
): Promise<{ readonly attempts: readonly Attempt[]; readonly next?: string }> {
  const range =
    row === undefined
      ? { partition: jobId, from: prefix, below: end }
      : {
          partition: jobId,
          from: `${prefix}${row}${divider}`,
          below: `${prefix}${row}${behindDivider}`,
        };
  const { rows, ...next } = await tables.page(tableNames.items, range, top, token);
  return { attempts: rows.flatMap(attemptsIn), ...next };
}
