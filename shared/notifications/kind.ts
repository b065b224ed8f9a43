/**
 * Notifications as a kind of job: which devices, by which route, by which Graph requests, and what devices and
 * Intune's audits say afterwards. Everything else, from planning to the last outcome, is the fan-out engine's.
 */
import { LRUCache } from "lru-cache";
import { type Action, chooseRoute } from "../devices/actions/action.ts";
import { findAction } from "../devices/actions/catalogue.ts";
import {
  auditsPerRequest,
  type ReadBack,
  type RemoteActionAudits,
  readBackDevices,
  seenSince,
  strictly,
  type Verdict,
  verdictOf,
} from "../devices/actions/read-back.ts";
import {
  callsFor,
  type SendCall,
  type SendGroup,
  type SendOutcome,
  send,
} from "../devices/actions/send.ts";
import { memberTest } from "../devices/collections/collection.ts";
import type { CollectionStore } from "../devices/collections/collection-store.ts";
import { cursorBehind, type DirectoryStore } from "../devices/directory/directory.ts";
import type { GateParts } from "../fanout/care/approval-gate.ts";
import type { Call, Carrier, Finding, FirstState, Gate, JobKind, Outcome } from "../fanout/kind.ts";
import type { Item } from "../fanout/state/item.ts";
import type { ItemStore } from "../fanout/state/item-store.ts";
import type { JobStore } from "../fanout/state/job.ts";
import type { GraphClient } from "../graph/client.ts";
import type { Clock, Instant } from "../kernel/clock.ts";
import { type Notification, NotificationSpec } from "./notification.ts";
import { type DeviceTarget, targetPage } from "./targets.ts";

/** A Graph request for some devices, as the engine sees it. */
export type ActionCall = Call & { readonly request: SendCall };

/** What notifications need from outside. */
export type KindParts = {
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
};

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
    const outcomes = await send(graph, tenantId, sendable, parameters, mayAsk);
    bulkRefusals.noteOutcomes(tenantId, request, outcomes);
    return new Map([...outcomes].map(([id, outcome]) => [id, outcomeOf(outcome)]));
  },
});

