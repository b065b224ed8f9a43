/** Walks the devices of a target in the order of their ids, a step at a time. */
import { memberTest, type Rule } from "../devices/collections/collection.ts";
import type { Device } from "../devices/directory/device.ts";
import type { DirectoryStore } from "../devices/directory/directory.ts";
import type { Target, TargetPage } from "../fanout/kind.ts";
import type { ItemStore } from "../fanout/state/item-store.ts";
import type { JobStore } from "../fanout/state/job.ts";
import type { Notification } from "./notification.ts";

/** A device of the target; without `device` when the directory no longer has it. */
export type DeviceTarget = Target & { readonly device?: Device };

/** What walking needs. */
type TargetParts = {
  readonly directory: DirectoryStore;
  /** The lists that are kept beside notifications. */
  readonly targets: Pick<JobStore<Notification>, "targets">;
  readonly deliveries: Pick<ItemStore, "page">;
};

/** A step of the walk. */
export type DevicePage = TargetPage<DeviceTarget>;

/** Devices read from the directory in one step, about: a few more than fill the chunks that a step keeps. */
export const devicesPerStep = 4200;
/** Rows of another notification read in one step. */
const rowsPerStep = 20;

/**
 * Answers the devices after `cursor`. The order is that of device ids, without repetition. Whoever keeps
 * only the first of them goes on with `cursorBehind(next, last kept)`.
 */
export async function targetPage(
  parts: TargetParts,
  notification: Notification,
  cursor: string | undefined,
): Promise<DevicePage> {
  const { target, tenantId, jobId } = notification;
  if (notification.frozen)
    return sliceOfList(parts, tenantId, await parts.targets.targets(jobId), cursor);
  switch (target.kind) {
    case "tenant":
      return target.within
        ? sliceOfList(parts, tenantId, await parts.targets.targets(jobId), cursor)
        : walkDirectory(parts, notification, undefined, cursor);
    case "devices":
      return sliceOfList(parts, tenantId, await parts.targets.targets(jobId), cursor);
    case "collection":
      return target.rule
        ? walkDirectory(parts, notification, target.rule, cursor)
        : sliceOfList(parts, tenantId, await parts.targets.targets(jobId), cursor);
    case "retry":
      return target.within
        ? sliceOfList(parts, tenantId, await parts.targets.targets(jobId), cursor)
        : retryStep(parts, notification, target, cursor);
  }
}

async function walkDirectory(
  { directory }: TargetParts,
  { tenantId, createdAt }: Notification,
  rule: Rule | undefined,
  cursor: string | undefined,
): Promise<DevicePage> {
  const { devices, next } = await directory.walk(tenantId, cursor, devicesPerStep);
  // Every row is judged by our own eyes: Graph ignores some filters without a word.
  const chosen = rule ? devices.filter(memberTest(rule, createdAt)) : devices;
  const targets = chosen.map((device) => ({ targetId: device.deviceId, device }));
  return next === undefined ? { targets } : { targets, next };
}

async function sliceOfList(
  { directory }: TargetParts,
  tenantId: string,
  sorted: readonly string[],
  cursor: string | undefined,
): Promise<DevicePage> {
  const start = cursor === undefined ? 0 : sorted.findIndex((id) => id > cursor);
  if (start < 0) return { targets: [] };
  const ids = sorted.slice(start, start + devicesPerStep);
  const devices = await directory.getMany(tenantId, ids);
  const targets = ids.map((targetId): DeviceTarget => {
    const device = devices.get(targetId);
    return device === undefined ? { targetId } : { targetId, device };
  });
  const last = ids.at(-1);
  const more = start + ids.length < sorted.length && last !== undefined;
  return more ? { targets, next: last } : { targets };
}

async function retryStep(
  parts: TargetParts,
  { tenantId, createdAt }: Notification,
  { notificationId, only, rule }: Extract<Notification["target"], { kind: "retry" }>,
  cursor: string | undefined,
): Promise<DevicePage> {
  const where = only.map((state) => `${state} gt 0`).join(" or ");
  const page = { where, top: rowsPerStep, from: cursor };
  const rows = await parts.deliveries.page(notificationId, page);
  const ids = rows
    .flatMap(({ items }) => items)
    .filter(({ targetId }) => cursor === undefined || targetId > cursor)
    .filter(({ state }) => only.includes(state))
    .map(({ targetId }) => targetId);
  const slice = await sliceOfList(parts, tenantId, ids, undefined);
  const isMember = rule && memberTest(rule, createdAt);
  const targets = slice.targets.filter(
    ({ device }) => !isMember || (device !== undefined && isMember(device)),
  );
  const last = rows.length < rowsPerStep ? undefined : rows.at(-1)?.lastTargetId;
  return last === undefined ? { targets } : { targets, next: `${last}!` };
}
