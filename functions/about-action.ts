/** What a request that sends an action is about, as far as permission goes. */
import type { RequestTarget } from "../shared/access/authorize.ts";
import { findAction } from "../shared/devices/catalogue.ts";

type Target = { readonly kind: string; readonly collectionId?: string };

/** The permission of the action, and the collection where it is for one. */
export const aboutAction = (
  actionId: string,
  target: Target,
): Pick<RequestTarget, "actionPermission" | "collectionId"> => ({
  actionPermission: findAction(actionId)?.permission,
  collectionId: target.kind === "collection" ? target.collectionId : undefined,
});
