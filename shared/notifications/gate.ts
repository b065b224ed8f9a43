/** What notifications are to the rules of the approval gate, and whether whoever asked for one may still send it. */
import { evaluate, type SnapshotReader, type Standing } from "../access/roles/decide.ts";
import { type Requirement, requirements } from "../access/roles/requirements.ts";
import type { Caller } from "../access/sign-in/caller.ts";
import { findAction } from "../devices/actions/catalogue.ts";
import type { CollectionStore } from "../devices/collections/collection-store.ts";
import type { Reach } from "../devices/collections/list-devices.ts";
import type { DirectoryStore } from "../devices/directory/directory.ts";
import type { Gate } from "../fanout/kind.ts";
import type { JobFailure } from "../fanout/state/job.ts";
import type { Notification } from "./notification.ts";

type Parts = {
  readonly directory: DirectoryStore;
  readonly collections: CollectionStore;
  readonly snapshots: SnapshotReader;
};

/** The gate's side of notifications. */
export const notificationGate = (parts: Parts): Gate<Notification> => ({
  kind: "notification",
  actionOf: ({ actionId }) => actionId,
  shown: ({ actionId, parameters, target }, count) => ({
    summary: `${actionId} on ${count} device(s)`,
    parameters,
    target,
  }),
  whole: ({ tenantId, actionId, parameters, target, allowApproximate }) => ({
    tenantId,
    actionId,
    parameters,
    target,
    allowApproximate,
  }),
  hindrance: (notification, requester, deviceIds) =>
    lostRights(parts, notification, requester, deviceIds),
});

async function lostRights(
  parts: Parts,
  { tenantId, actionId, target }: Notification,
  requester: Caller,
  deviceIds: readonly string[],
): Promise<JobFailure | undefined> {
  // Nothing remembered: a role that was taken away a second ago gives nothing.
  parts.snapshots.invalidate();
  const standing: Standing = { caller: requester, ...(await parts.snapshots.read()) };
  const operation = target.kind === "retry" ? "notifications-retry" : "notifications-send";
  const answer = evaluate(standing, requirements[operation] as Requirement, {
    tenantId,
    collectionId: target.kind === "collection" ? target.collectionId : undefined,
    actionPermission: findAction(actionId)?.permission,
  });
  if (!answer.allowed)
    return {
      code: "requester-lost-rights",
      detail: `who asked for it may not do it any more: ${answer.permission} is missing here (${answer.step})`,
    };
  const reach = await parts.collections.reachOf(tenantId, answer.limits);
  return reach === undefined || (await reachesAll(parts, tenantId, deviceIds, reach))
    ? undefined
    : {
        code: "requester-lost-rights",
        detail: "who asked for it does not reach all of its devices any more",
      };
}

const devicesPerRead = 5000;

async function reachesAll(
  { directory }: Parts,
  tenantId: string,
  deviceIds: readonly string[],
  reach: Reach,
): Promise<boolean> {
  for (let at = 0; at < deviceIds.length; at += devicesPerRead) {
    const devices = await directory.getMany(tenantId, deviceIds.slice(at, at + devicesPerRead));
    // What has left the directory is not sent to either.
    for (const device of devices.values()) if (!reach.holds(device)) return false;
  }
  return true;
}
