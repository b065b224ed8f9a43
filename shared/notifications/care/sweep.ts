/**
 * Looks after notifications whose messages were lost: what should have been touched long ago gets a new
 * message. Rows decide what is to be done, so a message too many does no harm.
 */
import type { Clock, Instant } from "../../kernel/clock.ts";
import { inParallel } from "../../kernel/concurrency.ts";
import { timeOf } from "../../kernel/ids.ts";
import { queueNames } from "../../storage/names.ts";
import type { Queues } from "../../storage/queues.ts";
import type { Tenants } from "../../tenants/tenant-cache.ts";
import type { CancelDeps } from "../cancel.ts";
import { finishIfDone } from "../passes/finish.ts";
import { rowsPerUnit } from "../passes/planning-steps.ts";
import { type HoldDeps, sweepHeld } from "../send-notification.ts";
import { isOpen, isStopping, type Notification } from "../state/notification.ts";
import type { NotificationStore, OpenNotification } from "../state/notification-store.ts";
import type { MarkStore, RowMark } from "../state/row-summaries.ts";
import { type GiveUpDeps, giveUp, isStuck } from "./abandon.ts";

// Which rows need a new message because theirs was lost, and how few messages that takes. Pure.

/** Consecutive rows for one message. */
export type OverdueUnit = {
  /** The rows that are overdue; those between them have nothing left to do. */
  readonly rows: readonly RowMark[];
  readonly from: string;
  readonly to: string;
  /** Something waits to be sent; otherwise only answers are missing. */
  readonly toSend: boolean;
};

/** True when neither a handler nor a sweeper has seen to the row since `before`. */
const isOverdue = ({ live, dueAt, nudgedAt }: RowMark, before: Instant): boolean =>
  live > 0 && dueAt < before && nudgedAt < before;

/**
 * Cuts rows, as they stand in their order, into units of overdue ones. A unit never reaches across a row that
 * somebody is at, or that waits for its turn: a message names all rows between its ends.
 */
export function overdueUnits(marks: readonly RowMark[], before: Instant): OverdueUnit[] {
  const units: OverdueUnit[] = [];
  let open: RowMark[] = [];
  let span = 0;
  const close = (): void => {
    const [first] = open;
    const last = open.at(-1);
    if (first && last) {
      const toSend = open.some(({ waiting }) => waiting > 0);
      units.push({ rows: open, from: first.lastDeviceId, to: last.lastDeviceId, toSend });
    }
    open = [];
    span = 0;
  };
  for (const mark of marks) {
    const mine = isOverdue(mark, before);
    if (span === rowsPerUnit || (!mine && mark.live > 0)) close();
    if (mine) open.push(mark);
    if (open.length > 0) span += 1;
  }
  close();
  return units;
}

// Sends new messages for rows whose messages were lost: one for up to eight rows, as planning does, and for
// all of them in one run.

/** What nudging rows needs. */
export type SweepRowsDeps = {
  readonly marks: MarkStore;
  readonly queues: Queues;
  readonly clock: Clock;
  /** How far behind a row must be before its message counts as lost. */
  readonly overdueMs: number;
};

const lanes = 8;

/** Sends messages for every row that is far behind, or until `until`; answers how many. */
async function sweepRows(
  { marks, queues, clock, overdueMs }: SweepRowsDeps,
  { tenantId, notificationId }: Notification,
  until: Instant,
): Promise<number> {
  const now = clock.now();
  const before = now - overdueMs;
  // Nearly always nothing is behind, and one read says so.
  const first = await marks.overdue(notificationId, before);
  if (first === undefined) return 0;
  const nudge = async ({ from, to, toSend }: OverdueUnit): Promise<void> => {
    const queue = toSend ? queueNames.notificationDeliver : queueNames.notificationConfirm;
    await queues.send(queue, { tenantId, notificationId, from, to });
  };
  let sent = 0;
  for await (const page of marks.pages(notificationId, first.lastDeviceId)) {
    const units = overdueUnits(page, before);
    await inParallel(units, lanes, nudge);
    // Noted: the messages have as long as any other before they count as lost, too.
    const rows = units.flatMap((unit) => unit.rows);
    await marks.note(notificationId, rows, { nudgedAt: now });
    sent += units.length;
    if (clock.now() > until) break;
  }
  return sent;
}

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
