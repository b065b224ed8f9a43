/**
 * NCRONTAB, the schedule notation of timer triggers: second minute hour day month weekday, on the clock of a
 * time zone. Pure.
 *
 * The grammar is NCrontab's, which no package on npm reads: `5/15`, names by their beginning, ranges in either
 * order, no 7 for Sunday. What a schedule means is then told to croner in plain numbers. Unlike in cron, a day
 * must match day-of-month AND weekday. At the two changes of a clock the Functions host has rules of its own
 * (azure-webjobs-sdk-extensions, CronSchedule).
 */
import { Cron } from "croner";

/** A parsed schedule. */
export type Schedule = {
  /** First instant strictly after `after` (ms since the epoch) that matches; undefined when none does. */
  readonly next: (after: number) => number | undefined;
  /** Whether it comes more than once in every minute. */
  readonly isSubMinute: boolean;
  /** An instant as the Functions host writes it: on the clock of the time zone, with its offset. */
  readonly text: (instant: number) => string;
};

type Field = {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
};

const months =
  "january february march april may june july august september october november december";
const weekdays = "sunday monday tuesday wednesday thursday friday saturday";

const fields: readonly Field[] = [
  { name: "second", min: 0, max: 59 },
  { name: "minute", min: 0, max: 59 },
  { name: "hour", min: 0, max: 23 },
  { name: "day", min: 1, max: 31 },
  { name: "month", min: 1, max: 12, names: months.split(" ") },
  { name: "weekday", min: 0, max: 6, names: weekdays.split(" ") },
];

/**
 * Parses an expression of six fields, or of five with second 0.
 * @param timeZone Name of a zone that `Intl` knows.
 * @throws When it is not NCRONTAB, naming the field.
 */
export function parseNcrontab(expression: string, timeZone = "UTC"): Schedule {
  const parts = expression.trim().split(/\s+/);
  if (parts.length === 5) parts.unshift("0");
  if (parts.length !== 6) throw new Error(`"${expression}" does not have 5 or 6 fields`);
  const values = fields.map((field, index) => parseField(parts[index] ?? "", field));
  const isFull = (index: number): boolean => {
    const { min, max } = fields[index] ?? { min: 0, max: 0 };
    return values[index]?.length === max - min + 1;
  };
  const pattern = values.map((list, index) => (isFull(index) ? "*" : list.join(",")));
  const cron = new Cron(pattern.join(" "), { mode: "6-part", domAndDow: true, timezone: "UTC" });
  const clock = clockOf(timeZone);
  const isInterval = [0, 1, 2].some((index) => isFull(index) || hasRun(values[index] ?? []));
  const nextOnClock = (time: number): number | undefined => cron.nextRun(new Date(time))?.getTime();
  return {
    next: (after) => nextInstant(clock, nextOnClock, isInterval, after),
    isSubMinute: (values[0]?.length ?? 0) > 1 && [1, 2, 3, 4, 5].every(isFull),
    text: (instant) => textOf(instant, clock.offset(instant)),
  };
}

/** Two numbers in a row, which NCrontab writes as a range. */
const hasRun = (list: readonly number[]): boolean =>
  list.some((value, index) => list[index + 1] === value + 1);

/** Times on a clock are ms since 1970 as if the clock showed UTC; offsets are ms ahead of UTC. */
type Clock = {
  /** How far the clock is ahead of UTC at an instant. */
  readonly offset: (instant: number) => number;
  /** The offset that a time is read with, and whether the clock shows that time twice. */
  readonly read: (time: number) => { readonly offset: number; readonly twice: boolean };
};

const dayMs = 86_400_000;

