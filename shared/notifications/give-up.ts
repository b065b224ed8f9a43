/**
 * Ends what no message could bring to its end: long after the notification's time, when nothing of it has moved
 * for as long. What still moves, however slowly, is waited for: a million answers take hours to read.
 */
import type { Clock, Instant } from "../kernel/clock.ts";
import type { Queues } from "../storage/queues.ts";
import { changeRows } from "./change-rows.ts";
import { endOf, unreadable } from "./delivering.ts";
import type { Step } from "./delivery.ts";
import type { DeliveryStore } from "./delivery-store.ts";
import { failPlanning } from "./fail-planning.ts";
import { finishIfDone } from "./finish.ts";
import { deliveriesIn } from "./job.ts";
import type { MarkStore } from "./mark-store.ts";
import type { Notification } from "./notification.ts";
import type { NotificationStore } from "./notification-store.ts";

/** What giving up needs. */
export type GiveUpDeps = {
  readonly notifications: NotificationStore;
  readonly deliveries: DeliveryStore;
  readonly marks: MarkStore;
  readonly queues: Queues;
  readonly clock: Clock;
  readonly overdueMs: number;
};

/** How long nothing must have moved, after the notification's end. */
const giveUpAfterMs = 60 * 60_000;
/** Rows given up in one transaction. */
const rowsPerStep = 32;

/**
 * True when its time is long over, nobody has got through to any of it for as long, and a message that was sent
 * anew did not help either: an app that was switched off for hours gets the chance to read the answers.
 */
export async function isStuck(
  { deliveries, marks, overdueMs }: Pick<GiveUpDeps, "deliveries" | "marks" | "overdueMs">,
  { notificationId, expiresAt }: Notification,
  now: Instant,
): Promise<boolean> {
  const since = now - giveUpAfterMs;
  if (expiresAt > since) return false;
  if (await marks.movedSince(notificationId, since)) return false;
  const plan = await deliveries.plan(notificationId);
  if (plan && !plan.progress.done && plan.progress.at > since) return false;
  if (!(await deliveries.anyLive(notificationId))) return true;
  return marks.nudgedInVain(notificationId, since, now - overdueMs);
}

/** Ends every delivery that is still open, then the notification; or goes as far as it comes until `until`. */
export async function giveUp(
  deps: GiveUpDeps,
  notification: Notification,
  until: Instant,
): Promise<void> {
  const { tenantId, notificationId } = notification;
  let from = "";
  do {
    const page = { from, where: "live gt 0", top: rowsPerStep };
    const rows = await deps.deliveries.page(notificationId, page);
    const last = rows.at(-1);
    if (last === undefined) break;
    const now = deps.clock.now();
    const steps = new Map<string, Step>();
    for (const delivery of deliveriesIn(rows)) {
      const ending = delivery.state === "waiting" ? endOf(notification, delivery, now) : unreadable;
      if (ending) steps.set(delivery.deviceId, ending);
    }
    await changeRows(deps.deliveries, rows, { notificationId, steps, now });
    from = `${last.lastDeviceId}!`;
  } while (deps.clock.now() < until);
  await failPlanning(deps, tenantId, notificationId, {
    code: "planning-failed",
    detail: "its devices could not be planned in time",
  });
  await finishIfDone(deps, tenantId, notificationId);
}
