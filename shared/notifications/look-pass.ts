/** A pass that looks at devices whose worker never told what came of its request. */
import { lookAt } from "../devices/look.ts";
import { changeRows } from "./change-rows.ts";
import type { DeliverDeps } from "./deliver-deps.ts";
import { stepAfterLook } from "./delivering.ts";
import type { Delivery, Step } from "./delivery.ts";
import { dueAfterPass } from "./due.ts";
import { grantFor, type Turn } from "./grant.ts";
import type { DeliverOutcome, Job } from "./job.ts";
import { latenessAt } from "./lateness.ts";
import { obeyReads } from "./obey-reads.ts";

/** Most devices looked at in one pass. */
const maxLooks = 200;
/** Time before what could not be read is tried again. */
const retryMs = 10_000;

/** Looks, writes down what was found, and asks for another pass. */
export async function lookPass(
  deps: DeliverDeps,
  { action, notification, rows }: Job,
  suspects: readonly Delivery[],
  { turn, reads }: { readonly turn: Turn; readonly reads: Turn },
): Promise<DeliverOutcome> {
  const { tenantId, notificationId } = notification;
  const place = { tenantId, workload: "deviceReads" } as const;
  const grant = await grantFor(deps, place, suspects.length, reads);
  const { startAt, budget, granted, at, shiftMs } = grant;
  if (startAt > deps.clock.now())
    return { kind: "again", until: startAt, turn, reads: { granted, at, shiftMs } };
  const some = suspects.slice(0, Math.min(maxLooks, budget));
  const looks = await lookAt(
    deps.graph,
    tenantId,
    some.map(({ deviceId, route }) => ({ deviceId, route: action.routes[route] })),
  );
  const now = deps.clock.now();
  const lateness = latenessAt(now, notification.expiresAt);
  await obeyReads(deps, tenantId, looks);
  const steps = new Map<string, Step>();
  for (const delivery of some) {
    const step = stepAfterLook(action, delivery, looks.get(delivery.deviceId), lateness);
    if (step) steps.set(delivery.deviceId, step);
  }
  await changeRows(deps.deliveries, rows, {
    notificationId,
    steps,
    now,
    dueAt: (deliveries) => dueAfterPass(deps, { action, notification }, deliveries, now),
  });
  return { kind: "again", until: steps.size > 0 ? now : now + retryMs, turn };
}
