/**
 * Takes a relay's report. Repeating one changes nothing, and a report about a claim that a delivery is not
 * under is left alone: only the relay that holds a claim can say what came of it.
 */
import { findAction } from "../devices/catalogue.ts";
import { type Result, succeed } from "../kernel/failure.ts";
import { changeRows } from "./change-rows.ts";
import type { DeliverDeps } from "./deliver-deps.ts";
import type { Step } from "./delivery.ts";
import type { StoredDeliveryRow } from "./delivery-store.ts";
import { dueAfterPass } from "./due.ts";
import { finishIfDone } from "./finish.ts";
import { deliveriesIn, type Job } from "./job.ts";
import { isOpen } from "./notification.ts";
import { unknownNotification } from "./read-notifications.ts";
import type { RelayResult, ResultsReport } from "./relay-contract.ts";
import { stepsFor } from "./relay-reporting.ts";
import { byRelay } from "./relay-way.ts";

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
