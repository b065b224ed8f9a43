/** A notification: an action on its way to devices. What such a job adds to any other, and who may see it. Pure. */

import * as z from "zod";
import { Rule } from "../devices/collections/collection.ts";
import type { Reach } from "../devices/collections/list-devices.ts";
import { emptyCounts } from "../fanout/state/item.ts";
import { type Job, wordFor } from "../fanout/state/job.ts";
import { recurring } from "../schedules/state/task.ts";
import type { WebhookEvent } from "../webhooks/webhook.ts";

/** The target was narrowed to a list of members of these collections; `hidden` devices were left out, if nothing was chosen among them. */
const Within = z.object({
  collectionIds: z.array(z.string()).readonly(),
  hidden: z.number().optional(),
});
export type Within = z.output<typeof Within>;

/**
 * Whom it is for, frozen when it was asked for. Lists of ids live in a blob beside the row; a
 * collection's rule is copied, so that editing the collection does not change what is under way.
 */
const Target = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("devices"), count: z.number(), within: Within.optional() }),
  z.object({ kind: z.literal("collection"), collectionId: z.string(), rule: Rule.optional() }),
  z.object({ kind: z.literal("rule"), rule: Rule, within: Within.optional() }),
  z.object({ kind: z.literal("tenant"), within: Within.optional() }),
  z.object({
    kind: z.literal("retry"),
    notificationId: z.string(),
    only: z.array(z.string()).readonly(),
    rule: Rule.optional(),
    within: Within.optional(),
  }),
]);
export type Target = z.output<typeof Target>;

/** What a notification's row holds beside what every job's does. */
export const NotificationSpec = z.object({
  actionId: z.string(),
  parameters: z.record(z.string(), z.unknown()).readonly(),
  target: Target,
  allowApproximate: z.boolean(),
  note: z.string().optional(),
  /** Of the task that began it: each delivery asks these windows, and the tenant's, right before it leaves. */
  windows: z
    .object({
      own: z.array(z.object({ opens: recurring, minutes: z.number() })),
      longestRunMs: z.number(),
      cutoffMs: z.number(),
    })
    .optional(),
  /** The refresh that made the directory as it was when this was asked for. */
  directoryVersion: z.string(),
});

/** Everything that was asked for, and what became of it as a whole. */
export type Notification = Job & Readonly<z.output<typeof NotificationSpec>>;

// Which notifications a caller sees whose roles are limited to collections.

/** Whether a notification is for nothing but what a caller reaches. */
export function isWithin({ target }: Notification, reach: Reach | undefined): boolean {
  if (reach === undefined) return true;
  if (target.kind === "collection") return reach.collectionIds.includes(target.collectionId);
  const { within } = target;
  return within?.collectionIds.every((id) => reach.collectionIds.includes(id)) ?? false;
}

/** What webhooks are told of a notification: that it waits for a second person, or how it ended. */
export function eventOf(job: Job): WebhookEvent {
  const { tenantId, jobId, state, createdAt, finishedAt = createdAt } = job;
  const path = `/api/v1/tenants/${tenantId}/notifications/${jobId}`;
  const about = { eventId: jobId, tenantId, path };
  const data = { notificationId: jobId };
  if (state === "pendingApproval")
    return { ...about, at: createdAt, type: "notification.approvalPending", data };
  const word = wordFor(job, job.counts ?? emptyCounts());
  return { ...about, at: finishedAt, type: "notification.ended", data: { ...data, state: word } };
}
