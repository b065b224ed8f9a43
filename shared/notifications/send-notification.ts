/**
 * What callers want of a notification: sends one (judge it, write it down, begin it), repeats one, cancels it, lets it rest
 * or go on.
 */

import { personOf } from "../access/approvals/approval.ts";
import type { Caller } from "../access/sign-in/caller.ts";
import { findAction } from "../devices/actions/catalogue.ts";
import { memberTest, type Rule } from "../devices/collections/collection.ts";
import type { Reach } from "../devices/collections/list-devices.ts";
import { startOrWait } from "../fanout/care/approval-gate.ts";
import { changeJob } from "../fanout/care/control.ts";
import { emptyCounts } from "../fanout/state/item.ts";
import { wordFor } from "../fanout/state/job.ts";
import { soakMs } from "../fanout/state/rollout.ts";
import { invalidRequest } from "../http/body.ts";
import { durationMs } from "../kernel/clock.ts";
import { fail, type Result, succeed } from "../kernel/failure.ts";
import type { NewNotification, RetryRequest } from "./contract.ts";
import { devicesPerStep, type NotificationParts } from "./kind.ts";
import { isWithin, type Notification } from "./notification.ts";
import { seenCounts, unknownNotification } from "./read-notifications.ts";
import { type JudgedRequest, judgeRequest, withinReach } from "./request.ts";

/** Who sends; nobody stands for the app itself, which no rule asks for a second person. */
type Sender = {
  readonly caller?: Caller | undefined;
  readonly reach?: Reach | undefined;
  /** Of the task that sends. */
  readonly windows?: Notification["windows"];
};

/** Sends a notification under the id `notificationId`; with the same id again it stays one. */
export async function sendNotification(
  parts: NotificationParts,
  tenantId: string,
  notificationId: string,
  body: NewNotification,
  sender: Sender = {},
): Promise<Result<Notification>> {
  // The same request again, whose first answer was lost: what it made stands, whatever has changed since.
  const before = await parts.jobs.get(tenantId, notificationId);
  if (before !== undefined) return succeed(before.job);
  const judged = await judgeRequest(parts, tenantId, body, sender.reach);
  if (!judged.ok) return judged;
  const { action, parameters, target, deviceIds, directory } = judged.value;
  const lastsMs = expiryMs(body.expiresAfter ?? action.expiresAfter);
  if (soakMs(body.rollout) >= lastsMs)
    return invalidRequest([
      { pointer: "/rollout/waves", detail: "last longer than the notification" },
    ]);
  const now = parts.engine.clock.now();
  const notification: Notification = {
    kind: parts.kind.id,
    jobId: notificationId,
    tenantId,
    state: "planning",
    actionId: action.id,
    parameters,
    target,
    allowApproximate: body.allowApproximate,
    directoryVersion: directory.refreshId,
    createdAt: now,
    expiresAt: now + lastsMs,
    ...(body.rollout ? { rollout: body.rollout } : {}),
    ...(body.note ? { note: body.note } : {}),
    ...(sender.windows ? { windows: sender.windows } : {}),
    ...(sender.caller === undefined ? {} : { requestedBy: personOf(sender.caller) }),
  };
  if (deviceIds.length > 0) await parts.jobs.putTargets(notificationId, deviceIds);
  const count = countOf(judged.value);
  const expected = count ?? (await guessOf(parts, notification, directory.count));
  return succeed(await startOrWait(parts, { ...notification, expected }, sender.caller));
}

/** For how many devices it is; undefined for a rule, which finds them one by one. */
function countOf({ target, deviceIds, directory }: JudgedRequest): number | undefined {
  const { kind } = target;
  const listed = kind === "devices" || deviceIds.length > 0 || "within" in target;
  if (kind === "tenant" && !listed) return directory.count;
  if ((kind === "collection" || (kind === "rule" && !listed)) && target.rule) return undefined;
  return new Set(deviceIds).size;
}

