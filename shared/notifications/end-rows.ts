/**
 * Brings a row that no handler gets through to a true end: what never left has failed, what may have left is looked
 * for once more, and what cannot be seen is unknown. What relays carry is theirs to report.
 */
import type { Action } from "../devices/action.ts";
import { findAction } from "../devices/catalogue.ts";
import { type Look, lookAt } from "../devices/look.ts";
import { verdictOf } from "../devices/results.ts";
import { changeRows } from "./change-rows.ts";
import { stepAfterReport } from "./confirming.ts";
import type { DeliverDeps } from "./deliver-deps.ts";
import { type Delivery, lifecycle, type Step } from "./delivery.ts";
import { finishIfDone } from "./finish.ts";
import { deliveriesIn, touchAt } from "./job.ts";
import type { Notification } from "./notification.ts";
import { byRelay } from "./relay-way.ts";

/** Ends what is live in a row. The looks are few, and inside what the pace leaves free. */
export async function endRows(
  deps: DeliverDeps,
  { tenantId, notificationId, actionId }: Notification,
  { lastDeviceId }: { readonly lastDeviceId: string },
  cause: string,
): Promise<void> {
  const rows = await deps.deliveries.range(notificationId, lastDeviceId, lastDeviceId);
  const action = findAction(actionId);
  const now = deps.clock.now();
  const open = deliveriesIn(rows)
    .filter((each) => each.state === "waiting" || !(action && byRelay(action, each)))
    // Under a mark that still holds, a request may be on its way: whoever comes next ends it.
    .filter((each) => each.state !== "claimed" || touchAt(each, deps.claimMs) <= now);
  const left = open.filter(({ state }) => state === "claimed" || state === "sent");
  const suspects = left.map(({ deviceId, route }) => ({
    deviceId,
    route: action?.routes[route],
  }));
  // Looking may be the very thing that fails.
  const looks = await lookAt(deps.graph, tenantId, suspects).catch(() => new Map<string, Look>());
  const steps = new Map(
    open.map((delivery) => [
      delivery.deviceId,
      endStep(action, delivery, looks.get(delivery.deviceId), cause),
    ]),
  );
  await changeRows(deps.deliveries, rows, { notificationId, steps, now: deps.clock.now() });
  await finishIfDone(deps, tenantId, notificationId);
}

/** How a delivery ends whose handlers fail, by what can be seen of its device. */
export function endStep(
  action: Action | undefined,
  delivery: Delivery,
  look: Look | undefined,
  cause: string,
): Step {
  const details = { code: "muster-failed", detail: `Muster could not handle it: ${cause}` };
  const { state, markedAt, at } = delivery;
  if (state === "waiting") return { event: "fail", details };
  const lose: Step = { event: "lose", details };
  if (action === undefined || look?.kind !== "seen") return lose;
  const names = action.routes[delivery.route]?.resultNames ?? [];
  const arrived = verdictOf(look.device, names, markedAt ?? at) !== "none";
  // Marked, and nothing arrived since: it never left.
  if (state === "claimed" && !arrived) return { event: "fail", details };
  const step = stepAfterReport(action, delivery, look, "early");
  return step !== undefined && lifecycle[state][step.event] !== undefined ? step : lose;
}
