/** Cancels a notification, lets it rest, or lets it go on. What has left is followed to its end in any case. */

import type { Reach } from "../devices/collections/list-devices.ts";
import { changeJob } from "../fanout/care/control.ts";

import { emptyCounts } from "../fanout/state/item.ts";
import { wordFor } from "../fanout/state/job.ts";
import { fail, type Result, succeed } from "../kernel/failure.ts";
import type { NotificationParts } from "./kind.ts";
import { isWithin, type Notification } from "./notification.ts";
import { unknownNotification } from "./read-notifications.ts";

/** A change: the notification as it is now, and the state it was in. */
export type Changed = {
  readonly notification: Notification;
  readonly before: Notification["state"];
};

type Ids = { readonly tenantId: string; readonly notificationId: string };

const refusals = {
  cancel: "nothing is left to cancel",
  pause: "only what is being sent can be paused",
  resume: "only what is paused can be resumed",
};

/**
 * Cancels a notification: what waits is not sent any more. Or pauses it: nothing new is sent until it is resumed, and
 * goes on where it was, or with the next wave where it waits for that. Asking twice is once.
 */
export async function changeNotification(
  { engine, jobs }: NotificationParts,
  { tenantId, notificationId }: Ids,
  change: keyof typeof refusals,
  reach?: Reach,
): Promise<Result<Changed>> {
  const ids = { tenantId, jobId: notificationId };
  const mayChange = (job: Notification) => isWithin(job, reach);
  const changed = await changeJob(engine, jobs, ids, { change, mayChange });
  switch (changed.kind) {
    case "gone":
      return unknownNotification(notificationId);
    case "busy":
      return fail("conflict", "The notification keeps changing; ask again.", askAgain);
    case "early":
      return fail("conflict", "Its devices are still being planned; ask again.", askAgain);
    case "refused":
      return refused(changed.job, reach, refusals[change]);
    case "changed":
      return succeed({ notification: changed.job, before: changed.before });
  }
}

const askAgain = { retryAfterSeconds: 2 };

function refused(job: Notification, reach: Reach | undefined, why: string): Result<never> {
  // The word follows counts of everybody.
  const isWhole = reach === undefined;
  const state = isWhole ? wordFor(job, job.counts ?? emptyCounts()) : "ended";
  return fail("conflict", `Notification ${job.jobId} is ${state} already; ${why}.`);
}
