/** Rows in which only relays still owe an answer: when to come back to them, and when to give up. */

import type { Step } from "../state/delivery.ts";
import { byRelay, relaySilence } from "../state/relay-route.ts";
import { changeRows, deliveriesIn, dueAfterPass, type Job } from "./change-rows.ts";
import type { DeliverDeps } from "./pass-services.ts";

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
