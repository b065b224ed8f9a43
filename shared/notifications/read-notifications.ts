/** Reads notifications: one with its counts, a tenant's list, what one device got. */

import { personView } from "../access/approvals/contract.ts";
import { findAction } from "../devices/actions/catalogue.ts";
import type { Reach } from "../devices/collections/reach.ts";
import type { ThrottleState, ThrottleStore } from "../graph/throttle.ts";
import { rateOf } from "../graph/workloads.ts";
import type { Page } from "../http/paging.ts";
import { type Clock, type Instant, toIso } from "../kernel/clock.ts";
import { inParallel } from "../kernel/concurrency.ts";
import { fail, type Result, succeed } from "../kernel/failure.ts";
import type { Tenants } from "../tenants/tenant-cache.ts";
import { type Ahead, type Paces, timeLeft } from "./passes/planning-steps.ts";
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
import type { DeliveryStore, Standing } from "./state/delivery-store.ts";
import {
  isOpen,
  isStopping,
  isWithin,
  type Notification,
  sumOf,
  wordFor,
} from "./state/notification.ts";
import type { NotificationStore } from "./state/notification-store.ts";
import type { PlanProgress, Work } from "./state/plan-progress.ts";

// When a notification is over, as far as anybody can tell now. Pure.

/** What an expected end depends on beside the plan: the tenant's pace, and where reservations stand. */
export type Outlook = {
  readonly paces: Paces;
  readonly sends?: Pick<ThrottleState, "closedUntil" | "shiftMs">;
  readonly reads?: Pick<ThrottleState, "nextFree">;
  readonly confirmAfterMs: number;
} & Pick<Standing, "firstLookAt" | "lastLookAt">;

/**
 * When the last answer has been read, if devices have answered by the next look at them: by `timeLeft`, of the share
 * of the plan's work that is left. Devices that are not planned yet are taken for like those that are. Retries to
 * come, doors that close later, and what relays carry are in nobody's plan: undefined where nothing else is left.
 */
export function expectedEndOf(
  plan: PlanProgress,
  { expiresAt, expected = 0 }: Pick<Notification, "expiresAt" | "expected">,
  counts: Counts,
  outlook: Outlook,
  now: Instant,
): Instant | undefined {
  const planned = sumOf(counts);
  const known = plan.work.devices + plan.relayed;
  if (known === 0 || planned === 0) return undefined;
  const unplanned = plan.done ? 0 : Math.max(0, expected / planned - 1);
  // Any of those that are left may be a relay's: what is more than those is Graph's.
  const open = counts.waiting + counts.sent + unplanned * known;
  const ours = Math.min(open - plan.relayed * (1 + unplanned), plan.work.devices * (1 + unplanned));
  if (ours <= 0) return undefined;
  const toSend = Math.min(ours, counts.waiting + unplanned * known);
  const requests = (plan.work.requests * toSend) / plan.work.devices;
  const reads = (plan.work.reads * ours) / plan.work.devices;
  const work: Work = { ...plan.work, devices: ours, requests, reads };
  const ahead = aheadOf(plan, toSend > 0 ? { requests, unplanned } : undefined, outlook, now);
  const { sendingMs, confirmingMs } = timeLeft(work, outlook.paces, ahead);
  // What is silent until then ends then.
  return Math.max(now, Math.min(now + sendingMs + confirmingMs, expiresAt));
}

/**
 * What is ahead. The last request goes when the last turn ends, moved by as much as all reservations have been moved
 * since, and no earlier than what still waits takes at its pace from the moment Graph's door opens.
 */
