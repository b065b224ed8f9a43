/**
 * Notifications that wait for a second person: held when they are asked for, moved on when somebody else has decided.
 * Each step can be repeated: the row says what is left to do.
 */
import { type Approval, asOf, personOf } from "../access/approvals/approval.ts";
import { evaluate, type Standing } from "../access/roles/decide.ts";
import { type Requirement, requirements } from "../access/roles/roles.ts";
import type { Caller } from "../access/sign-in/caller.ts";
import { findAction } from "../devices/actions/catalogue.ts";
import type { Reach } from "../devices/collections/list-devices.ts";
import { begin } from "../fanout/engine/plan.ts";
import { emptyCounts } from "../fanout/state/item.ts";
import { type JobFailure, move } from "../fanout/state/job.ts";
import { digest } from "../kernel/values.ts";
import type { NotificationParts } from "./kind.ts";
import type { Notification } from "./notification.ts";

/**
 * Settles which devices it is for, to the last one: what is counted, what the second person sees and what is sent
 * to are then the same, whoever joins meanwhile.
 */
async function freeze(
  parts: NotificationParts,
  notification: Notification,
): Promise<{ readonly frozen: Notification; readonly deviceIds: readonly string[] }> {
  const { jobId } = notification;
  const found = new Set<string>();
  let cursor: string | undefined;
  do {
    const { targets, next } = await parts.kind.targets(notification, cursor);
    for (const { targetId } of targets) found.add(targetId);
    cursor = next;
  } while (cursor !== undefined);
  const deviceIds = [...found].toSorted();
  await parts.jobs.putTargets(jobId, deviceIds);
  return { frozen: { ...notification, frozen: true, expected: deviceIds.length }, deviceIds };
}

/** Says in one number what would be done, and to which devices. */
const digestOf = (
  { tenantId, actionId, parameters, target, allowApproximate }: Notification,
  deviceIds: readonly string[],
): string =>
  digest(
    ...[{ tenantId, actionId, parameters, target, allowApproximate }, deviceIds].map((part) =>
      JSON.stringify(part),
    ),
  );

/** What came of asking the rules: it is held, or goes on as it is now. */
type Judged = { readonly waits: boolean; readonly notification: Notification };

/** Holds the notification if a rule asks for a second person. */
export async function askGate(
  parts: NotificationParts,
  notification: Notification,
  caller: Caller,
): Promise<Judged> {
  const { tenantId, jobId: id, actionId: action } = notification;
  const about = { kind: "notification", action, tenantId } as const;
  const rules = await parts.approvals.rulesAbout(about);
  if (rules.length === 0) return { waits: false, notification };
  const { frozen, deviceIds } = await freeze(parts, notification);
  const count = deviceIds.length;
  const requestedBy = personOf(caller);
  const intent = { ...about, count, id, by: requestedBy.principal };
  const rule = await parts.approvals.needed(rules, intent);
  if (rule === undefined) return { waits: false, notification: frozen };
  const { parameters, target } = notification;
  const summary = `${action} on ${count} device(s)`;
  const subject = { ...about, id, summary, parameters, target, count };
  const asked = { subject, digest: digestOf(frozen, deviceIds), requestedBy, requester: caller };
  // Before the notification: one without an approval would wait for ever.
  await parts.approvals.ask(rule, { approvalId: id, tenantId, ...asked });
  const waiting: Notification = { ...frozen, state: "pendingApproval" };
  await parts.jobs.insert(waiting);
  // The sweeper tells it too, for whoever dies here.
  await parts.engine.announce?.(waiting);
  const stored = await parts.jobs.get(tenantId, id);
  return { waits: true, notification: stored?.job ?? waiting };
}

