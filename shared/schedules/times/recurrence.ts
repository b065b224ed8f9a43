/**
 * When something happens: at a time, every so many minutes, or by a rule of RFC 5545 on the clock of a place.
 *
 * Rules are expanded as digits on a wall clock, by the library, and each is put into the zone here: what the library does
 * with times that a clock jumps over has changed between its versions, and is not what people expect of a nightly job.
 */
import { RRuleTemporal } from "rrule-temporal";
import type { Instant } from "../../kernel/clock.ts";
import type { Fault } from "../../kernel/failure.ts";
import {
  isTimeZone,
  type LocalTime,
  localText,
  localTimeAt,
  localTimeOf,
  momentOf,
} from "./zone.ts";

/** A rule of RFC 5545, without DTSTART: what repeats, from the local `start` on. */
export type Recurring = {
  readonly kind: "recurring";
  /** Such as `FREQ=MONTHLY;BYDAY=2TU`. */
  readonly rule: string;
  /** The first time that may count, on the clock of the zone: `2026-12-01T02:30`. */
  readonly start: string;
  readonly timeZone: string;
  /** Local dates, or local times, at which it does not happen. */
  readonly excluded?: readonly string[];
};

/** When a task runs. */
export type Schedule =
  | { readonly kind: "none" }
  | { readonly kind: "now" }
  | { readonly kind: "at"; readonly at: Instant }
  /** Elapsed time: clocks that are set forward or back change nothing. */
  | {
      readonly kind: "everyMinutes";
      readonly minutes: number;
      readonly from: Instant;
      readonly until?: Instant;
    }
  | Recurring;

/** One time at which it happens. */
export type Occurrence = {
  readonly at: Instant;
  /** What it is called: the time that was meant, in local digits or in UTC. The same for whoever works it out. */
  readonly name: string;
  /** The clock jumps over the time that was meant. */
  readonly moved: boolean;
};

/** Local dates or times that somebody else excludes: a shared calendar. */
export type Excluded = ReadonlySet<string>;

const nobody: Excluded = new Set();
const minuteMs = 60_000;

/** Times after `after`, in order. Those of a rule may have no end; a rule that cannot be read has none. */
export function* occurrencesAfter(
  schedule: Schedule,
  after: Instant,
  excluded: Excluded = nobody,
): Generator<Occurrence> {
  switch (schedule.kind) {
    case "none":
    case "now":
      return;
    case "at":
      if (schedule.at > after) yield plain(schedule.at);
      return;
    case "everyMinutes": {
      const { from, minutes, until = Number.POSITIVE_INFINITY } = schedule;
      const step = minutes * minuteMs;
      let at = from + Math.max(0, Math.floor((after - from) / step) + 1) * step;
      for (; at <= until; at += step) yield plain(at);
      return;
    }
    case "recurring":
      yield* ofRule(schedule, after, excluded);
  }
}

/** The first time after `after`. */
export const nextOccurrence = (
  schedule: Schedule,
  after: Instant,
  excluded?: Excluded,
): Occurrence | undefined => occurrencesAfter(schedule, after, excluded).next().value ?? undefined;

const plain = (at: Instant): Occurrence => ({ at, name: new Date(at).toISOString(), moved: false });

/** Further than a day: the widest jump of a clock was a day. */
const marginMs = 49 * 3600_000;

function* ofRule(schedule: Recurring, after: Instant, calendar: Excluded): Generator<Occurrence> {
  const { timeZone } = schedule;
  const { rule, isOver } = endOf(schedule);
  const own = new Set(schedule.excluded);
  let last = Number.NEGATIVE_INFINITY;
  for (const local of digitsOf({ ...schedule, rule }, localTimeAt(timeZone, after) - marginMs)) {
    const { at, moved } = momentOf(timeZone, local);
    if (isOver(local, at)) return;
    const name = localText(local);
    const left = [name, name.slice(0, 10)].some((each) => own.has(each) || calendar.has(each));
    // Two times that the clock jumps over are one moment, and one run.
    if (left || at <= after || at === last) continue;
    last = at;
    yield { at, name: `${name}[${timeZone}]`, moved };
  }
}

/** The rule's times as digits on a wall clock, from a time on. The library keeps no zone but UTC here. */
function* digitsOf({ rule, start }: Recurring, from: LocalTime): Generator<LocalTime> {
  const digits = `${start.replaceAll(/[-:]/g, "")}00`;
  const rules = new RRuleTemporal({
    rruleString: `DTSTART;TZID=UTC:${digits}\nRRULE:${rule}`,
    maxIterations: periods[partsOf(rule).get("FREQ") ?? ""] ?? 0,
  });
  let position = new Date(from);
  for (;;) {
    const next = nextOf(rules, position);
    if (next === undefined) return;
    yield next;
    position = new Date(next);
  }
}

/** So many periods without a time are looked at: in more there is none either, and each keeps everybody waiting. */
const periods: Readonly<Record<string, number>> = {
  DAILY: 10_000,
  WEEKLY: 300,
  MONTHLY: 600,
  YEARLY: 400,
};

