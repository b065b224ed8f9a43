/**
 * An item: what a job does to one target. Its lifecycle as a table, the one function that moves it, and how items are
 * packed into rows. Pure.
 *
 * An item may have several steps. Whoever has done one of them, and not the last, waits for the next.
 */
import type { Instant } from "../../kernel/clock.ts";
import { reasonIn } from "../../kernel/outside-text.ts";

/** Where an item stands. `claimed`: a worker has it and is asking the far side right now. */
export type ItemState =
  | "waiting"
  | "claimed"
  | "sent"
  | "done"
  | "failed"
  | "notSupported"
  | "offline"
  | "expired"
  | "cancelled"
  | "unknown";

/** What can happen to an item. */
export type ItemEvent =
  /** A worker is about to ask. */
  | "claim"
  /** Its turn has come, and something keeps it from going: it waits on, untried. */
  | "hold"
  /** Surely not done, or harmless to do twice: try again later. */
  | "postpone"
  /** Asked without a clear answer, or read back without a trace: the claim stays. */
  | "doubt"
  /** The far side took it. */
  | "accept"
  /** It is done. */
  | "finish"
  /** A step of it is done, and another one follows. */
  | "advance"
  /** It was refused, or failed. */
  | "fail"
  /** Nothing can do this to this target. */
  | "decline"
  | "cancel"
  /** It was taken, and let go of undone: it is asked for again. */
  | "repeat"
  /** Time is up, and it is known to be undone or unanswered. */
  | "expire"
  /** Time is up, and the target was not seen since. */
  | "silence"
  /** Time is up, and nobody can tell. */
  | "lose";

type Moves = Readonly<Partial<Record<ItemEvent, ItemState>>>;

/** What is reported counts even late: the truth may replace what we assumed meanwhile. */
const lateTruth: Moves = { finish: "done", fail: "failed", decline: "notSupported" };

/** The whole lifecycle. A missing entry means: the event changes nothing in that state. */
export const lifecycle: Readonly<Record<ItemState, Moves>> = {
  waiting: {
    claim: "claimed",
    hold: "waiting",
    fail: "failed",
    decline: "notSupported",
    cancel: "cancelled",
    expire: "expired",
    silence: "offline",
    lose: "unknown",
  },
  claimed: {
    claim: "claimed",
    doubt: "claimed",
    postpone: "waiting",
    accept: "sent",
    finish: "done",
    advance: "waiting",
    fail: "failed",
    decline: "notSupported",
    lose: "unknown",
  },
  sent: {
    finish: "done",
    advance: "waiting",
    fail: "failed",
    decline: "notSupported",
    repeat: "waiting",
    cancel: "cancelled",
    expire: "expired",
    silence: "offline",
    lose: "unknown",
  },
  done: {},
  failed: {},
  notSupported: {},
  offline: lateTruth,
  expired: lateTruth,
  unknown: lateTruth,
  cancelled: {},
};

/** States in which somebody still has to do something. */
export const liveStates: ReadonlySet<ItemState> = new Set(["waiting", "claimed", "sent"]);

/** Every state that counts show; `claimed` counts as waiting, since nothing is known to have left. */
export const countedStates = [
  "waiting",
  "sent",
  "done",
  "failed",
  "notSupported",
  "offline",
  "expired",
  "cancelled",
  "unknown",
] as const;
export type CountedState = (typeof countedStates)[number];

/** How an item appears from outside. */
export const shownState = (state: ItemState): CountedState =>
  state === "claimed" ? "waiting" : state;

