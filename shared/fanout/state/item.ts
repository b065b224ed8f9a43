/**
 * An item: what a job does to one target. Its lifecycle as a table, and the one function that moves it. Pure.
 *
 * An item may have several steps. Whoever has done one of them, and not the last, waits for the next.
 */
import type { Instant } from "../../kernel/clock.ts";
import { reasonIn } from "../../kernel/outside-text.ts";

/** Where an item stands. `claimed`: a worker marked it and is asking the far side right now. */
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
  /** Surely not done, or harmless to do twice: try again later. */
  | "postpone"
  /** Asked without a clear answer, or looked for without a trace: the mark stays. */
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
    fail: "failed",
    decline: "notSupported",
    cancel: "cancelled",
    expire: "expired",
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
  /** Not to be sent, or looked for again, before. */
  readonly notBefore?: Instant;
  /** How often it was asked without anybody ever learning what came of it. */
  readonly unclear?: number;
  /** The carrier's claim that it is under, or was last. */
  readonly claim?: string;
  /** It was refused among others: to be asked for by itself. */
  readonly singly?: boolean;
  /** Most items in one call with it, since a larger call got no answer. */
  readonly atMost?: number;
  /** Stable name of the reason behind the state. */
  readonly code?: string;
  /** The reason in words. */
  readonly detail?: string;
};

/** What comes with an event. */
export type EventDetails = Partial<
  Pick<
    Item,
    "claimedAt" | "notBefore" | "unclear" | "claim" | "singly" | "atMost" | "code" | "detail"
  >
>;

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
  const { targetId, name, route, step = 0, attempts, claimedAt, unclear, claim } = item;
  const { singly, atMost } = item;
  const saysWhy = details.code !== undefined || details.detail !== undefined;
  const before: EventDetails = inFlight.has(state) && !saysWhy ? item : {};
  const { code = before.code, detail = before.detail, ...rest } = details;
  const told = {
    ...rest,
    ...(code === undefined ? {} : { code }),
    ...(detail === undefined ? {} : { detail: reasonIn(detail, maxDetailChars) }),
  };
  // What the step before went through says nothing about the next.
  if (event === "advance")
    return { targetId, name, route, step: step + 1, state, at: now, attempts: 0 };
  return {
    targetId,
    name,
    route,
    state,
    at: now,
    attempts: event === "claim" ? attempts + 1 : attempts,
    ...(step === 0 ? {} : { step }),
    ...(claimedAt === undefined ? {} : { claimedAt }),
    ...(unclear === undefined ? {} : { unclear }),
    ...(claim === undefined ? {} : { claim }),
    ...(singly === undefined ? {} : { singly }),
    ...(atMost === undefined ? {} : { atMost }),
    ...told,
  };
}

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
