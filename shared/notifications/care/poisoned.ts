/**
 * A message that asks for planning was given up by the host. Planning is tried again a few times, further and
 * further apart: what broke it may pass. Then the notification fails, with the cause.
 */

import type { Action } from "../../devices/actions/action.ts";
import { findAction } from "../../devices/actions/catalogue.ts";
import { type Look, lookAt } from "../../devices/actions/read-back.ts";
import { strictly, verdictOf } from "../../devices/actions/results.ts";
import { type QueueName, queueNames } from "../../storage/names.ts";
import { changeRows, deliveriesIn, touchAt } from "../passes/change-rows.ts";
import { stepAfterReport } from "../passes/decide-pass.ts";
import { finishIfDone } from "../passes/finish.ts";
import type { DeliverDeps } from "../passes/pass-services.ts";
import { type Delivery, lifecycle, type Step } from "../state/delivery.ts";
import { UnreadableRow } from "../state/delivery-store.ts";
import type { Notification } from "../state/notification.ts";
import { causeOf, type TroubleStore } from "../state/notification-store.ts";
import { byRelay } from "../state/relay-route.ts";
import type { MarkStore, RowMark } from "../state/row-summaries.ts";
import { type FailPlanningDeps, failPlanning } from "./abandon.ts";

// How long what the host has given up is tried again. Pure.

/** So many messages in a row may be given up before their work ends where people see it. */
export const maxTroubles = 3;

const waitsSeconds = [60, 240];

/** Seconds before trying again, after the n-th message in a row. */
const waitAfterTrouble = (nth: number): number =>
  waitsSeconds[Math.min(nth, waitsSeconds.length) - 1] ?? 0;

/** What this needs. */
export type PoisonedPlanDeps = FailPlanningDeps & { readonly troubles: TroubleStore };

/** Tries again, or fails the notification. */
export async function poisonedPlan(
  deps: PoisonedPlanDeps,
  { tenantId, notificationId }: { readonly tenantId: string; readonly notificationId: string },
): Promise<"again" | "failed" | "over"> {
  const stored = await deps.notifications.get(tenantId, notificationId);
  if (stored?.notification.state !== "planning") return "over";
  const trouble = await deps.troubles.get(notificationId);
  const atStep = (await deps.deliveries.plan(notificationId))?.progress.steps ?? 0;
  // A step further than last time: somebody got through meanwhile.
  const plans = atStep > trouble.atStep ? 1 : trouble.plans + 1;
  if (plans < maxTroubles) {
    await deps.troubles.notePlans(notificationId, { plans, atStep });
    const ids = { tenantId, notificationId };
    await deps.queues.send(queueNames.notificationPlan, ids, waitAfterTrouble(plans));
    return "again";
  }
  const detail = `its devices could not be planned: ${causeOf(trouble)}`;
  await failPlanning(deps, tenantId, notificationId, { code: "planning-failed", detail });
  return "failed";
}

// Brings a row that no handler gets through to a true end: what never left has failed, what may have left is looked
// for once more, and of what no trace can be seen nobody knows. What relays carry is theirs to report.

/** Ends what is live in a row. The looks are few, and inside what the pace leaves free. */
async function endRows(
  deps: DeliverDeps,
  { tenantId, notificationId, actionId }: Notification,
  { lastDeviceId }: { readonly lastDeviceId: string },
  cause: string,
): Promise<void> {
  const rows = await readableRows(deps, notificationId, lastDeviceId);
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

/** The row, or nothing of one whose text cannot be read: that one ends here. */
async function readableRows({ deliveries }: DeliverDeps, notificationId: string, key: string) {
  try {
    return await deliveries.range(notificationId, key, key);
  } catch (error) {
    if (!(error instanceof UnreadableRow)) throw error;
    await deliveries.endUnreadable(notificationId, error);
    return [];
  }
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
  const lose: Step = { event: "lose", details };
  // What was asked without a clear answer may have been done, however little can be seen of it.
  if (state === "waiting") return delivery.unclear ? lose : { event: "fail", details };
  if (action === undefined || look?.kind !== "seen") return lose;
  const names = action.routes[delivery.route]?.resultNames ?? [];
  const since = markedAt ?? at;
  // Marked, and no trace: nobody can tell.
  if (state === "claimed" && verdictOf(look.device, names, strictly(since)) === "none") return lose;
  const step = stepAfterReport(action, delivery, look, "early");
  return step !== undefined && lifecycle[state][step.event] !== undefined ? step : lose;
}

// A message about some rows was given up by the host. Each row is tried again by itself, so that one that breaks
// its handlers does not take its neighbours along; one that keeps failing comes to a true end, with the cause.

/** What this needs. */
export type PoisonedUnitDeps = DeliverDeps & {
  readonly marks: MarkStore;
  readonly troubles: TroubleStore;
};

/** Consecutive rows of a notification. */
type Unit = {
  readonly tenantId: string;
  readonly notificationId: string;
  readonly from: string;
  readonly to: string;
};

/** Tries the rows again one by one, and ends those that failed too often; answers how many. */
export async function poisonedUnit(
  deps: PoisonedUnitDeps,
  { tenantId, notificationId, from, to }: Unit,
): Promise<{ again: number; ended: number }> {
  const stored = await deps.notifications.get(tenantId, notificationId);
  const tenant = await deps.tenants.get(tenantId);
  if (stored === undefined || tenant === undefined) return { again: 0, ended: 0 };
  let again = 0;
  let ended = 0;
  for await (const page of deps.marks.pages(notificationId, from, to))
    for (const mark of page.filter(({ live }) => live > 0)) {
      const troubles = mark.troubles + 1;
      const { lastDeviceId } = mark;
      await deps.marks.note(notificationId, [mark], { troubles, nudgedAt: deps.clock.now() });
      if (troubles < maxTroubles) {
        const row = { tenantId, notificationId, from: lastDeviceId, to: lastDeviceId };
        await deps.queues.send(queueFor(mark), row, waitAfterTrouble(troubles));
        again += 1;
      } else {
        const cause = causeOf(await deps.troubles.get(notificationId));
        await endRows(deps, stored.notification, mark, cause);
        ended += 1;
      }
    }
  return { again, ended };
}

const queueFor = ({ waiting }: RowMark): QueueName =>
  waiting > 0 ? queueNames.notificationDeliver : queueNames.notificationConfirm;
