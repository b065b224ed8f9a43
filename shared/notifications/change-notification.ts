/** Cancels a notification, lets it rest, or lets it go on. What has left is followed to its end in any case. */
import type { Reach } from "../devices/collections/list-devices.ts";
import { pause, resume } from "../fanout/care/pause.ts";
import { cancel } from "../fanout/engine/close.ts";
import { emptyCounts } from "../fanout/state/item-row.ts";
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

const busy = (): Result<never> =>
  fail("conflict", "The notification keeps changing; ask again.", { retryAfterSeconds: 2 });

/** What waits is not sent any more. Asking twice is once. */
export async function cancelNotification(
  { engine, jobs }: NotificationParts,
  { tenantId, notificationId }: Ids,
  reach?: Reach,
): Promise<Result<Changed>> {
  const ids = { tenantId, jobId: notificationId };
  const cancelled = await cancel(engine, jobs, ids, (job) => isWithin(job, reach));
  switch (cancelled.kind) {
    case "gone":
      return unknownNotification(notificationId);
    case "busy":
      return busy();
    case "ended":
      return refused(cancelled.job, reach, "nothing is left to cancel");
    case "cancelled":
      return succeed({ notification: cancelled.job, before: cancelled.before });
  }
}

function refused(job: Notification, reach: Reach | undefined, why: string): Result<never> {
  // The word follows counts of everybody.
  const isWhole = reach === undefined;
  const state = isWhole ? wordFor(job, job.counts ?? emptyCounts()) : "ended";
  return fail("conflict", `Notification ${job.jobId} is ${state} already; ${why}.`);
}

/** Tries to win a row. */
const maxTries = 5;

/** Nothing new is sent until it is resumed. */
export const pauseNotification = (parts: NotificationParts, ids: Ids, reach?: Reach) =>
  change(parts, ids, reach, {
    from: ["running", "paused"],
    why: "only what is being sent can be paused",
    act: (job, etag) => pause(parts.jobs, job, etag),
  });

/** Goes on where it was paused, and with the next wave where it waits for that. */
export const resumeNotification = (parts: NotificationParts, ids: Ids, reach?: Reach) =>
  change(parts, ids, reach, {
    from: ["running", "paused"],
    why: "only what is paused can be resumed",
    act: (job, etag) => resume(parts.engine, parts.jobs, job, etag),
  });

type Change = {
  readonly from: readonly Notification["state"][];
  readonly why: string;
  readonly act: (job: Notification, etag: string) => Promise<Notification | undefined>;
};

async function change(
  { jobs }: NotificationParts,
  { tenantId, notificationId }: Ids,
  reach: Reach | undefined,
  { from, why, act }: Change,
): Promise<Result<Changed>> {
  for (let tries = 0; tries < maxTries; tries += 1) {
    const stored = await jobs.get(tenantId, notificationId);
    if (stored === undefined || !isWithin(stored.job, reach))
      return unknownNotification(notificationId);
    const { job, etag } = stored;
    if (job.state === "planning")
      return fail("conflict", "Its devices are still being planned; ask again.", {
        retryAfterSeconds: 2,
      });
    if (!from.includes(job.state)) return refused(job, reach, why);
    const changed = await act(job, etag);
    if (changed !== undefined) return succeed({ notification: changed, before: job.state });
  }
  return busy();
}
