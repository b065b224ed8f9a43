/** Log lines of the host, the worker and the app, and how they look on a terminal. */
import type { LogLevel } from "../app/protocol.ts";

export type LogEntry = {
  readonly level: LogLevel;
  /** `host`, or the category a worker gives: `user`, `system`, `stdout`, `stderr`. */
  readonly category: string;
  readonly message: string;
  readonly functionName?: string;
  readonly invocationId?: string;
};

export type Log = (entry: LogEntry) => void;

const ranks: Readonly<Record<LogLevel, number>> = {
  trace: 0,
  debug: 1,
  information: 2,
  warning: 3,
  error: 4,
  critical: 5,
  none: 6,
};

/** Prints entries of at least `minimum`, a line each. */
export function terminalLog(write: (line: string) => void, minimum: LogLevel = "information"): Log {
  return ({ level, message, functionName }) => {
    if (ranks[level] < ranks[minimum]) return;
    const mark = ranks[level] > ranks.information ? `${level}: ` : "";
    const name = functionName === undefined ? "" : `${functionName}: `;
    write(`${new Date().toISOString()} ${mark}${name}${message}\n`);
  };
}

/** What the host itself has to say. */
export const hostLog =
  (log: Log) =>
  (level: LogLevel, message: string, functionName?: string): void =>
    log({ level, category: "host", message, ...(functionName ? { functionName } : {}) });

export type HostLog = ReturnType<typeof hostLog>;

/** An error's own words, for a log line. */
export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
