/**
 * Reads notifications: one with its counts, a tenant's list, what one device got, and what of them callers see who are
 * limited to collections.
 */

import { personView } from "../access/approvals/approval.ts";
import { findAction } from "../devices/actions/catalogue.ts";
import type { Reach } from "../devices/collections/list-devices.ts";
import { type Throttle, timeLeft } from "../fanout/engine/engine.ts";
import { type Counts, emptyCounts, type Item, shownState } from "../fanout/state/item.ts";
import type { Standing } from "../fanout/state/item-store.ts";
import { isOpen, isStopping, sumOf, wordFor } from "../fanout/state/job.ts";
import { bucketsOf, type Cost, type PlanProgress } from "../fanout/state/rollout.ts";
import { type Instant, toIso } from "../kernel/clock.ts";
import { inParallel } from "../kernel/concurrency.ts";
import { fail, type Result, succeed } from "../kernel/failure.ts";
import type { DeliveryView, NotificationView, WholeView } from "./contract.ts";
import { type NotificationParts, ratesOf } from "./kind.ts";
import { isWithin, type Notification } from "./notification.ts";

// What callers who are limited to collections see of a notification: today's members of these collections among its
// devices, in items and in counts alike. Who has left since is nobody that they could ask about.
//
// Rows have counts of everybody, so these ones take the rows themselves and the devices in them: the more of both,
// the longer. What is too much is not counted at all, since counts of a part would be taken for the whole.

/** How many devices one request reads: some twenty storage reads, and half a second. */
type ScanBudget = { devices: number };

/** For one notification. */
const oneBudget = (): ScanBudget => ({ devices: 50_000 });
/** For a page of them together. */
export const pageBudget = (): ScanBudget => ({ devices: 10_000 });

/** Rows read at once: full ones fill a quarter of what storage gives in one answer. */
const rowsPerScan = 200;

type Reached = (deviceIds: readonly string[]) => Promise<ReadonlySet<string>>;

const reachedOf =
  ({ directory }: Pick<NotificationParts, "directory">, tenantId: string, reach: Reach): Reached =>
  async (deviceIds) => {
    const devices = await directory.getMany(tenantId, deviceIds);
    return new Set(
      deviceIds.filter((id) => {
        const device = devices.get(id);
        return device !== undefined && reach.holds(device);
      }),
    );
  };

/** Counts of the deliveries to devices within reach; undefined where `whole` has more than the budget is for. */
export async function seenCounts(
  parts: NotificationParts,
  { tenantId, jobId }: Pick<Notification, "tenantId" | "jobId">,
  whole: Counts,
  reach: Reach,
  budget: ScanBudget = oneBudget(),
): Promise<Counts | undefined> {
  const devices = sumOf(whole);
  if (devices > budget.devices) return undefined;
  budget.devices -= devices;
  const counts = emptyCounts();
  if (devices === 0) return counts;
  const reached = reachedOf(parts, tenantId, reach);
  let next: string | undefined;
  do {
    const found = await parts.engine.items.scan(jobId, { top: rowsPerScan }, next);
    const deliveries = found.rows.flatMap((row) => row.items);
    const seen = await reached(deliveries.map(({ targetId }) => targetId));
    for (const { targetId, state } of deliveries)
      if (seen.has(targetId)) counts[shownState(state)] += 1;
    next = found.next;
  } while (next !== undefined);
  return counts;
}

/** For how many devices within reach it is, where that was settled when it was asked for; otherwise as many as were expected. */
async function seenExpected(
  parts: NotificationParts,
  notification: Notification,
  reach: Reach,
): Promise<number | undefined> {
  const { tenantId, jobId, target, expected } = notification;
  const isRule = target.kind === "collection" && target.rule !== undefined;
  if (isRule && !notification.frozen) return expected;
  const deviceIds = await parts.jobs.targets(jobId);
  if (deviceIds.length > oneBudget().devices) return undefined;
  return (await reachedOf(parts, tenantId, reach)(deviceIds)).size;
}

