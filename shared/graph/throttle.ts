/**
 * What may be asked of Microsoft's services, and how fast: one table, the only place that knows limits; the generic cell
 * rate algorithm (GCRA) that keeps to them; and the rows behind it.
 *
 * A row for each tenant and workload holds the next free instant. A reservation of n requests moves it by n
 * intervals; what was reserved may be sent up to `burst` requests early. In any window of the limit's length at most
 * as many requests are sent as the limit has, because the rate is chosen for what is left beside a burst.
 */
import * as z from "zod";
import type { Instant } from "../kernel/clock.ts";
import { tableNames } from "../storage/names.ts";
import {
  jsonOf,
  lost,
  numberOf,
  type StoredRow,
  type Tables,
  updateRow,
} from "../storage/tables.ts";

/** A limit of a service, and what we take of it. */
type Allowance = {
  /** So many requests in so long a window, for one app in one tenant. */
  readonly requests: number;
  readonly windowMs: number;
  /** Most of them that go together. */
  readonly atOnce: number;
  /** How much of the limit is ours: the rest is for what comes late, and for other tools. */
  readonly share: number;
  /** Where the limit is written down, or where it says that there is no number. */
  readonly evidence: string;
};

const limitsPage = "https://learn.microsoft.com/graph/throttling-limits";
const share = 0.75;

/** The workloads that are throttled apart from each other. */
export const workloads = {
  /** Intune devices, writes. */
  deviceActions: {
    requests: 200,
    windowMs: 20_000,
    atOnce: 20,
    share,
    evidence: `${limitsPage}#intune-service-limits`,
  },
  /** Intune devices, any request. */
  deviceReads: {
    requests: 2000,
    windowMs: 20_000,
    atOnce: 200,
    share,
    evidence: `${limitsPage}#intune-service-limits`,
  },
  /** Intune's configuration, enrollment and roles, writes. No list names Autopilot: this row is assumed for it. */
  configurationWrites: {
    requests: 100,
    windowMs: 20_000,
    atOnce: 10,
    share,
    evidence: `${limitsPage}#intune-service-limits`,
  },
  /** The same, any request. */
  configurationReads: {
    requests: 1000,
    windowMs: 20_000,
    atOnce: 100,
    share,
    evidence: `${limitsPage}#intune-service-limits`,
  },
  /**
   * Conditional access policies and named locations: one request a second for all apps of a tenant together, and a
   * 429 never says how long to wait. So they go one after the other, a little further apart than a second.
   */
  conditionalAccess: {
    requests: 1,
    windowMs: 1000,
    atOnce: 1,
    share: 0.9,
    evidence: `${limitsPage}#identity-protection-and-conditional-access-service-limits`,
  },
  /** Users, groups and apps, writes. */
  identityWrites: {
    requests: 3000,
    windowMs: 150_000,
    atOnce: 30,
    share,
    evidence: `${limitsPage}#identity-and-access-service-limits`,
  },
  /** The same, reads: counted in resource units, here those of a tenant with fewer than 50 users, at two a read. */
  identityReads: {
    requests: 1750,
    windowMs: 10_000,
    atOnce: 100,
    share,
    evidence: `${limitsPage}#identity-and-access-service-limits`,
  },
  /** Its page gives no number, for a partner or for a customer of one; this is our own, and careful. */
  partnerCenter: {
    requests: 100,
    windowMs: 60_000,
    atOnce: 5,
    share,
    evidence: "https://learn.microsoft.com/partner-center/developer/api-throttling-guidance",
  },
} as const satisfies Readonly<Record<string, Allowance>>;
export type Workload = keyof typeof workloads;

/** A tenant's own setting for a workload of Intune devices. */
export const ThrottleSetting = z
  .union([z.int().min(4).max(100_000), z.literal("unlimited")])
  .describe(
    "Requests per 20 seconds, or unlimited; absent means three quarters of the documented limit",
  );
export type ThrottleSetting = z.output<typeof ThrottleSetting>;

/** One request each `intervalMs`, and `burst` of them at once. */
export type Rate = { readonly intervalMs: number; readonly burst: number };

/**
 * How fast a workload may be asked: by the tenant's own setting, or by our share of the limit. Undefined where
 * nothing holds us back: then there is nothing to reserve.
 */
export function rateOf(workload: Workload, setting?: ThrottleSetting): Rate | undefined {
  if (setting === "unlimited") return undefined;
  const limit: Allowance = workloads[workload];
  const requests = setting ?? limit.requests * limit.share;
  // An eighth of it may go at once.
  const burst = Math.max(1, Math.min(limit.atOnce, Math.floor(requests / 8)));
  // One after the other, a window holds one at each interval. Of more, one less than the remainder, since a window
  // can hold a request at each of its ends.
  const steady = limit.atOnce === 1 ? requests : Math.max(0.5, requests - burst - 1);
  return { intervalMs: limit.windowMs / steady, burst };
}

// The algorithm.

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
 * Lets no request out before `until`, since Graph said so. Every reservation moves by the same time,
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
type Reservation = {
  /** When its first request was to go, when it was made. */
  readonly at: Instant;
  /** The row's shift when it was made. */
  readonly shiftMs: number;
};

/**
 * A new place for somebody whose own is gone: now, or when requests may go again. Nobody else gets one for
 * `takesMs`, so that latecomers queue behind each other, and none goes to the end.
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
