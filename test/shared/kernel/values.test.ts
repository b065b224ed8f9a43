import { array, assert, nat, property } from "fast-check";
import { expect, test } from "vitest";
import { digest, invertedTime, newestFirstId, timeOf } from "../../../shared/kernel/values.ts";

/** Up to the year 6429, in milliseconds. */
const moment = nat({ max: 2 ** 47 });

test("an id tells when it was made", () => {
  assert(
    property(moment, (now) => {
      expect(timeOf(newestFirstId(now))).toBe(now);
    }),
  );
});

test("ids as text stand newest first", () => {
  assert(
    property(array(moment), (moments) => {
      const byText = moments.map(newestFirstId).toSorted().map(timeOf);
      expect(byText).toEqual(moments.toSorted((a, b) => b - a));
    }),
  );
});

test("ids of the same moment differ, and have one shape", () => {
  const ids = Array.from({ length: 1000 }, () => newestFirstId(1_763_712_000_000));
  expect(new Set(ids).size).toBe(1000);
  for (const id of ids) expect(id).toMatch(/^[0-9a-hjkmnp-tv-z]{22}$/);
  expect(new Set(ids.map((id) => id.slice(0, 10)))).toEqual(
    new Set([invertedTime(1_763_712_000_000)]),
  );
});

test("a digest is the same for the same parts, and another for another order", () => {
  expect(digest("a", "b")).toBe(digest("a", "b"));
  expect(digest("a", "b")).not.toBe(digest("b", "a"));
  expect(digest("", "ü\n")).toMatch(/^[0-9a-f]{64}$/);
});
