/**
 * A message that asks for planning was given up by the host. Planning is tried again a few times, further and
 * further apart: what broke it may pass. Then the notification fails, with the cause.
 */
import { queueNames } from "../storage/names.ts";
import { type FailPlanningDeps, failPlanning } from "./fail-planning.ts";
import { maxTroubles, waitAfterTrouble } from "./poison-patience.ts";
import { causeOf, type TroubleStore } from "./trouble-store.ts";

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
