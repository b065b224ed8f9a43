/** Which notifications a caller sees whose roles are limited to collections. Pure. */
import type { Reach } from "../devices/reach.ts";
import type { Notification } from "./notification.ts";

/** Whether a notification is for nothing but what a caller reaches. */
export function isWithin({ target }: Notification, reach: Reach | undefined): boolean {
  if (reach === undefined) return true;
  if (target.kind === "collection") return reach.collectionIds.includes(target.collectionId);
  const { within } = target;
  return within?.collectionIds.every((id) => reach.collectionIds.includes(id)) ?? false;
}
