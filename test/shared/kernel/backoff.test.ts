import { assert, double, integer, property } from "fast-check";
import { expect, test } from "vitest";
import { backoffMs } from "../../../shared/kernel/backoff.ts";

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
