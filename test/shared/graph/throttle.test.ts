/** The throttle: however reservations are made and moved, no window holds more requests than the limit. */

import { randomUUID } from "node:crypto";
import * as fc from "fast-check";
import { beforeAll, describe, expect, it, test } from "vitest";
import {
  defer,
  freshThrottle,
  latestMs,
  type Rate,
  rateOf,
  reserve,
  type ThrottleState,
  ThrottleStore,
  type Workload,
  whenDue,
  workloads,
} from "../../../shared/graph/throttle.ts";
import { testStorage } from "../storage/open-storage.ts";

/** Most requests in any window of the limit's length; one that begins as another ends is the next one. */
function most(sent: readonly number[], windowMs: number): number {
  const sorted = sent.toSorted((a, b) => a - b);
  let from = 0;
  let found = 0;
  for (const [to, at] of sorted.entries()) {
    while ((sorted[from] ?? 0) <= at - windowMs) from += 1;
    found = Math.max(found, to - from + 1);
  }
  return found;
}

type Happening = { readonly afterMs: number; readonly cost: number; readonly closeMs: number };
const happenings = fc.array(
  fc.record({
    afterMs: fc.integer({ min: 0, max: 15_000 }),
    cost: fc.integer({ min: 1, max: 60 }),
    closeMs: fc.constantFrom(0, 0, 0, 2_000, 40_000),
  }),
  { minLength: 1, maxLength: 60 },
);

/**
 * Makes the reservations while Graph closes the door now and then, and sends each in bursts: at its turn,
 * moved by every closing that came before it, and late by `lateMs(nth)`.
 */
function sendAll(rate: Rate, list: readonly Happening[], lateMs: (nth: number) => number) {
  let state: ThrottleState = freshThrottle;
  let now = 1_000_000;
  const closings: { readonly at: number; readonly byMs: number }[] = [];
  // A reservation knows how many closings came before it; the clock may not tell, it stands still at times.
  const turns: { readonly closingsBefore: number; readonly due: number }[] = [];
  for (const { afterMs, cost, closeMs } of list) {
    now += afterMs;
    if (closeMs > 0) {
      const closed = defer(state, now + closeMs, now);
      closings.push({ at: now, byMs: closed.shiftMs - state.shiftMs });
      state = closed;
    }
    const reserved = reserve(state, cost, now, rate);
    state = reserved.state;
    for (let k = 0; k < cost; k += 1) {
      const turn = Math.floor(k / rate.burst) * rate.burst * rate.intervalMs;
      turns.push({ closingsBefore: closings.length, due: reserved.startAt + turn });
    }
  }
  return turns.map(({ closingsBefore, due }, nth) => {
    const later = closings.slice(closingsBefore);
    const moved = later.reduce((when, { at, byMs }) => (when >= at ? when + byMs : when), due);
    return moved + lateMs(nth);
  });
}

const names = Object.keys(workloads) as Workload[];

describe("a tenant's throttle", () => {
  it.each([4, 24, 150, 200])("of %i requests holds in every window", (requests) => {
    fc.assert(
      fc.property(happenings, (list) => {
        const sent = sendAll(rateOf("deviceActions", requests)!, list, () => 0);
        expect(most(sent, 20_000)).toBeLessThanOrEqual(requests);
      }),
    );
  });

  it.each(names)("of %s holds its limit in every window", (name) => {
    const { requests, windowMs } = workloads[name];
    fc.assert(
      fc.property(happenings, (list) => {
        const sent = sendAll(rateOf(name)!, list, () => 0);
        expect(most(sent, windowMs)).toBeLessThanOrEqual(requests);
      }),
    );
  });

  // Not conditional access: of two that are a second apart, the first may always come late.
  it.each(names.filter((name) => name !== "conditionalAccess"))(
    "of %s stays inside Microsoft's limit though every message comes late",
    (name) => {
      const { requests, windowMs } = workloads[name];
      const late = fc.infiniteStream(fc.integer({ min: 0, max: latestMs }));
      fc.assert(
        fc.property(happenings, late, (list, lateness) => {
          const known = new Map<number, number>();
          const lateMs = (nth: number): number => {
            const ms = known.get(nth) ?? Number(lateness.next().value);
            known.set(nth, ms);
            return ms;
          };
          const sent = sendAll(rateOf(name)!, list, lateMs);
          expect(most(sent, windowMs)).toBeLessThanOrEqual(requests);
        }),
      );
    },
  );

  it("takes one request in hand where the limit is tiny, and never more than the workload's share", () => {
    expect(rateOf("deviceActions", 4)!).toEqual({ burst: 1, intervalMs: 10_000 });
    expect(rateOf("deviceActions", 100_000)!.burst).toBe(20);
    expect(rateOf("deviceReads")!.burst).toBe(187);
  });
});

