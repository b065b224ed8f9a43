/** Reads notifications: one with its counts, a tenant's list, what one device got. */
import type { Reach } from "../devices/reach.ts";
import type { PaceStore } from "../graph/pace-store.ts";
import type { Page } from "../http/paging.ts";
import type { Clock } from "../kernel/clock.ts";
import { inParallel } from "../kernel/concurrency.ts";
import { fail, type Result, succeed } from "../kernel/failure.ts";
import type { NotificationView } from "./contract.ts";
import { emptyCounts } from "./delivery-row.ts";
import type { DeliveryStore } from "./delivery-store.ts";
import type { Notification } from "./notification.ts";
import type { NotificationStore } from "./notification-store.ts";
import { deliveryView, notificationView } from "./view.ts";
import { isWithin } from "./visible.ts";

/** What reading needs. */
export type ReadDeps = {
  readonly notifications: NotificationStore;
  readonly deliveries: DeliveryStore;
  readonly paces: Pick<PaceStore, "look">;
  readonly clock: Clock;
};

const lanes = 8;

/** Says that a notification is not there. */
export const unknownNotification = (notificationId: string) =>
  fail("unknown-notification", `The tenant has no notification ${notificationId}.`);

/** One notification with counts as they are now, from at most a read per 1,000 rows. */
export async function readNotification(
  deps: ReadDeps,
  tenantId: string,
  notificationId: string,
  reach?: Reach,
): Promise<Result<NotificationView>> {
  const seen = await seesNotification(deps, { tenantId, notificationId }, reach);
  return seen.ok ? succeed(await viewNow(deps, seen.value)) : seen;
}

/** Fails like a notification that is not there, unless the caller reaches all that it is for. */
export async function seesNotification(
  { notifications }: Pick<ReadDeps, "notifications">,
  { tenantId, notificationId }: { readonly tenantId: string; readonly notificationId: string },
  reach: Reach | undefined,
): Promise<Result<Notification>> {
  const stored = await notifications.get(tenantId, notificationId);
  return stored !== undefined && isWithin(stored.notification, reach)
    ? succeed(stored.notification)
    : unknownNotification(notificationId);
}

/** The view of a notification; finished ones carry their counts. */
export async function viewNow(
  { deliveries, clock, paces }: ReadDeps,
  notification: Notification,
): Promise<NotificationView> {
  const { tenantId, notificationId, counts } = notification;
  if (counts !== undefined) return notificationView(notification, counts, undefined, clock.now());
  const plan = await deliveries.plan(notificationId);
  // Rows come with the plan, in one transaction: without it there are none.
  const current = plan === undefined ? emptyCounts() : await deliveries.counts(notificationId);
  const paced = current.waiting > 0 && (plan?.progress.takesMs ?? 0) > 0;
  const pace = paced ? await paces.look(tenantId, "deviceActions") : undefined;
  return notificationView(notification, current, plan?.progress, clock.now(), pace);
}

/** A page of a tenant's notifications, newest first. */
export async function listNotifications(
  deps: ReadDeps,
  tenantId: string,
  { top, token, reach }: { top: number; token?: string | undefined; reach?: Reach | undefined },
): Promise<Page<NotificationView>> {
  const { notifications, ...next } = await deps.notifications.list(tenantId, top, token);
  const visible = notifications.filter((each) => isWithin(each, reach));
  const items = await inParallel(visible, lanes, (each) => viewNow(deps, each));
  const hidden = notifications.length - visible.length;
  return { items, ...next, ...(reach === undefined ? {} : { hidden }) };
}

/** What a device got: its deliveries, newest first; one read for each notification of the tenant. */
export async function deviceHistory(
  deps: ReadDeps,
  tenantId: string,
  deviceId: string,
  page: { top: number; token?: string },
) {
  const { notifications, next } = await deps.notifications.list(tenantId, page.top, page.token);
  const found = await inParallel(notifications, lanes, async (notification) => {
    const row = await deps.deliveries.rowOf(notification.notificationId, deviceId);
    const delivery = row?.deliveries.find((each) => each.deviceId === deviceId);
    if (delivery === undefined) return [];
    const { notificationId, actionId } = notification;
    return [{ notificationId, action: actionId, ...deliveryView(delivery, actionId) }];
  });
  const items = found.flat();
  return next === undefined ? { items } : { items, next };
}
