/**
 * Deliveries that a relay carries: which ones they are, and when their rows need somebody again. Pure.
 *
 * They stand in the same rows as all others, so that a notification has one status; but Graph is never
 * asked about them, and the tenant's pace does not count them.
 */
import type { Action } from "../../devices/actions/action.ts";
import type { Instant } from "../../kernel/clock.ts";
import type { Delivery, Step } from "./delivery.ts";
import type { Notification } from "./notification.ts";

/** Time after which a site is told again of what waits for it: its message may be lost. */
export const relayPatienceMs = 10 * 60_000;
/** How long after a notification's end a relay may still report before its silence is taken as the answer. */
export const relayGraceMs = 30 * 60_000;

/** True when the relay beside the device's site carries the delivery. */
export const byRelay = (action: Action, { route }: Pick<Delivery, "route">): boolean =>
  action.routes[route]?.id === "adminService";

/** When rows need somebody because of what relays carry; undefined when nothing of that is live. */
export function relayDueAt(
  action: Action,
  { expiresAt }: Pick<Notification, "expiresAt">,
  deliveries: readonly Delivery[],
  now: Instant,
): Instant | undefined {
  const states = new Set(
    deliveries.filter((delivery) => byRelay(action, delivery)).map(({ state }) => state),
  );
  const end = expiresAt + relayGraceMs;
  if (states.has("waiting")) return Math.min(now + relayPatienceMs, Math.max(now, expiresAt));
  if (states.has("claimed")) return Math.min(now + relayPatienceMs, end);
  return states.has("sent") ? end : undefined;
}

/** The end of a delivery whose relay never told, long after the notification's own end. */
export function relaySilence(
  { expiresAt }: Pick<Notification, "expiresAt">,
  { state, detail }: Delivery,
  now: Instant,
): Step | undefined {
  if (state !== "claimed" && state !== "sent") return undefined;
  if (now < expiresAt + relayGraceMs) return undefined;
  const latest = detail === undefined ? "" : `; the latest reason: ${detail}`;
  return {
    event: "lose",
    details: { code: "no-answer", detail: `the relay never reported${latest}` },
  };
}
