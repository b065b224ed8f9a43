/** Times of schedules: golden instants of our own, and every minute of a year beside what the clock on the wall shows. */
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import {
  faultsOfRule,
  faultsOfSchedules,
  nextOccurrence,
  occurrencesAfter,
  type Recurring,
} from "../../../shared/schedules/times/recurrence.ts";
import { processorMs } from "../../support/processor-time.ts";
import { aroundChanges, type Span, walk } from "./oracle.ts";

const faultsOf = (
  schedule: Parameters<typeof faultsOfSchedules>[0][number]["schedule"],
  now: number,
) => faultsOfSchedules([{ schedule, pointer: "/schedule" }], now);
const at = (iso: string) => Date.parse(iso);
const iso = (instant: number) => new Date(instant).toISOString().replace(":00.000Z", "Z");

const recurring = (
  timeZone: string,
  start: string,
  rule: string,
  excluded?: string[],
): Recurring => ({
  kind: "recurring",
  timeZone,
  start,
  rule,
  ...(excluded && { excluded }),
});

function first(schedule: Recurring, after: string, count: number): string[] {
  const times: string[] = [];
  for (const each of occurrencesAfter(schedule, at(after))) {
    times.push(`${iso(each.at)}${each.moved ? " moved" : ""}`);
    if (times.length === count) break;
  }
  return times;
}