/** How many devices a rule will find: the first page that planning reads is taken for a sample of the whole. */
async function guessOf(
  { directory }: NotificationParts,
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

/** Milliseconds of a duration that its schema has let through. */
function expiryMs(duration: string): number {
  const ms = durationMs(duration);
  if (ms === undefined) throw new Error(`"${duration}" is not a duration`);
  return ms;
}

// Repeats a notification for the deliveries that ended in some states, as a new, linked one.

/** Most devices that a retry reads for a caller who is limited to collections: as many as narrowing any target does. */
const budget = () => ({ devices: 200_000 });

/** Sends again, under the id `retryId`, to the devices whose deliveries are in one of the states. */
export async function retryNotification(
  parts: NotificationParts,
  ids: { readonly tenantId: string; readonly notificationId: string },
  retryId: string,
  body: RetryRequest,
  { caller, reach }: Sender = {},
): Promise<Result<Notification>> {
  const { tenantId, notificationId } = ids;
  const before = await parts.jobs.get(tenantId, retryId);
  if (before !== undefined) return succeed(before.job);
  const stored = await parts.jobs.get(tenantId, notificationId);
  if (stored === undefined || !isWithin(stored.job, reach))
    return unknownNotification(notificationId);
  const { job: notification } = stored;
  const whole = notification.counts ?? (await parts.engine.items.counts(notificationId));
  const counts =
    reach === undefined ? whole : await seenCounts(parts, notification, whole, reach, budget());
  if (counts === undefined)
    return fail("too-many-targets", "The notification is too large to narrow. Name a collection.");
  const devices = body.only.reduce((sum, state) => sum + counts[state], 0);
  const once = findAction(notification.actionId)?.repeatable === false;
  if (once && body.only.includes("unknown") && counts.unknown > 0 && !body.mayRepeat)
    return fail(
      "invalid-request",
      `${counts.unknown} deliveries are unknown: ${notification.actionId} may have been done there, and would be done again.`,
      {
        faults: [
          {
            pointer: "/mayRepeat",
            detail: "must be true to do it all the same; or leave unknown out of only",
          },
        ],
      },
    );
  if (devices === 0)
    return fail(
      "nothing-to-retry",
      `No delivery of notification ${notificationId} is ${body.only.join(", ")}.`,
    );
  const narrowed = await withinReach(
    parts,
    await retryOf(parts, notification, retryId, body),
    reach,
  );
  if (!narrowed.ok) return narrowed;
  const by = caller && { requestedBy: personOf(caller) };
  const retry = { ...narrowed.value, expected: devices, ...by };
  return succeed(await startOrWait(parts, retry, caller));
}

async function retryOf(
  { directory, engine, kind }: NotificationParts,
  notification: Notification,
  retryId: string,
  body: RetryRequest,
): Promise<Notification> {
  const { tenantId, jobId, actionId, parameters, allowApproximate } = notification;
  const meta = await directory.meta(tenantId);
  const now = engine.clock.now();
  const expiry = body.expiresAfter ?? findAction(actionId)?.expiresAfter ?? "PT24H";
  const rollout = body.rollout ?? notification.rollout;
  return {
    kind: kind.id,
    jobId: retryId,
    tenantId,
    state: "planning",
    actionId,
    parameters,
    target: { kind: "retry", notificationId: jobId, only: body.only, ...ruleOf(notification) },
    allowApproximate: body.allowApproximate ?? allowApproximate,
    directoryVersion: meta?.refreshId ?? "",
    createdAt: now,
    expiresAt: now + expiryMs(expiry),
    // What was let out bit by bit, and stopped, is not sent again all at once.
    ...(rollout ? { rollout } : {}),
    ...(body.note ? { note: body.note } : {}),
  };
}

/** The rule that found the devices keeps deciding: who has left it since gets nothing. */
const ruleOf = ({ target }: Notification): { readonly rule?: Rule } =>
  "rule" in target && target.rule !== undefined ? { rule: target.rule } : {};

// Cancels a notification, lets it rest, or lets it go on. What has left is followed to its end in any case.

type Ids = { readonly tenantId: string; readonly notificationId: string };

/**
 * Cancels a notification: what waits is not sent any more. Or pauses it: nothing new is sent until it is resumed, and
 * goes on where it was, or with the next wave where it waits for that. Asking twice is once.
 */
export async function changeNotification(
  { engine, jobs }: NotificationParts,
  { tenantId, notificationId }: Ids,
  change: "cancel" | "pause" | "resume",
  reach?: Reach,
): ReturnType<typeof changeJob<Notification>> {
  const ids = { tenantId, jobId: notificationId };
  return changeJob(engine, jobs, ids, {
    change,
    mayChange: (job) => isWithin(job, reach),
    name: `Notification ${notificationId}`,
    unknown: unknownNotification(notificationId),
    // The word follows counts of everybody.
    stateOf: (job) => (reach === undefined ? wordFor(job, job.counts ?? emptyCounts()) : "ended"),
  });
}
