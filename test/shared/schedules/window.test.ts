/** Maintenance windows beside a walk over every minute that knows nothing of spans. */
import * as fc from "fast-check";
import { describe, expect, inject, it } from "vitest";
import {
  type EffectiveWindow,
  mayStart,
  nextStart,
  openSpans,
  type Span,
  type Window,
} from "../../../shared/schedules/times/window.ts";
import { processorMs } from "../../support/processor-time.ts";
import { walk } from "./oracle.ts";

const at = (iso: string) => Date.parse(iso);
const iso = (instant: number | undefined) =>
  instant === undefined ? undefined : new Date(instant).toISOString().replace(":00.000Z", "Z");
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

const nightly = (
  timeZone: string,
  time: string,
  minutesOpen: number,
  rule = "FREQ=DAILY",
): Window => ({
  opens: { kind: "recurring", timeZone, start: `2025-12-01T${time}`, rule },
  minutes: minutesOpen,
});
const anything = { runMs: 0, cutoffMs: 0 };

describe("golden windows", () => {
  const night = { groups: [[nightly("Europe/Paris", "22:00", 480)]] };

  it("nobody's windows are always open", () => {
    expect(nextStart({ groups: [] }, 5, { runMs: 1e12, cutoffMs: 0 })).toBe(5);
  });

  it("waits for the night, and begins at once within it", () => {
    expect(iso(nextStart(night, at("2026-06-01T10:00Z"), anything))).toBe("2026-06-01T20:00Z");
    expect(mayStart(night, at("2026-06-01T23:00Z"), anything)).toBe(true);
    expect(mayStart(night, at("2026-06-02T04:00Z"), anything)).toBe(false);
  });

  it("does not begin what no longer fits, nor within the cut-off", () => {
    const late = at("2026-06-02T03:00Z");
    expect(mayStart(night, late, { runMs: hourMs, cutoffMs: 0 })).toBe(true);
    expect(iso(nextStart(night, late, { runMs: hourMs + 1, cutoffMs: 0 }))).toBe(
      "2026-06-02T20:00Z",
    );
    expect(iso(nextStart(night, late, { runMs: 0, cutoffMs: 61 * minuteMs }))).toBe(
      "2026-06-02T20:00Z",
    );
  });

  it("says so when nothing fits", () => {
    expect(
      nextStart(night, at("2026-06-01T10:00Z"), { runMs: 9 * hourMs, cutoffMs: 0 }),
    ).toBeUndefined();
  });

  it("says so soon, also of twenty windows that open every hour", () => {
    const rule = `FREQ=DAILY;BYHOUR=${Array.from({ length: 24 }, (_, hour) => hour).join(",")}`;
    const groups = [Array.from({ length: 20 }, () => nightly("UTC", "00:00", 1, rule))];
    const search = () =>
      nextStart({ groups }, at("2026-06-01T10:00Z"), { runMs: hourMs, cutoffMs: 0 });
    expect(processorMs(() => expect(search()).toBe(undefined))).toBeLessThan(4_000);
  });

  it("needs the task's and the collection's, and minds exclusions", () => {
    const both: EffectiveWindow = {
      groups: [
        [nightly("Europe/Paris", "22:00", 480)],
        [
          nightly("Europe/Paris", "01:00", 60, "FREQ=MONTHLY;BYDAY=2SU"),
          nightly("Europe/Paris", "02:00", 30),
        ],
      ],
      exclusions: [{ from: at("2026-06-14T00:10Z"), to: at("2026-06-14T00:20Z") }],
    };
    const spans = openSpans(both, { from: at("2026-06-13T12:00Z"), to: at("2026-06-14T12:00Z") });
    expect(spans.map(({ from, to }) => [iso(from), iso(to)])).toEqual([
      ["2026-06-13T23:00Z", "2026-06-14T00:10Z"],
      ["2026-06-14T00:20Z", "2026-06-14T00:30Z"],
    ]);
  });

  it("stays open its minutes of elapsed time when the clock changes", () => {
    const [span] = openSpans(night, { from: at("2026-10-24T12:00Z"), to: at("2026-10-25T12:00Z") });
    expect([iso(span?.from), iso(span?.to)]).toEqual(["2026-10-24T20:00Z", "2026-10-25T04:00Z"]);
  });

  it("finds a window behind a far boundary whole", () => {
    const yearly = {
      groups: [[nightly("UTC", "00:00", 120, "FREQ=YEARLY;BYMONTH=11;BYMONTHDAY=30")]],
    };
    for (let day = 0; day < 70; day += 1) {
      const from = at("2026-12-01T12:00Z") + day * 24 * hourMs;
      expect(iso(nextStart(yearly, from, { runMs: 2 * hourMs, cutoffMs: 0 }))).toBe(
        "2027-11-30T00:00Z",
      );
    }
  });
});

