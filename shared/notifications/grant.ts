/** How many Graph requests a pass may spend now, by the tenant's pace. */
import { limitOf, paceOf, type Reservation, turnOf, type Workload } from "../graph/pace.ts";
import type { Instant } from "../kernel/clock.ts";
import type { DeliverDeps } from "./deliver-deps.ts";

/** A reservation on its way through messages: so many requests are reserved and not spent. */
export type Turn = Reservation & { readonly granted: number };

/** What a pass may do. */
export type Grant = Turn & {
  /** Not before this. */
  readonly startAt: Instant;
  /** Requests that this pass may spend: at most a burst. */
  readonly budget: number;
  /** Time that each spent request takes up; 0 without a limit. */
  readonly intervalMs: number;
};

const unlimited = { budget: Number.POSITIVE_INFINITY, intervalMs: 0 };

/** No reservation yet. */
export const noTurn: Turn = { granted: 0, at: 0, shiftMs: 0 };

/**
 * The grant for `cost` requests of a workload: what was reserved before, moved by as much as all
 * reservations have been moved since; else a reservation of our own, for one burst at a time. Whoever is
 * told to wait takes the grant along, and whoever comes much too late is let in at once, a burst at a time:
 * reserving anew would send both to the end of a line that may be hours long.
 */
export async function grantFor(
  { paces, tenants, clock }: Pick<DeliverDeps, "paces" | "tenants" | "clock">,
  { tenantId, workload }: { readonly tenantId: string; readonly workload: Workload },
  cost: number,
  turn: Turn,
): Promise<Grant> {
  const now = clock.now();
  const setting = (await tenants.get(tenantId))?.pace[workload];
  if (cost === 0 || setting === "unlimited") return { ...unlimited, ...turn, startAt: now };
  const pace = paceOf(limitOf(workload, setting));
  const { intervalMs, burst } = pace;
  const granted = turn.granted > 0 ? turn.granted : Math.min(cost, burst);
  const budget = Math.min(granted, burst);
  if (turn.granted === 0) {
    const { startAt, shiftMs } = await paces.reserve(tenantId, workload, granted, now, pace);
    return { startAt, at: startAt, shiftMs, granted, budget, intervalMs };
  }
  const { shiftMs, closedUntil } = await paces.look(tenantId, workload);
  const at = turnOf(turn, shiftMs, now);
  if (at !== undefined)
    return { startAt: Math.max(at, closedUntil), at, shiftMs, granted, budget, intervalMs };
  const place = await paces.squeezeIn(tenantId, workload, budget * intervalMs, now);
  const { startAt } = place;
  return { startAt, at: startAt, shiftMs: place.shiftMs, granted, budget, intervalMs };
}