describe("the table of workloads", () => {
  it("names for each limit the page that it is from", () => {
    for (const { evidence } of Object.values(workloads))
      expect(evidence).toMatch(/^https:\/\/learn\.microsoft\.com\//);
  });

  it("lets conditional access be asked once a second, one after the other", () => {
    const { burst, intervalMs } = rateOf("conditionalAccess")!;
    expect(burst).toBe(1);
    expect(intervalMs).toBeGreaterThan(1000);
    expect(intervalMs).toBeLessThan(1200);
  });

  it("has no rate where a tenant wants no limit", () => {
    expect(rateOf("deviceActions", "unlimited")).toBeUndefined();
  });
});

describe("a closed door", () => {
  it("moves every reservation by the same time, once", () => {
    const before = { nextFree: 5_000, closedUntil: 0, shiftMs: 0 };
    const after = defer(before, 31_000, 1_000);
    expect(after).toEqual({ nextFree: 35_000, closedUntil: 31_000, shiftMs: 30_000 });
    expect(defer(after, 31_000, 2_000)).toBe(after);
    expect(defer(after, 20_000, 2_000)).toBe(after);
    expect(defer(after, 40_000, 2_000).shiftMs).toBe(39_000);
  });

  it("lets nobody in before its time, however often it is closed", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60_000 }), { minLength: 1 }), (closings) => {
        let state: ThrottleState = freshThrottle;
        for (const [nth, ms] of closings.entries()) state = defer(state, nth * 500 + ms, nth * 500);
        const latest = Math.max(...closings.map((ms, nth) => nth * 500 + ms));
        expect(state.closedUntil).toBe(latest);
        const rate = rateOf("deviceActions", 24)!;
        expect(reserve(state, 1, 0, rate).startAt).toBeGreaterThanOrEqual(latest);
      }),
    );
  });
});

describe("a turn", () => {
  it("comes later by as much as all turns were moved since", () => {
    expect(whenDue({ at: 10_000, shiftMs: 3_000 }, 3_000, 9_000)).toBe(10_000);
    expect(whenDue({ at: 10_000, shiftMs: 3_000 }, 8_000, 9_000)).toBe(15_000);
  });

  it("is gone when it is long past, but not while it was moved", () => {
    expect(whenDue({ at: 10_000, shiftMs: 0 }, 0, 10_000 + latestMs)).toBe(10_000);
    expect(whenDue({ at: 10_000, shiftMs: 0 }, 0, 10_001 + latestMs)).toBeUndefined();
    expect(whenDue({ at: 10_000, shiftMs: 0 }, 20_000, 10_001 + latestMs)).toBe(30_000);
  });
});

const rate = rateOf("deviceActions")!;
const now = Date.UTC(2026, 0, 1);
let stores: ThrottleStore[];
beforeAll(async () => {
  // As many instances of the app: each with clients of its own.
  const opened = await Promise.all([testStorage(), testStorage(), testStorage()]);
  stores = opened.map(({ tables }) => new ThrottleStore(tables));
});
const storeAt = (at: number): ThrottleStore => stores[at % stores.length] as ThrottleStore;

test("reservations at the same time never overlap, and leave no gap", async () => {
  const tenantId = randomUUID();
  const costs = Array.from({ length: 18 }, (_, at) => 1 + (at % 5));
  const reserved = await Promise.all(
    costs.map(async (cost, at) => {
      const { startAt } = await storeAt(at).reserve(tenantId, "deviceActions", cost, now, rate);
      return { startAt, endAt: startAt + cost * rate.intervalMs };
    }),
  );
  let free = now;
  for (const { startAt, endAt } of reserved.toSorted((a, b) => a.startAt - b.startAt)) {
    expect(startAt).toBeCloseTo(free, 3);
    free = endAt;
  }
  expect((await storeAt(0).read(tenantId, "deviceActions")).nextFree).toBeCloseTo(free, 3);
});

test("tenants and workloads have a pace each", async () => {
  const tenantId = randomUUID();
  await storeAt(0).reserve(tenantId, "deviceActions", 100, now, rate);
  const others = await Promise.all([
    storeAt(0).reserve(tenantId, "deviceReads", 1, now, rate),
    storeAt(0).reserve(randomUUID(), "deviceActions", 1, now, rate),
  ]);
  expect(others.map(({ startAt }) => startAt)).toEqual([now, now]);
});

test("the door is closed for everybody, and a reservation tells by how much it was moved", async () => {
  const tenantId = randomUUID();
  const early = await storeAt(0).reserve(tenantId, "deviceActions", 1, now, rate);
  await storeAt(1).defer(tenantId, "deviceActions", now + 30_000, now);
  const late = await storeAt(2).reserve(tenantId, "deviceActions", 1, now, rate);
  expect(early.shiftMs).toBe(0);
  expect(late.shiftMs).toBe(30_000);
  expect(late.startAt).toBeGreaterThanOrEqual(now + 30_000);
});

test("closings at the same time close until the latest of them", async () => {
  const tenantId = randomUUID();
  const untils = [5, 30, 10, 20, 15, 25].map((seconds) => now + seconds * 1000);
  await Promise.all(
    untils.map((until, at) => storeAt(at).defer(tenantId, "deviceActions", until, now)),
  );
  expect(await storeAt(0).read(tenantId, "deviceActions")).toMatchObject({
    closedUntil: now + 30_000,
    shiftMs: 30_000,
  });
});