/** What devices and Intune's audits tell of deliveries. */
const readingOf = ({
  graph,
  audits,
}: KindParts): Pick<Kind, "readsOf" | "readBack"> & Required<Pick<Kind, "survey">> => ({
  readsOf(job, items) {
    const { routes } = actionOf(job);
    const listed = items.filter(({ route }) => routes[route]?.auditNames !== undefined).length;
    return listed / auditsPerRequest + items.length - listed;
  },
  async readBack(job, items) {
    const { routes } = actionOf(job);
    const suspects = items.map(({ targetId: deviceId, route }) => ({
      deviceId,
      route: routes[route],
    }));
    const read = await readBackDevices(graph, job.tenantId, suspects);
    return new Map(
      items.map((item) => [item.targetId, findingOf(job, item, read.get(item.targetId))]),
    );
  },
  async survey(job, items) {
    const namesOf = ({ route }: Item) => actionOf(job).routes[route]?.auditNames;
    const named = items.filter((item) => namesOf(item) !== undefined);
    if (named.length === 0 || !audits.mayAsk(job.tenantId)) return undefined;
    const since = Math.min(...named.map(({ claimedAt, at }) => claimedAt ?? at));
    const list = await audits.since(job.tenantId, since);
    return {
      requests: list.requests,
      covers: (item) => namesOf(item) !== undefined,
      find: (item) => {
        const names = namesOf(item);
        const audit = names && list.find(item.targetId, names, sinceOf(job, item));
        return audit && findingOfVerdict(audit.verdict, true);
      },
    };
  },
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

/** Groups deliveries by the route they go. */
export function groupsOf(action: Action, items: readonly Item[]): SendGroup[] {
  const groups = new Map<string, { group: SendGroup; deviceIds: string[] }>();
  for (const { targetId, route: index, singly = false, atMost } of items) {
    const route = action.routes[index];
    if (route === undefined) continue;
    const key = `${index} ${singly} ${atMost}`;
    const known = groups.get(key);
    if (known) known.deviceIds.push(targetId);
    else {
      const deviceIds = [targetId];
      groups.set(key, { group: { route, singly: singly, atMost, deviceIds }, deviceIds });
    }
  }
  return [...groups.values()].map(({ group }) => group);
}

const callOf = (request: SendCall): ActionCall => ({
  request,
  targetIds: request.deviceIds,
  perTarget: request.form === "batch",
});

function outcomeOf(outcome: SendOutcome): Outcome {
  switch (outcome.kind) {
    case "later":
      return { ...outcome, code: "graph-busy" };
    case "singly":
      return { kind: "singly", code: "bulk-refused", why: outcome.why };
    default:
      return outcome;
  }
}

// Remembers which tenants may not use a bulk action, so that not every chunk has to find out with a request, a claim
// and a settlement of its own. In memory: each instance learns it anew, and forgets it in time for a permission that
// was granted meanwhile.

const keepMs = 15 * 60_000;
const maxKept = 10_000;

/** What was refused lately. */
export class BulkRefusals {
  readonly #clock: Clock;
  readonly #until = new LRUCache<string, Instant>({ max: maxKept });

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes that the tenant may not use a bulk action, where that is what came of the request. */
  noteOutcomes(
    tenantId: string,
    { route }: SendCall,
    outcomes: ReadonlyMap<string, SendOutcome>,
  ): void {
    const [first] = outcomes.values();
    if (first?.kind !== "singly" || !first.forbidden || route.bulkAction === undefined) return;
    this.#until.set(`${tenantId} ${route.bulkAction}`, this.#clock.now() + keepMs);
  }

  /** The deliveries; those whose bulk action was refused lately are to be asked for singly. */
  applyTo(action: Action, tenantId: string, items: readonly Item[]): readonly Item[] {
    if (this.#until.size === 0) return items;
    const refused = action.routes.map(({ bulkAction }) => this.#holds(tenantId, bulkAction));
    return items.map((item): Item => (refused[item.route] ? { ...item, singly: true } : item));
  }

  #holds(tenantId: string, bulkAction: string | undefined): boolean {
    const until = this.#until.get(`${tenantId} ${bulkAction}`);
    return until !== undefined && this.#clock.now() < until;
  }
}

// What devices and audits tell. Pure.

/**
 * From when on a trace is taken for ours. Of an item that nobody knows to have left, and that must not be done twice,
 * an older trace would be the harmful mistake.
 */
function sinceOf(job: Notification, { state, claimedAt, at }: Item): Instant {
  const since = claimedAt ?? at;
  return state === "claimed" && !actionOf(job).repeatable ? strictly(since) : since;
}

/** What reading a device back tells of a delivery to it. */
export function findingOf(job: Notification, item: Item, read: ReadBack | undefined): Finding {
  switch (read?.kind) {
    case undefined:
      return { kind: "unreadable" };
    case "refused":
      return { kind: "unreadable", why: read.detail };
    case "later":
      return { ...read, kind: "unreadable" };
    case "gone":
      return { kind: "gone", code: "device-gone", detail: "Intune no longer knows the device" };
    case "seen": {
      const names = actionOf(job).routes[item.route]?.resultNames ?? [];
      const verdict = verdictOf(read.device, names, sinceOf(job, item));
      return findingOfVerdict(verdict, seenSince(read.device, item.at));
    }
  }
}

function findingOfVerdict(verdict: Verdict, awake: boolean): Finding {
  switch (verdict) {
    case "done":
      return { kind: "ended", event: "finish" };
    case "failed":
      return {
        kind: "ended",
        event: "fail",
        code: "device-reported-failure",
        detail: "the device reported that it failed",
      };
    case "notSupported":
      return {
        kind: "ended",
        event: "decline",
        code: "not-supported-by-device",
        detail: "the device reported so",
      };
    case "cancelled":
      return {
        kind: "ended",
        event: "cancel",
        code: "cancelled-elsewhere",
        detail: "cancelled in Intune",
      };
    case "pending":
      return { kind: "pending", awake };
    case "none":
      return { kind: "nothing", awake };
  }
}

/**
 * Devices that waited and that the target's rule no longer finds. Nothing is read unless the directory was refreshed
 * since the notification was made: the same rows would give the same answer.
 */
async function outOfScope(
  directory: DirectoryStore,
  { target, tenantId, createdAt, directoryVersion }: Notification,
  items: readonly Item[],
): Promise<ReadonlySet<string>> {
  const isRuled = target.kind === "collection" || target.kind === "retry";
  if (!isRuled || target.rule === undefined) return new Set();
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