// When a notification is over, as far as anybody can tell now. Pure.

type Rates = Parameters<typeof timeLeft>[1];
type ThrottleRow = Awaited<ReturnType<Throttle["read"]>>;

/** What an expected end depends on beside the plan: the tenant's pace, and where reservations stand. */
type Outlook = {
  readonly rates: Rates;
  readonly sends?: Pick<ThrottleRow, "closedUntil" | "shiftMs">;
  readonly reads?: Pick<ThrottleRow, "nextFree">;
  readonly confirmAfterMs: number;
} & Pick<Standing, "firstReadAt" | "lastReadAt">;

/**
 * When the last answer has been read, if devices have answered when they are read back next: by `timeLeft`, of the share
 * of the plan's work that is left. Devices that are not planned yet are taken for like those that are. Retries to
 * come, throttling to come, and what relays carry cannot be foreseen: undefined where nothing else is left.
 */
export function expectedEndOf(
  plan: PlanProgress,
  { expiresAt, expected = 0 }: Pick<Notification, "expiresAt" | "expected">,
  counts: Counts,
  outlook: Outlook,
  now: Instant,
): Instant | undefined {
  const planned = sumOf(counts);
  const known = plan.cost.items + plan.carried;
  if (known === 0 || planned === 0) return undefined;
  const unplanned = plan.done ? 0 : Math.max(0, expected / planned - 1);
  // Any of those that are left may be a relay's: what is more than those is Graph's.
  const open = counts.waiting + counts.sent + unplanned * known;
  const ours = Math.min(open - plan.carried * (1 + unplanned), plan.cost.items * (1 + unplanned));
  if (ours <= 0) return undefined;
  const toSend = Math.min(ours, counts.waiting + unplanned * known);
  const requests = (plan.cost.requests * toSend) / plan.cost.items;
  const reads = (plan.cost.reads * ours) / plan.cost.items;
  const cost: Cost = { ...plan.cost, items: ours, requests, reads };
  const ahead = aheadOf(plan, toSend > 0 ? { requests, unplanned } : undefined, outlook, now);
  const { sendingMs, confirmingMs } = timeLeft(cost, outlook.rates, ahead);
  // What is silent until then ends then.
  return Math.max(now, Math.min(now + sendingMs + confirmingMs, expiresAt));
}

/**
 * What is ahead. The last request goes when the last reservation ends, moved by as much as all reservations have been moved
 * since, and no earlier than what still waits takes at the throttle's pace from the moment that Graph may be asked again.
 */
function aheadOf(
  { lastAt, shiftMs, cost }: PlanProgress,
  sending: { readonly requests: number; readonly unplanned: number } | undefined,
  { rates, sends, reads, confirmAfterMs, firstReadAt, lastReadAt }: Outlook,
  now: Instant,
): Parameters<typeof timeLeft>[2] {
  const readsQueuedMs = Math.max(0, (reads?.nextFree ?? 0) - now);
  const first = firstReadAt > 0 ? { firstReadMs: Math.max(0, firstReadAt - now) } : {};
  const reading = { readsQueuedMs, readBackAfterMs: confirmAfterMs, ...first };
  if (sending === undefined) {
    const lastRead = lastReadAt > 0 ? lastReadAt : lastAt + confirmAfterMs;
    return { firstReadMs: 0, ...reading, queuedMs: 0, lastReadMs: Math.max(0, lastRead - now) };
  }
  const everyMs = rates.send?.intervalMs ?? 0;
  const moved = Math.max(0, (sends?.shiftMs ?? shiftMs) - shiftMs);
  const end = lastAt + moved + cost.requests * sending.unplanned * everyMs;
  const doorMs = Math.max(0, (sends?.closedUntil ?? 0) - now);
  return { ...reading, queuedMs: Math.max(doorMs, end - now - sending.requests * everyMs) };
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
  // When what is not let out goes, depends on what becomes of the rest, and on people.
  const isLetOut = notification.rollout !== undefined && left.waiting > 0;
  const end =
    phase && plan && outlook && !isLetOut
      ? expectedEndOf(plan, notification, left, outlook, now)
      : undefined;
  return {
    notificationId: notification.jobId,
    tenantId: notification.tenantId,
    state: wordFor(notification, counts),
    final: !isOpen(notification),
    ...(phase === undefined ? {} : { phase }),
    action: notification.actionId,
    ...namedAction(notification.actionId),
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
    buckets: bucketsOf(whole),
    ...(notification.rollout ? { rollout: { ...notification.rollout } } : {}),
    progress: {
      planned,
      percent: percentOf(total - whole.notSupported, whole.waiting + whole.sent, planned),
      ...(end === undefined ? {} : { expectedEnd: toIso(end) }),
    },
  };
}

