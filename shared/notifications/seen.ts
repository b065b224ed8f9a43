/**
 * What callers who are limited to collections see of a notification: today's members of these collections among its
 * devices, in items and in counts alike. Who has left since is nobody that they could ask about.
 *
 * Rows have counts of everybody, so these ones take the rows themselves and the devices in them: the more of both,
 * the longer. What is too much is not counted at all, since counts of a part would be taken for the whole.
 */
import type { Reach } from "../devices/collections/list-devices.ts";
import { type Counts, emptyCounts, shownState } from "../fanout/state/item.ts";
import { sumOf } from "../fanout/state/job.ts";
import type { NotificationParts } from "./kind.ts";
import type { Notification } from "./notification.ts";

/** How many devices one request looks at: some twenty storage reads, and half a second. */
export type ScanBudget = { devices: number };

/** For one notification. */
export const oneBudget = (): ScanBudget => ({ devices: 50_000 });
/** For a page of them together. */
export const pageBudget = (): ScanBudget => ({ devices: 10_000 });

/** Rows read at once: full ones fill a quarter of what storage gives in one answer. */
const rowsPerScan = 200;

type Reached = (deviceIds: readonly string[]) => Promise<ReadonlySet<string>>;

const reachedOf =
  ({ directory }: Pick<NotificationParts, "directory">, tenantId: string, reach: Reach): Reached =>
  async (deviceIds) => {
    const devices = await directory.getMany(tenantId, deviceIds);
    return new Set(
      deviceIds.filter((id) => {
        const device = devices.get(id);
        return device !== undefined && reach.holds(device);
      }),
    );
  };

/** Counts of the deliveries to devices within reach; undefined where `whole` has more than the budget is for. */
export async function seenCounts(
  parts: NotificationParts,
  { tenantId, jobId }: Pick<Notification, "tenantId" | "jobId">,
  whole: Counts,
  reach: Reach,
  budget: ScanBudget = oneBudget(),
): Promise<Counts | undefined> {
  const devices = sumOf(whole);
  if (devices > budget.devices) return undefined;
  budget.devices -= devices;
  const counts = emptyCounts();
  if (devices === 0) return counts;
  const reached = reachedOf(parts, tenantId, reach);
  let next: string | undefined;
  do {
    const found = await parts.engine.items.scan(jobId, { top: rowsPerScan }, next);
    const deliveries = found.rows.flatMap((row) => row.items);
    const seen = await reached(deliveries.map(({ targetId }) => targetId));
    for (const { targetId, state } of deliveries)
      if (seen.has(targetId)) counts[shownState(state)] += 1;
    next = found.next;
  } while (next !== undefined);
  return counts;
}

/** For how many devices within reach it is, where that was settled when it was asked for; otherwise as many as were expected. */
export async function seenExpected(
  parts: NotificationParts,
  notification: Notification,
  reach: Reach,
): Promise<number | undefined> {
  const { tenantId, jobId, target, expected } = notification;
  const isRule = target.kind === "collection" && target.rule !== undefined;
  if (isRule && !notification.frozen) return expected;
  const deviceIds = await parts.jobs.targets(jobId);
  if (deviceIds.length > oneBudget().devices) return undefined;
  return (await reachedOf(parts, tenantId, reach)(deviceIds)).size;
}