/** The library throws where it finds nothing within its periods. */
function nextOf(rules: RRuleTemporal, after: Date): LocalTime | undefined {
  try {
    return rules.next(after)?.epochMilliseconds;
  } catch {
    return undefined;
  }
}

/** The rule without its UNTIL, and whether a time lies behind it: a local date, a local time or a moment. */
function endOf({ rule }: Recurring): {
  readonly rule: string;
  readonly isOver: (local: LocalTime, at: Instant) => boolean;
} {
  const parts = rule.split(";");
  const until = parts.find((part) => part.startsWith("UNTIL="))?.slice("UNTIL=".length);
  if (until === undefined) return { rule, isOver: () => false };
  const rest = parts.filter((part) => !part.startsWith("UNTIL=")).join(";");
  const [, date = "", time = "235959", utc = ""] = untilPattern.exec(until) ?? [];
  const end = digitsAsUtc(date, time);
  return { rule: rest, isOver: (local, at) => (utc === "" ? local : at) > end };
}

const untilPattern = /^(\d{8})(?:T(\d{6})(Z?))?$/;

const digitsAsUtc = (date: string, time: string): number =>
  Date.parse(
    `${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6)}T${time.slice(0, 2)}:${time.slice(2, 4)}:${time.slice(4)}Z`,
  );

// What may stand in a rule. The library passes over what it does not know; a rule that is half understood runs at night.

type Part = { readonly of: RegExp; readonly says: string; readonly only?: readonly string[] };

const list = (one: string) => new RegExp(`^${one}(,${one}){0,365}$`);
const weekday = "(MO|TU|WE|TH|FR|SA|SU)";

const ruleParts: Readonly<Record<string, Part>> = {
  FREQ: { of: /^(DAILY|WEEKLY|MONTHLY|YEARLY)$/, says: "DAILY, WEEKLY, MONTHLY or YEARLY" },
  INTERVAL: { of: /^[1-9]\d{0,2}$/, says: "1 to 999" },
  COUNT: { of: /^[1-9]\d{0,3}$/, says: "1 to 9999" },
  UNTIL: { of: untilPattern, says: "20261231, 20261231T235900 or 20261231T235900Z" },
  BYMONTH: { of: list("(1[0-2]|[1-9])"), says: "months, 1 to 12" },
  BYMONTHDAY: {
    of: list("[-+]?(3[01]|[12]\\d|[1-9])"),
    says: "days, 1 to 31 or -31 to -1",
    only: ["DAILY", "MONTHLY", "YEARLY"],
  },
  BYYEARDAY: {
    of: list("[-+]?(36[0-6]|3[0-5]\\d|[12]\\d\\d|[1-9]\\d?)"),
    says: "days of the year, 1 to 366 or -366 to -1",
    only: ["YEARLY"],
  },
  BYWEEKNO: {
    of: list("[-+]?(5[0-3]|[1-4]\\d|[1-9])"),
    says: "weeks, 1 to 53 or -53 to -1",
    only: ["YEARLY"],
  },
  BYDAY: {
    of: list(`([-+]?(5[0-3]|[1-4]\\d|[1-9]))?${weekday}`),
    says: "weekdays, such as MO,WE or 2TU",
  },
  BYHOUR: { of: list("(2[0-3]|1\\d|\\d)"), says: "hours, 0 to 23" },
  BYMINUTE: { of: list("([1-5]\\d|\\d)"), says: "minutes, 0 to 59" },
  BYSETPOS: {
    of: list("[-+]?(36[0-6]|3[0-5]\\d|[12]\\d\\d|[1-9]\\d?)"),
    says: "places, 1 to 366 or -366 to -1",
  },
  WKST: { of: new RegExp(`^${weekday}$`), says: "a weekday, such as MO" },
};

/** Everything that is wrong with a rule's text; pointers are below `pointer`. Pure. */
export function faultsOfRule(rule: string, pointer: string): Fault[] {
  const seen = new Map<string, string>();
  const faults: Fault[] = [];
  const say = (detail: string) => faults.push({ pointer, detail });
  for (const text of rule.split(";")) {
    const [name = "", value = "", ...more] = text.split("=");
    const part = Object.hasOwn(ruleParts, name) ? ruleParts[name] : undefined;
    if (part === undefined) say(unknownPart(name));
    else if (seen.has(name)) say(`names ${name} twice`);
    else if (more.length > 0 || !part.of.test(value)) say(`${name} must be ${part.says}`);
    seen.set(name, value);
  }
  return faults.length > 0 ? faults : faultsBetween(seen, pointer);
}

const unknownPart = (name: string): string => {
  if (name === "DTSTART" || name === "EXDATE" || name === "TZID")
    return `holds ${name}: start, excluded and timeZone say that`;
  return `holds ${JSON.stringify(name.slice(0, 40))}, which is no part of a rule here`;
};

const partsOf = (rule: string): ReadonlyMap<string, string> =>
  new Map(rule.split(";").map((text) => text.split("=", 2) as [string, string]));

