/**
 * Looks after notifications whose messages were lost: what should have been touched long ago gets a new
 * message. Rows decide what is to be done, so a message too many does no harm.
 */
import type { Clock, Instant } from "../kernel/clock.ts";
import { timeOf } from "../kernel/ids.ts";
import { queueNames } from "../storage/names.ts";
import type { Queues } from "../storage/queues.ts";
import type { Tenants } from "../tenants/tenant-cache.ts";
import type { CancelDeps } from "./cancel.ts";
import { changeRows } from "./change-rows.ts";
import { endOf, unreadable } from "./delivering.ts";
import type { Step } from "./delivery.ts";
import type { DeliveryStore, StoredDeliveryRow } from "./delivery-store.ts";
import { finishIfDone } from "./finish.ts";
import { type HoldDeps, sweepHeld } from "./held.ts";
import { deliveriesIn } from "./job.ts";
import { isOpen, move, type Notification } from "./notification.ts";
import type {
  NotificationStore,
  OpenNotification,
  StoredNotification,
} from "./notification-store.ts";

/** What sweeping needs. */
export type SweepDeps = CancelDeps &
  HoldDeps & {
    readonly notifications: NotificationStore;
    readonly deliveries: DeliveryStore;
    readonly queues: Queues;
    readonly clock: Clock;
    readonly tenants: Tenants;
    /** How far behind a row must be before its message counts as lost. */
    readonly overdueMs: number;
  };

/**
 * How long after a notification's end its messages may go on failing. By then every answer would have been
 * read, so that what is still open has a handler that never gets through: it ends where people see it.
 */
const giveUpAfterMs = 60 * 60_000;
/** Rows looked after in one sweep of a notification; the next sweep takes the next ones. */
const maxRows = 96;
/** Rows given up in one transaction. */
const maxGivenUp = 32;
const openPerPage = 100;

/**
 * Looks after every open notification; answers how many messages it sent. One that cannot be looked after
 * keeps nobody from the others; what was wrong with it is thrown at the end.
 */
export async function sweepNotifications(deps: SweepDeps): Promise<number> {
  let sent = 0;
  const troubles: unknown[] = [];
  let token: string | undefined;
  do {
    const page: Awaited<ReturnType<NotificationStore["open"]>> = await deps.notifications.open(
      openPerPage,
      token,
    );
    for (const open of page.open)
      sent += await sweepOne(deps, open).catch((error: unknown) => {
        troubles.push(new Error(`notification ${open.notificationId}`, { cause: error }));
        return 0;
      });
    token = page.next;
  } while (token !== undefined);
  if (troubles.length > 0) throw new AggregateError(troubles, "some notifications were not swept");
  return sent;
}

async function sweepOne(deps: SweepDeps, open: OpenNotification): Promise<number> {
  const { tenantId, notificationId } = open;
  const now = deps.clock.now();
  const stored = await deps.notifications.get(tenantId, notificationId);
  if (stored === undefined) return forget(deps, notificationId, now);
  const { notification } = stored;
  const orphaned = (await deps.tenants.get(tenantId)) === undefined;
  if (orphaned || !isOpen(notification)) {
    await deps.notifications.close(notificationId);
    return 0;
  }
  if (notification.state === "pendingApproval") {
    await sweepHeld(deps, notification);
    return 0;
  }
  if (now > notification.expiresAt + giveUpAfterMs) return giveUp(deps, stored, now);
  const planning = await sweepPlanning(deps, notification, now);
  const ending = await sweepEnding(deps, notification, now);
  const rows = await sweepRows(deps, notification, now);
  if (planning + ending + rows === 0) await finishIfDone(deps, tenantId, notificationId);
  return planning + ending + rows;
}

/** A row without its notification: still being written, or never to be. */
async function forget(
  { notifications, overdueMs }: SweepDeps,
  notificationId: string,
  now: Instant,
): Promise<number> {
  if (now - timeOf(notificationId) > overdueMs) await notifications.close(notificationId);
  return 0;
}

/** Planning that has not moved for long goes on. */
async function sweepPlanning(
  { deliveries, queues, overdueMs }: SweepDeps,
  { tenantId, notificationId, state, createdAt }: Notification,
  now: Instant,
): Promise<number> {
  const plan = await deliveries.plan(notificationId);
  if (plan?.progress.done && state !== "planning") return 0;
  if (now - Math.max(plan?.progress.at ?? 0, createdAt) < overdueMs) return 0;
  await queues.send(queueNames.notificationPlan, { tenantId, notificationId });
  return 1;
}

/** What still waits when the time is over, or after a cancellation, is settled without its turn. */
async function sweepEnding(
  { deliveries, queues }: SweepDeps,
  { tenantId, notificationId, state, expiresAt }: Notification,
  now: Instant,
): Promise<number> {
  if (state !== "cancelling" && now < expiresAt) return 0;
  const waiting = await deliveries.page(notificationId, { where: "waiting gt 0", top: 1 });
  if (waiting.length === 0) return 0;
  await queues.send(queueNames.notificationCancel, { tenantId, notificationId });
  return 1;
}

/** Ends what no message could bring to its end. A few rows at a time; the next sweep takes the next ones. */
async function giveUp(
  deps: SweepDeps,
  { notification, etag }: StoredNotification,
  now: Instant,
): Promise<number> {
  const { tenantId, notificationId } = notification;
  const rows = await deps.deliveries.page(notificationId, { where: "live gt 0", top: maxGivenUp });
  const steps = new Map<string, Step>();
  for (const delivery of deliveriesIn(rows)) {
    const ending = delivery.state === "waiting" ? endOf(notification, delivery, now) : unreadable;
    if (ending) steps.set(delivery.deviceId, ending);
  }
  await changeRows(deps.deliveries, rows, { notificationId, steps, now });
  if (rows.length === maxGivenUp) return 0;
  if (await finishIfDone(deps, tenantId, notificationId)) return 0;
  const counts = await deps.deliveries.counts(notificationId);
  const failure = "its devices could not be planned to the end";
  const failed = move(notification, "giveUp", { counts, finishedAt: now, failure });
  if (failed !== undefined) await deps.notifications.replace(failed, etag);
  else await deps.queues.send(queueNames.notificationPlan, { tenantId, notificationId });
  return 0;
}

/** Rows that are far behind get a message by what stands in them. */
async function sweepRows(
  deps: SweepDeps,
  { tenantId, notificationId }: Notification,
  now: Instant,
): Promise<number> {
  const before = now - deps.overdueMs;
  const where = `live gt 0 and dueAt lt ${before.toFixed(1)}`;
  const rows = await deps.deliveries.page(notificationId, { where, top: maxRows });
  let sent = 0;
  // One row each: those that are overdue need not be neighbours, and a message names all between its ends.
  for (const row of rows) {
    const { lastDeviceId } = row;
    const message = { tenantId, notificationId, from: lastDeviceId, to: lastDeviceId };
    await deps.queues.send(queueFor([row]), message);
    // Touched now: the message has as long as any other before it counts as lost, too.
    const change = { notificationId, steps: new Map(), now, dueAt: () => now };
    await changeRows(deps.deliveries, [row], change);
    sent += 1;
  }
  return sent;
}

const queueFor = (rows: readonly StoredDeliveryRow[]) =>
  deliveriesIn(rows).some(({ state }) => state === "waiting" || state === "claimed")
    ? queueNames.notificationDeliver
    : queueNames.notificationConfirm;
