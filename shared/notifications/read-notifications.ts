/** Reads notifications: one with its counts, a tenant's list, what one device got. */

import { personView } from "../access/approvals/contract.ts";
import { findAction } from "../devices/actions/catalogue.ts";
import type { Reach } from "../devices/collections/reach.ts";
import type { ThrottleState, ThrottleStore } from "../graph/throttle.ts";
import type { Page } from "../http/paging.ts";
import { type Clock, type Instant, toIso } from "../kernel/clock.ts";
import { inParallel } from "../kernel/concurrency.ts";
import { fail, type Result, succeed } from "../kernel/failure.ts";
import {
  type LookBudget,
  oneBudget,
  pageBudget,
  type SeenDeps,
  seenCounts,
  seenExpected,
} from "./seen.ts";
import type { DeliveryView, NotificationView, WholeView } from "./state/contract.ts";
import { type Delivery, shownState } from "./state/delivery.ts";
import { type Counts, emptyCounts } from "./state/delivery-row.ts";
import type { DeliveryStore } from "./state/delivery-store.ts";
import {
  isOpen,
  isStopping,
  isWithin,
  type Notification,
  sumOf,
  wordFor,
} from "./state/notification.ts";
import type { NotificationStore } from "./state/notification-store.ts";
import type { PlanProgress } from "./state/plan-progress.ts";

// When the last device of a notification is reached, as far as anybody can tell now. Pure.

/**
 * The end of the last turn, moved by as much as all reservations have been moved since; but no earlier than what
 * still waits takes at its own pace, and than Graph's door opens. Retries to come, and doors that close later, are in
 * nobody's plan.
 */
export function expectedEndOf(
  { lastTurn, shiftMs, devices, takesMs }: PlanProgress,
  waiting: number,
  pace: Pick<ThrottleState, "closedUntil" | "shiftMs"> | undefined,
  now: Instant,
): Instant {
  const ownMs = devices === 0 ? 0 : (waiting * takesMs) / devices;
  // Without requests of the plan's own at a pace, nobody's door is ours.
  if (pace === undefined || takesMs === 0) return Math.max(now, lastTurn);
  const planned = lastTurn + Math.max(0, pace.shiftMs - shiftMs);
  return Math.max(planned, Math.max(now, pace.closedUntil) + ownMs);
}

// Notifications and deliveries as the API shows them. Pure.

/** A notification with its counts; `plan` is absent before planning began, `pace` where nobody waits for it. */
export function notificationView(
  notification: Notification,
  counts: Counts,
  plan: PlanProgress | undefined,
  now: Instant,
  pace?: ThrottleState,
): WholeView {
  const { createdAt, expiresAt, finishedAt, note, requestedBy, failure, target } = notification;
  const early = ["pendingApproval", "planning"].includes(notification.state);
  const planned = early ? (plan?.done ?? false) : true;
  const whole = planned ? counts : withUnplanned(notification, counts);
  const total = sumOf(whole);
  const phase = phaseOf(notification, planned, counts);
  // While devices are still being counted, nobody knows which one is the last.
  const end =
    plan?.done && counts.waiting > 0 ? expectedEndOf(plan, counts.waiting, pace, now) : undefined;
  return {
    notificationId: notification.notificationId,
    tenantId: notification.tenantId,
    state: wordFor(notification, counts),
    final: !isOpen(notification),
    ...(phase === undefined ? {} : { phase }),
    action: notification.actionId,
    parameters: Object.keys(notification.parameters),
    target: { ...target },
    allowApproximate: notification.allowApproximate,
    ...(note === undefined ? {} : { note }),
    ...(requestedBy === undefined ? {} : { requestedBy: personView(requestedBy) }),
    ...(target.kind === "retry" ? { retryOf: target.notificationId } : {}),
    createdAt: toIso(createdAt),
    expiresAt: toIso(expiresAt),
    ...(finishedAt === undefined ? {} : { finishedAt: toIso(finishedAt) }),
    ...(failure === undefined ? {} : { failure }),
    counts: { total, ...whole },
    progress: {
      planned,
      percent: percentOf(total - whole.notSupported, whole.waiting + whole.sent, planned),
      ...(end === undefined ? {} : { expectedEnd: toIso(end) }),
    },
  };
}

/** Devices that nobody has planned yet wait, too: so the counts add up to what is expected. */
const withUnplanned = ({ expected = 0 }: Notification, counts: Counts): Counts => ({
  ...counts,
  waiting: counts.waiting + Math.max(0, expected - sumOf(counts)),
});

/** The settled share of what is sent for; what no device can do is no progress. */
function percentOf(asked: number, open: number, planned: boolean): number {
  if (asked === 0) return planned ? 100 : 0;
  return Math.floor(((asked - open) / asked) * 1000) / 10;
}

function phaseOf(
  notification: Notification,
  planned: boolean,
  { waiting }: Counts,
): NotificationView["phase"] {
  if (!isOpen(notification) || notification.state === "pendingApproval") return undefined;
  if (!planned) return "planning";
  return waiting > 0 && !isStopping(notification) ? "sending" : "confirming";
}

