/** What a relay's report means for a delivery: one or two events in a row. Pure. */
import { backoffMs } from "../kernel/backoff.ts";
import type { Instant } from "../kernel/clock.ts";
import type { Delivery, Step } from "./delivery.ts";
import type { RelayOutcome, RelayResult } from "./relay-contract.ts";

const retry = { baseMs: 30_000, maxMs: 15 * 60_000 };

/** Reasons that a report may leave out. */
const codes: Readonly<Partial<Record<RelayOutcome, string>>> = {
  failed: "device-reported-failure",
  notSupported: "not-supported-by-site",
  offline: "device-offline",
  unknown: "no-answer",
  expired: "expired",
};

/** How often each outcome was reported. */
export function countOutcomes(results: readonly RelayResult[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome } of results) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

/**
 * The steps that bring a delivery to what was reported. A report may be repeated, and may come when the
 * delivery has moved on: a step that no longer fits changes nothing.
 */
export function stepsFor(
  { outcome, code = codes[outcome], detail }: RelayResult,
  delivery: Pick<Delivery, "state" | "attempts">,
  now: Instant,
  random: number,
): Step[] {
  const details = { ...(code === undefined ? {} : { code }), ...(detail ? { detail } : {}) };
  const claimed = delivery.state === "claimed";
  const accept: readonly Step[] = claimed ? [{ event: "accept" }] : [];
  switch (outcome) {
    case "accepted":
      return [{ event: "accept", details }];
    case "done":
      return [...accept, { event: "finish", details }];
    case "failed":
      return [{ event: "fail", details }];
    case "notSupported":
      return [{ event: "decline", details }];
    case "offline":
      return [...accept, { event: "silence", details }];
    case "unknown":
      return [{ event: "lose", details }];
    case "expired":
      // A claim that was never used goes back, and then its time is over.
      return claimed
        ? [{ event: "postpone" }, { event: "expire", details }]
        : [{ event: "expire", details }];
    case "later": {
      const waitMs = backoffMs(delivery.attempts, { ...retry, random });
      return [{ event: "postpone", details: { ...details, notBefore: now + waitMs } }];
    }
  }
}
