/** Decides when a timer runs next: after a start, and after a run. Pure; instants are ms since the epoch. */
import type { Schedule } from "./ncrontab.ts";

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

/** Whether a schedule comes more often than once a minute; such a timer has no monitor. */
export function isSubMinute(schedule: Schedule, now: number): boolean {
  let previous = nextOf(schedule, now);
  for (let count = 1; count < 5; count++) {
    const next = nextOf(schedule, previous);
    if (next - previous < 60_000) return true;
    previous = next;
  }
  return false;
}

/** What a starting timer does: one run for however many were missed, or none, and what it then waits for. */
export type StartPlan = {
  readonly pastDue: boolean;
  readonly status: TimerStatus;
  /** Whether `status` differs from the stored one and has to be written. */
  readonly isNew: boolean;
};

export function planStart(
  schedule: Schedule,
  stored: TimerStatus | undefined,
  now: number,
): StartPlan {
  const renewed = { last: stored?.last ?? 0, next: nextOf(schedule, now), lastUpdated: now };
  // Before the first run there is nothing to be late against.
  const expected = stored && nextOf(schedule, stored.last || now);
  // Another answer than the stored one means that the schedule was edited since, so nothing was missed.
  if (!stored || expected !== stored.next) return { pastDue: false, status: renewed, isNew: true };
  return { pastDue: now > stored.next, status: stored, isNew: false };
}

/**
 * Status after a run.
 * @param due When it was due.
 * @param fired When it started. Fired early by a skewed clock, it still counts for the time it was due.
 */
export function statusAfter(
  schedule: Schedule,
  due: number,
  fired: number,
  now: number,
): TimerStatus {
  const last = Math.max(due, fired);
  return { last, next: nextOf(schedule, last), lastUpdated: now };
}
