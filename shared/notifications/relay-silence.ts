/** Rows in which only relays still owe an answer: when to come back to them, and when to give up. */
import { changeRows } from "./change-rows.ts";
import type { DeliverDeps } from "./deliver-deps.ts";
import type { Step } from "./delivery.ts";
import { dueAfterPass } from "./due.ts";
import { deliveriesIn, type Job } from "./job.ts";
import { byRelay, relaySilence } from "./relay-way.ts";

/** Ends what a relay never reported on, and says when the rows are due again. */
export async function awaitRelays(
  deps: DeliverDeps,
  { action, notification, rows }: Job,
): Promise<void> {
  const now = deps.clock.now();
  const carried = deliveriesIn(rows).filter((delivery) => byRelay(action, delivery));
  if (carried.length === 0) return;
  const steps = new Map<string, Step>();
  for (const delivery of carried) {
    const silence = relaySilence(notification, delivery, now);
    if (silence) steps.set(delivery.deviceId, silence);
  }
  const { notificationId } = notification;
  await changeRows(deps.deliveries, rows, {
    notificationId,
    steps,
    now,
    dueAt: (deliveries) => dueAfterPass(deps, { action, notification }, deliveries, now),
  });
}
