/**
 * Wall clocks: what a clock on the wall shows at a moment, and at which moment it shows a time.
 *
 * A local time is kept as the milliseconds that its digits would be in UTC, so that plain arithmetic works on it. A time
 * that the clock jumps over is taken as the first moment after the jump, one that it shows twice as the first of the two:
 * RFC 5545 would leave the first kind out, which for whoever waits for a nightly job is a lost night.
 */
import { LRUCache } from "lru-cache";
import type { Instant } from "../../kernel/clock.ts";

/** Digits of a local date and time, as the milliseconds that they would be in UTC. */
export type LocalTime = number;

const dayMs = 24 * 3600_000;

const formats = new LRUCache<string, Intl.DateTimeFormat>({ max: 200 });

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const kept = formats.get(timeZone);
  if (kept !== undefined) return kept;
  const made = new Intl.DateTimeFormat("en-US", {
    timeZone,
    calendar: "iso8601",
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  formats.set(timeZone, made);
  return made;
}

/** Whether this machine knows a time zone of that name; an offset such as +01:00 has no clock that people set. */
export function isTimeZone(name: string): boolean {
  if (!/^[a-z]/i.test(name)) return false;
  try {
    return new Intl.DateTimeFormat("en-US", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

/** What the clock shows at a moment, to the second. */
export function localTimeAt(timeZone: string, at: Instant): LocalTime {
  const parts = formatOf(timeZone).formatToParts(at);
  const of = Object.fromEntries(parts.map(({ type, value }) => [type, Number(value)]));
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = of;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** How far the clock is ahead of UTC at a moment. */
const aheadMs = (timeZone: string, at: Instant): number =>
  localTimeAt(timeZone, at) - Math.floor(at / 1000) * 1000;

/** When the clock shows a time. `moved`: it jumps over it, and `at` is the end of the jump. */
export function momentOf(
  timeZone: string,
  wanted: LocalTime,
): { readonly at: Instant; readonly moved: boolean } {
  // The offsets before and after a change of the clock, the one that comes first in time first.
  const ahead = [aheadMs(timeZone, wanted - dayMs), aheadMs(timeZone, wanted + dayMs)];
  const [first = wanted, second = wanted] = ahead
    .map((ms) => wanted - ms)
    .toSorted((a, b) => a - b);
  for (const at of [first, second])
    if (at + aheadMs(timeZone, at) === wanted) return { at, moved: false };
  return { at: jumpEnd(timeZone, first, second), moved: true };
}

/** When the clock jumps between two moments. */
function jumpEnd(timeZone: string, before: Instant, after: Instant): Instant {
  const old = aheadMs(timeZone, before);
  let [low, high] = [before, after];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (aheadMs(timeZone, middle) === old) low = middle;
    else high = middle;
  }
  return high;
}

/** Digits of a local time: `2026-03-29T02:30`. */
export const localText = (local: LocalTime): string => new Date(local).toISOString().slice(0, 16);

/** Reads such digits; undefined where they are no date. */
export function localTimeOf(text: string): LocalTime | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(text)) return undefined;
  const local = Date.parse(`${text}Z`);
  return Number.isNaN(local) || localText(local) !== text ? undefined : local;
}
