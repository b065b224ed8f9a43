/** Numbers and times as the language writes them, in the zone of whoever looks. */
import type { Language, Names } from "./language.ts";

/** Formats for a language. Instants come as the API has them (ISO 8601), or in milliseconds. */
export type Format = {
  readonly number: (value: number) => string;
  /** 0.25 as 25 %. */
  readonly percent: (share: number) => string;
  readonly dateTime: (instant: string | number) => string;
  readonly time: (instant: string | number) => string;
  /** How long ago, or how soon: "5 minutes ago"; `now` in milliseconds. */
  readonly since: (instant: string | number, now?: number) => string;
  /** Minutes and seconds, as 2:05. */
  readonly clock: (seconds: number) => string;
  /** One of the names that the API gives. */
  readonly name: (names: Names) => string;
};

const steps = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
] as const;

/** The formats of a language. */
export function formatOf(language: Language): Format {
  const number = new Intl.NumberFormat(language);
  const percent = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 });
  const dateTime = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  const time = new Intl.DateTimeFormat(language, { timeStyle: "medium" });
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  return {
    number: (value) => number.format(value),
    percent: (share) => percent.format(share),
    dateTime: (instant) => dateTime.format(new Date(instant)),
    time: (instant) => time.format(new Date(instant)),
    since: (instant, now = Date.now()) => {
      const seconds = (new Date(instant).getTime() - now) / 1000;
      const [step, size] = steps.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
      return relative.format(Math.trunc(seconds / size), step);
    },
    clock: (seconds) =>
      `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`,
    name: (names) => names[language],
  };
}
