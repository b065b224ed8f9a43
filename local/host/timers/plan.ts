/** When a timer runs next, after a start and after a run, and the status that is kept for it between runs. Instants are ms since the epoch. */

import type { ContainerClient } from "@azure/storage-blob";
import type { Schedule } from "../app/ncrontab.ts";
import { storageStatus } from "../app/storage-accounts.ts";

/** What the monitor keeps between runs. */
export type TimerStatus = {
  /** When the last run was due; 0 when there was none. */
  readonly last: number;
  readonly next: number;
  readonly lastUpdated: number;
};

/** Longest wait armed at once: timers of the platform end near 24.8 days. */
export const longestWaitMs = 24 * 86_400_000;

const never = 253_402_300_799_000;

/** Next occurrence, or the end of time. */
const nextOf = (schedule: Schedule, after: number): number => schedule.next(after) ?? never;

/** What a starting timer does: one run for however many were missed, or none, and what it then waits for. */
type StartPlan = {
  readonly pastDue: boolean;
  readonly status: TimerStatus;
  /** Where the stored status is no longer true, what to store instead. */
  readonly stored?: TimerStatus;
};

/** As the monitor of the Functions host has it (azure-webjobs-sdk-extensions, ScheduleMonitor). */
export function planStart(
  schedule: Schedule,
  stored: TimerStatus | undefined,
  now: number,
): StartPlan {
  if (stored === undefined) {
    const status = { last: 0, next: nextOf(schedule, now), lastUpdated: 0 };
    return { pastDue: false, status, stored: { ...status, lastUpdated: now } };
  }
  // A timer that never ran can be late too: its first occurrence was computed when it was last updated.
  const base = stored.last || stored.lastUpdated || now;
  const expected = nextOf(schedule, base);
  if (expected === stored.next) return { pastDue: now > stored.next, status: stored };
  // Another answer than the stored one means that the schedule was edited since, so nothing was missed.
  const status =
    now > expected
      ? { last: 0, next: nextOf(schedule, now), lastUpdated: now }
      : { last: 0, next: expected, lastUpdated: base };
  return { pastDue: false, status, stored: status };
}

/**
 * Status after a run.
 * @param due When it was due.
 * @param fired When it started. Fired early by a skewed clock, it still counts for the time it was due.
 */
export function statusAfter(schedule: Schedule, due: number, fired: number): TimerStatus {
  const last = Math.max(due, fired);
  return { last, next: nextOf(schedule, last), lastUpdated: last };
}

// The status between runs, in the blob where the Functions host keeps it too.

export type TimerMonitor = {
  readonly read: () => Promise<TimerStatus | undefined>;
  readonly write: (status: StatusText) => Promise<void>;
};

export function timerMonitor(
  container: ContainerClient,
  hostId: string,
  functionName: string,
): TimerMonitor {
  const blob = container.getBlockBlobClient(
    `timers/${hostId}/Host.Functions.${functionName}/status`,
  );
  return {
    async read() {
      try {
        return parseStatus((await blob.downloadToBuffer()).toString("utf8"));
      } catch (error) {
        if (storageStatus(error) === 404) return undefined;
        throw error;
      }
    },
    async write(status) {
      const text = JSON.stringify(status);
      await blob.upload(text, Buffer.byteLength(text));
    },
  };
}

/** A status as functions and the blob see it. */
export type StatusText = Readonly<Record<"Last" | "Next" | "LastUpdated", string>>;

/** Writes a status on the clock of its schedule; what never was, as .NET's first instant. */
export function statusText(
  { last, next, lastUpdated }: TimerStatus,
  schedule: Schedule,
): StatusText {
  const text = (ms: number): string => (ms === 0 ? "0001-01-01T00:00:00+00:00" : schedule.text(ms));
  return { Last: text(last), Next: text(next), LastUpdated: text(lastUpdated) };
}

function parseStatus(text: string): TimerStatus | undefined {
  const { Last, Next, LastUpdated } = JSON.parse(text) as Record<string, string>;
  const [last, next, lastUpdated] = [Last, Next, LastUpdated].map((value) =>
    Date.parse(value ?? ""),
  );
  if (!next || Number.isNaN(next)) return undefined;
  return { last: Math.max(0, last || 0), next, lastUpdated: Math.max(0, lastUpdated || 0) };
}
