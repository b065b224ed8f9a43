/**
 * A delivery: one action on its way to one device. Its lifecycle as a table, and the one function that
 * moves it. Pure.
 */
import type { Instant } from "../../kernel/clock.ts";
import { reasonIn } from "../../kernel/outside-text.ts";

/** Where a delivery stands. `claimed`: a worker marked it and is asking Graph right now. */
export type DeliveryState =
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

/** What can happen to a delivery. */
export type DeliveryEvent =
  /** A worker is about to ask. */
  | "claim"
  /** Surely not done, or harmless to do twice: try again later. */
  | "postpone"
  /** Asked without a clear answer, or looked for without a trace: the mark stays. */
  | "doubt"
  /** Graph took it. */
  | "accept"
  /** The device did it. */
  | "finish"
  /** Graph or the device refused, or it failed. */
  | "fail"
  /** Nothing can bring this action to this device. */
  | "decline"
  | "cancel"
  /** Time is up, and it is known to be undone or unanswered. */
  | "expire"
  /** Time is up, and the device was not seen since. */
  | "silence"
  /** Time is up, and nobody can tell. */
  | "lose";

type Moves = Readonly<Partial<Record<DeliveryEvent, DeliveryState>>>;

/** What a device reports counts even late: the truth may replace what we assumed meanwhile. */
const lateTruth: Moves = { finish: "done", fail: "failed", decline: "notSupported" };

/** The whole lifecycle. A missing entry means: the event changes nothing in that state. */
export const lifecycle: Readonly<Record<DeliveryState, Moves>> = {
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
    fail: "failed",
    decline: "notSupported",
    lose: "unknown",
  },
  sent: {
    finish: "done",
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
export const liveStates: ReadonlySet<DeliveryState> = new Set(["waiting", "claimed", "sent"]);

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

/** How a delivery appears from outside. */
export const shownState = (state: DeliveryState): CountedState =>
  state === "claimed" ? "waiting" : state;

/** One device's delivery. Absent values are left out, because there are a hundred to a row. */
export type Delivery = {
  readonly deviceId: string;
  readonly deviceName: string;
  readonly state: DeliveryState;
  /** Position of its route in the action's list; -1 when it has none. */
  readonly route: number;
  /** When the state was reached. */
  readonly at: Instant;
  /** How often a worker has claimed it. */
  readonly attempts: number;
  /** When the latest claim was made; what the far side did since then is ours. */
  readonly markedAt?: Instant;
  /** Not to be sent, or looked for again, before. */
  readonly notBefore?: Instant;
  /** How often it was asked without anybody ever learning what came of it. */
  readonly unclear?: number;
  /** The claim of a relay that it is under, or was last. */
  readonly claim?: string;
  /** Bulk was refused for it: ask for the device by itself. */
  readonly alone?: boolean;
  /** Most devices in one call with it, since a larger call got no answer. */
  readonly atMost?: number;
  /** Stable name of the reason behind the state. */
  readonly code?: string;
  /** The reason in words. */
  readonly detail?: string;
};

/** What comes with an event. */
export type EventDetails = Partial<
  Pick<
    Delivery,
    "markedAt" | "notBefore" | "unclear" | "claim" | "alone" | "atMost" | "code" | "detail"
  >
>;

/** An event for one delivery, with what comes along. */
export type Step = { readonly event: DeliveryEvent; readonly details?: EventDetails };

/** Longest reason kept per delivery, in characters; a row holds up to 250 deliveries. */
export const maxDetailChars = 160;

/** States in which the latest reason stays until there is another: whatever ends the delivery can then name it. */
const onItsWay: ReadonlySet<DeliveryState> = new Set(["waiting", "claimed"]);

/** Applies an event at `now`; a delivery that the event does not concern comes back as it was. */
export function apply(
  delivery: Delivery,
  event: DeliveryEvent,
  now: Instant,
  details: EventDetails = {},
): Delivery {
  const state = lifecycle[delivery.state][event];
  if (state === undefined) return delivery;
  const { deviceId, deviceName, route, attempts, markedAt, unclear, claim, alone } = delivery;
  const { atMost } = delivery;
  const saysWhy = details.code !== undefined || details.detail !== undefined;
  const before: EventDetails = onItsWay.has(state) && !saysWhy ? delivery : {};
  const { code = before.code, detail = before.detail, ...rest } = details;
  return {
    deviceId,
    deviceName,
    route,
    state,
    at: now,
    attempts: event === "claim" ? attempts + 1 : attempts,
    ...(markedAt === undefined ? {} : { markedAt }),
    ...(unclear === undefined ? {} : { unclear }),
    ...(claim === undefined ? {} : { claim }),
    ...(alone === undefined ? {} : { alone }),
    ...(atMost === undefined ? {} : { atMost }),
    ...rest,
    ...(code === undefined ? {} : { code }),
    ...(detail === undefined ? {} : { detail: reasonIn(detail, maxDetailChars) }),
  };
}
