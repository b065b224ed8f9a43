import { describe, expect, test } from "vitest";
import { parseNcrontab } from "../../../local/host/ncrontab.ts";
import { isSubMinute, planStart, statusAfter } from "../../../local/host/timer-plan.ts";

const at = (time: string): number => Date.parse(`2026-11-21T${time}Z`);
const hourly = parseNcrontab("0 0 * * * *");

describe("a timer that starts", () => {
  const now = at("12:30:00");

  test("for the first time waits for its next occurrence", () => {
    const status = { last: 0, next: at("13:00:00"), lastUpdated: now };
    expect(planStart(hourly, undefined, now)).toEqual({ pastDue: false, status, isNew: true });
  });

  test("is past due once, however many occurrences it missed", () => {
    const stored = { last: at("08:00:00"), next: at("09:00:00"), lastUpdated: at("08:00:01") };
    expect(planStart(hourly, stored, now)).toEqual({ pastDue: true, status: stored, isNew: false });
  });

  test("is not past due before its time", () => {
    const stored = { last: at("12:00:00"), next: at("13:00:00"), lastUpdated: at("12:00:01") };
    expect(planStart(hourly, stored, now)).toMatchObject({ pastDue: false, status: stored });
  });

  test("is not past due when its schedule was edited", () => {
    const stored = { last: at("08:00:00"), next: at("08:20:00"), lastUpdated: at("08:00:01") };
    const status = { last: stored.last, next: at("13:00:00"), lastUpdated: now };
    expect(planStart(hourly, stored, now)).toEqual({ pastDue: false, status, isNew: true });
  });

  test("is not past due when it never ran", () => {
    const stored = { last: 0, next: at("09:00:00"), lastUpdated: at("08:00:01") };
    expect(planStart(hourly, stored, now)).toMatchObject({ pastDue: false, isNew: true });
  });
});

describe("after a run", () => {
  test("that was fired early, the same occurrence does not come again", () => {
    const status = statusAfter(hourly, at("12:00:00"), at("11:59:59.990"), at("12:00:01"));
    expect(status.next).toBe(at("13:00:00"));
  });

  test("that outlasted its interval, one occurrence is caught up", () => {
    const status = statusAfter(hourly, at("08:00:00"), at("08:00:00"), at("11:30:00"));
    expect(status).toMatchObject({ last: at("08:00:00"), next: at("09:00:00") });
    const caughtUp = statusAfter(hourly, status.next, at("11:30:00"), at("11:31:00"));
    expect(caughtUp.next).toBe(at("12:00:00"));
  });
});

test.each([
  ["*/30 * * * * *", true],
  ["0 * * * * *", false],
  ["0,1 0 0 * * *", true],
])("%s more often than once a minute: %s", (expression, expected) => {
  expect(isSubMinute(parseNcrontab(expression), at("12:00:00"))).toBe(expected);
});