describe.each(["UTC", "America/New_York", "Pacific/Kiritimati"])(
  "golden instants, in a process of %s",
  (processZone) => {
    const own = process.env["TZ"];
    beforeAll(() => {
      process.env["TZ"] = processZone;
    });
    afterAll(() => {
      if (own === undefined) delete process.env["TZ"];
      else process.env["TZ"] = own;
    });

    const table: [why: string, Recurring, after: string, times: string[]][] = [
      [
        "the second Tuesday of a month",
        recurring("Europe/Paris", "2026-12-01T02:00", "FREQ=MONTHLY;BYDAY=2TU"),
        "2026-12-01T00:00Z",
        ["2026-12-08T01:00Z", "2027-01-12T01:00Z", "2027-02-09T01:00Z"],
      ],
      [
        "the last day of a month",
        recurring("Europe/Paris", "2027-01-31T22:00", "FREQ=MONTHLY;BYMONTHDAY=-1"),
        "2027-01-01T00:00Z",
        ["2027-01-31T21:00Z", "2027-02-28T21:00Z", "2027-03-31T20:00Z"],
      ],
      [
        "the 31st, which is not in every month",
        recurring("UTC", "2027-01-31T08:00", "FREQ=MONTHLY"),
        "2027-01-01T00:00Z",
        ["2027-01-31T08:00Z", "2027-03-31T08:00Z", "2027-05-31T08:00Z"],
      ],
      [
        "the last weekday of a month",
        recurring("UTC", "2026-01-01T06:00", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"),
        "2026-05-01T00:00Z",
        ["2026-05-29T06:00Z", "2026-06-30T06:00Z", "2026-07-31T06:00Z"],
      ],
      [
        "29 February",
        recurring("UTC", "2028-02-29T00:00", "FREQ=YEARLY"),
        "2026-01-01T00:00Z",
        ["2028-02-29T00:00Z", "2032-02-29T00:00Z"],
      ],
      [
        "a time that Paris jumps over once",
        recurring("Europe/Paris", "2027-03-26T02:30", "FREQ=DAILY"),
        "2027-03-27T12:00Z",
        ["2027-03-28T01:00Z moved", "2027-03-29T00:30Z"],
      ],
      [
        "a time that Paris shows twice: the first",
        recurring("Europe/Paris", "2026-10-24T02:30", "FREQ=DAILY"),
        "2026-10-24T12:00Z",
        ["2026-10-25T00:30Z", "2026-10-26T01:30Z"],
      ],
      [
        "half an hour of Lord Howe",
        recurring("Australia/Lord_Howe", "2026-10-02T02:15", "FREQ=DAILY"),
        "2026-10-02T16:00Z",
        ["2026-10-03T15:30Z moved", "2026-10-04T15:15Z"],
      ],
      [
        "midnight that Asunción jumped over",
        recurring("America/Asuncion", "2023-09-30T00:00", "FREQ=DAILY"),
        "2023-09-30T12:00Z",
        ["2023-10-01T04:00Z moved", "2023-10-02T03:00Z"],
      ],
      [
        "the day that Samoa left out",
        recurring("Pacific/Apia", "2011-12-29T09:00", "FREQ=DAILY"),
        "2011-12-28T00:00Z",
        ["2011-12-29T19:00Z", "2011-12-30T10:00Z moved", "2011-12-30T19:00Z"],
      ],
      [
        "two times in one jump are one moment, and so is the time behind it",
        recurring("Europe/Paris", "2027-03-28T00:00", "FREQ=DAILY;BYHOUR=2,3;BYMINUTE=0,15"),
        "2027-03-28T00:00Z",
        ["2027-03-28T01:00Z moved", "2027-03-28T01:15Z", "2027-03-29T00:00Z"],
      ],
      [
        "excluded dates and times count, but do not happen",
        recurring("UTC", "2026-12-24T10:00", "FREQ=DAILY;COUNT=4", [
          "2026-12-25",
          "2026-12-26T10:00",
        ]),
        "2026-12-01T00:00Z",
        ["2026-12-24T10:00Z", "2026-12-27T10:00Z"],
      ],
      [
        "until a date, with it",
        recurring("America/New_York", "2026-12-01T23:30", "FREQ=DAILY;UNTIL=20261202"),
        "2026-12-01T00:00Z",
        ["2026-12-02T04:30Z", "2026-12-03T04:30Z"],
      ],
      [
        "until a moment",
        recurring("America/New_York", "2026-12-01T23:30", "FREQ=DAILY;UNTIL=20261203T043000Z"),
        "2026-12-01T00:00Z",
        ["2026-12-02T04:30Z", "2026-12-03T04:30Z"],
      ],
      [
        "every second week by its start",
        recurring("UTC", "2026-12-02T05:00", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE"),
        "2026-12-01T00:00Z",
        ["2026-12-02T05:00Z", "2026-12-14T05:00Z", "2026-12-16T05:00Z"],
      ],
    ];
    it.each(table)("%s", (_, schedule, after, times) => {
      expect(first(schedule, after, times.length + 1).slice(0, times.length)).toEqual(times);
    });

    it("ends where its rule ends", () => {
      const twice = recurring("UTC", "2026-12-01T00:00", "FREQ=DAILY;COUNT=2");
      expect(first(twice, "2026-11-01T00:00Z", 9)).toHaveLength(2);
      expect(nextOccurrence(twice, at("2026-12-02T00:00Z"))).toBeUndefined();
    });

    it("calls a time by what was meant, whoever asks and from when", () => {
      const nightly = recurring("Europe/Paris", "2027-03-26T02:30", "FREQ=DAILY");
      const names = ["2027-03-27T03:00Z", "2027-03-28T00:59Z"].map(
        (after) => nextOccurrence(nightly, at(after))?.name,
      );
      expect(new Set(names)).toEqual(new Set(["2027-03-28T02:30[Europe/Paris]"]));
    });

    it("leaves out what a shared calendar excludes", () => {
      const daily = recurring("UTC", "2026-12-24T10:00", "FREQ=DAILY");
      const next = nextOccurrence(daily, at("2026-12-24T12:00Z"), new Set(["2026-12-25"]));
      expect(next?.at).toBe(at("2026-12-26T10:00Z"));
    });
  },
);

/** Half hours, midnight gaps, both hemispheres, a zone without changes and one with odd minutes. */
const zones = [
  "Europe/Paris",
  "America/New_York",
  "America/Santiago",
  "Africa/Cairo",
  "Asia/Beirut",
  "Australia/Lord_Howe",
  "Australia/Sydney",
  "Pacific/Auckland",
  "Pacific/Chatham",
  "America/Havana",
  "Asia/Kathmandu",
];

const isSunday = (date: string) => new Date(`${date}Z`).getUTCDay() === 0;
function within(schedule: Recurring, { from, to }: Span): string[] {
  const times: string[] = [];
  for (const each of occurrencesAfter(schedule, from - 1)) {
    if (each.at >= to) break;
    times.push(iso(each.at));
  }
  return times;
}

describe("a year beside the clock on the wall", () => {
  const year = { from: at("2025-12-30T00:00Z"), to: at("2027-01-03T00:00Z") };
  // A walk over a whole year takes seconds, and most of its days are alike.
  const spansOf = (zone: string): Span[] =>
    inject("oneCaseIn") === 1 && zones.indexOf(zone) % 3 === 0 ? [year] : aroundChanges(zone, year);

  it.each(zones)("%s: daily and weekly rules run when the clock shows it, once a day", (zone) => {
    for (const span of spansOf(zone)) {
      const expected = walk(zone, span);
      for (const time of ["00:00", "00:30", "01:45", "02:15", "02:30", "03:00", "12:00", "23:59"]) {
        const daily = recurring(zone, `2025-12-01T${time}`, "FREQ=DAILY");
        const sundays = recurring(zone, `2025-12-01T${time}`, "FREQ=WEEKLY;BYDAY=SU");
        expect(within(daily, span)).toEqual(expected(time).map(iso));
        expect(within(sundays, span)).toEqual(expected(time, isSunday).map(iso));
      }
    }
  });
});

describe("every so many minutes", () => {
  it("is elapsed time, from its beginning", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.integer({ min: -1e6, max: 1e6 }),
        (every, offset) => {
          const from = at("2026-10-24T00:00Z");
          const after = from + offset * 1000;
          const next = nextOccurrence({ kind: "everyMinutes", minutes: every, from }, after);
          const step = every * 60_000;
          expect(next?.at).toBeGreaterThan(after);
          expect(next?.at).toBeGreaterThanOrEqual(from);
          expect(((next?.at ?? 0) - from) % step).toBe(0);
          expect(next?.at).toBeLessThanOrEqual(Math.max(after, from - step) + step);
        },
      ),
    );
  });
});