function aheadOf(
  { lastTurn, shiftMs, work }: PlanProgress,
  sending: { readonly requests: number; readonly unplanned: number } | undefined,
  { paces, sends, reads, confirmAfterMs, firstLookAt, lastLookAt }: Outlook,
  now: Instant,
): Ahead {
  const readsQueuedMs = Math.max(0, (reads?.nextFree ?? 0) - now);
  const first = firstLookAt > 0 ? { firstLookMs: Math.max(0, firstLookAt - now) } : {};
  const looks = { readsQueuedMs, lookAfterMs: confirmAfterMs, ...first };
  if (sending === undefined) {
    const lastLook = lastLookAt > 0 ? lastLookAt : lastTurn + confirmAfterMs;
    return { firstLookMs: 0, ...looks, queuedMs: 0, lastLookMs: Math.max(0, lastLook - now) };
  }
  const everyMs = paces.send?.intervalMs ?? 0;
  const moved = Math.max(0, (sends?.shiftMs ?? shiftMs) - shiftMs);
  const end = lastTurn + moved + work.requests * sending.unplanned * everyMs;
  const doorMs = Math.max(0, (sends?.closedUntil ?? 0) - now);
  return { ...looks, queuedMs: Math.max(doorMs, end - now - sending.requests * everyMs) };
}

/** A tenant's pace. */
export async function pacesOf(tenants: Pick<Tenants, "get">, tenantId: string): Promise<Paces> {
  const pace = (await tenants.get(tenantId))?.pace;
  return {
    send: rateOf("deviceActions", pace?.deviceActions),
    read: rateOf("deviceReads", pace?.deviceReads),
  };
}

// Notifications and deliveries as the API shows them. Pure.

/** A notification with its counts; `plan` is absent before planning began, `outlook` where nobody waits for an end. */
export function notificationView(
  notification: Notification,
  counts: Counts,
  plan: PlanProgress | undefined,
  now: Instant,
  outlook?: Outlook,
): WholeView {
  const { createdAt, expiresAt, finishedAt, note, requestedBy, failure, target } = notification;
  const early = ["pendingApproval", "planning"].includes(notification.state);
  const planned = early ? (plan?.done ?? false) : true;
  const whole = planned ? counts : withUnplanned(notification, counts);
  const total = sumOf(whole);
  const phase = phaseOf(notification, planned, counts);
  // What is not sent any more waits for nothing.
  const left = isStopping(notification) ? { ...counts, waiting: 0 } : counts;
  const end = phase && plan && outlook && expectedEndOf(plan, notification, left, outlook, now);
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
  readonly tenants: Pick<Tenants, "get">;
  readonly confirmAfterMs: number;
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
async function viewNow(deps: ReadDeps, notification: Notification): Promise<WholeView> {
  const { deliveries, clock } = deps;
  const { notificationId, counts } = notification;
  if (counts !== undefined) return notificationView(notification, counts, undefined, clock.now());
  const plan = (await deliveries.plan(notificationId))?.progress;
  // Rows come with the plan, in one transaction: without it there are none.
  if (plan === undefined)
    return notificationView(notification, emptyCounts(), undefined, clock.now());
  const standing = await deliveries.standing(notificationId);
  const outlook = await outlookOf(deps, notification, plan, standing);
  return notificationView(notification, standing.counts, plan, clock.now(), outlook);
}

/** What the expected end depends on; rows of the pace are read only where they could move it. */
async function outlookOf(
  { paces, tenants, confirmAfterMs }: ReadDeps,
  { tenantId }: Notification,
  { work, relayed, done }: PlanProgress,
  { counts, ...looks }: Standing,
): Promise<Outlook> {
  const pace = await pacesOf(tenants, tenantId);
  const isSending = (counts.waiting > 0 || !done) && work.requests > 0;
  const [sends, reads] = await Promise.all([
    isSending && pace.send ? paces.read(tenantId, "deviceActions") : undefined,
    // Up to a burst is read at once, as soon as it is due.
    pace.read && work.reads > pace.read.burst ? paces.read(tenantId, "deviceReads") : undefined,
  ]);
  return {
    paces: pace,
    ...(sends && { sends }),
    ...(reads && { reads }),
    confirmAfterMs,
    // Where relays carry some of the rows, their due times are not only of looks.
    ...(relayed > 0 ? { firstLookAt: 0, lastLookAt: 0 } : looks),
  };
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
