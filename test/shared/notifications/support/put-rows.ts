/** Rows of a notification straight into storage: what a large fleet leaves there, without the fleet. */
import { toRows } from "../../../../shared/fanout/state/item.ts";
import { beforePlanning } from "../../../../shared/fanout/state/rollout.ts";
import type { NotifyRig } from "../../../support/notify-rig.ts";
import { waiting } from "./arbitrary-delivery.ts";

/** Nobody reads these rows as deliveries, which is what rows name their owner for. */
const owner = { tenantId: "00000000-0000-4000-8000-000000000000", subject: "restart" };

/** As many rows of one sent device each as `count` says, due at `dueAt`; planning has not ended. */
export async function putRows(
  { services }: NotifyRig,
  notificationId: string,
  count: number,
  dueAt: number,
): Promise<void> {
  const { items } = services.engine;
  const rowsPerCommit = 90;
  for (let at = 0; at < count; at += rowsPerCommit) {
    const size = Math.min(rowsPerCommit, count - at);
    const rows = Array.from({ length: size }, (_, nth) =>
      toRows([waiting(at + nth, { state: "sent", route: 1, at: dueAt })], dueAt),
    );
    const before = await items.plan(notificationId);
    const progress = { ...beforePlanning, at: dueAt, steps: at };
    await items.commitPlan(
      { ...owner, jobId: notificationId },
      rows.flat(),
      progress,
      before?.etag,
    );
  }
}
