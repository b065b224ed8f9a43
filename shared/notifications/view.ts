/** Notifications and deliveries as the API shows them. Pure. */
import { findAction } from "../devices/catalogue.ts";
import type { PaceState } from "../graph/pace.ts";
import { type Instant, toIso } from "../kernel/clock.ts";
import type { DeliveryView, NotificationView } from "./contract.ts";
import { countedStates, type Delivery, shownState } from "./delivery.ts";
import type { Counts } from "./delivery-row.ts";
import { expectedEnd as endOf } from "./expected-end.ts";
import type { Notification } from "./notification.ts";
import type { PlanProgress } from "./plan-progress.ts";

/** A notification with its counts; `plan` is absent before planning began, `pace` where nobody waits for it. */
export function notificationView(
  notification: Notification,
  counts: Counts,
  plan: PlanProgress | undefined,
  now: Instant,
  pace?: PaceState,
): NotificationView {
  const { createdAt, expiresAt, finishedAt, note, failure, target } = notification;
  const total = countedStates.reduce((sum, state) => sum + counts[state], 0);
  const unplanned = ["pendingApproval", "planning"].includes(notification.state);
  const planned = unplanned ? (plan?.done ?? false) : true;
  const open = counts.waiting + counts.sent;
  // While devices are still being counted, nobody knows of how many these are a share.
  const settled = planned ? (total === 0 ? 1 : (total - open) / total) : 0;
  // While devices are still being counted, nobody knows which one is the last.
  const end = plan?.done && counts.waiting > 0 ? endOf(plan, counts.waiting, pace, now) : undefined;
  return {
    notificationId: notification.notificationId,
    tenantId: notification.tenantId,
    state: notification.state,
    action: notification.actionId,
    parameters: Object.keys(notification.parameters),
    target: { ...target },
    allowApproximate: notification.allowApproximate,
    ...(note === undefined ? {} : { note }),
    ...(target.kind === "retry" ? { retryOf: target.notificationId } : {}),
    createdAt: toIso(createdAt),
    expiresAt: toIso(expiresAt),
    ...(finishedAt === undefined ? {} : { finishedAt: toIso(finishedAt) }),
    ...(failure === undefined ? {} : { failure }),
    counts: { total, ...counts },
    progress: {
      planned,
      percent: Math.floor(settled * 1000) / 10,
      ...(end === undefined ? {} : { expectedEnd: toIso(end) }),
    },
  };
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
