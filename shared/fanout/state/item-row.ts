/**
 * Items packed into rows: up to 250 in one, of which at most 100 are to be sent, so that a full row is
 * one call for many, where the far side has one. Outcome and progress change in one write, because the counts stand in
 * the row beside the items they count. Pure.
 */
import type { Instant } from "../../kernel/clock.ts";
import {
  type CountedState,
  countedStates,
  type Item,
  type ItemState,
  liveStates,
  shownState,
} from "./item.ts";

/** Most items to be sent in a row: what most far sides take in one call. */
export const maxSendable = 100;
/** Most items in a row at all; keeps the text well inside a property's 64 KiB. */
export const maxInRow = 250;
/** Most characters of packed text in one property. */
const maxChars = 30_000;

/** How many items are in each state. */
export type Counts = Readonly<Record<CountedState, number>>;

/** A row: consecutive items in the order of their ids. */
export type ItemRow = {
  /** Id of the last item: the row that may hold an item is the first whose key is not below it. */
  readonly lastTargetId: string;
  readonly items: readonly Item[];
  /** When somebody should have touched the row again; the sweeper looks for rows far behind. */
  readonly dueAt: Instant;
};

/** Counts items as they appear from outside. */
export function countOf(items: readonly Item[]): Counts {
  const counts = emptyCounts();
  for (const { state } of items) counts[shownState(state)] += 1;
  return counts;
}

/** Zero of every state. */
export const emptyCounts = (): Record<CountedState, number> => ({
  waiting: 0,
  sent: 0,
  done: 0,
  failed: 0,
  notSupported: 0,
  offline: 0,
  expired: 0,
  cancelled: 0,
  unknown: 0,
});

/** Adds counts. */
export function addCounts(left: Counts, right: Counts): Counts {
  const sum = emptyCounts();
  for (const state of countedStates) sum[state] = left[state] + right[state];
  return sum;
}

/** How many items of a row still need somebody. */
export const liveOf = (items: readonly Item[]): number =>
  items.filter(({ state }) => liveStates.has(state)).length;

/** Cuts items, sorted by item id, into rows. */
export function toRows(items: readonly Item[], dueAt: Instant): ItemRow[] {
  const rows: ItemRow[] = [];
  let open: Item[] = [];
  let sendable = 0;
  const close = (): void => {
    const last = open.at(-1);
    if (last) rows.push({ lastTargetId: last.targetId, items: open, dueAt });
    open = [];
    sendable = 0;
  };
  for (const item of items) {
    const live = liveStates.has(item.state) ? 1 : 0;
    if (open.length === maxInRow || sendable + live > maxSendable) close();
    open.push(item);
    sendable += live;
  }
  close();
  return rows;
}

const letters: Readonly<Record<ItemState, string>> = {
  waiting: "w",
  claimed: "m",
  sent: "s",
  done: "d",
  failed: "f",
  notSupported: "n",
  offline: "o",
  expired: "e",
  cancelled: "c",
  unknown: "u",
};
const statesByLetter = new Map(
  Object.entries(letters).map(([state, letter]) => [letter, state as ItemState]),
);

type Packed = [
  id: string,
  name: string,
  state: string,
  route: number,
  at: number,
  attempts: number,
  claimedAt: number,
  notBefore: number,
  singly: number,
  code: string,
  detail: string,
  claim: string,
  unclear: number,
  step: number,
  atMost: number,
];
const fixedFields = 6;

/** Packs items into texts of at most a property's size each. */
export function pack(items: readonly Item[]): string[] {
  const texts: string[] = [];
  let open = "";
  for (const item of items) {
    const text = JSON.stringify(packOne(item));
    if (open.length + text.length + 2 > maxChars) {
      texts.push(`[${open}]`);
      open = "";
    }
    open = open === "" ? text : `${open},${text}`;
  }
  texts.push(`[${open}]`);
  return texts;
}

/** Unpacks what `pack` made. */
export function unpack(texts: readonly string[]): Item[] {
  return texts.flatMap((text) => (JSON.parse(text) as Packed[]).map(unpackOne));
}

function packOne(item: Item): unknown[] {
  const { targetId, name, state, route, at, attempts } = item;
  const { claimedAt = 0, notBefore = 0, singly, code = "", detail = "" } = item;
  const { claim = "", unclear = 0, step = 0, atMost = 0 } = item;
  const packed: Packed = [
    targetId,
    name,
    letters[state],
    route,
    at,
    attempts,
    claimedAt,
    notBefore,
    singly ? 1 : 0,
    code,
    detail,
    claim,
    unclear,
    step,
    atMost,
  ];
  let length = packed.length;
  while (length > fixedFields && (packed[length - 1] === 0 || packed[length - 1] === ""))
    length -= 1;
  return packed.slice(0, length);
}

function unpackOne(packed: Packed): Item {
  const [targetId, name, letter, route, at, attempts] = packed;
  const [, , , , , , claimedAt, notBefore, singly, code, detail, claim, unclear, step, atMost] =
    packed;
  const state = statesByLetter.get(letter);
  if (state === undefined) throw new Error(`an item row holds the unknown state "${letter}"`);
  return {
    targetId,
    name,
    state,
    route,
    at,
    attempts,
    ...(claimedAt ? { claimedAt } : {}),
    ...(notBefore ? { notBefore } : {}),
    ...(singly ? { singly: true } : {}),
    ...(code ? { code } : {}),
    ...(detail ? { detail } : {}),
    ...(claim ? { claim } : {}),
    ...(unclear ? { unclear } : {}),
    ...(step ? { step } : {}),
    ...(atMost ? { atMost } : {}),
  };
}
