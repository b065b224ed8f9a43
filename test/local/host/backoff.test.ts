/** The host's pauses, which several files of it reckon: empty polls, retries, workers that crash, time spans. */
import { describe, expect, test } from "vitest";
import { timeSpanMs } from "../../../local/host/app/app-files.ts";
import { randomizedBackoffMs } from "../../../local/host/runs/drain.ts";
import { retryDelayMs } from "../../../local/host/runs/runner.ts";
import { restartPauseMs } from "../../../local/host/runs/worker.ts";

test.each([
  [1, 0, 100],
  [2, 0, 260],
  [2, 0.5, 300],
  [3, 0.5, 500],
  [5, 0.5, 1_700],
  [6, 0.5, 2_000],
  [10_000, 0.5, 2_000],
])("after %d empty polls and with random %d the pause is %d ms", (polls, random, expected) => {
  expect(Math.round(randomizedBackoffMs(polls, 2_000, random))).toBe(expected);
});

describe("a retry policy", () => {
  const fixed = { maxRetryCount: 2, retryStrategy: "fixedDelay", delayInterval: { seconds: 3 } };
  const growing = {
    maxRetryCount: -1,
    retryStrategy: "exponentialBackoff",
    minimumInterval: { seconds: 1 },
    maximumInterval: { seconds: 10 },
  };
  test.each([
    [undefined, 1, undefined],
    [fixed, 1, 3_000],
    [fixed, 2, 3_000],
    [fixed, 3, undefined],
    [growing, 1, 1_000],
    [growing, 2, 1_200],
    [growing, 500, 10_000],
  ])("%j before try %d waits %d ms", (options, retry, expected) => {
    expect(retryDelayMs(options, retry, 0.5)).toBe(expected);
  });
});

test("a worker that crashes on load again and again is started less and less often", () => {
  expect([0, 1, 2, 3, 4, 20].map(restartPauseMs)).toEqual([0, 0, 125, 250, 500, 10_000]);
});

test.each([
  ["00:00:02", 2_000],
  ["00:00:00.100", 100],
  ["1.02:03:04", 93_784_000],
  ["00:05", 300_000],
  ["-00:00:01", -1_000],
  ["24:00:00", undefined],
  ["00:60:00", undefined],
  ["5", undefined],
  ["5s", undefined],
])("the time span %s is %s ms", (text, expected) => {
  expect(timeSpanMs(text)).toBe(expected);
});
