/** What is shown: tables and sums for people, JSON for programs, progress beside them. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Refused } from "../api.ts";
import { type Asked, heard } from "./asked.ts";

type Cell = string | number | undefined;
/** A row: what stands under each column's name. */
export type Row = Readonly<Record<string, Cell>>;

/** Names of devices come from outside: what would steer a terminal is not shown to it. */
const plain = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?");
const shown = (cell: Cell): string => (typeof cell === "number" ? count(cell) : plain(cell ?? ""));

/** A number as people read it. */
export const count = (number: number): string => number.toLocaleString("en");

/** A line for people; nothing where JSON was asked for. */
export function say({ options }: Pick<Asked, "options">, line: string): void {
  if (!options.json) console.log(line.split("\n").map(plain).join("\n"));
}

/** Shows an answer: as it came for programs, else as `forPeople` has it. */
export function show<B>(asked: Asked, body: B, forPeople: (body: B) => string): void {
  if (asked.options.json) console.log(JSON.stringify(body, undefined, 2));
  else say(asked, forPeople(body));
}

/** Rows under the names of their columns; numbers stand right. */
export function table(rows: readonly Row[], none: string): string {
  const [first] = rows;
  if (first === undefined) return none;
  const lines = [
    Object.keys(first).map((name) => name.toUpperCase()),
    ...rows.map((row) => Object.values(row).map(shown)),
  ];
  const widths = Object.keys(first).map((_, at) =>
    Math.max(...lines.map((line) => line[at]?.length ?? 0)),
  );
  const aligned = (text: string, at: number): string =>
    typeof Object.values(first)[at] === "number"
      ? text.padStart(widths[at] ?? 0)
      : text.padEnd(widths[at] ?? 0);
  return lines.map((line) => line.map(aligned).join("  ").trimEnd()).join("\n");
}

/** The word follows the counts: it says "Done" only where nothing is missing. */
export function sumUp(good: string, counts: Readonly<Record<string, number>>): string {
  const { total = 0, [good]: done = 0, ...rest } = counts;
  const others = Object.entries(rest).filter(([, number]) => number > 0);
  if (total === 0) return "Nothing to do: no device was meant.";
  if (done === total) return `Done: ${count(done)} of ${count(total)}.`;
  const parts = [[good, done] as const, ...others].map(
    ([name, number]) => `${count(number)} ${name}`,
  );
  if (done === 0) return `None ${good}, of ${count(total)}: ${parts.slice(1).join(", ")}.`;
  return `Finished, not all ${good}: ${parts.join(", ")}.`;
}

// Waiting.

/** Lost answers in a row before nobody is waited for any more. */
const mostLost = 10;

/** How far something is. */
export type Progress = {
  readonly over: boolean;
  /** 0 to 100; absent while nobody knows. */
  readonly percent?: number | undefined;
  readonly words: string;
};

type Read<B> =
  | { readonly ok: true; readonly body: B; readonly retryAfterSeconds?: number }
  | Refused;

/** Reads until it is over, at the pace that the answers ask for; a lost answer is no end. */
export async function until<B extends Progress>(read: () => Promise<Read<B>>): Promise<B> {
  const bar = progressBar();
  for (let lost = 0; ; ) {
    const answer = await read();
    const passes = !answer.ok && (answer.problem.status === 0 || answer.problem.status >= 500);
    lost = passes ? lost + 1 : 0;
    if (!passes || lost > mostLost) {
      const { body } = heard(answer);
      bar(body);
      if (body.over) return body;
    }
    await sleep((answer.retryAfterSeconds ?? 2) * 1000);
  }
}

const cells = 30;

/** A bar that is drawn over itself on a terminal, and a line at each quarter elsewhere; on stderr, so that results stay alone. */
function progressBar(): (progress: Progress) => void {
  let quarter = 0;
  return ({ over, percent = over ? 100 : 0, words }) => {
    const full = Math.round((percent / 100) * cells);
    const line = `[${"#".repeat(full)}${".".repeat(cells - full)}] ${Math.floor(percent)} % ${plain(words)}`;
    if (process.stderr.isTTY) process.stderr.write(`\r${line}\u001b[K${over ? "\n" : ""}`);
    else if (over || Math.floor(percent / 25) > quarter) console.error(line);
    quarter = Math.floor(percent / 25);
  };
}
