import { expect, test } from "vitest";
import { ServiceClock } from "../../../shared/storage/service-clock.ts";
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
