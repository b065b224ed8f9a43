/**
 * Notifications that wait for a second person: held when they are asked for, moved on when somebody else
 * has decided. Each step can be repeated: the row says what is left to do.
 */
import { type Approval, asOf, type Person } from "../access/approval.ts";
import type { ApprovalStore } from "../access/approval-store.ts";
import { approvalNeeded, askApproval } from "../access/approvals.ts";
import type { Clock } from "../kernel/clock.ts";
import { queueNames } from "../storage/names.ts";
import type { Queues } from "../storage/queues.ts";
import { emptyCounts } from "./delivery-row.ts";
import { move, type Notification } from "./notification.ts";
import type { NotificationStore } from "./notification-store.ts";

/** What holding needs. */
export type HoldDeps = {
  readonly notifications: NotificationStore;
  readonly approvals: ApprovalStore;
  readonly queues: Queues;
  readonly clock: Clock;
};

/** Holds the notification if a rule asks for a second person; undefined: one is enough. */
export async function holdIfNeeded(
  deps: HoldDeps,
  notification: Notification,
  { by, count }: { readonly by: Person; readonly count: number | undefined },
): Promise<Notification | undefined> {
  const { tenantId, notificationId: id, actionId: action } = notification;
  const rule = await approvalNeeded(deps, { kind: "notification", action, tenantId, count });
  if (rule === undefined) return undefined;
  const summary = `${action} on ${count ?? "an unknown number of"} device(s)`;
  const subject = { kind: "notification", id, summary } as const;
  // Before the notification: one without an approval would wait for ever.
  await askApproval(deps, rule, { approvalId: id, tenantId, subject, requestedBy: by });
  const held: Notification = { ...notification, state: "pendingApproval" };
  await deps.notifications.insert(held);
  return (await deps.notifications.get(tenantId, id))?.notification ?? held;
}

/** Moves the notification of an approval on, as it was decided. */
export async function settleHeld(deps: HoldDeps, approval: Approval): Promise<void> {
  const { tenantId, subject, state } = approval;
  if (subject.kind !== "notification" || state === "pendingApproval") return;
  for (;;) {
    const stored = await deps.notifications.get(tenantId, subject.id);
    if (stored === undefined) return;
    const { notification, etag } = stored;
    const moved = movedBy(notification, approval, deps.clock.now());
    if (moved !== undefined && (await deps.notifications.replace(moved, etag)) === undefined)
      continue;
    // Also when it had moved before: the message may have been lost, and one too many does no harm.
    if ((moved ?? notification).state === "planning")
      await deps.queues.send(queueNames.notificationPlan, { tenantId, notificationId: subject.id });
    return;
  }
}

/** What was held when its time is up, or when a decision was cut short: the sweeper asks. */
export async function sweepHeld(deps: HoldDeps, notification: Notification): Promise<void> {
  const { tenantId, notificationId } = notification;
  const stored = await deps.approvals.get(tenantId, notificationId);
  if (stored !== undefined) await settleHeld(deps, asOf(stored.approval, deps.clock.now()));
}

function movedBy(
  notification: Notification,
  { state }: Approval,
  now: number,
): Notification | undefined {
  const { createdAt, expiresAt } = notification;
  // It was given so much time to reach its devices; waiting for approval takes none of it.
  if (state === "approved")
    return move(notification, "approve", { expiresAt: now + expiresAt - createdAt });
  const failure =
    state === "expired"
      ? { code: "not-approved", detail: "nobody approved it in time" }
      : { code: "rejected", detail: "the second person rejected it" };
  return move(notification, "reject", { counts: emptyCounts(), finishedAt: now, failure });
}