/** The action's name, where the catalogue still has it. */
function namedAction(actionId: string): Pick<NotificationView, "actionName"> {
  const name = findAction(actionId)?.name;
  return name === undefined ? {} : { actionName: name };
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
  if (notification.state === "paused" && waiting > 0) return undefined;
  if (!planned) return "planning";
  return waiting > 0 && !isStopping(notification) ? "sending" : "confirming";
}

/** One delivery of a notification. */
export function deliveryView(delivery: Item, actionId: string): DeliveryView {
  const { targetId, name, state, at, attempts, code, detail } = delivery;
  const route = findAction(actionId)?.routes[delivery.route]?.id;
  return {
    deviceId: targetId,
    deviceName: name,
    state: shownState(state),
    ...(route === undefined ? {} : { route }),
    at: toIso(at),
    attempts,
    ...(code === undefined ? {} : { code }),
    ...(detail === undefined ? {} : { detail }),
  };
}

const concurrency = 8;

/** Says that a notification is not there. */
export const unknownNotification = (notificationId: string) =>
  fail("unknown-notification", `The tenant has no notification ${notificationId}.`);

/** One notification with counts as they are now, from at most a read per 1,000 rows. */
export async function readNotification(
  parts: NotificationParts,
  tenantId: string,
  notificationId: string,
  reach: Reach | undefined,
): Promise<Result<NotificationView>>;
export async function readNotification(
  parts: NotificationParts,
  tenantId: string,
  notificationId: string,
): Promise<Result<WholeView>>;
export async function readNotification(
  parts: NotificationParts,
  tenantId: string,
  notificationId: string,
  reach?: Reach,
): Promise<Result<NotificationView>> {
  const seen = await seesNotification(parts, { tenantId, notificationId }, reach);
  return seen.ok ? succeed(await viewFor(parts, seen.value, reach)) : seen;
}

/** Fails like a notification that is not there, unless the caller reaches all that it is for. */
export async function seesNotification(
  { jobs }: Pick<NotificationParts, "jobs">,
  { tenantId, notificationId }: { readonly tenantId: string; readonly notificationId: string },
  reach: Reach | undefined,
): Promise<Result<Notification>> {
  const stored = await jobs.get(tenantId, notificationId);
  return stored !== undefined && isWithin(stored.job, reach)
    ? succeed(stored.job)
    : unknownNotification(notificationId);
}

/** The view of a notification; finished ones carry their counts. */
async function viewNow(parts: NotificationParts, notification: Notification): Promise<WholeView> {
  const { items, clock } = parts.engine;
  const { jobId, counts } = notification;
  if (counts !== undefined) return notificationView(notification, counts, undefined, clock.now());
  const plan = (await items.plan(jobId))?.progress;
  // Rows come with the plan, in one transaction: without it there are none.
  if (plan === undefined)
    return notificationView(notification, emptyCounts(), undefined, clock.now());
  const standing = await items.standing(jobId);
  const outlook = await outlookOf(parts, notification, plan, standing);
  return notificationView(notification, standing.counts, plan, clock.now(), outlook);
}

