/** Tells the sweeper that rows wait for their turn, and are not forgotten. */
import type { Instant } from "../kernel/clock.ts";
import { changeRows } from "./change-rows.ts";
import type { DeliverDeps } from "./deliver-deps.ts";
import type { Job } from "./job.ts";

/** Shorter waits end before any sweeper would notice, and are not worth a write. */
const shortMs = 60_000;

/** Moves the rows' due time to `until`, where it is much later than what stands in them. */
export async function noteWait(
  { deliveries }: Pick<DeliverDeps, "deliveries">,
  { notification, rows }: Job,
  until: Instant,
  now: Instant,
): Promise<void> {
  const due = Math.min(...rows.map(({ dueAt }) => dueAt));
  if (until - Math.max(due, now) < shortMs) return;
  const { notificationId } = notification;
  await changeRows(deliveries, rows, { notificationId, steps: new Map(), now, dueAt: () => until });
}
