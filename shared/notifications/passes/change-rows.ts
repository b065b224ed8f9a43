/** Applies steps to stored rows, whoever else changes them meanwhile. */
import type { Action } from "../../devices/actions/action.ts";
import type { Instant } from "../../kernel/clock.ts";
import type { Delivery, Step } from "../state/delivery.ts";
import { liveOf } from "../state/delivery-row.ts";
import type { DeliveryStore, StoredDeliveryRow } from "../state/delivery-store.ts";
import type { Notification } from "../state/notification.ts";
import { byRelay, relayDueAt } from "../state/relay-route.ts";
import { applySteps, lookableAt } from "./decide-pass.ts";
import type { DeliverDeps, Turn } from "./pass-services.ts";

// What one message about some rows works on, and how its pass may end.

/** What becomes of the message. */
export type DeliverOutcome =
  | { readonly kind: "done" | "gone" }
  | {
      readonly kind: "again";
      readonly until: Instant;
      /** What is reserved for the next pass. */
      readonly turn: Turn;
      /** What is reserved for its looks. */
      readonly reads?: Turn;
      readonly handed?: true;
    };

/** What one message is about. */
export type Job = {
  readonly action: Action;
  readonly notification: Notification;
  readonly rows: readonly StoredDeliveryRow[];
};

/** When a delivery can be touched again: when it may be sent, or its mark has run out. */
export const touchAt = (delivery: Delivery, claimMs: number): Instant =>
  delivery.state === "claimed" ? lookableAt(delivery, claimMs) : (delivery.notBefore ?? 0);

/** All deliveries of some rows. */
export const deliveriesIn = (rows: readonly StoredDeliveryRow[]): Delivery[] =>
  rows.flatMap((row) => row.deliveries);

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

// When rows need somebody again. Pure.

/** When a row needs somebody again: its earliest waiting or marked delivery, else the first look. */
export function dueAfterPass(
  { claimMs, confirmAfterMs }: Pick<DeliverDeps, "claimMs" | "confirmAfterMs">,
  job: { readonly action: Action; readonly notification: Notification },
  all: readonly Delivery[],
  now: Instant,
): Instant {
  const deliveries = all.filter((delivery) => !byRelay(job.action, delivery));
  const relayDue = relayDueAt(job.action, job.notification, all, now) ?? Number.POSITIVE_INFINITY;
  // Answers are looked at when nothing of the row is still to be sent.
  const isSent = deliveries.some(({ state }) => state === "sent");
  const isOpen = deliveries.some(({ state }) => state === "waiting" || state === "claimed");
  const looked = isSent && !isOpen;
  let due = Math.min(relayDue, looked ? now + confirmAfterMs : relayDue);
  for (const delivery of deliveries) {
    const { state } = delivery;
    if (state === "waiting" || state === "claimed")
      due = Math.min(due, Math.max(now, touchAt(delivery, claimMs)));
  }
  return Number.isFinite(due) ? due : now + confirmAfterMs;
}

// Tells the sweeper that rows wait for their turn, and are not forgotten.

/** Shorter waits end before any sweeper would notice, and are not worth a write. */
const shortMs = 60_000;

/** Moves the rows' due time to `until`, where it is much later than what stands in them. */
export async function noteWait(
  { deliveries }: Pick<DeliverDeps, "deliveries">,
  { notification, rows }: Job,
  until: Instant,
  now: Instant,
): Promise<void> {
  const due = Math.min(...rows.map(({ dueAt }) => dueAt));
  if (until - Math.max(due, now) < shortMs) return;
  const { notificationId } = notification;
  await changeRows(deliveries, rows, { notificationId, steps: new Map(), now, dueAt: () => until });
}
