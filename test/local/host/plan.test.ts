import { describe, expect, test } from "vitest";
import { parseNcrontab } from "../../../local/host/app/ncrontab.ts";
import { planStart, statusAfter } from "../../../local/host/timers/plan.ts";

const at = (time: string): number => Date.parse(`2026-11-21T${time}Z`);
const hourly = parseNcrontab("0 0 * * * *");

describe("a timer that starts", () => {
  const now = at("12:30:00");

  test("for the first time waits for its next occurrence", () => {
    const status = { last: 0, next: at("13:00:00"), lastUpdated: 0 };
    const stored = { ...status, lastUpdated: now };
    expect(planStart(hourly, undefined, now)).toEqual({ pastDue: false, status, stored });
  });

  test("is past due once, however many occurrences it missed", () => {
    const stored = { last: at("08:00:00"), next: at("09:00:00"), lastUpdated: at("08:00:01") };
    expect(planStart(hourly, stored, now)).toEqual({ pastDue: true, status: stored });
  });

  test("is not past due before its time", () => {
    const stored = { last: at("12:00:00"), next: at("13:00:00"), lastUpdated: at("12:00:01") };
    expect(planStart(hourly, stored, now)).toMatchObject({ pastDue: false, status: stored });
  });

  test("is not past due when its schedule was edited", () => {
    const edited = { last: at("08:00:00"), next: at("08:20:00"), lastUpdated: at("08:00:01") };
    const status = { last: 0, next: at("13:00:00"), lastUpdated: now };
    expect(planStart(hourly, edited, now)).toEqual({ pastDue: false, status, stored: status });
  });

  test("whose schedule was edited goes on from its last run where that is not over yet", () => {
    const edited = { last: at("12:10:00"), next: at("12:40:00"), lastUpdated: at("12:10:01") };
    const status = { last: 0, next: at("13:00:00"), lastUpdated: edited.last };
    expect(planStart(hourly, edited, now)).toEqual({ pastDue: false, status, stored: status });
  });

  test("is past due when it never ran and missed its first occurrence", () => {
    const stored = { last: 0, next: at("09:00:00"), lastUpdated: at("08:00:01") };
    expect(planStart(hourly, stored, now)).toEqual({ pastDue: true, status: stored });
  });

  test("is not past due when it never ran and its schedule was edited", () => {
    const edited = { last: 0, next: at("08:30:00"), lastUpdated: at("08:00:01") };
    expect(planStart(hourly, edited, now)).toMatchObject({
      pastDue: false,
      status: { last: 0, next: at("13:00:00"), lastUpdated: now },
    });
  });

  test("goes by the time it is when the stored status says nothing else", () => {
    const stored = { last: 0, next: at("13:00:00"), lastUpdated: 0 };
    expect(planStart(hourly, stored, now)).toEqual({ pastDue: false, status: stored });
  });
});

describe("after a run", () => {
  test("that was fired early, the same occurrence does not come again", () => {
    const status = statusAfter(hourly, at("12:00:00"), at("11:59:59.990"));
    expect(status).toEqual({
      last: at("12:00:00"),
      next: at("13:00:00"),
      lastUpdated: at("12:00:00"),
    });
  });

  test("that outlasted its interval, one occurrence is caught up", () => {
    const status = statusAfter(hourly, at("08:00:00"), at("08:00:00"));
    expect(status).toMatchObject({ last: at("08:00:00"), next: at("09:00:00") });
    const caughtUp = statusAfter(hourly, status.next, at("11:30:00"));
    expect(caughtUp.next).toBe(at("12:00:00"));
  });
});

test.each([
  ["*/30 * * * * *", true],
  ["0,59 */1 0-23 * * 0-6", true],
  ["0 * * * * *", false],
  ["*/10 0 * * * *", false],
  ["0,1 0 0 * * *", false],
  ["* * * * 1 *", false],
])("%s comes more than once in every minute: %s", (expression, expected) => {
  expect(parseNcrontab(expression).isSubMinute).toBe(expected);
});
