/** Applies steps to stored rows, whoever else changes them meanwhile. */
import type { Instant } from "../kernel/clock.ts";
import { applySteps } from "./delivering.ts";
import type { Delivery, Step } from "./delivery.ts";
import { liveOf } from "./delivery-row.ts";
import type { DeliveryStore, StoredDeliveryRow } from "./delivery-store.ts";
import { deliveriesIn } from "./job.ts";

/** Losing this often in a row means that something is badly wrong. */
const maxTries = 8;

/** What is to happen to which rows. */
export type RowChange = {
  readonly notificationId: string;
  readonly steps: ReadonlyMap<string, Step>;
  readonly now: Instant;
  /** When somebody should touch a row again, given what stands in it then; absent: as before. */
  readonly dueAt?: (deliveries: readonly Delivery[]) => Instant;
};

/**
 * Applies steps to exactly the rows that were read, or to none: undefined when another writer was
 * faster. For decisions that hold only for what was read, such as claims.
 */
export async function changeRowsOnce(
  store: DeliveryStore,
  rows: readonly StoredDeliveryRow[],
  change: RowChange,
): Promise<readonly StoredDeliveryRow[] | undefined> {
  const changed = rows.flatMap((row) => changedRow(row, change) ?? []);
  if (changed.length === 0) return rows;
  const stored = await store.replace(change.notificationId, changed);
  return stored === undefined ? undefined : merged(rows, stored);
}

/**
 * Applies steps to rows, in one transaction. When another writer was faster, the rows are read again
 * and the steps applied to what stands there: the lifecycle drops what no longer fits. A delivery that
 * was claimed anew meanwhile is left alone, because the step is about what came of an earlier claim.
 */
export async function changeRows(
  store: DeliveryStore,
  rows: readonly StoredDeliveryRow[],
  change: RowChange,
): Promise<readonly StoredDeliveryRow[]> {
  let current = rows;
  let { steps } = change;
  for (let tries = 0; tries < maxTries; tries += 1) {
    const changed = current.flatMap((row) => changedRow(row, { ...change, steps }) ?? []);
    if (changed.length === 0) return current;
    const stored = await store.replace(change.notificationId, changed);
    if (stored !== undefined) return merged(current, stored);
    current = await store.reread(change.notificationId, current);
    steps = stepsThatFit(steps, rows, current);
  }
  throw new Error(`could not win rows of notification ${change.notificationId}`);
}

/** The steps for deliveries that nobody has claimed since `before`. */
function stepsThatFit(
  steps: ReadonlyMap<string, Step>,
  before: readonly StoredDeliveryRow[],
  now: readonly StoredDeliveryRow[],
): ReadonlyMap<string, Step> {
  const attempts = new Map(deliveriesIn(before).map((each) => [each.deviceId, each.attempts]));
  const claimed = deliveriesIn(now).filter((each) => each.attempts !== attempts.get(each.deviceId));
  const taken = new Set(claimed.map(({ deviceId }) => deviceId));
  return new Map([...steps].filter(([deviceId]) => !taken.has(deviceId)));
}

/** The row after the steps, or undefined when nothing of it changes. */
function changedRow(
  row: StoredDeliveryRow,
  { steps, now, dueAt }: RowChange,
): StoredDeliveryRow | undefined {
  const deliveries = applySteps(row.deliveries, steps, now);
  const due = dueAt === undefined ? row.dueAt : dueAt(deliveries);
  const same = deliveries.every((delivery, at) => delivery === row.deliveries[at]);
  if (same && (row.dueAt === due || liveOf(deliveries) === 0)) return undefined;
  return { ...row, deliveries, dueAt: due };
}

function merged(
  rows: readonly StoredDeliveryRow[],
  changed: readonly StoredDeliveryRow[],
): StoredDeliveryRow[] {
  const byKey = new Map(changed.map((row) => [row.lastDeviceId, row]));
  return rows.map((row) => byKey.get(row.lastDeviceId) ?? row);
}
