/** The turns of units at the tenant's pace: all of a step's units in one reservation. */
import { limitOf, paceOf } from "../graph/pace.ts";
import type { PaceStore } from "../graph/pace-store.ts";
import type { Instant } from "../kernel/clock.ts";
import type { Tenants } from "../tenants/tenant-cache.ts";
import type { DeliveryRow } from "./delivery-row.ts";
import type { Notification } from "./notification.ts";
import type { Unit } from "./plan-progress.ts";
import type { UnitDraft } from "./planning.ts";

/** Units with their turns. */
export type Turns = {
  readonly units: readonly Unit[];
  /** When the last request goes, unless the reservations are moved. */
  readonly endAt: Instant;
  /** The time that the requests take up. */
  readonly takesMs: number;
  /** By how much all reservations had been moved. */
  readonly shiftMs: number;
};

/** What reserving needs. */
export type TurnDeps = { readonly paces: PaceStore; readonly tenants: Tenants };

/**
 * Reserves all units of a step in one write, and gives each its turn. Planners that come to the same step get the
 * same turns: only one of them will write them down.
 */
export async function reserveTurns(
  { paces, tenants }: TurnDeps,
  { tenantId, notificationId }: Pick<Notification, "tenantId" | "notificationId">,
  step: number,
  drafts: readonly UnitDraft[],
  now: Instant,
): Promise<Turns> {
  const setting = (await tenants.get(tenantId))?.pace.deviceActions;
  const cost = drafts.reduce((sum, draft) => sum + draft.cost, 0);
  if (setting === "unlimited" || cost === 0) {
    const units = drafts.map((draft) => unitOf(draft, now, 0));
    return { units, endAt: now, takesMs: 0, shiftMs: 0 };
  }
  const pace = paceOf(limitOf("deviceActions", setting));
  const name = `${notificationId} ${step}`;
  const place = await paces.reserve(tenantId, "deviceActions", cost, now, pace, name);
  const { startAt, shiftMs } = place;
  let at = startAt;
  const units = drafts.map((draft) => {
    const unit = unitOf(draft, at, shiftMs);
    at += draft.cost * pace.intervalMs;
    return unit;
  });
  const takesMs = cost * pace.intervalMs;
  return { units, endAt: startAt + takesMs, takesMs, shiftMs };
}

const unitOf = ({ cost, ...draft }: UnitDraft, at: Instant, shiftMs: number): Unit => ({
  ...draft,
  at,
  granted: cost,
  shiftMs,
});

/** Rows are due when their unit's turn comes. */
export const withTurns = (rows: readonly DeliveryRow[], units: readonly Unit[]): DeliveryRow[] =>
  rows.map((row) => {
    const unit = units.find(({ from, to }) => from <= row.lastDeviceId && row.lastDeviceId <= to);
    return unit === undefined ? row : { ...row, dueAt: unit.at };
  });
