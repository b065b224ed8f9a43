/** Walks the devices of a target in the order of their ids, a step at a time. */

import { memberTest, type Rule } from "../../devices/collections/rule.ts";
import type { DirectoryStore } from "../../devices/directory/directory-store.ts";
import type { DeliveryStore } from "../state/delivery-store.ts";
import type { Notification } from "../state/notification.ts";
import type { NotificationStore } from "../state/notification-store.ts";
import type { Candidate } from "./planning-steps.ts";

/** What walking needs. */
export type TargetDeps = {
  readonly directory: DirectoryStore;
  readonly notifications: Pick<NotificationStore, "targets">;
  readonly deliveries: DeliveryStore;
};

/** A step: candidates, and where the next one begins (absent at the end). */
export type TargetStep = { readonly candidates: readonly Candidate[]; readonly next?: string };

/** Devices read from the directory in one step, about: a few more than fill the units that a step keeps. */
export const devicesPerStep = 4200;
/** Rows of another notification read in one step. */
const rowsPerStep = 20;

/**
 * Answers the candidates after `cursor`. The order is that of device ids, without repetition. Whoever keeps
 * only the first of them goes on with `cursorBehind(next, last kept)`.
 */
export async function targetStep(
  deps: TargetDeps,
  notification: Notification,
  cursor: string | undefined,
): Promise<TargetStep> {
  const { target, tenantId, notificationId } = notification;
  if (notification.frozen)
    return sliceOfList(deps, tenantId, await deps.notifications.targets(notificationId), cursor);
  switch (target.kind) {
    case "tenant":
      return target.within
        ? sliceOfList(deps, tenantId, await deps.notifications.targets(notificationId), cursor)
        : walkDirectory(deps, notification, undefined, cursor);
    case "devices":
      return sliceOfList(deps, tenantId, await deps.notifications.targets(notificationId), cursor);
    case "collection":
      return target.rule
        ? walkDirectory(deps, notification, target.rule, cursor)
        : sliceOfList(deps, tenantId, await deps.notifications.targets(notificationId), cursor);
    case "retry":
      return target.within
        ? sliceOfList(deps, tenantId, await deps.notifications.targets(notificationId), cursor)
        : retryStep(deps, notification, target, cursor);
  }
}

async function walkDirectory(
  { directory }: TargetDeps,
  { tenantId, createdAt }: Notification,
  rule: Rule | undefined,
  cursor: string | undefined,
): Promise<TargetStep> {
  const { devices, next } = await directory.walk(tenantId, cursor, devicesPerStep);
  // Every row is judged by our own eyes: Graph ignores some filters without a word.
  const chosen = rule ? devices.filter(memberTest(rule, createdAt)) : devices;
  const candidates = chosen.map((device) => ({ deviceId: device.deviceId, device }));
  return next === undefined ? { candidates } : { candidates, next };
}

async function sliceOfList(
  { directory }: TargetDeps,
  tenantId: string,
  sorted: readonly string[],
  cursor: string | undefined,
): Promise<TargetStep> {
  const start = cursor === undefined ? 0 : sorted.findIndex((id) => id > cursor);
  if (start < 0) return { candidates: [] };
  const ids = sorted.slice(start, start + devicesPerStep);
  const devices = await directory.getMany(tenantId, ids);
  const candidates = ids.map((deviceId): Candidate => {
    const device = devices.get(deviceId);
    return device === undefined ? { deviceId } : { deviceId, device };
  });
  const last = ids.at(-1);
  const more = start + ids.length < sorted.length && last !== undefined;
  return more ? { candidates, next: last } : { candidates };
}

async function retryStep(
  deps: TargetDeps,
  { tenantId, createdAt }: Notification,
  { notificationId, only, rule }: Extract<Notification["target"], { kind: "retry" }>,
  cursor: string | undefined,
): Promise<TargetStep> {
  const where = only.map((state) => `${state} gt 0`).join(" or ");
  const page = { where, top: rowsPerStep, from: cursor };
  const rows = await deps.deliveries.page(notificationId, page);
  const ids = rows
    .flatMap(({ deliveries }) => deliveries)
    .filter(({ deviceId }) => cursor === undefined || deviceId > cursor)
    .filter(({ state }) => only.includes(state))
    .map(({ deviceId }) => deviceId);
  const slice = await sliceOfList(deps, tenantId, ids, undefined);
  const isMember = rule && memberTest(rule, createdAt);
  const candidates = slice.candidates.filter(
    ({ device }) => !isMember || (device !== undefined && isMember(device)),
  );
  const last = rows.length < rowsPerStep ? undefined : rows.at(-1)?.lastDeviceId;
  return last === undefined ? { candidates } : { candidates, next: `${last}!` };
}
