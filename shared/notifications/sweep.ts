/**
 * Looks after notifications whose messages were lost: what should have been touched long ago gets a new
 * message. Rows decide what is to be done, so a message too many does no harm.
 */
import type { Instant } from "../kernel/clock.ts";
import { timeOf } from "../kernel/ids.ts";
import { queueNames } from "../storage/names.ts";
import type { Tenants } from "../tenants/tenant-cache.ts";
import type { CancelDeps } from "./cancel.ts";
import { finishIfDone } from "./finish.ts";
import { type GiveUpDeps, giveUp, isStuck } from "./give-up.ts";
import { type HoldDeps, sweepHeld } from "./held.ts";
import { isOpen, isStopping, type Notification } from "./notification.ts";
import type { NotificationStore, OpenNotification } from "./notification-store.ts";
import { type SweepRowsDeps, sweepRows } from "./sweep-rows.ts";

/** What sweeping needs. */
export type SweepDeps = CancelDeps &
  HoldDeps &
  GiveUpDeps &
  SweepRowsDeps & {
    readonly notifications: NotificationStore;
    readonly tenants: Tenants;
  };

/** A run stops after so long, well inside the function's time; the next one goes on where it was. */
const runMs = 150_000;
const openPerPage = 100;

/**
 * Looks after every open notification; answers how many messages it sent. One that cannot be looked after
 * keeps nobody from the others; what was wrong with it is thrown at the end.
 */
export async function sweepNotifications(deps: SweepDeps): Promise<number> {
  let sent = 0;
  const troubles: unknown[] = [];
  const until = deps.clock.now() + runMs;
  let token: string | undefined;
  do {
    const page: Awaited<ReturnType<NotificationStore["open"]>> = await deps.notifications.open(
      openPerPage,
      token,
    );
    for (const open of page.open)
      sent += await sweepOne(deps, open, until).catch((error: unknown) => {
        troubles.push(new Error(`notification ${open.notificationId}`, { cause: error }));
        return 0;
      });
    token = page.next;
  } while (token !== undefined && deps.clock.now() < until);
  if (troubles.length > 0) throw new AggregateError(troubles, "some notifications were not swept");
  return sent;
}

async function sweepOne(deps: SweepDeps, open: OpenNotification, until: Instant): Promise<number> {
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
  if (await isStuck(deps, notification, now)) {
    await giveUp(deps, notification, until);
    return 0;
  }
  const planning = await sweepPlanning(deps, notification, now);
  const ending = await sweepEnding(deps, notification, now);
  const rows = await sweepRows(deps, notification, until);
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
  notification: Notification,
  now: Instant,
): Promise<number> {
  const { tenantId, notificationId, expiresAt } = notification;
  if (!isStopping(notification) && now < expiresAt) return 0;
  const waiting = await deliveries.page(notificationId, { where: "waiting gt 0", top: 1 });
  if (waiting.length === 0) return 0;
  await queues.send(queueNames.notificationCancel, { tenantId, notificationId });
  return 1;
}
