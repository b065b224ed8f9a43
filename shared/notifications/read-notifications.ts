/** Reads notifications and their deliveries: status, pages, one device. */
import type { Reach } from "../devices/reach.ts";
import type { PaceStore } from "../graph/pace-store.ts";
import type { Page } from "../http/paging.ts";
import type { Clock } from "../kernel/clock.ts";
import { inParallel } from "../kernel/concurrency.ts";
import { fail, type Result, succeed } from "../kernel/failure.ts";
import type { DeliveryView, NotificationView } from "./contract.ts";
import { type CountedState, shownState } from "./delivery.ts";
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
/** Most rows read for one page of deliveries; a page with fewer than asked for has a next one. */
const maxRows = 10;

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
  const current = await deliveries.counts(notificationId);
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

/**
 * A page of deliveries in the order of device ids, optionally of one state; one storage read. It may
 * hold fewer than `top` although more follow: `next` alone says whether there are.
 */
export async function listDeliveries(
  { notifications, deliveries }: ReadDeps,
  ids: { readonly tenantId: string; readonly notificationId: string },
  { state, top, after }: { state?: CountedState; top: number; after?: string },
): Promise<Result<Page<DeliveryView>>> {
  const stored = await notifications.get(ids.tenantId, ids.notificationId);
  if (stored === undefined) return unknownNotification(ids.notificationId);
  // The row that holds `after` may hold more behind it: start at that row, not behind it.
  const rows = await deliveries.page(ids.notificationId, {
    ...(after === undefined ? {} : { from: after }),
    ...(state === undefined ? {} : { where: `${state} gt 0` }),
    top: maxRows,
  });
  const fitting = rows
    .flatMap((row) => row.deliveries)
    .filter(({ deviceId }) => after === undefined || deviceId > after)
    .filter((delivery) => state === undefined || shownState(delivery.state) === state);
  const items = fitting
    .slice(0, top)
    .map((delivery) => deliveryView(delivery, stored.notification.actionId));
  const lastRead = rows.length === maxRows ? rows.at(-1)?.lastDeviceId : undefined;
  const next = fitting.length > top ? items.at(-1)?.deviceId : lastRead;
  return succeed(next === undefined ? { items } : { items, next });
}

/** Every delivery, page by page, for documents that hold them all. */
export async function* allDeliveries(
  deps: ReadDeps,
  ids: { readonly tenantId: string; readonly notificationId: string },
  state?: CountedState,
): AsyncGenerator<DeliveryView> {
  let after: string | undefined;
  do {
    const page = await listDeliveries(deps, ids, {
      top: Number.MAX_SAFE_INTEGER,
      ...(state === undefined ? {} : { state }),
      ...(after === undefined ? {} : { after }),
    });
    if (!page.ok) return;
    yield* page.value.items;
    after = page.value.next;
  } while (after !== undefined);
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
