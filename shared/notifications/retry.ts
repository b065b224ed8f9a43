/** Repeats a notification for the deliveries that ended in some states, as a new, linked one. */

import { personOf } from "../access/signed-in.ts";
import { findAction } from "../devices/actions/catalogue.ts";
import type { Rule } from "../devices/collections/rule.ts";
import { fail, type Result, succeed } from "../kernel/failure.ts";
import { unknownNotification } from "./read-notifications.ts";
import { withinReach } from "./request.ts";
import { seenCounts } from "./seen.ts";
import { expiryMs, type HoldDeps, type Sender, startOrHold } from "./send-notification.ts";
import type { RetryRequest } from "./state/contract.ts";
import { isWithin, type Notification } from "./state/notification.ts";

/** A retry for who is limited to collections looks at as many devices as narrowing any target does. */
const budget = () => ({ devices: 200_000 });

/** What retrying needs. */
export type RetryDeps = HoldDeps;

/** Sends again, under the id `retryId`, to the devices whose deliveries are in one of the states. */
export async function retryNotification(
  deps: RetryDeps,
  ids: { readonly tenantId: string; readonly notificationId: string },
  retryId: string,
  body: RetryRequest,
  { caller, reach }: Sender = {},
): Promise<Result<Notification>> {
  const { tenantId, notificationId } = ids;
  const before = await deps.notifications.get(tenantId, retryId);
  if (before !== undefined) return succeed(before.notification);
  const stored = await deps.notifications.get(tenantId, notificationId);
  if (stored === undefined || !isWithin(stored.notification, reach))
    return unknownNotification(notificationId);
  const { notification } = stored;
  const whole = notification.counts ?? (await deps.deliveries.counts(notificationId));
  const counts =
    reach === undefined ? whole : await seenCounts(deps, notification, whole, reach, budget());
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
  const narrowed = await withinReach(deps, await retryOf(deps, notification, retryId, body), reach);
  if (!narrowed.ok) return narrowed;
  const by = caller && { requestedBy: personOf(caller) };
  const retry = { ...narrowed.value, expected: devices, ...by };
  return succeed(await startOrHold(deps, retry, caller));
}

async function retryOf(
  { directory, clock }: Pick<RetryDeps, "directory" | "clock">,
  notification: Notification,
  retryId: string,
  body: RetryRequest,
): Promise<Notification> {
  const { tenantId, notificationId, actionId, parameters, allowApproximate } = notification;
  const meta = await directory.meta(tenantId);
  const now = clock.now();
  const expiry = body.expiresAfter ?? findAction(actionId)?.expiresAfter ?? "PT24H";
  return {
    notificationId: retryId,
    tenantId,
    state: "planning",
    actionId,
    parameters,
    target: { kind: "retry", notificationId, only: body.only, ...ruleOf(notification) },
    allowApproximate: body.allowApproximate ?? allowApproximate,
    directoryVersion: meta?.refreshId ?? "",
    createdAt: now,
    expiresAt: now + expiryMs(expiry),
    ...(body.note ? { note: body.note } : {}),
  };
}

/** The rule that found the devices keeps deciding: who has left it since gets nothing. */
const ruleOf = ({ target }: Notification): { readonly rule?: Rule } =>
  (target.kind === "collection" || target.kind === "retry") && target.rule !== undefined
    ? { rule: target.rule }
    : {};
