/** A notification: an action, a target, and how far it is. Its lifecycle as a table. Pure. */
import type { Person } from "../../access/approvals/approval.ts";
import type { AuditNote } from "../../access/signed-in.ts";
import type { Reach } from "../../devices/collections/reach.ts";
import type { Rule } from "../../devices/collections/rule.ts";
import { type Instant, toIso } from "../../kernel/clock.ts";
import type { NewNotification, RetryRequest } from "./contract.ts";
import { countedStates } from "./delivery.ts";
import type { Counts } from "./delivery-row.ts";

/** Where a notification stands. How it went is in its counts: see `wordFor`. */
export type NotificationState =
  | "pendingApproval"
  | "planning"
  | "running"
  | "ended"
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
  running: { finish: "ended", cancel: "cancelling" },
  cancelling: { finish: "cancelled" },
  failing: { finish: "failed" },
  ended: {},
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

/** The target was narrowed to a list of members of these collections; `hidden` devices were left out, if nothing was chosen among them. */
export type Within = { readonly collectionIds: readonly string[]; readonly hidden?: number };

/** Everything that was asked for, and what became of it as a whole. */
export type Notification = {
  readonly notificationId: string;
  readonly tenantId: string;
  readonly state: NotificationState;
  readonly actionId: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly target: Target;
  /** Which devices it is for was settled when it was asked for, and is kept beside it: nobody joins. */
  readonly frozen?: true;
  readonly allowApproximate: boolean;
  readonly note?: string;
  /** Who asked for it; absent where it was the app itself. */
  readonly requestedBy?: Person;
  /** For how many devices it is, as far as anybody could tell before they were planned one by one. */
  readonly expected?: number;
  /** The refresh that made the directory as it was when this was asked for. */
  readonly directoryVersion: string;
  readonly createdAt: Instant;
  /** After this nothing is sent any more, and answers are no longer waited for. */
  readonly expiresAt: Instant;
  readonly finishedAt?: Instant;
  /** It was stopped before all of its devices were planned, so that the counts are not about all of them. */
  readonly cutShort?: true;
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
  if (state === undefined) return undefined;
  const cutShort = notification.state === "planning" && isStopping({ state });
  return { ...notification, ...changes, state, ...(cutShort ? { cutShort } : {}) };
}

/** How a notification appears: while it is open its state, and at its end what its counts say. */
export const shownStates = [
  "pendingApproval",
  "planning",
  "running",
  "cancelling",
  "failing",
  /** Every device that can do it has done it. */
  "completed",
  /** Some have done it, some have not. */
  "partlyCompleted",
  /** None has done it. */
  "failed",
  /** None is known to have done it, and some may have. */
  "unknown",
  /** The target was empty, or none of its devices can do it. */
  "nothingToSend",
  "cancelled",
  "rejected",
  /** It has ended, and how is not counted for who asks: see `countsLeftOut`. */
  "ended",
] as const;
export type ShownState = (typeof shownStates)[number];

/** The word for a notification. It follows the counts, so that a late report can still change it. */
export function wordFor({ state, cutShort }: Notification, counts: Counts): ShownState {
  if (state === "cancelled" && (cutShort || counts.cancelled > 0 || sumOf(counts) === 0))
    return "cancelled";
  // A cancellation that came too late has cancelled nothing: then the counts have the word, too.
  if (state === "ended" || state === "cancelled") return wordForCounts(counts);
  // It failed as a whole: whoever was not planned has not done it either.
  if (state === "failed" && counts.done > 0) return "partlyCompleted";
  return state === "failed" && counts.unknown > 0 ? "unknown" : state;
}

function wordForCounts(counts: Counts): ShownState {
  const asked = sumOf(counts) - counts.notSupported;
  if (asked === 0) return "nothingToSend";
  if (counts.done === asked) return "completed";
  if (counts.done > 0) return "partlyCompleted";
  return counts.unknown > 0 ? "unknown" : "failed";
}

/** All deliveries, whatever their state. */
export const sumOf = (counts: Counts): number =>
  countedStates.reduce((sum, state) => sum + counts[state], 0);

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