/** One delivery of a notification. */
export function deliveryView(delivery: Delivery, actionId: string): DeliveryView {
  const { deviceId, deviceName, state, at, attempts, code, detail } = delivery;
  const route = findAction(actionId)?.routes[delivery.route]?.id;
  return {
    deviceId,
    deviceName,
    state: shownState(state),
    ...(route === undefined ? {} : { route }),
    at: toIso(at),
    attempts,
    ...(code === undefined ? {} : { code }),
    ...(detail === undefined ? {} : { detail }),
  };
}

/** What reading needs. */
export type ReadDeps = {
  readonly notifications: NotificationStore;
  readonly deliveries: DeliveryStore;
  readonly paces: Pick<ThrottleStore, "read">;
  readonly clock: Clock;
};

const lanes = 8;

/** Says that a notification is not there. */
export const unknownNotification = (notificationId: string) =>
  fail("unknown-notification", `The tenant has no notification ${notificationId}.`);

/** One notification with counts as they are now, from at most a read per 1,000 rows. */
export async function readNotification(
  deps: ReadDeps & SeenDeps,
  tenantId: string,
  notificationId: string,
  reach: Reach | undefined,
): Promise<Result<NotificationView>>;
export async function readNotification(
  deps: ReadDeps & SeenDeps,
  tenantId: string,
  notificationId: string,
): Promise<Result<WholeView>>;
export async function readNotification(
  deps: ReadDeps & SeenDeps,
  tenantId: string,
  notificationId: string,
  reach?: Reach,
): Promise<Result<NotificationView>> {
  const seen = await seesNotification(deps, { tenantId, notificationId }, reach);
  return seen.ok ? succeed(await viewFor(deps, seen.value, reach)) : seen;
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
async function viewNow(
  { deliveries, clock, paces }: ReadDeps,
  notification: Notification,
): Promise<WholeView> {
  const { tenantId, notificationId, counts } = notification;
  if (counts !== undefined) return notificationView(notification, counts, undefined, clock.now());
  const plan = await deliveries.plan(notificationId);
  // Rows come with the plan, in one transaction: without it there are none.
  const current = plan === undefined ? emptyCounts() : await deliveries.counts(notificationId);
  const paced = current.waiting > 0 && (plan?.progress.takesMs ?? 0) > 0;
  const pace = paced ? await paces.read(tenantId, "deviceActions") : undefined;
  return notificationView(notification, current, plan?.progress, clock.now(), pace);
}

/** The view for a caller with this reach: what it says of devices, it says of those that they reach today. */
export async function viewFor(
  deps: ReadDeps & SeenDeps,
  notification: Notification,
  reach: Reach | undefined,
  budget: LookBudget = oneBudget(),
): Promise<NotificationView> {
  const view = await viewNow(deps, notification);
  if (reach === undefined) return view;
  const { notificationId, counts, target } = notification;
  const plan = counts === undefined ? await deps.deliveries.plan(notificationId) : undefined;
  const whole =
    counts ?? (plan === undefined ? emptyCounts() : await deps.deliveries.counts(notificationId));
  const seen = await seenCounts(deps, notification, whole, reach, budget);
  const isWhole = view.progress.planned;
  const expected = isWhole ? undefined : await seenExpected(deps, notification, reach);
  if (seen === undefined || (expected === undefined && !isWhole)) return uncounted(view);
  const narrowed: Notification = {
    ...notification,
    ...(expected === undefined ? {} : { expected }),
    ...(target.kind === "devices" ? { target: { ...target, count: expected ?? sumOf(seen) } } : {}),
  };
  const own = notificationView(narrowed, seen, plan?.progress, deps.clock.now());
  const { expectedEnd } = view.progress;
  const end = own.phase === undefined || expectedEnd === undefined ? {} : { expectedEnd };
  return { ...own, progress: { ...own.progress, ...end } };
}

/** A view that says nothing of how many devices fared how. */
function uncounted(whole: NotificationView): NotificationView {
  const { counts: _, progress, phase: _phase, ...view } = whole;
  const { count: _count, ...target } = view.target;
  return {
    ...view,
    target,
    state: saysHowItWent.has(view.state) ? "ended" : view.state,
    countsLeftOut:
      "It has more devices than are looked at for who is limited to collections. Its deliveries can be listed.",
    progress: { planned: progress.planned },
  };
}

/** Words that follow from the counts. */
const saysHowItWent: ReadonlySet<string> = new Set([
  "completed",
  "partlyCompleted",
  "failed",
  "unknown",
  "nothingToSend",
]);

/** A page of a tenant's notifications, newest first. */
export async function listNotifications(
  deps: ReadDeps & SeenDeps,
  tenantId: string,
  { top, token, reach }: { top: number; token?: string | undefined; reach?: Reach | undefined },
): Promise<Page<NotificationView>> {
  const { notifications, ...next } = await deps.notifications.list(tenantId, top, token);
  const visible = notifications.filter((each) => isWithin(each, reach));
  const budget = pageBudget();
  // One after the other where a budget is shared: the newest come first.
  const items = await inParallel(visible, reach === undefined ? lanes : 1, (each) =>
    viewFor(deps, each, reach, budget),
  );
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
