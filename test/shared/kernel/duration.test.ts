import { assert, nat, property, record } from "fast-check";
import { expect, test } from "vitest";
import { durationMs } from "../../../shared/kernel/duration.ts";

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