function clockOf(timeZone: string): Clock {
  if (timeZone === "UTC") return { offset: () => 0, read: () => ({ offset: 0, twice: false }) };
  const format = new Intl.DateTimeFormat("en", { timeZone, timeZoneName: "longOffset" });
  const offset = (instant: number): number => {
    const name = format.formatToParts(instant).find(({ type }) => type === "timeZoneName")?.value;
    const [, sign, hours, minutes, seconds] =
      /GMT([+-])(\d\d):(\d\d)(?::(\d\d))?/.exec(name ?? "") ?? [];
    const ahead = Number(hours ?? 0) * 3600 + Number(minutes ?? 0) * 60 + Number(seconds ?? 0);
    return ahead * (sign === "-" ? -1000 : 1000);
  };
  return {
    offset,
    read(time) {
      const possible = [...new Set([offset(time - dayMs), offset(time + dayMs)])];
      const valid = possible.filter((each) => offset(time - each) === each);
      // A time that is shown twice, or left out, is read in standard time, which is the smaller offset.
      return {
        offset: Math.min(...(valid.length > 0 ? valid : possible)),
        twice: valid.length > 1,
      };
    },
  };
}

/**
 * The next occurrence as an instant. Where the clock goes forward, a time that is left out comes an hour later.
 * Where it goes back, what comes at intervals goes on through both hours; what comes at a time of day comes in
 * the first of them only.
 */
function nextInstant(
  clock: Clock,
  nextOnClock: (time: number) => number | undefined,
  isInterval: boolean,
  after: number,
): number | undefined {
  const offset = clock.offset(after);
  let time = nextOnClock(after + offset);
  if (time === undefined) return undefined;
  let reading = clock.read(time);
  const crosses = reading.offset !== offset;
  if (!isInterval && reading.twice && !crosses) {
    // Already in the second hour: it came in the first.
    while (time !== undefined && reading.twice) {
      time = nextOnClock(time);
      if (time !== undefined) reading = clock.read(time);
    }
    return time === undefined ? undefined : time - reading.offset;
  }
  const nowTwice = clock.read(after + offset).twice;
  const adjusts = isInterval ? nowTwice || reading.twice : reading.twice;
  // On the other side of the change, the same distance on the clock is another distance in time.
  return time - (crosses && adjusts ? offset : reading.offset);
}

const two = (value: number): string => String(Math.floor(value)).padStart(2, "0");

/** Seven digits of a second at most, and none where they would be zeros. */
function textOf(instant: number, offset: number): string {
  const time = new Date(instant + offset).toISOString().replace(/\.?0*Z$/, "");
  const minutes = Math.abs(offset) / 60_000;
  return `${time}${offset < 0 ? "-" : "+"}${two(minutes / 60)}:${two(minutes % 60)}`;
}

/** The values a field allows, ascending. */
function parseField(text: string, field: Field): number[] {
  const allowed = new Set<number>();
  for (const part of text.split(",")) {
    const [range = "", stepText, ...rest] = part.split("/");
    const step = stepText === undefined ? 1 : integer(stepText);
    if (rest.length > 0 || step === undefined || step < 1) throw malformed(part, field);
    const [low, high] = parseRange(range, stepText !== undefined, field) ?? [];
    if (low === undefined || high === undefined) throw malformed(part, field);
    for (let value = low; value <= high; value += step) allowed.add(value);
  }
  return [...allowed].toSorted((a, b) => a - b);
}

/** `*`, `n`, `a-b` in either order; `n` before a step means "from n on". */
function parseRange(text: string, stepped: boolean, field: Field): [number, number] | undefined {
  if (text === "*") return [field.min, field.max];
  const ends = text.split("-").map((end) => valueOf(end, field));
  const [first, second] = ends;
  if (first === undefined || ends.length > 2) return undefined;
  if (ends.length === 1) return [first, stepped ? field.max : first];
  if (second === undefined) return undefined;
  return first <= second ? [first, second] : [second, first];
}

/** A number within the field, or the start of a month's or weekday's English name. */
function valueOf(text: string, { min, max, names }: Field): number | undefined {
  const number = integer(text);
  if (number !== undefined) return number >= min && number <= max ? number : undefined;
  if (!text || !names) return undefined;
  const index = names.findIndex((name) => name.startsWith(text.toLowerCase()));
  return index < 0 ? undefined : index + min;
}

const integer = (text: string): number | undefined =>
  /^\d{1,4}$/.test(text) ? Number(text) : undefined;

const malformed = (part: string, { name, min, max }: Field): Error =>
  new Error(`"${part}" is not a ${name} (${min}-${max}) of an NCRONTAB expression`);
