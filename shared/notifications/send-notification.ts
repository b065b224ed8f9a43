/** Takes a request for a notification: judge it, write it down, start planning. */

import type { Person } from "../access/approval.ts";
import type { Reach } from "../devices/reach.ts";
import { durationMs } from "../kernel/duration.ts";
import { type Result, succeed } from "../kernel/failure.ts";
import { queueNames } from "../storage/names.ts";
import type { NewNotification } from "./contract.ts";
import { type HoldDeps, holdIfNeeded } from "./held.ts";
import type { Notification } from "./notification.ts";
import { judgeRequest, type RequestDeps } from "./request.ts";

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
  };
  if (deviceIds.length > 0) await deps.notifications.putTargets(notificationId, deviceIds);
  const { kind } = target;
  const listed = kind === "devices" || deviceIds.length > 0 || "within" in target;
  const count = listed ? new Set(deviceIds).size : undefined;
  const whole = kind === "tenant" && !listed ? directory.count : count;
  return succeed(await startOrHold(deps, notification, sender.by, whole));
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

/** Writes the notification down, then asks for its planning. Twice is once. */
async function startNotification(
  { notifications, queues }: Pick<HoldDeps, "notifications" | "queues">,
  notification: Notification,
): Promise<Notification> {
  const { tenantId, notificationId } = notification;
  await notifications.insert(notification);
  await queues.send(queueNames.notificationPlan, { tenantId, notificationId });
  return notification;
}

/** Milliseconds of a duration that its schema has let through. */
export function expiryMs(duration: string): number {
  const ms = durationMs(duration);
  if (ms === undefined) throw new Error(`"${duration}" is not a duration`);
  return ms;
}