/** What a job does to one target. Absent values are left out, because there are a hundred to a row. */
export type Item = {
  readonly targetId: string;
  readonly name: string;
  readonly state: ItemState;
  /** Which of its steps it is at; absent at the first. */
  readonly step?: number;
  /** By which of the kind's routes it goes; -1 when it has none. */
  readonly route: number;
  /** When the state was reached. */
  readonly at: Instant;
  /** How often a worker has claimed it. */
  readonly attempts: number;
  /** When the latest claim was made; what the far side did since then is ours. */
  readonly claimedAt?: Instant;
  /** Not to be sent, or read back again, before. */
  readonly notBefore?: Instant;
  /** How often it was asked without anybody ever learning what came of it. */
  readonly unclear?: number;
  /** The carrier's claim that it is under, or was last. */
  readonly claim?: string;
  /** It was refused among others: to be asked for by itself. */
  readonly singly?: boolean;
  /** What the step before has learned, in the kind's words. */
  readonly learned?: string;
  /** Most items in one call with it, since a larger call got no answer. */
  readonly atMost?: number;
  /**
   * It was let out by rules, waits for what nobody can hurry, and takes no place meanwhile. `back`: that is over, and it waits
   * to be let out again.
   */
  readonly aside?: "away" | "back";
  /** Stable name of the reason behind the state. */
  readonly code?: string;
  /** The reason in words. */
  readonly detail?: string;
};

/** What comes with an event. */
type EventDetails = Partial<
  Pick<
    Item,
    | "claimedAt"
    | "notBefore"
    | "unclear"
    | "claim"
    | "singly"
    | "atMost"
    | "aside"
    | "learned"
    | "code"
    | "detail"
  >
> & {
  /** What the history of the item keeps of the attempt that ends, in the kind's words. */
  readonly kept?: string;
};

/** An event for one item, with what comes along. */
export type Transition = { readonly event: ItemEvent; readonly details?: EventDetails };

/** Longest reason kept per item, in characters; a row holds up to 250 items. */
export const maxDetailChars = 160;

/** States in which the latest reason stays until there is another: whatever ends the item can then name it. */
const inFlight: ReadonlySet<ItemState> = new Set(["waiting", "claimed"]);

/** Applies an event at `now`; an item that the event does not concern comes back as it was. */
export function apply(
  item: Item,
  event: ItemEvent,
  now: Instant,
  details: EventDetails = {},
): Item {
  const state = lifecycle[item.state][event];
  if (state === undefined) return item;
  const { targetId, name, route, step = 0, attempts } = item;
  const saysWhy = details.code !== undefined || details.detail !== undefined;
  const before: EventDetails = inFlight.has(state) && !saysWhy ? item : {};
  const { code = before.code, detail = before.detail, kept: _, ...rest } = details;
  const told = {
    ...rest,
    ...(code === undefined ? {} : { code }),
    ...(detail === undefined ? {} : { detail: reasonIn(detail, maxDetailChars) }),
  };
  // What the step before went through says nothing about the next, but for what it has learned.
  if (event === "advance") {
    const next = { targetId, name, route, step: step + 1, state, at: now, attempts: 0 };
    const learned = details.learned ?? item.learned;
    return learned === undefined ? next : { ...next, learned };
  }
  return {
    targetId,
    name,
    route,
    state,
    at: now,
    attempts: event === "claim" ? attempts + 1 : attempts,
    ...(step === 0 ? {} : { step }),
    ...lastingOf(item),
    ...told,
  };
}

/** What stays with an item through the events of a step. */
const lastingOf = ({ claimedAt, unclear, claim, singly, atMost, learned }: Item) => ({
  ...(claimedAt === undefined ? {} : { claimedAt }),
  ...(unclear === undefined ? {} : { unclear }),
  ...(claim === undefined ? {} : { claim }),
  ...(singly === undefined ? {} : { singly }),
  ...(atMost === undefined ? {} : { atMost }),
  ...(learned === undefined ? {} : { learned }),
});

/**
 * Applies transitions to items; those without one, or whose state refuses it, stay as they are. Whoever has done a
 * step before the last one goes on to the next.
 */
export function applyAll(
  items: readonly Item[],
  transitions: ReadonlyMap<string, Transition>,
  now: Instant,
  lastStep = 0,
): Item[] {
  return items.map((item) => {
    const transition = transitions.get(item.targetId);
    if (transition === undefined) return item;
    const goesOn = transition.event === "finish" && (item.step ?? 0) < lastStep;
    return apply(item, goesOn ? "advance" : transition.event, now, transition.details);
  });
}

