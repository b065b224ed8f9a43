/**
 * How fast a tenant may be asked: the generic cell rate algorithm (GCRA), pure.
 *
 * A pace row holds the next free instant. A reservation of n requests moves it by n intervals; what
 * was reserved may be sent up to `burst` requests early. In any window of the limit's length at most
 * `limit` requests are sent, because the rate is chosen for `limit - burst` of them.
 */
import type { Instant } from "../kernel/clock.ts";

/** So many requests in so long a window, of which at most `atOnce` together. */
export type Limit = {
  readonly requests: number;
  readonly windowMs: number;
  readonly atOnce: number;
};

/** A limit taken apart: one request each `intervalMs`, and so many at once. */
export type Pace = { readonly intervalMs: number; readonly burst: number };

/** Graph workloads that have a budget of their own. */
export type Workload = "deviceActions" | "deviceReads";

const windowMs = 20_000;

/**
 * Microsoft's documented limits for Intune devices, per app and tenant: 200 writes and 2,000 requests
 * of any kind in 20 seconds. Source: "Microsoft Graph service-specific throttling limits".
 */
export const documentedLimits: Readonly<Record<Workload, Limit>> = {
  deviceActions: { requests: 200, windowMs, atOnce: 20 },
  deviceReads: { requests: 2000, windowMs, atOnce: 200 },
};

/** The share of the documented limit that we take: other tools of the same tenant need the rest. */
const defaultShare = 0.75;

/** The limit for a workload: the tenant's own setting in requests per 20 s, or our share. */
export function limitOf(workload: Workload, setting: number | undefined): Limit {
  const documented = documentedLimits[workload];
  return { ...documented, requests: setting ?? documented.requests * defaultShare };
}

/** Takes a limit apart. An eighth of it may go at once. */
export function paceOf({ requests, windowMs: window, atOnce }: Limit): Pace {
  const burst = Math.max(1, Math.min(atOnce, Math.floor(requests / 8)));
  // One less than the remainder, since a window can hold a request at each of its ends.
  const steady = Math.max(0.5, requests - burst - 1);
  return { intervalMs: window / steady, burst };
}

/** What a pace row holds. */
export type PaceState = {
  /** The next instant that nobody has reserved. */
  readonly nextFree: Instant;
  /** Graph said "not before": until then nobody sends anything. */
  readonly closedUntil: Instant;
  /** By how much all reservations have been moved so far, since the row exists. */
  readonly shiftMs: number;
  /** The latest reservation, if it has a name, so that who makes it again gets the same one. */
  readonly latest?: NamedReservation;
};

/** A reservation for something that is done once, such as a step of planning, whoever gets to it. */
export type NamedReservation = Reservation & { readonly name: string; readonly cost: number };

/** A row that does not exist yet. */
export const freshPace: PaceState = { nextFree: 0, closedUntil: 0, shiftMs: 0 };

/**
 * Reserves `cost` requests: the first may go at `startAt`. With a `name`, asking again gets the same reservation, as
 * long as nobody has reserved behind it and its time is not over: a planner that dies, or loses a race, takes no time
 * of the tenant's pace with it.
 */
export function reserve(
  { latest, ...state }: PaceState,
  cost: number,
  now: Instant,
  { intervalMs }: Pace,
  name?: string,
): { readonly startAt: Instant; readonly state: PaceState } {
  if (latest !== undefined && latest.name === name && latest.cost === cost) {
    const startAt = turnOf(latest, state.shiftMs, now);
    if (startAt !== undefined) return { startAt, state: { ...state, latest } };
  }
  const startAt = Math.max(state.nextFree, state.closedUntil, now);
  const after = { ...state, nextFree: startAt + cost * intervalMs };
  if (name === undefined) return { startAt, state: after };
  const named = { name, cost, at: startAt, shiftMs: state.shiftMs };
  return { startAt, state: { ...after, latest: named } };
}

/**
 * Closes the door until `until`, after Graph said "not before". Every reservation moves by the same time,
 * so that those who hold one keep their places and their distances: nobody reserves anew.
 */
export function defer(state: PaceState, until: Instant, now: Instant): PaceState {
  const byMs = until - Math.max(now, state.closedUntil);
  if (byMs <= 0) return state;
  return {
    ...state,
    nextFree: Math.max(state.nextFree, now) + byMs,
    closedUntil: until,
    shiftMs: state.shiftMs + byMs,
  };
}

/**
 * How late a reserved request may still go. Later than that its place is gone: after an outage everybody
 * would be late, and all would send together. What is late by less fits into what our share leaves free.
 */
export const latestMs = 5_000;

/** A reservation as its holder keeps it. */
export type Reservation = {
  /** When its first request was to go, when it was made. */
  readonly at: Instant;
  /** The row's shift when it was made. */
  readonly shiftMs: number;
};

/**
 * A new place for somebody whose own is gone: now, or when the door opens. The door closes for everybody
 * else as long as `takesMs`, so that latecomers queue behind each other, and nobody goes to the end.
 */
export function squeezeIn(
  state: PaceState,
  takesMs: number,
  now: Instant,
): { readonly startAt: Instant; readonly state: PaceState } {
  const startAt = Math.max(now, state.closedUntil);
  return { startAt, state: defer(state, startAt + takesMs, now) };
}

/** When a reservation's first request may go, at the row's shift now; undefined when its place is gone. */
export function turnOf(
  reservation: Reservation,
  shiftMs: number,
  now: Instant,
): Instant | undefined {
  const due = reservation.at + Math.max(0, shiftMs - reservation.shiftMs);
  return now - due > latestMs ? undefined : due;
}
