/** Takes a request for a notification: judge it, write it down, start planning. */
import { type Approval, asOf, type Person } from "../access/approvals/approval.ts";
import type { ApprovalStore } from "../access/approvals/approval-store.ts";
import { approvalNeeded, askApproval } from "../access/approvals/decide-approval.ts";
import type { Reach } from "../devices/collections/reach.ts";
import { memberTest } from "../devices/collections/rule.ts";
import { durationMs } from "../kernel/duration.ts";
import { type Result, succeed } from "../kernel/failure.ts";
import { type BeginDeps, begin } from "./passes/first-pass.ts";
import { devicesPerStep } from "./passes/targets.ts";
import { type JudgedRequest, judgeRequest, type RequestDeps } from "./request.ts";
import type { NewNotification } from "./state/contract.ts";
import { emptyCounts } from "./state/delivery-row.ts";
import { move, type Notification } from "./state/notification.ts";

// Notifications that wait for a second person: held when they are asked for, moved on when somebody else
// has decided. Each step can be repeated: the row says what is left to do.

/** What holding needs. */
export type HoldDeps = BeginDeps & { readonly approvals: ApprovalStore };

/** Holds the notification if a rule asks for a second person; undefined: one is enough. */
async function holdIfNeeded(
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
    const held = moved ?? notification;
    // Also when it had moved before: the message may have been lost, and one too many does no harm.
    if (held.state === "planning") await begin(deps, held);
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

/** What sending needs. */
export type SendDeps = RequestDeps & HoldDeps;

/** Who sends; nobody stands for the app itself, which no rule asks for a second person. */
export type Sender = {
  readonly by?: Person | undefined;
  readonly reach?: Reach | undefined;
};

/** Sends a notification under the id `notificationId`; with the same id again it stays one. */
export async function sendNotification(
  deps: SendDeps,
  tenantId: string,
  notificationId: string,
  body: NewNotification,
  sender: Sender = {},
): Promise<Result<Notification>> {
  // The same request again, whose first answer was lost: what it made stands, whatever has changed since.
  const before = await deps.notifications.get(tenantId, notificationId);
  if (before !== undefined) return succeed(before.notification);
  const judged = await judgeRequest(deps, tenantId, body, sender.reach);
  if (!judged.ok) return judged;
  const { action, parameters, target, deviceIds, directory } = judged.value;
  const now = deps.clock.now();
  const notification: Notification = {
    notificationId,
    tenantId,
    state: "planning",
    actionId: action.id,
    parameters,
    target,
    allowApproximate: body.allowApproximate,
    directoryVersion: directory.refreshId,
    createdAt: now,
    expiresAt: now + expiryMs(body.expiresAfter ?? action.expiresAfter),
    ...(body.note ? { note: body.note } : {}),
    ...(sender.by === undefined ? {} : { requestedBy: sender.by }),
  };
  if (deviceIds.length > 0) await deps.notifications.putTargets(notificationId, deviceIds);
  const count = countOf(judged.value);
  const expected = count ?? (await guessOf(deps, notification, directory.count));
  return succeed(await startOrHold(deps, { ...notification, expected }, sender.by, count));
}

/** For how many devices it is; undefined for a rule, which finds them one by one. */
function countOf({ target, deviceIds, directory }: JudgedRequest): number | undefined {
  const { kind } = target;
  const listed = kind === "devices" || deviceIds.length > 0 || "within" in target;
  if (kind === "tenant" && !listed) return directory.count;
  if (kind === "collection" && target.rule) return undefined;
  return new Set(deviceIds).size;
}

/** How many a rule will find: what planning will look at first, taken for a sample of the whole. */
async function guessOf(
  { directory }: SendDeps,
  { tenantId, target, createdAt }: Notification,
  whole: number,
): Promise<number> {
  if (!("rule" in target) || target.rule === undefined) return 0;
  const { rule } = target;
  const { devices, next } = await directory.walk(tenantId, undefined, devicesPerStep);
  const found = devices.filter(memberTest(rule, createdAt)).length;
  if (next === undefined || devices.length === 0) return found;
  return Math.round((found * Math.max(whole, devices.length)) / devices.length);
}

/** Starts the notification, or holds it until a second person agrees. */
export async function startOrHold(
  deps: HoldDeps,
  notification: Notification,
  by: Person | undefined,
  count: number | undefined,
): Promise<Notification> {
  const held = by && (await holdIfNeeded(deps, notification, { by, count }));
  return held ?? startNotification(deps, notification);
}

/** Writes the notification down, then begins it. Twice is once. */
async function startNotification(
  deps: HoldDeps,
  notification: Notification,
): Promise<Notification> {
  const { tenantId, notificationId } = notification;
  await deps.notifications.insert(notification);
  await begin(deps, notification);
  return (await deps.notifications.get(tenantId, notificationId))?.notification ?? notification;
}

/** Milliseconds of a duration that its schema has let through. */
export function expiryMs(duration: string): number {
  const ms = durationMs(duration);
  if (ms === undefined) throw new Error(`"${duration}" is not a duration`);
  return ms;
}