// Items packed into rows: up to 250 in one, of which at most 100 are to be sent, so that a full row is
// one call for many, where the far side has one. Outcome and progress change in one write, because the counts stand in
// the row beside the items they count.

/** Most items to be sent in a row: what most far sides take in one call. */
export const maxSendable = 100;
/** Most items in a row at all; keeps the text well inside a property's 64 KiB. */
export const maxInRow = 250;
/** Most characters of packed text in one property. */
const maxChars = 30_000;

/** Cuts packed texts into JSON arrays of at most a property's size each. */
export function inArrays(packed: readonly string[]): string[] {
  const texts: string[] = [];
  let open = "";
  for (const text of packed) {
    if (open.length + text.length + 2 > maxChars) {
      texts.push(`[${open}]`);
      open = "";
    }
    open = open === "" ? text : `${open},${text}`;
  }
  texts.push(`[${open}]`);
  return texts;
}

/** How many items are in each state. */
export type Counts = Readonly<Record<CountedState, number>>;

/** A row: consecutive items in the order of their ids. */
export type ItemRow = {
  /** Id of the last item: the row that may hold an item is the first whose key is not below it. */
  readonly lastTargetId: string;
  readonly items: readonly Item[];
  /** When somebody should have touched the row again; the sweeper looks for rows far behind. */
  readonly dueAt: Instant;
  /** How many rows of ended attempts belong to it. */
  readonly logs?: number;
};

/** Counts items as they appear from outside. */
export function countOf(items: readonly Item[]): Counts {
  const counts = emptyCounts();
  for (const { state } of items) counts[shownState(state)] += 1;
  return counts;
}

/** How many of the items that wait have been begun: a worker has claimed them, or they have done a step. */
export const begunOf = (items: readonly Item[]): number =>
  items.filter(({ state, step = 0, attempts }) => {
    if (shownState(state) !== "waiting") return false;
    return step > 0 || attempts > 0;
  }).length;

/** How many items wait aside, and how many of these are back. */
export function asideOf(items: readonly Item[]): { readonly aside: number; readonly back: number } {
  const some = items.filter(({ aside }) => aside !== undefined);
  return { aside: some.length, back: some.filter(({ aside }) => aside === "back").length };
}

/** The item without its place aside: it goes as soon as it is its turn. */
export function letIn({ aside: _aside, notBefore: _notBefore, ...item }: Item): Item {
  return item;
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
  learned: string,
  aside: number,
];
const asideCodes = { away: 1, back: 2 } as const;
const fixedFields = 6;

/** Packs items into texts of at most a property's size each. */
export const pack = (items: readonly Item[]): string[] =>
  inArrays(items.map((item) => JSON.stringify(packOne(item))));

/** Unpacks what `pack` made. */
export function unpack(texts: readonly string[]): Item[] {
  return texts.flatMap((text) => (JSON.parse(text) as Packed[]).map(unpackOne));
}

function packOne(item: Item): unknown[] {
  const { targetId, name, state, route, at, attempts } = item;
  const { claimedAt = 0, notBefore = 0, singly, code = "", detail = "" } = item;
  const { claim = "", unclear = 0, step = 0, atMost = 0, learned = "", aside } = item;
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
    learned,
    aside === undefined ? 0 : asideCodes[aside],
  ];
  let length = packed.length;
  while (length > fixedFields && (packed[length - 1] === 0 || packed[length - 1] === ""))
    length -= 1;
  return packed.slice(0, length);
}

function unpackOne(packed: Packed): Item {
  const [targetId, name, letter, route, at, attempts] = packed;
  const [
    ,
    ,
    ,
    ,
    ,
    ,
    claimedAt,
    notBefore,
    singly,
    code,
    detail,
    claim,
    unclear,
    step,
    atMost,
    learned,
    aside,
  ] = packed;
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
    ...(learned ? { learned } : {}),
    ...(aside ? { aside: aside === asideCodes.back ? "back" : "away" } : {}),
  };
}
