import * as fc from "fast-check";
import { describe, expect, inject, test } from "vitest";
import { parseNcrontab } from "../../../local/host/app/ncrontab.ts";

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

/** A field as text, and the values that it stands for. */
type Spoken = { readonly text: string; readonly values: readonly number[] };

const stepped = (from: number, to: number, step: number): number[] =>
  Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step);

const field = (min: number, max: number): fc.Arbitrary<Spoken> => {
  const value = fc.integer({ min, max });
  const step = fc.integer({ min: 1, max: max - min });
  const part: fc.Arbitrary<Spoken> = fc.oneof(
    value.map((n) => ({ text: `${n}`, values: [n] })),
    fc.tuple(value, value, step).map(([a, b, every]) => ({
      text: `${a}-${b}/${every}`,
      values: stepped(Math.min(a, b), Math.max(a, b), every),
    })),
    fc.tuple(value, step).map(([from, every]) => ({
      text: `${from}/${every}`,
      values: stepped(from, max, every),
    })),
    step.map((every) => ({ text: `*/${every}`, values: stepped(min, max, every) })),
  );
  const list = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => ({
    text: parts.map(({ text }) => text).join(","),
    values: parts.flatMap(({ values }) => values),
  }));
  const all = fc.constant({ text: "*", values: stepped(min, max, 1) });
  return fc.oneof({ arbitrary: all, weight: 2 }, list);
};

const dayMs = 86_400_000;

/** The slow way: day after day, and within a day every time that the fields allow. */
function search(
  [seconds, minutes, hours, days, months, weekdays]: readonly (readonly number[])[],
  after: number,
): number | undefined {
  const times = (hours ?? []).flatMap((hour) =>
    (minutes ?? []).flatMap((minute) =>
      (seconds ?? []).map((second) => ((hour * 60 + minute) * 60 + second) * 1000),
    ),
  );
  const sorted = times.toSorted((a, b) => a - b);
  const today = Math.floor(after / dayMs) * dayMs;
  for (let midnight = today; midnight < today + 41 * 366 * dayMs; midnight += dayMs) {
    const date = new Date(midnight);
    const matches =
      days?.includes(date.getUTCDate()) &&
      months?.includes(date.getUTCMonth() + 1) &&
      weekdays?.includes(date.getUTCDay());
    const time = matches ? sorted.find((each) => midnight + each > after) : undefined;
    if (time !== undefined) return midnight + time;
  }
  return undefined;
}

const schedules = fc.tuple(
  field(0, 59),
  field(0, 59),
  field(0, 23),
  field(1, 31),
  field(1, 12),
  field(0, 6),
);
const instants = fc.integer({ min: at("2024-01-01T00:00:00Z"), max: at("2030-01-01T00:00:00Z") });

test("it finds what a search day by day finds, whatever the fields", () => {
  fc.assert(
    fc.property(schedules, instants, (parts, after) => {
      const expression = parts.map(({ text }) => text).join(" ");
      const found = parseNcrontab(expression).next(after);
      const searched = search(
        parts.map(({ values }) => values),
        after,
      );
      expect(found).toBe(searched);
    }),
    { numRuns: inject("oneCaseIn") === 1 ? 1_000 : 100 },
  );
});

const pacific = (expression: string, after: string): string => {
  const schedule = parseNcrontab(expression, "America/Los_Angeles");
  return schedule.text(schedule.next(at(after)) ?? 0);
};

describe("on the clock of a time zone", () => {
  test.each([
    [
      "is that clock's time of day",
      "0 30 9 * * *",
      "2018-07-01T00:00-07:00",
      "07-01T09:30:00-07:00",
    ],
    [
      "comes an hour later where it is left out",
      "0 30 2 * * *",
      "2018-03-11T01:00-08:00",
      "03-11T03:30:00-07:00",
    ],
    [
      "is back at its own time on the next day",
      "0 30 2 * * *",
      "2018-03-11T03:30-07:00",
      "03-12T02:30:00-07:00",
    ],
    [
      "goes on by the hour over what is left out",
      "0 0 * * * *",
      "2018-03-11T01:00-08:00",
      "03-11T03:00:00-07:00",
    ],
    [
      "comes in the first of two equal hours",
      "0 30 1 * * *",
      "2018-11-04T00:59-07:00",
      "11-04T01:30:00-07:00",
    ],
    [
      "does not come again in the second",
      "0 30 1 * * *",
      "2018-11-04T01:30-07:00",
      "11-05T01:30:00-08:00",
    ],
    [
      "is taken to have come when a host starts in the second",
      "0 30 1 * * *",
      "2018-11-04T01:29-08:00",
      "11-05T01:30:00-08:00",
    ],
    [
      "at intervals goes on into the first",
      "0 */30 * * * *",
      "2018-11-04T00:30-07:00",
      "11-04T01:00:00-07:00",
    ],
    [
      "at intervals goes on within the first",
      "0 */30 * * * *",
      "2018-11-04T01:00-07:00",
      "11-04T01:30:00-07:00",
    ],
    [
      "at intervals goes on into the second",
      "0 */30 * * * *",
      "2018-11-04T01:30-07:00",
      "11-04T01:00:00-08:00",
    ],
    [
      "at intervals goes on within the second",
      "0 */30 * * * *",
      "2018-11-04T01:00-08:00",
      "11-04T01:30:00-08:00",
    ],
    [
      "at intervals leaves the second",
      "0 */30 * * * *",
      "2018-11-04T01:30-08:00",
      "11-04T02:00:00-08:00",
    ],
  ])("a schedule %s", (_, expression, after, expected) => {
    expect(pacific(expression, after)).toBe(`2018-${expected}`);
  });

  test.each([
    ["Asia/Kolkata", "2026-11-21T00:00:00Z", "2026-11-21T05:30:00+05:30"],
    ["UTC", "2026-11-21T00:00:00.120Z", "2026-11-21T00:00:00.12+00:00"],
    ["America/St_Johns", "2026-11-21T00:00:10Z", "2026-11-20T20:30:10-03:30"],
  ])("an instant in %s is written with its offset", (timeZone, instant, expected) => {
    expect(parseNcrontab("* * * * *", timeZone).text(at(instant))).toBe(expected);
  });

  test("a schedule always goes forward, and shows a time that its fields allow or one hour more", () => {
    const zones = fc.constantFrom("America/Los_Angeles", "Europe/Berlin", "Asia/Kolkata");
    fc.assert(
      fc.property(schedules, instants, zones, (parts, after, zone) => {
        const schedule = parseNcrontab(parts.map(({ text }) => text).join(" "), zone);
        const next = schedule.next(after);
        if (next === undefined) return;
        expect(next).toBeGreaterThan(after);
        const [, minute, second] = /T\d\d:(\d\d):(\d\d)/.exec(schedule.text(next)) ?? [];
        expect(parts[0].values).toContain(Number(second));
        expect(parts[1].values).toContain(Number(minute));
      }),
      { numRuns: 1_000 },
    );
  });
});
