/** A notification: an action, a target, and how far it is. Its lifecycle as a table. Pure. */

import type { AuditNote } from "../../access/signed-in.ts";
import type { Reach } from "../../devices/collections/reach.ts";
import type { Rule } from "../../devices/collections/rule.ts";
import { type Instant, toIso } from "../../kernel/clock.ts";
import type { NewNotification, RetryRequest } from "./contract.ts";
import type { Counts } from "./delivery-row.ts";

/** Where a notification stands. */
export type NotificationState =
  | "pendingApproval"
  | "planning"
  | "running"
  | "completed"
  | "cancelling"
  | "cancelled"
  | "rejected"
  /** It failed as a whole; what has left is still followed to its end. */
  | "failing"
  | "failed";

/** What can happen to it. */
export type NotificationEvent = "approve" | "reject" | "planned" | "finish" | "cancel" | "giveUp";

/** The whole lifecycle. A missing entry means: refused in that state. */
export const notificationLifecycle: Readonly<
  Record<NotificationState, Readonly<Partial<Record<NotificationEvent, NotificationState>>>>
> = {
  pendingApproval: { approve: "planning", reject: "rejected", cancel: "cancelled" },
  planning: { planned: "running", cancel: "cancelling", giveUp: "failing" },
  running: { finish: "completed", cancel: "cancelling" },
  cancelling: { finish: "cancelled" },
  failing: { finish: "failed" },
  completed: {},
  cancelled: {},
  rejected: {},
  failed: {},
};

/**
 * Whom it is for, frozen when it was asked for. Lists of ids live in a blob beside the row; a
 * collection's rule is copied, so that editing the collection does not change what is under way.
 */
export type Target =
  | { readonly kind: "devices"; readonly count: number; readonly within?: Within }
  | { readonly kind: "collection"; readonly collectionId: string; readonly rule?: Rule }
  | { readonly kind: "tenant"; readonly within?: Within }
  | {
      readonly kind: "retry";
      readonly notificationId: string;
      readonly only: readonly string[];
      readonly rule?: Rule;
      readonly within?: Within;
    };

/** The target was narrowed to a list of members of these collections; `hidden` devices were left out. */
export type Within = { readonly collectionIds: readonly string[]; readonly hidden: number };

/** Everything that was asked for, and what became of it as a whole. */
export type Notification = {
  readonly notificationId: string;
  readonly tenantId: string;
  readonly state: NotificationState;
  readonly actionId: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly target: Target;
  readonly allowApproximate: boolean;
  readonly note?: string;
  /** The refresh that made the directory as it was when this was asked for. */
  readonly directoryVersion: string;
  readonly createdAt: Instant;
  /** After this nothing is sent any more, and answers are no longer waited for. */
  readonly expiresAt: Instant;
  readonly finishedAt?: Instant;
  /** Final counts, once finished. */
  readonly counts?: Counts;
  /** Why it failed as a whole, or was rejected. */
  readonly failure?: NotificationFailure;
};

/** A stable name, and words for people. */
export type NotificationFailure = { readonly code: string; readonly detail: string };

/** Applies an event; undefined when the lifecycle refuses it. */
export function move(
  notification: Notification,
  event: NotificationEvent,
  changes: Partial<Pick<Notification, "counts" | "finishedAt" | "failure" | "expiresAt">> = {},
): Notification | undefined {
  const state = notificationLifecycle[notification.state][event];
  return state === undefined ? undefined : { ...notification, ...changes, state };
}

/** True while nothing more may leave, though some of it may still be under way. */
export const isStopping = ({ state }: Pick<Notification, "state">): boolean =>
  state === "cancelling" || state === "failing";

/** True while somebody still has to do something. */
export const isOpen = ({ state }: Pick<Notification, "state">): boolean =>
  Object.keys(notificationLifecycle[state]).length > 0;

// Which notifications a caller sees whose roles are limited to collections. Pure.

/** Whether a notification is for nothing but what a caller reaches. */
export function isWithin({ target }: Notification, reach: Reach | undefined): boolean {
  if (reach === undefined) return true;
  if (target.kind === "collection") return reach.collectionIds.includes(target.collectionId);
  const { within } = target;
  return within?.collectionIds.every((id) => reach.collectionIds.includes(id)) ?? false;
}

// What the audit trail keeps of a notification that was asked for; secrets are taken out when it is written.

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
