/** Takes a request for a notification: judge it, write it down, start planning. */
import { type Approval, asOf } from "../access/approvals/approval.ts";
import type { ApprovalStore } from "../access/approvals/approval-store.ts";
import { approvalNeeded, askApproval, rulesAbout } from "../access/approvals/decide-approval.ts";
import { evaluate } from "../access/evaluate.ts";
import { type Requirement, requirements } from "../access/requirements.ts";
import type { Standing } from "../access/roles/decide.ts";
import type { Snapshots } from "../access/roles/snapshot.ts";
import type { Caller } from "../access/sign-in/caller.ts";
import { personOf } from "../access/signed-in.ts";
import { findAction } from "../devices/actions/catalogue.ts";
import type { CollectionStore } from "../devices/collections/collection-store.ts";
import { type Reach, reachOf } from "../devices/collections/reach.ts";
import { memberTest } from "../devices/collections/rule.ts";
import { durationMs } from "../kernel/duration.ts";
import { type Result, succeed } from "../kernel/failure.ts";
import { digest } from "../kernel/ids.ts";
import { type BeginDeps, begin } from "./passes/first-pass.ts";
import { devicesPerStep, targetStep } from "./passes/targets.ts";
import { type JudgedRequest, judgeRequest, type RequestDeps } from "./request.ts";
import type { NewNotification } from "./state/contract.ts";
import { emptyCounts } from "./state/delivery-row.ts";
import { move, type Notification, type NotificationFailure } from "./state/notification.ts";

// Notifications that wait for a second person: held when they are asked for, moved on when somebody else
// has decided. Each step can be repeated: the row says what is left to do.

/** What holding needs. */
export type HoldDeps = BeginDeps & {
  readonly approvals: ApprovalStore;
  readonly collections: CollectionStore;
  readonly snapshots: Snapshots;
  /** Told of each approval that nobody decided on in time. */
  readonly expired: (approval: Approval) => Promise<void>;
};

/**
 * Settles which devices it is for, to the last one: what is counted, what the second person sees and what is sent
 * to are then the same, whoever joins meanwhile.
 */
async function freeze(
  deps: HoldDeps,
  notification: Notification,
): Promise<{ readonly frozen: Notification; readonly deviceIds: readonly string[] }> {
  const { notificationId } = notification;
  const found = new Set<string>();
  let cursor: string | undefined;
  do {
    const { candidates, next } = await targetStep(deps, notification, cursor);
    for (const { deviceId } of candidates) found.add(deviceId);
    cursor = next;
  } while (cursor !== undefined);
  const deviceIds = [...found].toSorted();
  await deps.notifications.putTargets(notificationId, deviceIds);
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
type Judged = { readonly held: boolean; readonly notification: Notification };

/** Holds the notification if a rule asks for a second person. */
async function holdIfNeeded(
  deps: HoldDeps,
  notification: Notification,
  caller: Caller,
): Promise<Judged> {
  const { tenantId, notificationId: id, actionId: action } = notification;
  const about = { kind: "notification", action, tenantId } as const;
  const rules = await rulesAbout(deps, about);
  if (rules.length === 0) return { held: false, notification };
  const { frozen, deviceIds } = await freeze(deps, notification);
  const count = deviceIds.length;
  const requestedBy = personOf(caller);
  const intent = { ...about, count, id, by: requestedBy.principal };
  const rule = await approvalNeeded(deps, rules, intent);
  if (rule === undefined) return { held: false, notification: frozen };
  const { parameters, target } = notification;
  const summary = `${action} on ${count} device(s)`;
  const subject = { ...about, id, summary, parameters, target, count };
  const asked = { subject, digest: digestOf(frozen, deviceIds), requestedBy, requester: caller };
  // Before the notification: one without an approval would wait for ever.
  await askApproval(deps, rule, { approvalId: id, tenantId, ...asked });
  const held: Notification = { ...frozen, state: "pendingApproval" };
  await deps.notifications.insert(held);
  const stored = await deps.notifications.get(tenantId, id);
  return { held: true, notification: stored?.notification ?? held };
}

/** Why what was approved is not sent all the same; undefined: nothing stands against it. */
async function hindrance(
  deps: HoldDeps,
  notification: Notification,
  { digest: approved, requester }: Approval,
): Promise<NotificationFailure | undefined> {
  const { tenantId, notificationId, actionId, target } = notification;
  const deviceIds = await deps.notifications.targets(notificationId);
  if (digestOf(notification, deviceIds) !== approved)
    return { code: "not-what-was-approved", detail: "it is not what the second person approved" };
  // Nothing remembered: a role that was taken away a second ago gives nothing.
  deps.snapshots.forget();
  const standing: Standing = { caller: requester, ...(await deps.snapshots.read()) };
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
  const reach = await reachOf(
    { store: deps.collections, clock: deps.clock },
    tenantId,
    answer.limits,
  );
  return reach === undefined || (await reachesAll(deps, tenantId, deviceIds, reach))
    ? undefined
    : {
        code: "requester-lost-rights",
        detail: "who asked for it does not reach all of its devices any more",
      };
}

const devicesPerLook = 5000;

async function reachesAll(
  { directory }: HoldDeps,
  tenantId: string,
  deviceIds: readonly string[],
  reach: Reach,
): Promise<boolean> {
  for (let at = 0; at < deviceIds.length; at += devicesPerLook) {
    const devices = await directory.getMany(tenantId, deviceIds.slice(at, at + devicesPerLook));
    // What has left the directory is not sent to either.
    for (const device of devices.values()) if (!reach.holds(device)) return false;
  }
  return true;
}

/** Moves the notification of an approval on, as it was decided. */
export async function settleHeld(deps: HoldDeps, approval: Approval): Promise<void> {
  const { tenantId, subject, state } = approval;
  if (subject.kind !== "notification" || state === "pendingApproval") return;
  for (;;) {
    const stored = await deps.notifications.get(tenantId, subject.id);
    if (stored === undefined) return;
    const { notification, etag } = stored;
    const waits = notification.state === "pendingApproval";
    const hindered =
      state === "approved" && waits ? await hindrance(deps, notification, approval) : undefined;
    const moved = movedBy(notification, approval, deps.clock.now(), hindered);
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
  if (stored === undefined) return;
  const approval = asOf(stored.approval, deps.clock.now());
  if (approval.state === "expired") {
    // Written down first, so that nobody approves it any more; told again where a sweeper died in between.
    const isNew = stored.approval.state !== "expired";
    if (isNew && (await deps.approvals.replace(approval, stored.etag)) === undefined) return;
    await deps.expired(approval);
  }
  await settleHeld(deps, approval);
}

function movedBy(
  notification: Notification,
  { state }: Approval,
  now: number,
  hindered: NotificationFailure | undefined,
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

/** What sending needs. */
export type SendDeps = RequestDeps & HoldDeps;

/** Who sends; nobody stands for the app itself, which no rule asks for a second person. */
export type Sender = {
  readonly caller?: Caller | undefined;
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
    ...(sender.caller === undefined ? {} : { requestedBy: personOf(sender.caller) }),
  };
  if (deviceIds.length > 0) await deps.notifications.putTargets(notificationId, deviceIds);
  const count = countOf(judged.value);
  const expected = count ?? (await guessOf(deps, notification, directory.count));
  return succeed(await startOrHold(deps, { ...notification, expected }, sender.caller));
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
  caller: Caller | undefined,
): Promise<Notification> {
  if (caller === undefined) return startNotification(deps, notification);
  const judged = await holdIfNeeded(deps, notification, caller);
  return judged.held ? judged.notification : startNotification(deps, judged.notification);
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
