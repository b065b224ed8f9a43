import { afterEach, beforeEach, expect, it, test, vi } from "vitest";
import { passThrough } from "../../../shared/storage/calls.ts";
import { NoAnswer, ServiceClock, withTimeout } from "../../../shared/storage/storage.ts";
import { newTable, testStorage } from "./open-storage.ts";

const hourMs = 3_600_000;
const noon = Date.UTC(2026, 0, 1, 12);
const at = (ms: number): string => new Date(ms).toUTCString();

test("a machine that is off by an hour is right after the first answer", async () => {
  for (const offMs of [hourMs, -hourMs]) {
    const { clock, tables } = await testStorage({ now: () => Date.now() + offMs });
    expect(Math.abs(clock.now() - Date.now())).toBeGreaterThan(hourMs / 2);
    await tables.get(newTable(), "p", "r");
    expect(Math.abs(clock.now() - Date.now())).toBeLessThan(3000);
  }
});

test.each([
  [0, 0],
  [1999, 0],
  [-1999, 0],
  [2000, 2000],
  [-2000, -2000],
  [hourMs, hourMs],
])("a service that is %d ms ahead moves the clock by %d ms", (ahead, moved) => {
  // The header has whole seconds, so that the machine stands beside them.
  const clock = new ServiceClock({ now: () => noon - ahead });
  clock.learn(at(noon));
  expect(clock.now()).toBe(noon - ahead + moved);
});

test("a machine whose clock is put right is believed again", () => {
  let machine = noon - hourMs;
  const clock = new ServiceClock({ now: () => machine });
  clock.learn(at(noon));
  machine = noon;
  clock.learn(at(noon));
  expect(clock.now()).toBe(noon);
});

test.each([undefined, "", "yesterday"])("an answer with the date %j teaches nothing", (date) => {
  const clock = new ServiceClock({ now: () => noon });
  clock.learn(at(noon + hourMs));
  clock.learn(date);
  expect(clock.now()).toBe(noon + hourMs);
});

// A call that is never answered must not keep its caller for ever.

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("gives up on a call after half a minute, and says which", async () => {
  const call = withTimeout(passThrough)("table.get Tenants", () => new Promise(() => undefined));
  const ended = call.catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(await ended).toBeInstanceOf(NoAnswer);
});

it("hands on what is answered in time, and leaves no timer behind", async () => {
  expect(await withTimeout(passThrough)("table.get Tenants", () => Promise.resolve(7))).toBe(7);
  expect(vi.getTimerCount()).toBe(0);
});
