import { assert, double, integer, nat, property, record } from "fast-check";
import { expect, test } from "vitest";
import { backoffMs, durationMs } from "../../../shared/kernel/clock.ts";

test.each([
  ["PT1S", 1000],
  ["PT24H", 86_400_000],
  ["P7D", 604_800_000],
  ["P2W", 1_209_600_000],
  ["P1DT12H", 129_600_000],
  ["PT90M", 5_400_000],
  ["PT0S", 0],
])("%s lasts %d ms", (text, ms) => {
  expect(durationMs(text)).toBe(ms);
});

test.each(["", "P", "PT", "P1DT", "1H", "PT1", "P1Y", "P1M", "PT1.5H", "-PT1H", "PT1H ", "pt1h"])(
  "%j is no duration of exact length",
  (text) => {
    expect(durationMs(text)).toBeUndefined();
  },
);

test("the parts add up", () => {
  const part = nat({ max: 100_000 });
  const parts = record({ weeks: part, days: part, hours: part, minutes: part, seconds: part });
  assert(
    property(parts, ({ weeks, days, hours, minutes, seconds }) => {
      const text = `P${weeks}W${days}DT${hours}H${minutes}M${seconds}S`;
      const inHours = (weeks * 7 + days) * 24 + hours;
      expect(durationMs(text)).toBe(((inHours * 60 + minutes) * 60 + seconds) * 1000);
    }),
  );
});

test.each([
  [0, 0, 500],
  [1, 0, 500],
  [1, 1, 1000],
  [2, 0, 1000],
  [3, 0.5, 3000],
  [20, 1, 60_000],
  [2000, 0, 30_000],
])("attempt %d with chance %d waits %d ms", (attempt, random, ms) => {
  expect(backoffMs(attempt, { baseMs: 1000, maxMs: 60_000, random })).toBe(ms);
});

test("a wait is between half and the whole of what has doubled, and never above the most", () => {
  const chance = double({ min: 0, max: 1, noNaN: true });
  assert(
    property(integer({ min: 1, max: 5000 }), chance, (attempt, random) => {
      const whole = Math.min(1000 * 2 ** (attempt - 1), 60_000);
      const waited = backoffMs(attempt, { baseMs: 1000, maxMs: 60_000, random });
      expect(waited).toBeGreaterThanOrEqual(whole / 2);
      expect(waited).toBeLessThanOrEqual(whole);
    }),
  );
});
