/** Notifications of any size, written as the planner would leave them, without planning them. */

import { DirectoryStore } from "../../../../shared/devices/directory/directory-store.ts";
import { ThrottleStore } from "../../../../shared/graph/throttle.ts";
import { systemClock } from "../../../../shared/kernel/clock.ts";
import { newestFirstId } from "../../../../shared/kernel/ids.ts";
import type { Delivery, DeliveryState } from "../../../../shared/notifications/state/delivery.ts";
import type { DeliveryRow } from "../../../../shared/notifications/state/delivery-row.ts";
import {
  DeliveryStore,
  type StoredPlan,
} from "../../../../shared/notifications/state/delivery-store.ts";
import { NotificationStore } from "../../../../shared/notifications/state/notification-store.ts";
import { beforePlanning } from "../../../../shared/notifications/state/plan-progress.ts";
import type { Storage } from "../../../../shared/storage/storage.ts";

/** What reading needs, over this storage. */
export const readersOf = (storage: Storage) => ({
  notifications: new NotificationStore(storage),
  directory: new DirectoryStore(storage.tables),
  deliveries: new DeliveryStore(storage.tables),
  paces: new ThrottleStore(storage.tables),
  tenants: { get: () => Promise.resolve(undefined) },
  confirmAfterMs: 30_000,
  clock: systemClock,
});

const rowsAtOnce = 90;

/** Writes a running notification of so many rows; answers its id. The n-th device has the id `idOf(n)`. */
export async function storeDeliveries(
  storage: Storage,
  { tenantId, rows, perRow }: { tenantId: string; rows: number; perRow: number },
  stateOf: (device: number) => DeliveryState,
): Promise<string> {
  const { notifications, deliveries } = readersOf(storage);
  const now = systemClock.now();
  const notification = {
    notificationId: newestFirstId(now),
    tenantId,
    state: "running",
    actionId: "restart",
    parameters: {},
    target: { kind: "tenant" },
    allowApproximate: false,
    directoryVersion: "",
    createdAt: now,
    expiresAt: now + 60_000,
  } as const;
  await notifications.insert(notification);
  let plan: StoredPlan | undefined;
  for (let row = 0; row < rows; row += rowsAtOnce) {
    const count = Math.min(rowsAtOnce, rows - row);
    const fresh = Array.from({ length: count }, (_, at) => rowOf(row + at, perRow, stateOf));
    const progress = { ...beforePlanning, done: true, steps: row };
    plan = await deliveries.commitPlan(notification, fresh, progress, plan?.etag);
  }
  return notification.notificationId;
}

/** Ids that sort by number. */
export const idOf = (device: number): string =>
  `${device.toString(16).padStart(8, "0")}-0000-4000-8000-000000000000`;

function rowOf(
  row: number,
  perRow: number,
  stateOf: (device: number) => DeliveryState,
): DeliveryRow {
  const deliveries = Array.from({ length: perRow }, (_, at): Delivery => {
    const device = row * perRow + at;
    const state = stateOf(device);
    return {
      deviceId: idOf(device),
      deviceName: `PC-${device}`,
      state,
      route: 0,
      at: 0,
      attempts: 1,
    };
  });
  return { lastDeviceId: idOf((row + 1) * perRow - 1), deliveries, dueAt: 0 };
}