/** What the expected end depends on; rows of the throttle are read only where they could move it. */
async function outlookOf(
  { engine }: NotificationParts,
  { tenantId }: Notification,
  { cost, carried, done }: PlanProgress,
  { counts, ...reading }: Standing,
): Promise<Outlook> {
  const { throttle, times } = engine;
  const rates = await ratesOf(throttle, tenantId);
  const isSending = (counts.waiting > 0 || !done) && cost.requests > 0;
  const [sends, reads] = await Promise.all([
    isSending && rates.send ? throttle.read(tenantId, "deviceActions") : undefined,
    // Up to a burst is read at once, as soon as it is due.
    rates.read && cost.reads > rates.read.burst
      ? throttle.read(tenantId, "deviceReads")
      : undefined,
  ]);
  return {
    rates,
    ...(sends && { sends }),
    ...(reads && { reads }),
    confirmAfterMs: times.readBackAfterMs,
    // Where relays carry some of the rows, their due times are not only of reading back.
    ...(carried > 0 ? { firstReadAt: 0, lastReadAt: 0 } : reading),
  };
}

/** The view for a caller with this reach: what it says of devices, it says of those that they reach today. */
export async function viewFor(
  parts: NotificationParts,
  notification: Notification,
  reach: Reach | undefined,
  budget: ScanBudget = oneBudget(),
): Promise<NotificationView> {
  const view = {
    ...(await viewNow(parts, notification)),
    ...(await approverOf(parts, notification)),
  };
  if (reach === undefined) return view;
  const { items, clock } = parts.engine;
  const { jobId, counts, target } = notification;
  const plan = counts === undefined ? await items.plan(jobId) : undefined;
  const whole = counts ?? (plan === undefined ? emptyCounts() : await items.counts(jobId));
  const seen = await seenCounts(parts, notification, whole, reach, budget);
  const isWhole = view.progress.planned;
  const expected = isWhole ? undefined : await seenExpected(parts, notification, reach);
  if (seen === undefined || (expected === undefined && !isWhole)) return uncounted(view);
  const narrowed: Notification = {
    ...notification,
    ...(expected === undefined ? {} : { expected }),
    ...(target.kind === "devices" ? { target: { ...target, count: expected ?? sumOf(seen) } } : {}),
  };
  const own = notificationView(narrowed, seen, plan?.progress, clock.now());
  const { expectedEnd } = view.progress;
  const end = own.phase === undefined || expectedEnd === undefined ? {} : { expectedEnd };
  return { ...view, ...own, progress: { ...own.progress, ...end } };
}

/** Who approved it; looked up only where a rule had asked who it is for. */
async function approverOf(
  { approvals }: Pick<NotificationParts, "approvals">,
  { tenantId, jobId, frozen, state }: Notification,
): Promise<Pick<NotificationView, "approvedBy">> {
  if (!frozen || state === "pendingApproval") return {};
  const approval = (await approvals.get(tenantId, jobId))?.approval;
  const by = approval?.state === "approved" ? approval.decidedBy : undefined;
  return by === undefined ? {} : { approvedBy: personView(by) };
}

/** A view that says nothing of how many devices fared how. */
function uncounted(whole: NotificationView): NotificationView {
  const { counts: _, buckets: _buckets, progress, phase: _phase, ...view } = whole;
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

/** What a device got: its deliveries, newest first; one read for each notification of the tenant. */
export async function deviceHistory(
  parts: NotificationParts,
  tenantId: string,
  deviceId: string,
  page: { top: number; token?: string },
) {
  const { jobs, next } = await parts.jobs.list(tenantId, page.top, page.token);
  const found = await inParallel(jobs, concurrency, async ({ jobId: notificationId, actionId }) => {
    const row = await parts.engine.items.rowOf(notificationId, deviceId);
    const delivery = row?.items.find((each) => each.targetId === deviceId);
    if (delivery === undefined) return [];
    return [{ notificationId, action: actionId, ...deliveryView(delivery, actionId) }];
  });
  const items = found.flat();
  return next === undefined ? { items } : { items, next };
}
