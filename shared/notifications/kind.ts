/**
 * Notifications as a kind of job: which devices, by which route, by which Graph requests, and what devices and
 * Intune's audits say afterwards. Everything else, from planning to the last outcome, is the fan-out engine's.
 */
import { type Action, chooseRoute } from "../devices/actions/action.ts";
import {
  auditsOf,
  type BulkRefusals,
  codedOutcome,
  groupsOf,
  readReports,
  readsFor,
} from "../devices/actions/asked-devices.ts";
import type { RemoteActionAudits } from "../devices/actions/audits.ts";
import { findAction } from "../devices/actions/catalogue.ts";
import { callsFor, type SendCall, send } from "../devices/actions/send.ts";
import { memberTest, type Rule } from "../devices/collections/collection.ts";
import type { CollectionStore } from "../devices/collections/collection-store.ts";
import type { Device } from "../devices/directory/device.ts";
import { cursorBehind, type DirectoryStore } from "../devices/directory/directory.ts";
import type { GateParts } from "../fanout/care/approval-gate.ts";
import type { Throttle, timeLeft } from "../fanout/engine/engine.ts";
import type {
  Call,
  Carrier,
  FirstState,
  Gate,
  JobKind,
  Target,
  TargetPage,
} from "../fanout/kind.ts";
import type { Item } from "../fanout/state/item.ts";
import type { ItemStore } from "../fanout/state/item-store.ts";
import type { JobStore } from "../fanout/state/job.ts";
import type { GraphClient } from "../graph/client.ts";
import { type Notification, NotificationSpec } from "./notification.ts";
import { type WindowParts, windowHolds } from "./windows.ts";

/** A device of the target; without `device` when the directory no longer has it. */
export type DeviceTarget = Target & { readonly device?: Device };

/** A step of the walk. */
export type DevicePage = TargetPage<DeviceTarget>;

/** Devices read from the directory in one step, about: a few more than fill the chunks that a step keeps. */
export const devicesPerStep = 4200;
/** Rows of another notification read in one step. */
const rowsPerStep = 20;

/** A Graph request for some devices, as the engine sees it. */
export type ActionCall = Call & { readonly request: SendCall };

/** What notifications need from outside. */
export type KindParts = WindowParts & {
  readonly graph: GraphClient;
  readonly audits: RemoteActionAudits;
  readonly directory: DirectoryStore;
  /** The lists of devices that are kept beside notifications. */
  readonly targets: Pick<JobStore<Notification>, "targets">;
  /** Deliveries of a notification that another one repeats. */
  readonly deliveries: Pick<ItemStore, "page">;
  readonly bulkRefusals: BulkRefusals;
  readonly carrier: Carrier<Notification, DeviceTarget>;
  readonly gate: Gate<Notification>;
};

/** What sending, reading and repeating notifications work with. */
export type NotificationParts = GateParts & {
  readonly kind: Kind;
  readonly jobs: JobStore<Notification>;
  readonly directory: DirectoryStore;
  readonly collections: CollectionStore;
};

/** What identifies the kind, and the row of such a job. */
export const notificationShape = { id: "notification", spec: NotificationSpec } as const;

type Kind = JobKind<Notification, ActionCall, DeviceTarget> & {
  readonly gate: Gate<Notification>;
} & Required<Pick<JobKind<Notification>, "holds">>;

/** How fast a tenant may be asked, for actions and for reads. */
export async function ratesOf(
  throttle: Throttle,
  tenantId: string,
): Promise<Parameters<typeof timeLeft>[1]> {
  const [actions, reads] = await Promise.all([
    throttle.rateOf(tenantId, "deviceActions"),
    throttle.rateOf(tenantId, "deviceReads"),
  ]);
  return { send: actions, read: reads };
}

/** Ends that the engine decides, in our words. */
const reasons: Kind["reasons"] = {
  jobFailed: { code: "notification-failed", detail: "the notification failed" },
  leftScope: { code: "left-target", detail: "the collection's rule no longer finds the device" },
  noResult: { code: "no-result", detail: "Intune shows no result" },
  pending: {
    code: "no-result-in-time",
    detail: "the device checked in, and Intune still shows the action as pending",
  },
  silent: { code: "device-offline", detail: "not seen since" },
};

