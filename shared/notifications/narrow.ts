/**
 * Keeps what callers send who are limited to collections within them. A target is narrowed to a list when
 * it is asked for, so that a collection that changes later widens nothing.
 */
import type { DirectoryStore } from "../devices/directory-store.ts";
import type { Reach } from "../devices/reach.ts";
import { fail, type Result, succeed } from "../kernel/failure.ts";
import type { Notification, Within } from "./notification.ts";
import type { NotificationStore } from "./notification-store.ts";
import { type TargetDeps, type TargetStep, targetStep } from "./targets.ts";

/** The devices that are left of a target, and how many were left out. */
type Narrowed = { readonly deviceIds: readonly string[]; readonly within: Within };

/** Most devices that are looked at: what a request has time for. */
const maxLooked = 200_000;
const step = 10_000;
/** The devices of the tenant within reach. */
export const narrowTenant = (
  { directory }: { readonly directory: DirectoryStore },
  tenantId: string,
  reach: Reach,
): Promise<Result<Narrowed>> =>
  narrowed(reach, async (cursor) => {
    const { devices, next } = await directory.walk(tenantId, cursor, step);
    const candidates = devices.map((device) => ({ deviceId: device.deviceId, device }));
    return next === undefined ? { candidates } : { candidates, next };
  });

/** A retry for what is within reach of who asks for it; its list is kept beside it. */
export async function withinReach(
  deps: TargetDeps & { readonly notifications: Pick<NotificationStore, "putTargets"> },
  retry: Notification,
  reach: Reach | undefined,
): Promise<Result<Notification>> {
  const { target } = retry;
  if (reach === undefined || target.kind !== "retry") return succeed(retry);
  const left = await narrowed(reach, (cursor) => targetStep(deps, retry, cursor));
  if (!left.ok) return left;
  const { deviceIds, within } = left.value;
  await deps.notifications.putTargets(retry.notificationId, deviceIds);
  return succeed({ ...retry, target: { ...target, within } });
}

async function narrowed(
  { collectionIds, holds }: Reach,
  stepAfter: (cursor: string | undefined) => Promise<TargetStep>,
): Promise<Result<Narrowed>> {
  const deviceIds: string[] = [];
  let looked = 0;
  let cursor: string | undefined;
  do {
    const { candidates, next } = await stepAfter(cursor);
    for (const { deviceId, device } of candidates)
      if (device !== undefined && holds(device)) deviceIds.push(deviceId);
    looked += candidates.length;
    cursor = next;
  } while (cursor !== undefined && looked < maxLooked);
  if (cursor !== undefined)
    return fail("too-many-targets", "The target is too large to narrow. Name a collection.");
  return succeed({ deviceIds, within: { collectionIds, hidden: looked - deviceIds.length } });
}
