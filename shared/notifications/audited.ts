/** What the audit trail keeps of a notification that was asked for; secrets are taken out when it is written. */
import type { AuditNote } from "../access/signed-in.ts";
import { toIso } from "../kernel/clock.ts";
import type { NewNotification, RetryRequest } from "./contract.ts";
import type { Notification } from "./notification.ts";

/** The notification as a note on the call that asked for it: what was asked, and what was made of it. */
export function auditedNotification(
  body: NewNotification | RetryRequest,
  { notificationId, state, actionId, target, expiresAt }: Notification,
): AuditNote {
  // The list of a request for devices stands beside how it was narrowed.
  const asked = "target" in body ? body.target : {};
  const made = { notificationId, state, action: actionId, expiresAt: toIso(expiresAt) };
  return {
    object: `notification/${notificationId}`,
    after: { ...body, ...made, target: { ...asked, ...target } },
  };
}
