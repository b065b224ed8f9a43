/**
 * How fast a tenant may be asked: the generic cell rate algorithm (GCRA), and the rows behind it.
 *
 * A row for each tenant and workload holds the next free instant. A reservation of n requests moves it by n
 * intervals; what was reserved may be sent up to `burst` requests early. In any window of the limit's length at most
 * as many requests are sent as the limit has, because the rate is chosen for what is left beside a burst.
 */
import * as z from "zod";
import type { Instant } from "../kernel/clock.ts";
import { tableNames } from "../storage/names.ts";
import { jsonOf, numberOf, type StoredRow } from "../storage/rows.ts";
import { lost, type Tables, updateRow } from "../storage/tables.ts";
import type { Rate, Workload } from "./workloads.ts";

/** What a row holds. */
export type ThrottleState = {
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
type NamedReservation = z.output<typeof NamedReservation>;
const NamedReservation = z.object({
  name: z.string(),
  cost: z.number(),
  at: z.number(),
  shiftMs: z.number(),
});

/** A row that does not exist yet. */
export const freshThrottle: ThrottleState = { nextFree: 0, closedUntil: 0, shiftMs: 0 };

/**
 * Reserves `cost` requests: the first may go at `startAt`. With a `name`, asking again gets the same reservation, as
 * long as nobody has reserved behind it and its time is not over: a planner that dies, or loses a race, takes no time
 * of the tenant's with it.
 */
export function reserve(
  { latest, ...state }: ThrottleState,
  cost: number,
  now: Instant,
  { intervalMs }: Rate,
  name?: string,
): { readonly startAt: Instant; readonly state: ThrottleState } {
  if (latest !== undefined && latest.name === name && latest.cost === cost) {
    const startAt = whenDue(latest, state.shiftMs, now);
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
export function defer(state: ThrottleState, until: Instant, now: Instant): ThrottleState {
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
function squeezeIn(
  state: ThrottleState,
  takesMs: number,
  now: Instant,
): { readonly startAt: Instant; readonly state: ThrottleState } {
  const startAt = Math.max(now, state.closedUntil);
  return { startAt, state: defer(state, startAt + takesMs, now) };
}

/** When a reservation's first request may go, at the row's shift now; undefined when its place is gone. */
export function whenDue(
  reservation: Reservation,
  shiftMs: number,
  now: Instant,
): Instant | undefined {
  const due = reservation.at + Math.max(0, shiftMs - reservation.shiftMs);
  return now - due > latestMs ? undefined : due;
}

// The rows: one per tenant and workload, changed by conditional writes only.

/** Reservations across every instance of the app. */
export class ThrottleStore {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /**
   * Reserves `cost` requests; answers when the first of them may go, and the shift it was made at. What has a
   * `name` is reserved once, as long as nobody reserves behind it.
   */
  async reserve(
    tenantId: string,
    workload: Workload,
    cost: number,
    now: Instant,
    rate: Rate,
    name?: string,
  ): Promise<{ startAt: Instant; shiftMs: number }> {
    let startAt = now;
    const state = await this.#change(tenantId, workload, (before) => {
      const reserved = reserve(before, cost, now, rate, name);
      startAt = reserved.startAt;
      return reserved.state;
    });
    return { startAt, shiftMs: state.shiftMs };
  }

  /** Lets a latecomer in, for `takesMs`; answers when, and the shift after it. */
  async squeezeIn(
    tenantId: string,
    workload: Workload,
    takesMs: number,
    now: Instant,
  ): Promise<{ startAt: Instant; shiftMs: number }> {
    let startAt = now;
    const state = await this.#change(tenantId, workload, (before) => {
      const squeezed = squeezeIn(before, takesMs, now);
      startAt = squeezed.startAt;
      return squeezed.state;
    });
    return { startAt, shiftMs: state.shiftMs };
  }

  /** Makes everybody wait until `until`, also those who have a reservation. */
  async defer(tenantId: string, workload: Workload, until: Instant, now: Instant): Promise<void> {
    await this.#change(tenantId, workload, (before) => defer(before, until, now));
  }

  /** The row as it is. */
  async read(tenantId: string, workload: Workload): Promise<ThrottleState> {
    return stateOf(await this.#tables.get(tableNames.throttles, tenantId, workload));
  }

  async #change(
    tenantId: string,
    workload: Workload,
    next: (before: ThrottleState) => ThrottleState,
  ): Promise<ThrottleState> {
    return updateRow(`the throttle of ${tenantId} ${workload}`, async () => {
      const row = await this.#tables.get(tableNames.throttles, tenantId, workload);
      const before = stateOf(row);
      const after = next(before);
      if (after === before) return before;
      const { latest, ...numbers } = after;
      const named = latest === undefined ? {} : { latest: JSON.stringify(latest) };
      const changed = { partitionKey: tenantId, rowKey: workload, ...numbers, ...named };
      const won =
        row === undefined
          ? (await this.#tables.insert(tableNames.throttles, changed)) === "inserted"
          : (await this.#tables.replace(tableNames.throttles, changed, row.etag)) !== undefined;
      return won ? after : lost;
    });
  }
}

function stateOf(row: StoredRow | undefined): ThrottleState {
  if (row === undefined) return freshThrottle;
  const latest = jsonOf(row, "latest", NamedReservation);
  return {
    nextFree: numberOf(row, "nextFree"),
    closedUntil: numberOf(row, "closedUntil"),
    shiftMs: numberOf(row, "shiftMs"),
    ...(latest === undefined ? {} : { latest }),
  };
}
