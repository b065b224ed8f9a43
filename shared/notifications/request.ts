/** Judges a request for a notification: action, parameters, target. Every fault is named at once. */

import type { Action } from "../devices/actions/action.ts";
import { catalogue, findAction } from "../devices/actions/catalogue.ts";
import { memberTest } from "../devices/collections/collection.ts";
import type { Reach } from "../devices/collections/list-devices.ts";
import type { Device } from "../devices/directory/device.ts";
import type { DirectoryMeta, DirectoryStore } from "../devices/directory/directory.ts";
import { faultsOf, invalidRequest, pointerOf } from "../http/body.ts";
import type { Instant } from "../kernel/clock.ts";
import { type Failure, type Fault, fail, type Result, succeed } from "../kernel/failure.ts";
import {
  type NewNotification,
  QueryParameters,
  ScriptParameters,
  unknownActionText,
} from "./contract.ts";
import { type DevicePage, type NotificationParts } from "./kind.ts";
import type { Notification, Target, Within } from "./notification.ts";

// Keeps what callers send who are limited to collections within them. A target is narrowed to a list when
// it is asked for, so that a collection that changes later widens nothing.

/** The devices that are left of a target, and how many were left out. */
type Narrowed = { readonly deviceIds: readonly string[]; readonly within: Within };

/** Most devices that are read: what a request has time for. */
const maxScanned = 200_000;
const step = 10_000;
/** The devices of the tenant within reach. */
const narrowTenant = (
  { directory }: { readonly directory: DirectoryStore },
  tenantId: string,
  reach: Reach,
): Promise<Result<Narrowed>> =>
  narrowTarget(reach, async (cursor) => {
    const { devices, next } = await directory.walk(tenantId, cursor, step);
    const targets = devices.map((device) => ({ targetId: device.deviceId, device }));
    return next === undefined ? { targets } : { targets, next };
  });

/** A retry for what is within reach of who asks for it; its list is kept beside it. */
export async function withinReach(
  { kind, jobs }: Pick<NotificationParts, "kind" | "jobs">,
  retry: Notification,
  reach: Reach | undefined,
): Promise<Result<Notification>> {
  const { target } = retry;
  if (reach === undefined || target.kind !== "retry") return succeed(retry);
  const left = await narrowTarget(reach, (cursor) => kind.targets(retry, cursor));
  if (!left.ok) return left;
  const { deviceIds, within } = left.value;
  await jobs.putTargets(retry.jobId, deviceIds);
  // How many are hidden among the failed ones would say how the hidden ones fared.
  const { collectionIds } = within;
  return succeed({ ...retry, target: { ...target, within: { collectionIds } } });
}

async function narrowTarget(
  { collectionIds, holds }: Reach,
  stepAfter: (cursor: string | undefined) => Promise<DevicePage>,
): Promise<Result<Narrowed>> {
  const deviceIds: string[] = [];
  let scanned = 0;
  let cursor: string | undefined;
  do {
    const { targets, next } = await stepAfter(cursor);
    for (const { targetId, device } of targets)
      if (device !== undefined && holds(device)) deviceIds.push(targetId);
    scanned += targets.length;
    cursor = next;
  } while (cursor !== undefined && scanned < maxScanned);
  if (cursor !== undefined)
    return fail("too-many-targets", "The target is too large to narrow. Name a collection.");
  return succeed({ deviceIds, within: { collectionIds, hidden: scanned - deviceIds.length } });
}

type Judging = Pick<NotificationParts, "directory" | "collections" | "engine">;

/** A request that can be carried out. */
export type JudgedRequest = {
  readonly action: Action;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly target: Target;
  /** Ids to keep beside the notification, where the target is a list. */
  readonly deviceIds: readonly string[];
  readonly directory: DirectoryMeta;
};

/** Most faults named for ids of devices. */
const maxNamedIds = 100;

/** Judges action, parameters and target of a request. */
export async function judgeRequest(
  parts: Judging,
  tenantId: string,
  body: NewNotification,
  reach?: Reach,
): Promise<Result<JudgedRequest>> {
  const action = findAction(body.action);
  const asked = action === undefined ? unknownAction(body.action) : checkAction(action, body);
  const directory = await parts.directory.meta(tenantId);
  if (directory === undefined || directory.count === 0) {
    if (!asked.ok) return asked;
    return fail(
      "directory-empty",
      `No devices of tenant ${tenantId} are known. POST devices/refresh first, then send.`,
    );
  }
  const target = await resolveTarget(parts, tenantId, body.target, reach);
  if (!asked.ok) return target.ok ? asked : withFaults(asked, target.failure);
  if (!target.ok) return target;
  return succeed({ ...asked.value, directory, ...target.value });
}

/** A failure that also names what else is wrong, so that a request is mended once. */
const withFaults = ({ failure }: { failure: Failure }, also: Failure): Result<never> => ({
  ok: false,
  failure: { ...failure, faults: [...(failure.faults ?? []), ...(also.faults ?? [])] },
});