/** All times of a period are worked out before the first of them is known. */
const mostTimes = 1_000;
/** More often than that a day is what `everyMinutes` is for. */
const mostADay = 24;

/** How many times a period of a rule can have, and a day: an upper bound. */
function timesOfPeriod(parts: ReadonlyMap<string, string>): {
  readonly inAll: number;
  readonly aDay: number;
} {
  const count = (name: string): number | undefined => parts.get(name)?.split(",").length;
  const months = count("BYMONTH");
  const [weekdays, weeks, dates] = [count("BYDAY"), count("BYWEEKNO"), count("BYMONTHDAY")];
  const isNumbered = /\d/.test(parts.get("BYDAY") ?? "");
  const daysOf: Readonly<Record<string, () => number>> = {
    WEEKLY: () => weekdays ?? 1,
    MONTHLY: () => dates ?? (weekdays && weekdays * (isNumbered ? 1 : 5)) ?? 1,
    YEARLY: () =>
      count("BYYEARDAY") ??
      (dates && dates * (months ?? 12)) ??
      (weeks && weeks * (weekdays ?? 7)) ??
      (weekdays && weekdays * (isNumbered ? 1 : 53)) ??
      months ??
      1,
  };
  const aDay = (count("BYHOUR") ?? 1) * (count("BYMINUTE") ?? 1);
  return { inAll: (daysOf[parts.get("FREQ") ?? ""]?.() ?? 1) * aDay, aDay };
}

/** Parts that do not go together. */
function faultsBetween(parts: ReadonlyMap<string, string>, pointer: string): Fault[] {
  const faults: Fault[] = [];
  const say = (wrong: boolean, detail: string) => {
    if (wrong) faults.push({ pointer, detail });
  };
  const freq = parts.get("FREQ") ?? "";
  const byDay = parts.get("BYDAY") ?? "";
  say(freq === "", "must say FREQ");
  say(parts.has("COUNT") && parts.has("UNTIL"), "may say COUNT or UNTIL, not both");
  for (const [name, { only }] of Object.entries(ruleParts))
    say(parts.has(name) && only?.includes(freq) === false, `${name} does not go with FREQ=${freq}`);
  const [numbered, monthly] = [/\d/.test(byDay), freq === "MONTHLY"];
  say(
    numbered && !["MONTHLY", "YEARLY"].includes(freq),
    `numbered weekdays do not go with FREQ=${freq}`,
  );
  say(numbered && parts.has("BYWEEKNO"), "numbered weekdays do not go with BYWEEKNO");
  say(
    monthly && byDay.split(",").some((day) => Math.abs(Number.parseInt(day, 10)) > 5),
    "a month has at most five of a weekday",
  );
  const chosen = [...parts.keys()].some((name) => name.startsWith("BY") && name !== "BYSETPOS");
  say(parts.has("BYSETPOS") && !chosen, "BYSETPOS needs another BY part to choose from");
  const { inAll, aDay } = timesOfPeriod(parts);
  say(aDay > mostADay, `must not happen more than ${mostADay} times a day`);
  say(inAll > mostTimes, `must not happen more than ${mostTimes} times within what FREQ says`);
  const places = parts.get("BYSETPOS")?.split(",") ?? [];
  say(
    places.some((place) => Math.abs(Number(place)) > inAll),
    `BYSETPOS chooses among ${inAll} times at most`,
  );
  return faults;
}

/** A schedule, and its place in a body. */
export type PlacedSchedule = { readonly schedule: Schedule; readonly pointer: string };

/** It takes long to find that a rule never happens. */
const mostNever = 3;

/** Everything for which schedules are not taken at `now`, at once; of those that never happen the first few. Pure. */
export function faultsOfSchedules(all: readonly PlacedSchedule[], now: Instant): Fault[] {
  const faults: Fault[] = [];
  let never = 0;
  for (const { schedule, pointer } of all) {
    const words = faultsOfWords(schedule, pointer);
    faults.push(...words);
    const hasTimes = schedule.kind !== "none" && schedule.kind !== "now";
    if (words.length > 0 || !hasTimes || never === mostNever) continue;
    if (nextOccurrence(schedule, now) !== undefined) continue;
    never += 1;
    const detail =
      schedule.kind === "at"
        ? "lies in the past"
        : "never happens from now on: it has no next time";
    faults.push({ pointer, detail });
  }
  return faults;
}

function faultsOfWords(schedule: Schedule, pointer: string): Fault[] {
  if (schedule.kind !== "recurring") return [];
  const faults: Fault[] = [];
  if (!isTimeZone(schedule.timeZone))
    faults.push({
      pointer: `${pointer}/timeZone`,
      detail: "is no time zone, such as Europe/Paris",
    });
  if (localTimeOf(schedule.start) === undefined)
    faults.push({
      pointer: `${pointer}/start`,
      detail: "must be a local time such as 2026-12-01T02:30",
    });
  return [...faults, ...faultsOfRule(schedule.rule, `${pointer}/rule`)];
}