/** Notifications. */
export const notificationKind = (parts: KindParts): Kind => ({
  ...notificationShape,
  subjectOf: ({ actionId }) => actionId,
  lastStep: () => 0,
  mayRepeat: (job) => actionOf(job).repeatable,
  workloadsOf: () => ({ calls: "deviceActions", reads: "deviceReads" }),
  reasons,
  targets: (job, cursor) => targetPage(parts, job, cursor),
  cursorBehind,
  plan: firstState,
  outOfScope: (job, items) => outOfScope(parts.directory, job, items),
  holds: (job, items) => windowHolds(parts, job, items),
  carrier: parts.carrier,
  gate: parts.gate,
  ...callsOf(parts),
  ...readingOf(parts),
});

/** Which Graph requests carry deliveries, and what comes of them. */
const callsOf = ({ graph, bulkRefusals }: KindParts): Pick<Kind, "calls" | "execute"> => ({
  calls(job, items) {
    const action = actionOf(job);
    const seen = bulkRefusals.applyTo(action, job.tenantId, items);
    return callsFor(groupsOf(action, seen)).map(callOf);
  },
  async execute({ tenantId, parameters }, { request, targetIds }, mayAsk) {
    const sendable = { ...request, deviceIds: targetIds };
    const outcomes = await send(graph, tenantId, sendable, () => ({ parameters }), mayAsk);
    bulkRefusals.noteOutcomes(tenantId, request, outcomes);
    return new Map([...outcomes].map(([id, outcome]) => [id, codedOutcome(outcome)]));
  },
});

/** What devices and Intune's audits tell of deliveries. */
const readingOf = ({
  graph,
  audits,
}: KindParts): Pick<Kind, "readsOf" | "readBack"> & Required<Pick<Kind, "survey">> => ({
  readsOf: (job, items) => readsFor(actionOf(job), items),
  readBack: (job, items) => readReports(graph, job.tenantId, actionOf(job), items),
  survey: (job, items) => auditsOf(audits, job.tenantId, actionOf(job), items),
});

/** The action of a notification; one that the catalogue has lost since cannot be handled any more. */
export function actionOf({ actionId }: Notification): Action {
  const action = findAction(actionId);
  if (action === undefined) throw new Error(`the catalogue has no action "${actionId}" any more`);
  return action;
}

// Routes and calls. Pure.

/** What a device begins with: waiting on its best route, or at its end already. */
function firstState(job: Notification, { device }: DeviceTarget): FirstState {
  if (device === undefined) {
    const detail = "not in the directory any more";
    return { name: "", state: "failed", code: "device-not-found", detail };
  }
  const { name } = device;
  const action = actionOf(job);
  const choice = chooseRoute(action, device, job);
  if (choice.kind === "route")
    return { name, state: "waiting", route: action.routes.indexOf(choice.route) };
  return { name, state: "notSupported", code: choice.code, detail: choice.detail };
}

const callOf = (request: SendCall): ActionCall => ({
  request,
  targetIds: request.deviceIds,
  perTarget: request.form === "batch",
});

/**
 * Devices that waited and that the target's rule no longer finds. Nothing is read unless the directory was refreshed
 * since the notification was made: the same rows would give the same answer.
 */
async function outOfScope(
  directory: DirectoryStore,
  { target, tenantId, createdAt, directoryVersion }: Notification,
  items: readonly Item[],
): Promise<ReadonlySet<string>> {
  if (!("rule" in target) || target.rule === undefined) return new Set();
  const meta = await directory.meta(tenantId);
  if (meta?.refreshId === directoryVersion) return new Set();
  const ids = items.map(({ targetId }) => targetId);
  const devices = await directory.getMany(tenantId, ids);
  const isMember = memberTest(target.rule, createdAt);
  return new Set(
    ids.filter((id) => {
      const device = devices.get(id);
      return device === undefined || !isMember(device);
    }),
  );
}

// Walks the devices of a target in the order of their ids, a step at a time.

type WalkParts = Pick<KindParts, "directory" | "targets" | "deliveries">;

/**
 * Answers the devices after `cursor`. The order is that of device ids, without repetition. Whoever keeps
 * only the first of them goes on with `cursorBehind(next, last kept)`.
 */
export async function targetPage(
  parts: WalkParts,
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
    case "rule":
      return target.within
        ? sliceOfList(parts, tenantId, await parts.targets.targets(jobId), cursor)
        : walkDirectory(parts, notification, target.rule, cursor);
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
  { directory }: WalkParts,
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
  { directory }: WalkParts,
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
  parts: WalkParts,
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
