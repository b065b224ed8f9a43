/** Confirming, without storage: when to look, and what a look means for a delivery. Pure. */
import type { Action } from "../devices/action.ts";
import type { Look } from "../devices/look.ts";
import { seenSince, verdictOf } from "../devices/results.ts";
import type { Instant } from "../kernel/clock.ts";
import { unreadable } from "./delivering.ts";
import type { Delivery, Step } from "./delivery.ts";
import type { Lateness } from "./lateness.ts";

/** Longest time between two rounds of looks. */
const maxRoundMs = 15 * 60_000;
/** Time between rounds once the notification's time is over. */
const lateRoundMs = 15_000;

/** When the round after `round` rounds is due: doubling, and one exactly at the notification's end. */
export function nextRoundAt(
  round: number,
  { now, expiresAt, firstMs }: { now: Instant; expiresAt: Instant; firstMs: number },
): Instant {
  if (now >= expiresAt) return now + lateRoundMs;
  return Math.min(now + Math.min(firstMs * 2 ** round, maxRoundMs), expiresAt);
}

/** What a look means for a delivery that Graph took. */
export function stepAfterReport(
  action: Action,
  delivery: Delivery,
  look: Look | undefined,
  lateness: Lateness,
): Step | undefined {
  const final = lateness !== "early";
  const since = delivery.markedAt ?? delivery.at;
  if (look?.kind === "gone")
    return { event: "lose", details: { code: "device-gone", detail: "left Intune meanwhile" } };
  if (look?.kind !== "seen") return lateness === "hopeless" ? unreadable : undefined;
  const names = action.routes[delivery.route]?.resultNames ?? [];
  switch (verdictOf(look.device, names, since)) {
    case "done":
      return { event: "finish" };
    case "failed":
      return {
        event: "fail",
        details: { code: "device-reported-failure", detail: "the device reported that it failed" },
      };
    case "notSupported":
      return {
        event: "decline",
        details: { code: "not-supported-by-device", detail: "the device reported so" },
      };
    case "cancelled":
      return { event: "cancel", details: { code: "cancelled-elsewhere" } };
    case "pending":
      if (!final) return undefined;
      return seenSince(look.device, delivery.at)
        ? { event: "expire", details: { code: "no-result-in-time" } }
        : { event: "silence", details: { code: "device-offline", detail: "not seen since" } };
    case "none":
      if (!final) return undefined;
      return { event: "lose", details: { code: "no-result", detail: "Intune shows no result" } };
  }
}
