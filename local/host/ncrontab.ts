/**
 * NCRONTAB, the schedule notation of timer triggers: second minute hour day month weekday, in UTC.
 *
 * Pure. Unlike cron, a day must match day-of-month AND weekday. No cron package on npm has this grammar.
 */

/** A parsed schedule. */
export type Schedule = {
  /** First instant strictly after `after` (ms since the epoch) that matches; undefined when none does. */
  readonly next: (after: number) => number | undefined;
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

const dayMs = 86_400_000;
/** After this long every combination of date and weekday has come by, a 29 February across 2100 included. */
const horizonDays = 41 * 366;

/**
 * Parses an expression of six fields, or of five with second 0.
 * @throws When it is not NCRONTAB, naming the field.
 */
export function parseNcrontab(expression: string): Schedule {
  const parts = expression.trim().split(/\s+/);
  if (parts.length === 5) parts.unshift("0");
  if (parts.length !== 6) throw new Error(`"${expression}" does not have 5 or 6 fields`);
  const [seconds, minutes, hours, days, monthSet, weekdaySet] = fields.map((field, index) =>
    parseField(parts[index] ?? "", field),
  ) as [number[], number[], number[], number[], number[], number[]];
  const matchesDay = (date: Date): boolean =>
    monthSet.includes(date.getUTCMonth() + 1) &&
    days.includes(date.getUTCDate()) &&
    weekdaySet.includes(date.getUTCDay());

  return {
    next(after) {
      const start = Math.floor(after / 1000) * 1000 + 1000;
      const firstDay = Math.floor(start / dayMs) * dayMs;
      for (let offset = 0; offset < horizonDays; offset++) {
        const midnight = firstDay + offset * dayMs;
        if (!matchesDay(new Date(midnight))) continue;
        const time = firstTime([hours, minutes, seconds], offset === 0 ? start - midnight : 0);
        if (time !== undefined) return midnight + time;
      }
      return undefined;
    },
  };
}

/** First time of day, in ms, at or after `from` whose hour, minute and second are all listed. */
function firstTime(
  [hours, minutes, seconds]: readonly [number[], number[], number[]],
  from: number,
): number | undefined {
  for (const hour of hours) {
    if (hour * 3_600_000 + 3_599_999 < from) continue;
    for (const minute of minutes) {
      const base = hour * 3_600_000 + minute * 60_000;
      if (base + 59_999 < from) continue;
      const second = seconds.find((value) => base + value * 1000 >= from);
      if (second !== undefined) return base + second * 1000;
    }
  }
  return undefined;
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