/** Why what was approved is not sent all the same; undefined: nothing stands against it. */
async function hindrance(
  parts: NotificationParts,
  notification: Notification,
  { digest: approved, requester }: Approval,
): Promise<JobFailure | undefined> {
  const { tenantId, jobId, actionId, target } = notification;
  const deviceIds = await parts.jobs.targets(jobId);
  if (digestOf(notification, deviceIds) !== approved)
    return { code: "not-what-was-approved", detail: "it is not what the second person approved" };
  // Nothing remembered: a role that was taken away a second ago gives nothing.
  parts.snapshots.invalidate();
  const standing: Standing = { caller: requester, ...(await parts.snapshots.read()) };
  const operation = target.kind === "retry" ? "notifications-retry" : "notifications-send";
  const answer = evaluate(standing, requirements[operation] as Requirement, {
    tenantId,
    collectionId: target.kind === "collection" ? target.collectionId : undefined,
    actionPermission: findAction(actionId)?.permission,
  });
  if (!answer.allowed)
    return {
      code: "requester-lost-rights",
      detail: `who asked for it may not do it any more: ${answer.permission} is missing here (${answer.step})`,
    };
  const reach = await parts.collections.reachOf(tenantId, answer.limits);
  return reach === undefined || (await reachesAll(parts, tenantId, deviceIds, reach))
    ? undefined
    : {
        code: "requester-lost-rights",
        detail: "who asked for it does not reach all of its devices any more",
      };
}

const devicesPerRead = 5000;

async function reachesAll(
  { directory }: NotificationParts,
  tenantId: string,
  deviceIds: readonly string[],
  reach: Reach,
): Promise<boolean> {
  for (let at = 0; at < deviceIds.length; at += devicesPerRead) {
    const devices = await directory.getMany(tenantId, deviceIds.slice(at, at + devicesPerRead));
    // What has left the directory is not sent to either.
    for (const device of devices.values()) if (!reach.holds(device)) return false;
  }
  return true;
}

/** Moves the notification of an approval on, as it was decided. */
export async function settleGate(parts: NotificationParts, approval: Approval): Promise<void> {
  const { tenantId, subject, state } = approval;
  if (subject.kind !== "notification" || state === "pendingApproval") return;
  for (;;) {
    const stored = await parts.jobs.get(tenantId, subject.id);
    if (stored === undefined) return;
    const { job: notification, etag } = stored;
    const waits = notification.state === "pendingApproval";
    const hindered =
      state === "approved" && waits ? await hindrance(parts, notification, approval) : undefined;
    const moved = movedBy(notification, approval, parts.engine.clock.now(), hindered);
    if (moved !== undefined && (await parts.jobs.replace(moved, etag)) === undefined) continue;
    const held = moved ?? notification;
    // Also when it had moved before: the message may have been lost, and one too many does no harm.
    if (held.state === "planning") await begin(parts.engine, held);
    return;
  }
}

/** What was held when its time is up, or when a decision was cut short: the sweeper asks. */
export async function sweepGate(
  parts: NotificationParts,
  notification: Notification,
): Promise<void> {
  const { tenantId, jobId } = notification;
  const stored = await parts.approvals.get(tenantId, jobId);
  if (stored === undefined) return;
  const approval = asOf(stored.approval, parts.engine.clock.now());
  if (approval.state === "expired") {
    // Written down first, so that nobody approves it any more; told again where a sweeper died in between.
    const isNew = stored.approval.state !== "expired";
    if (isNew && (await parts.approvals.replace(approval, stored.etag)) === undefined) return;
    await parts.expired(approval);
  }
  await settleGate(parts, approval);
}

function movedBy(
  notification: Notification,
  { state }: Approval,
  now: number,
  hindered: JobFailure | undefined,
): Notification | undefined {
  const { createdAt, expiresAt } = notification;
  // It was given so much time to reach its devices; waiting for approval takes none of it.
  if (state === "approved" && hindered === undefined)
    return move(notification, "approve", { expiresAt: now + expiresAt - createdAt });
  const failure =
    hindered ??
    (state === "expired"
      ? { code: "not-approved", detail: "nobody approved it in time" }
      : { code: "rejected", detail: "the second person rejected it" });
  return move(notification, "reject", { counts: emptyCounts(), finishedAt: now, failure });
}
