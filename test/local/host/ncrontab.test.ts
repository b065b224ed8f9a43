import { Cron } from "croner";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseNcrontab } from "../../../local/host/ncrontab.ts";

const at = (text: string): number => Date.parse(text);
const nextText = (expression: string, after: string): string | undefined => {
  const next = parseNcrontab(expression).next(at(after));
  return next === undefined ? undefined : new Date(next).toISOString();
};

describe("the next occurrence", () => {
  test.each([
    ["*/5 * * * * *", "2026-11-21T09:00:00Z", "2026-11-21T09:00:05.000Z"],
    ["*/5 * * * * *", "2026-11-21T09:00:04.999Z", "2026-11-21T09:00:05.000Z"],
    ["0 */5 * * * *", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00.000Z"],
    ["*/15 * * * *", "2026-11-21T09:01:00Z", "2026-11-21T09:15:00.000Z"],
    ["5/20 0 0 * * *", "2026-11-21T00:00:05Z", "2026-11-21T00:00:25.000Z"],
    ["0 30 20-8/6 * * *", "2026-11-21T09:00:00Z", "2026-11-21T14:30:00.000Z"],
    ["0 0 12 * jan,Febru mon-fri", "2026-11-21T00:00:00Z", "2027-01-01T12:00:00.000Z"],
    ["0 0 0 13 * 5", "2026-11-21T00:00:00Z", "2027-08-13T00:00:00.000Z"],
    ["0 0 0 29 2 *", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00.000Z"],
    ["0 0 0 30 2 *", "2026-11-21T00:00:00Z", undefined],
  ])("of %s after %s is %s", (expression, after, expected) => {
    expect(nextText(expression, after)).toBe(expected);
  });
});

test.each([
  "* * * *",
  "* * * * * * *",
  "60 * * * * *",
  "* * 24 * * *",
  "* * * 0 * *",
  "* * * * 13 *",
  "* * * * * 7",
  "? * * * * *",
  "* * * L * *",
  "*/0 * * * * *",
  "1- * * * * *",
  "1,,2 * * * * *",
  "a * * * * *",
  "* * * * foo *",
  "@daily",
  "00:05:00",
])("%s is refused", (expression) => {
  expect(() => parseNcrontab(expression)).toThrow(/NCRONTAB|fields/);
});

const field = (min: number, max: number): fc.Arbitrary<string> => {
  const value = fc.integer({ min, max });
  const range = fc.tuple(value, value).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`);
  const step = fc.integer({ min: 1, max: Math.max(1, max - min) });
  const stepped = fc
    .tuple(fc.oneof(fc.constant("*"), range), step)
    .map(([base, every]) => `${base}/${every}`);
  const part = fc.oneof(value.map(String), range, stepped);
  const list = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(","));
  return fc.oneof({ arbitrary: fc.constant("*"), weight: 2 }, list);
};

test("it agrees with another implementation wherever their grammars meet", () => {
  const expression = fc
    .tuple(field(0, 59), field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6))
    .map((fields) => fields.join(" "));
  const instant = fc.integer({ min: at("2024-01-01T00:00:00Z"), max: at("2030-01-01T00:00:00Z") });
  fc.assert(
    fc.property(expression, instant, (text, after) => {
      const other = new Cron(text, { mode: "6-part", domAndDow: true, timezone: "UTC" });
      expect(parseNcrontab(text).next(after)).toBe(other.nextRun(new Date(after))?.getTime());
    }),
    { numRuns: 2_000 },
  );
});