/** The first of the minutes from one on after which so many are open. */
function firstFit(open: readonly boolean[], asked: number, need: number): number | undefined {
  let length = 0;
  for (let minute = asked; minute < open.length; minute += 1) {
    length = open[minute] ? length + 1 : 0;
    if (length === need) return minute - need + 1;
  }
  return undefined;
}

describe("any windows, around the changes of clocks", () => {
  const zones = ["Europe/Paris", "Australia/Lord_Howe", "America/Havana", "America/Santiago"];
  const days = ["2026-03-07", "2026-03-28", "2026-04-04", "2026-09-05", "2026-10-03", "2026-10-24"];
  const aWindow = fc.record({
    zone: fc.constantFrom(...zones),
    time: fc.constantFrom("00:00", "00:30", "02:00", "02:30", "12:00", "23:30"),
    minutes: fc.integer({ min: 1, max: 1500 }),
  });
  const aHole = fc.tuple(fc.nat(4000), fc.integer({ min: 1, max: 600 }));

  it("never begin outside, nor later than they could, beside every minute", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...days),
        fc.array(fc.array(aWindow, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 2 }),
        fc.array(aHole, { maxLength: 2 }),
        fc.nat(1440),
        fc.record({ run: fc.nat(500), cutoff: fc.nat(200) }),
        (day, groups, holes, asked, { run, cutoff }) => {
          const from = at(`${day}T00:00Z`);
          const walkTo = from + 5 * 24 * hourMs;
          const exclusions: Span[] = holes.map(([start, length]) => ({
            from: from + start * minuteMs,
            to: from + (start + length) * minuteMs,
          }));
          const windows: EffectiveWindow = {
            groups: groups.map((each) =>
              each.map((one) => nightly(one.zone, one.time, one.minutes)),
            ),
            exclusions,
          };
          const open = openMinutes(groups, exclusions, from, walkTo);
          const need = Math.max(run, cutoff, 1);
          const expected = firstFit(open, asked, need);
          const found = nextStart(windows, from + asked * minuteMs, {
            runMs: run * minuteMs,
            cutoffMs: cutoff * minuteMs,
          });
          // The walk ends after five days; what it does not find there, must not be found there.
          const isRight =
            expected === undefined
              ? (found ?? walkTo) > walkTo - (need + 1) * minuteMs
              : found === from + expected * minuteMs;
          expect(isRight, `${iso(found)} ${expected}`).toBe(true);
        },
      ),
      { numRuns: inject("oneCaseIn") === 1 ? 200 : 50 },
    );
  });

  function openMinutes(
    groups: { zone: string; time: string; minutes: number }[][],
    exclusions: readonly Span[],
    from: number,
    to: number,
  ): boolean[] {
    const count = (to - from) / minuteMs;
    const open = Array.from({ length: count }, () => true);
    for (const group of groups) {
      const any = Array.from({ length: count }, () => false);
      for (const { zone, time, minutes: length } of group) {
        for (const start of startsOf(zone, from - 2 * 24 * hourMs, to)(time))
          for (let minute = 0; minute < length; minute += 1) {
            const index = (start - from) / minuteMs + minute;
            if (index >= 0 && index < count) any[index] = true;
          }
      }
      for (const [index, is] of any.entries()) if (!is) open[index] = false;
    }
    for (const hole of exclusions)
      for (let each = hole.from; each < hole.to; each += minuteMs)
        if (each < to) open[(each - from) / minuteMs] = false;
    return open;
  }

  /** Each walk is made once. */
  const walks = new Map<string, ReturnType<typeof walk>>();
  function startsOf(zone: string, from: number, to: number): ReturnType<typeof walk> {
    const key = `${zone} ${from}`;
    const made = walks.get(key) ?? walk(zone, { from, to });
    walks.set(key, made);
    return made;
  }
});
