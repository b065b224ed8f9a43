/** What a request that sends an action is about, as far as permission goes. */
import type { RequestTarget } from "../shared/access/authorize.ts";
import { decide, type Standing } from "../shared/access/decide.ts";
import { findAction } from "../shared/devices/catalogue.ts";
import { reachOf } from "../shared/devices/reach.ts";
import { seesNotification } from "../shared/notifications/read-notifications.ts";
import type { Services } from "./services.ts";

type Target = { readonly kind: string; readonly collectionId?: string };

/** The permission of the action, and the collection where it is for one. */
export const aboutAction = (
  actionId: string,
  target: Target,
): Pick<RequestTarget, "actionPermission" | "collectionId"> => ({
  actionPermission: findAction(actionId)?.permission,
  collectionId: target.kind === "collection" ? target.collectionId : undefined,
});

/**
 * The permission of the action that a notification repeats, for who may see that notification. For anybody
 * else it is about no action, as if there were none: a refusal that names a permission tells that there is one.
 */
export async function aboutRetry(
  ids: { readonly tenantId: string; readonly notificationId: string },
  { notify, collecting }: Pick<Services, "notify" | "collecting">,
  standing: Standing,
): Promise<Pick<RequestTarget, "actionPermission">> {
  const { tenantId } = ids;
  const seeing = decide(standing, "notifications.read", { kind: "tenant", tenantId });
  if (!seeing.allowed) return {};
  const reach = await reachOf(collecting, tenantId, seeing.limits);
  const seen = await seesNotification(notify, ids, reach);
  return seen.ok ? { actionPermission: findAction(seen.value.actionId)?.permission } : {};
}
