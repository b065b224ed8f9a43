/**
 * Begins a notification. A small one is planned, and sent for the first time, inside the request that asks for it:
 * most are for a single device, and two waits for a poll of a queue are longer than all of that work.
 *
 * Its message is sent before, visible a little later, and taken back at the end. So a worker that dies anywhere on
 * the way leaves what every planner leaves: rows, progress that names what has not been passed on, and a message.
 */

import { setTimeout as sleep } from "node:timers/promises";
import type { Instant } from "../../kernel/clock.ts";
import { inParallel } from "../../kernel/concurrency.ts";
import { queueNames } from "../../storage/names.ts";
import type { Receipt } from "../../storage/queues.ts";
import type { Notification } from "../state/notification.ts";
import type { TroubleStore } from "../state/notification-store.ts";
import type { Unit } from "../state/plan-progress.ts";
import { deliver, nextPass } from "./deliver.ts";
import type { DeliverDeps } from "./pass-services.ts";
import { messageFor, type PlanDeps, plan } from "./plan.ts";

/** What a request takes on itself. */
export type FirstPass = {
  /** Most devices of a notification that is small. */
  readonly devices: number;
  /** How long the request waits. */
  readonly boxMs: number;
  /** When the message comes that goes on where the worker died; after that nothing new is begun. */
  readonly safetyMs: number;
};

/** What beginning needs. */
export type BeginDeps = PlanDeps &
  DeliverDeps & { readonly troubles: TroubleStore; readonly firstPass: FirstPass };

const lanes = 4;

/** Begins a notification whose row is written. Twice is once; its troubles are not those of the request. */
export async function begin(deps: BeginDeps, notification: Notification): Promise<void> {
  const { tenantId, notificationId, expected = Number.POSITIVE_INFINITY } = notification;
  const { devices, boxMs, safetyMs } = deps.firstPass;
  const ids = { tenantId, notificationId };
  const isSmall = expected <= devices;
  const delaySeconds = isSmall ? safetyMs / 1000 : 0;
  const receipt = await deps.queues.send(queueNames.notificationPlan, ids, delaySeconds);
  if (!isSmall) return;
  const over = new AbortController();
  const work = firstPass(deps, ids, receipt)
    // The message goes on from here; whoever gives up in the end can say what it was.
    .catch((error: unknown) => deps.troubles.noteError(notificationId, error, deps.clock.now()))
    .catch(() => undefined)
    .finally(() => over.abort());
  // The work goes on when the wait is over: to cut a request would leave it without an answer, and a message would
  // stand behind those of every large notification.
  await Promise.race([work, sleep(boxMs, undefined, over).catch(() => undefined)]);
}

type Ids = Pick<Notification, "tenantId" | "notificationId">;

async function firstPass(deps: BeginDeps, ids: Ids, receipt: Receipt): Promise<void> {
  const { tenantId, notificationId } = ids;
  const { safetyMs } = deps.firstPass;
  const until = deps.clock.now() + safetyMs;
  const outcome = await plan(deps, tenantId, notificationId, {
    forMs: safetyMs,
    takeUnits: async (notification, units) => {
      await inParallel(units, lanes, (unit) => passUnit(deps, notification, unit, until));
    },
  });
  // Somebody else plans it, and may die.
  if (outcome === "lost") return;
  if (outcome === "unfinished") await deps.queues.send(queueNames.notificationPlan, ids);
  await deps.queues.withdraw(queueNames.notificationPlan, receipt);
}

/** Passes over a unit while its turn has come and there is time; what is left of it goes by message. */
async function passUnit(
  deps: BeginDeps,
  notification: Notification,
  unit: Unit,
  until: Instant,
): Promise<void> {
  let { at } = unit;
  let message = await messageFor(deps, notification, unit);
  while (message !== undefined) {
    const now = deps.clock.now();
    if (at > now || now >= until) {
      await deps.queues.send(queueNames.notificationDeliver, message, (at - now) / 1000);
      return;
    }
    const next = nextPass(message, await deliver(deps, message));
    at = next?.at ?? at;
    message = next?.message;
  }
}
