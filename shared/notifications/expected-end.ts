/** When the last device of a notification is reached, as far as anybody can tell now. Pure. */
import type { PaceState } from "../graph/pace.ts";
import type { Instant } from "../kernel/clock.ts";
import type { PlanProgress } from "./plan-progress.ts";

/**
 * The end of the last turn, moved by as much as all reservations have been moved since; but no earlier than what
 * still waits takes at its own pace, and than Graph's door opens. Retries to come, and doors that close later, are in
 * nobody's plan.
 */
export function expectedEnd(
  { lastTurn, shiftMs, devices, takesMs }: PlanProgress,
  waiting: number,
  pace: Pick<PaceState, "closedUntil" | "shiftMs"> | undefined,
  now: Instant,
): Instant {
  const ownMs = devices === 0 ? 0 : (waiting * takesMs) / devices;
  // Without requests of the plan's own at a pace, nobody's door is ours.
  if (pace === undefined || takesMs === 0) return Math.max(now, lastTurn);
  const planned = lastTurn + Math.max(0, pace.shiftMs - shiftMs);
  return Math.max(planned, Math.max(now, pace.closedUntil) + ownMs);
}
