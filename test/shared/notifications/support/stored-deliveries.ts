/** Notifications of any size, written as the planner would leave them, without planning them. */

import { DirectoryStore } from "../../../../shared/devices/directory/directory.ts";
import type { Engine, Throttle } from "../../../../shared/fanout/engine/engine.ts";
import type { Item, ItemRow, ItemState } from "../../../../shared/fanout/state/item.ts";
import { ItemStore, type StoredPlan } from "../../../../shared/fanout/state/item-store.ts";
import { JobStore } from "../../../../shared/fanout/state/job.ts";
import { beforePlanning } from "../../../../shared/fanout/state/rollout.ts";
import { systemClock } from "../../../../shared/kernel/clock.ts";
import { newestFirstId } from "../../../../shared/kernel/values.ts";
import {
  type NotificationParts,
  notificationShape,
} from "../../../../shared/notifications/kind.ts";
import type { Notification } from "../../../../shared/notifications/notification.ts";
import type { Storage } from "../../../../shared/storage/storage.ts";

/** Nothing limits the tenant. */
const unlimited = { rateOf: () => Promise.resolve(undefined) } as unknown as Throttle;

/** What reading needs, over this storage. */
export function readersOf(storage: Storage): NotificationParts {
  const items = new ItemStore(storage.tables);
  const times = { claimMs: 0, askMs: 0, readBackAfterMs: 30_000, overdueMs: 0 };
  const engine = { items, throttle: unlimited, clock: systemClock, times } as unknown as Engine;
  const jobs = new JobStore<Notification>(storage, notificationShape);
  const directory = new DirectoryStore(storage.tables);
  return { engine, jobs, directory } as unknown as NotificationParts;
}

const rowsAtOnce = 90;

/** Writes a running notification of so many rows; answers its id. The n-th device has the id `idOf(n)`. */
export async function storeDeliveries(
  storage: Storage,
  { tenantId, rows, perRow }: { tenantId: string; rows: number; perRow: number },
  stateOf: (device: number) => ItemState,
): Promise<string> {
  const { jobs, engine } = readersOf(storage);
  const now = systemClock.now();
  const notification: Notification = {
    kind: notificationShape.id,
    jobId: newestFirstId(now),
    tenantId,
    state: "running",
    actionId: "restart",
    parameters: {},
    target: { kind: "tenant" },
    allowApproximate: false,
    directoryVersion: "",
    createdAt: now,
    expiresAt: now + 60_000,
  };
  await jobs.insert(notification);
  let plan: StoredPlan | undefined;
  for (let row = 0; row < rows; row += rowsAtOnce) {
    const count = Math.min(rowsAtOnce, rows - row);
    const fresh = Array.from({ length: count }, (_, at) => rowOf(row + at, perRow, stateOf));
    const progress = { ...beforePlanning, done: true, steps: row };
    const owned = { ...notification, subject: "restart" };
    plan = await engine.items.commitPlan(owned, fresh, progress, plan?.etag);
  }
  return notification.jobId;
}

/** Ids that sort by number. */
export const idOf = (device: number): string =>
  `${device.toString(16).padStart(8, "0")}-0000-4000-8000-000000000000`;

function rowOf(row: number, perRow: number, stateOf: (device: number) => ItemState): ItemRow {
  const deliveries = Array.from({ length: perRow }, (_, at): Item => {
    const device = row * perRow + at;
    const state = stateOf(device);
    return {
      targetId: idOf(device),
      name: `PC-${device}`,
      state,
      route: 0,
      at: 0,
      attempts: 1,
    };
  });
  return { lastTargetId: idOf((row + 1) * perRow - 1), items: deliveries, dueAt: 0 };
}
