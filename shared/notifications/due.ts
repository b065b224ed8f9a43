/** When rows need somebody again. Pure. */
import type { Action } from "../devices/action.ts";
import type { Instant } from "../kernel/clock.ts";
import type { DeliverDeps } from "./deliver-deps.ts";
import type { Delivery } from "./delivery.ts";
import type { Notification } from "./notification.ts";
import { byRelay, relayDueAt } from "./relay-way.ts";

/** When a row needs somebody again: its earliest waiting or marked delivery, else the first look. */
export function dueAfterPass(
  { claimMs, confirmAfterMs }: Pick<DeliverDeps, "claimMs" | "confirmAfterMs">,
  job: { readonly action: Action; readonly notification: Notification },
  all: readonly Delivery[],
  now: Instant,
): Instant {
  const deliveries = all.filter((delivery) => !byRelay(job.action, delivery));
  const relayDue = relayDueAt(job.action, job.notification, all, now) ?? Number.POSITIVE_INFINITY;
  // Answers are looked at when nothing of the row is still to be sent.
  const isSent = deliveries.some(({ state }) => state === "sent");
  const isOpen = deliveries.some(({ state }) => state === "waiting" || state === "claimed");
  const looked = isSent && !isOpen;
  let due = Math.min(relayDue, looked ? now + confirmAfterMs : relayDue);
  for (const { state, markedAt, notBefore } of deliveries) {
    if (state === "waiting") due = Math.min(due, Math.max(now, notBefore ?? now));
    if (state === "claimed") due = Math.min(due, (markedAt ?? now) + claimMs);
  }
  return Number.isFinite(due) ? due : now + confirmAfterMs;
}
