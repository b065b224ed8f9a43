/** When a task runs: in words, and between a clock somewhere and moments. Pure, but for the words. */
import { useLanguage } from "../../text/language.ts";
import { useText } from "../text.ts";
import type { Recurring, Task } from "./task.ts";

/** Days as rules call them, Monday first. */
export const days = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"] as const;

/** How often, as people say it; anything else is a rule of its own. */
export const frequencies = ["daily", "weekly", "monthly", "rule"] as const;
export type Frequency = (typeof frequencies)[number];

const weekly = /^FREQ=WEEKLY(?:;BYDAY=([A-Z,]+))?$/;

/** How often a rule says; and on which days, where it names some. */
export function frequencyOf(rule: string): { frequency: Frequency; on: readonly string[] } {
  if (rule === "FREQ=DAILY") return { frequency: "daily", on: [] };
  if (rule === "FREQ=MONTHLY") return { frequency: "monthly", on: [] };
  const [match, on = ""] = weekly.exec(rule) ?? [];
  return match === undefined
    ? { frequency: "rule", on: [] }
    : { frequency: "weekly", on: on === "" ? [] : on.split(",") };
}

/** The rule of a frequency. */
export function ruleOf(frequency: Frequency, on: readonly string[]): string {
  if (frequency === "daily") return "FREQ=DAILY";
  if (frequency === "monthly") return "FREQ=MONTHLY";
  if (frequency === "rule") return "FREQ=MONTHLY;BYDAY=2TU";
  const chosen = days.filter((day) => on.includes(day));
  return `FREQ=WEEKLY${chosen.length === 0 ? "" : `;BYDAY=${chosen.join(",")}`}`;
}

/** The zone of whoever looks, and all that there are. */
export const ownZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;
export const zones = (): readonly string[] => Intl.supportedValuesOf("timeZone");

const minuteMs = 60_000;
/** A moment as a clock in a zone shows it: `2026-12-01T02:30`; undefined where there is no such zone. */
export function localIn(timeZone: string, moment: number): string | undefined {
  try {
    const format = new Intl.DateTimeFormat("sv-SE", {
      timeZone,
      dateStyle: "short",
      timeStyle: "short",
    });
    return format.format(moment).replace(" ", "T");
  } catch {
    return undefined;
  }
}

/** The moment at which a clock in a zone shows a time; one that it jumps over is taken as later by the jump. */
export function momentIn(timeZone: string, local: string): string | undefined {
  const wanted = Date.parse(`${local}Z`);
  if (Number.isNaN(wanted) || localIn(timeZone, wanted) === undefined) return undefined;
  const offset = (at: number) => Date.parse(`${localIn(timeZone, at)}Z`) - at;
  const first = wanted - offset(wanted);
  const moment = wanted - offset(first);
  return new Date(Math.round(moment / minuteMs) * minuteMs).toISOString();
}

/** Names of days in the language now. */
export function useDayNames(): Readonly<Record<string, string>> {
  const language = useLanguage();
  const format = new Intl.DateTimeFormat(language, { weekday: "short", timeZone: "UTC" });
  // The first of January 2024 was a Monday.
  return Object.fromEntries(days.map((day, at) => [day, format.format(Date.UTC(2024, 0, at + 1))]));
}

/** Says when a task runs. */
export function useWhen(): (schedule: Task["schedule"]) => string {
  const t = useText();
  const names = useDayNames();
  return (schedule) => {
    switch (schedule["kind"]) {
      case "none":
        return t("provisioning.when.none");
      case "now":
        return t("provisioning.when.now");
      case "at":
        return t.dateTime(String(schedule["at"]));
      case "everyMinutes":
        return t("provisioning.when.everyMinutes", { count: Number(schedule["minutes"]) });
      default: {
        const { rule, start, timeZone } = schedule as Recurring;
        const { frequency, on } = frequencyOf(rule);
        const listed = on.map((day) => names[day] ?? day).join(", ");
        const time = start.slice(11);
        return t(`provisioning.when.${frequency}`, { rule, time, timeZone, on: listed, start });
      }
    }
  };
}
