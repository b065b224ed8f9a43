/**
 * Takes a relay's report. Repeating one changes nothing, and a report about a claim that a delivery is not
 * under is left alone: only the relay that holds a claim can say what came of it.
 */

import { findAction } from "../../devices/actions/catalogue.ts";
import { backoffMs } from "../../kernel/backoff.ts";
import type { Instant } from "../../kernel/clock.ts";
import { type Result, succeed } from "../../kernel/failure.ts";
import { plainText } from "../../kernel/outside-text.ts";
import { changeRows, deliveriesIn, dueAfterPass, type Job } from "../passes/change-rows.ts";
import { finishIfDone } from "../passes/finish.ts";
import type { DeliverDeps } from "../passes/pass-services.ts";
import { unknownNotification } from "../read-notifications.ts";
import type { Delivery, Step } from "../state/delivery.ts";
import type { StoredDeliveryRow } from "../state/delivery-store.ts";
import { isOpen } from "../state/notification.ts";
import { byRelay } from "../state/relay-route.ts";
import type { RelayOutcome, RelayResult, ResultsReport } from "./contract.ts";

// What a relay's report means for a delivery: one or two events in a row. Pure.

/** What the contract takes; a code is a word, and no other text gets into a row by it. */
const maxCodeChars = 60;
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
  delivery: Pick<Delivery, "state" | "attempts" | "detail">,
  now: Instant,
  random: number,
): Step[] {
  const details = {
    ...(code === undefined ? {} : { code: plainText(code, maxCodeChars) }),
    ...(detail ? { detail } : {}),
  };
  const claimed = delivery.state === "claimed";
  const end = detail ?? "its time ended at the site";
  const latest = {
    detail: delivery.detail ? `${end}; the latest reason: ${delivery.detail}` : end,
  };
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
      // A claim that was never used goes back, and then its time is over. What kept it before may be the reason.
      return claimed
        ? [{ event: "postpone" }, { event: "expire", details: { ...details, ...latest } }]
        : [{ event: "expire", details }];
    case "later": {
      const waitMs = backoffMs(delivery.attempts, { ...retry, random });
      return [{ event: "postpone", details: { ...details, notBefore: now + waitMs } }];
    }
  }
}

/** More rows than any claim touches. */
const maxRows = 64;

/** Writes a report down; answers how many of its devices are under its claim. */
export async function takeReport(
  deps: DeliverDeps,
  tenantId: string,
  { notificationId, claimId, results }: ResultsReport,
): Promise<Result<{ taken: number }>> {
  const stored = await deps.notifications.get(tenantId, notificationId);
  const action = stored && findAction(stored.notification.actionId);
  if (!stored || !action) return unknownNotification(notificationId);
  const { notification } = stored;
  const ids = results.map(({ deviceId }) => deviceId).toSorted();
  const page = await deps.deliveries.page(notificationId, { from: ids[0] ?? "", top: maxRows });
  const last = ids.at(-1) ?? "";
  const rows = page.filter((_, at) => (page[at - 1]?.lastDeviceId ?? "") < last);
  const taken = await applyResults(deps, { action, notification, rows }, claimId, results);
  if (isOpen(notification)) await finishIfDone(deps, tenantId, notificationId);
  else if (taken > 0) await recount(deps, tenantId, notificationId);
  return succeed({ taken });
}

async function applyResults(
  deps: DeliverDeps,
  { action, notification, rows }: Job,
  claimId: string,
  results: readonly RelayResult[],
): Promise<number> {
  const now = deps.clock.now();
  const byDevice = new Map(results.map((result) => [result.deviceId, result]));
  const ours = deliveriesIn(rows).flatMap((delivery) => {
    const result = byDevice.get(delivery.deviceId);
    return result && delivery.claim === claimId && byRelay(action, delivery)
      ? [{ deviceId: delivery.deviceId, steps: stepsFor(result, delivery, now, deps.random()) }]
      : [];
  });
  let current: readonly StoredDeliveryRow[] = rows;
  for (let nth = 0; ours.some(({ steps }) => steps.length > nth); nth += 1) {
    const steps = new Map<string, Step>();
    for (const { deviceId, steps: all } of ours) {
      const step = all[nth];
      if (step) steps.set(deviceId, step);
    }
    current = await changeRows(deps.deliveries, current, {
      notificationId: notification.notificationId,
      steps,
      now,
      dueAt: (deliveries) => dueAfterPass(deps, { action, notification }, deliveries, now),
    });
  }
  return ours.length;
}

/** Truth that came after the end: the counts kept with the notification follow it. */
async function recount(
  { notifications, deliveries }: DeliverDeps,
  tenantId: string,
  notificationId: string,
): Promise<void> {
  const stored = await notifications.get(tenantId, notificationId);
  if (stored === undefined || isOpen(stored.notification)) return;
  const counts = await deliveries.counts(notificationId);
  await notifications.replace({ ...stored.notification, counts }, stored.etag);
}