const checkAction = (
  action: Action,
  body: NewNotification,
): Result<Pick<JudgedRequest, "action" | "parameters">> => {
  const parameters = checkParameters(action, body.parameters);
  return parameters.ok ? succeed({ action, parameters: parameters.value }) : parameters;
};

function unknownAction(id: string) {
  const known = catalogue.map((action) => action.id).join(", ");
  return fail("unknown-action", `There is no action "${id}". Known: ${known}.`, {
    faults: [{ pointer: "/action", detail: unknownActionText }],
  });
}

function checkParameters(
  action: Action,
  given: Readonly<Record<string, unknown>> | undefined,
): Result<Readonly<Record<string, unknown>>> {
  if (action.parameters === undefined) {
    const faults = Object.keys(given ?? {}).map(
      (name): Fault => ({ pointer: pointerOf(["parameters", name]), detail: "unknown property" }),
    );
    return faults.length === 0 ? succeed({}) : invalidRequest(faults);
  }
  const schema = action.parameters === "script" ? ScriptParameters : QueryParameters;
  const parsed = schema.safeParse(given ?? {});
  if (parsed.success) return succeed(parsed.data);
  return fail(
    "action-needs-parameters",
    `Action ${action.id} takes other parameters. See errors, and GET /api/v1/actions.`,
    { faults: faultsOf(parsed.error, "/parameters") },
  );
}

type ResolvedTarget = Pick<JudgedRequest, "target" | "deviceIds">;

/** A rule finds its devices one by one; for who is limited to collections, as they are now. */
async function resolveRule(
  { directory }: Pick<Judging, "directory">,
  tenantId: string,
  target: Extract<NewNotification["target"], { kind: "rule" }>,
  { reach, now }: { readonly reach: Reach | undefined; readonly now: Instant },
): Promise<Result<ResolvedTarget>> {
  if (reach === undefined) return succeed({ target, deviceIds: [] });
  const isMember = memberTest(target.rule, now);
  const holds = (device: Device) => isMember(device) && reach.holds(device);
  const narrowed = await narrowTenant({ directory }, tenantId, { ...reach, holds });
  if (!narrowed.ok) return narrowed;
  // How many hidden ones a rule finds would tell what they are like.
  const { deviceIds, within } = narrowed.value;
  const { collectionIds } = within;
  return succeed({ target: { ...target, within: { collectionIds } }, deviceIds });
}

async function resolveTarget(
  { directory, collections, engine }: Judging,
  tenantId: string,
  target: NewNotification["target"],
  reach: Reach | undefined,
): Promise<Result<ResolvedTarget>> {
  if (target.kind === "tenant") {
    if (reach === undefined) return succeed({ target, deviceIds: [] });
    const narrowed = await narrowTenant({ directory }, tenantId, reach);
    if (!narrowed.ok) return narrowed;
    const { within, deviceIds } = narrowed.value;
    return succeed({ target: { ...target, within }, deviceIds });
  }
  if (target.kind === "rule")
    return resolveRule({ directory }, tenantId, target, { reach, now: engine.clock.now() });
  if (target.kind === "collection") {
    const { collectionId } = target;
    const stored = await collections.get(tenantId, collectionId);
    if (stored === undefined)
      return fail("unknown-collection", `The tenant has no collection ${collectionId}.`, {
        faults: [{ pointer: "/target/collectionId", detail: "unknown collection" }],
      });
    const { collection } = stored;
    return collection.kind === "rule"
      ? succeed({ target: { ...target, rule: collection.rule }, deviceIds: [] })
      : succeed({ target, deviceIds: collection.deviceIds });
  }
  const { deviceIds } = target;
  const missing = await missingAmong(directory, tenantId, deviceIds, reach);
  if (missing.size > 0) return unknownDevices(deviceIds, missing);
  const count = new Set(deviceIds).size;
  const within = reach && { collectionIds: reach.collectionIds, hidden: 0 };
  return succeed({ target: { kind: "devices", count, ...(within && { within }) }, deviceIds });
}

/** Ids of no device, or of one that the caller does not reach: the two look alike. */
async function missingAmong(
  directory: DirectoryStore,
  tenantId: string,
  deviceIds: readonly string[],
  reach: Reach | undefined,
): Promise<Set<string>> {
  if (reach === undefined) return new Set(await directory.missing(tenantId, deviceIds));
  const known = await directory.getMany(tenantId, deviceIds);
  return new Set(
    deviceIds.filter((id) => {
      const device = known.get(id);
      return device === undefined || !reach.holds(device);
    }),
  );
}

function unknownDevices(deviceIds: readonly string[], missing: ReadonlySet<string>) {
  const faults = deviceIds.flatMap((id, index): Fault[] =>
    missing.has(id)
      ? [{ pointer: `/target/deviceIds/${index}`, detail: `no device ${id} in the directory` }]
      : [],
  );
  return fail(
    "unknown-device",
    `${missing.size} device(s) are not in the tenant's directory; nothing was sent. Refresh it, or leave them out.`,
    { faults: faults.slice(0, maxNamedIds) },
  );
}
