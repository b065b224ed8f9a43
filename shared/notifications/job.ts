/** What one message about some rows works on, and how its pass may end. */
import type { Action } from "../devices/action.ts";
import type { Instant } from "../kernel/clock.ts";
import type { Delivery } from "./delivery.ts";
import type { StoredDeliveryRow } from "./delivery-store.ts";
import type { Turn } from "./grant.ts";
import type { Notification } from "./notification.ts";

/** What becomes of the message. */
export type DeliverOutcome =
  | { readonly kind: "done" | "gone" }
  | {
      readonly kind: "again";
      readonly until: Instant;
      /** What is reserved for the next pass. */
      readonly turn: Turn;
      /** What is reserved for its looks. */
      readonly reads?: Turn;
      readonly handed?: true;
    };

/** What one message is about. */
export type Job = {
  readonly action: Action;
  readonly notification: Notification;
  readonly rows: readonly StoredDeliveryRow[];
};

/** When a delivery can be touched again: when it may be sent, or its mark has run out. */
export const touchAt = ({ state, markedAt, notBefore }: Delivery, claimMs: number): Instant =>
  state === "claimed" ? (markedAt ?? 0) + claimMs : (notBefore ?? 0);

/** All deliveries of some rows. */
export const deliveriesIn = (rows: readonly StoredDeliveryRow[]): Delivery[] =>
  rows.flatMap((row) => row.deliveries);
