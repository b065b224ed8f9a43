import { randomUUID } from "node:crypto";
import { beforeAll, expect, test } from "vitest";
import { ThrottleStore } from "../../../shared/graph/throttle.ts";
import { rateOf } from "../../../shared/graph/workloads.ts";
import { testStorage } from "../storage/open-storage.ts";

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