describe("any rule", () => {
  const aRule = fc
    .record({
      freq: fc.constantFrom("DAILY", "WEEKLY", "MONTHLY"),
      interval: fc.integer({ min: 1, max: 5 }),
      days: fc.subarray(["MO", "TU", "WE", "TH", "FR", "SA", "SU"]),
      hour: fc.integer({ min: 0, max: 23 }),
    })
    .map(
      ({ freq, interval, days, hour }) =>
        `FREQ=${freq};INTERVAL=${interval};BYHOUR=${hour}${days.length > 0 ? `;BYDAY=${days.join(",")}` : ""}`,
    );

  it("comes in order, never twice at one moment, and the same from wherever it is asked", () => {
    fc.assert(
      fc.property(aRule, fc.constantFrom(...zones), fc.nat(400), (rule, zone, day) => {
        const schedule = recurring(zone, "2026-01-05T00:30", rule);
        const after = at("2026-01-01T00:00Z") + day * 86_400_000;
        const times: number[] = [];
        for (const each of occurrencesAfter(schedule, after)) {
          times.push(each.at);
          if (times.length === 12) break;
        }
        expect(times).toEqual([...new Set(times)].toSorted((a, b) => a - b));
        for (const [index, time] of times.slice(0, -1).entries())
          expect(nextOccurrence(schedule, time)?.at).toBe(times[index + 1]);
      }),
      { numRuns: 60 },
    );
  });
});

describe("what is refused", () => {
  it.each([
    ["FREQ=HOURLY", "FREQ must be"],
    ["FREQ=DAILY;BYSECOND=1", "BYSECOND"],
    ["FREQ=DAILY;FOO=1", "FOO"],
    ["FREQ=DAILY;BYMONTHDAY=99", "BYMONTHDAY must be"],
    ["FREQ=DAILY;COUNT=2;UNTIL=20270101", "COUNT or UNTIL"],
    ["FREQ=MONTHLY;BYDAY=6MO", "at most five"],
    ["FREQ=WEEKLY;BYDAY=2TU", "numbered weekdays"],
    ["FREQ=WEEKLY;BYMONTHDAY=1", "BYMONTHDAY does not go with"],
    ["COUNT=3", "must say FREQ"],
    ["FREQ=DAILY;FREQ=WEEKLY", "twice"],
    ["FREQ=MONTHLY;BYSETPOS=1", "BYSETPOS needs"],
    ["DTSTART=20260101;FREQ=DAILY", "start, excluded and timeZone"],
    ["FREQ=DAILY;__proto__=1", "__proto__"],
    ["", "no part"],
    ["FREQ=DAILY\nEXDATE:20260101", "FREQ must be"],
    ["FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE=0,10,20,30,40", "more than 24 times a day"],
    [`FREQ=YEARLY;BYYEARDAY=${"1,".repeat(199)}1;BYHOUR=1,2,3,4,5,6`, "more than 1000 times"],
    ["FREQ=WEEKLY;BYDAY=MO,TU;BYSETPOS=300", "among 2 times"],
  ])("%s", (rule, why) => {
    expect(
      faultsOfRule(rule, "/rule")
        .map(({ detail }) => detail)
        .join("; "),
    ).toContain(why);
  });

  it("names every fault at once, where it is", () => {
    const faults = faultsOf(
      recurring("Mars/Olympus", "2026-02-30T02:00", "FREQ=SOMETIMES"),
      at("2026-01-01T00:00Z"),
    );
    expect(faults.map(({ pointer }) => pointer)).toEqual([
      "/schedule/timeZone",
      "/schedule/start",
      "/schedule/rule",
    ]);
  });

  it.each([
    ["a day that is in no year", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"],
    ["an end in the past", "FREQ=DAILY;UNTIL=20260102"],
  ])("a rule that never happens: %s", (_, rule) => {
    const schedule = recurring("UTC", "2026-01-01T00:00", rule);
    expect(faultsOf(schedule, at("2026-06-01T00:00Z"))).toMatchObject([
      { pointer: "/schedule", detail: expect.stringContaining("never happens") },
    ]);
  });

  it("a time in the past", () => {
    const now = at("2026-06-01T00:00Z");
    expect(faultsOf({ kind: "at", at: now - 1 }, now)).toMatchObject([
      { detail: "lies in the past" },
    ]);
  });

  it("what keeps everybody waiting: of rules that never happen, only some are told", () => {
    const rule = `FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30;BYHOUR=${Array.from({ length: 24 }, (_, hour) => hour).join(",")}`;
    const schedule = recurring("UTC", "2026-01-01T00:00", rule);
    const all = Array.from({ length: 100 }, () => ({ schedule, pointer: "/w" }));
    const judge = () => faultsOfSchedules(all, at("2026-06-01T00:00Z"));
    expect(processorMs(() => expect(judge()).toHaveLength(3))).toBeLessThan(3_000);
  });
});
