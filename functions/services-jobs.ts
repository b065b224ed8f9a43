/** Builds the fan-out engine with every kind of job there is, once per process. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Approval } from "../shared/access/approvals/approval.ts";
import type { ApprovalGate } from "../shared/access/approvals/approval-gate.ts";
import { type AuditTrail, expiryEvent } from "../shared/access/audit/trail.ts";
import type { SnapshotReader } from "../shared/access/roles/decide.ts";
import { BulkRefusals } from "../shared/devices/actions/asked-devices.ts";
import { RemoteActionAudits } from "../shared/devices/actions/audits.ts";
import type { CollectionStore } from "../shared/devices/collections/collection-store.ts";
import type { DirectoryStore } from "../shared/devices/directory/directory.ts";
import { type GateParts, settleGate, sweepGate } from "../shared/fanout/care/approval-gate.ts";
import type { Engine, Throttle } from "../shared/fanout/engine/engine.ts";
import type { JobKind } from "../shared/fanout/kind.ts";
import { ItemStore, RowSummaries } from "../shared/fanout/state/item-store.ts";
import { FailureNotes, type Job, JobStore } from "../shared/fanout/state/job.ts";
import type { GraphClient } from "../shared/graph/client.ts";
import {
  rateOf,
  type ThrottleSetting,
  type ThrottleStore,
  type Workload,
  whenDue,
} from "../shared/graph/throttle.ts";
import type { SignInParts } from "../shared/identity/accounts.ts";
import type { Clock } from "../shared/kernel/clock.ts";
import { notificationGate } from "../shared/notifications/gate.ts";
import {
  type NotificationParts,
  notificationKind,
  notificationShape,
} from "../shared/notifications/kind.ts";
import {
  type Notification,
  eventOf as notificationEvent,
} from "../shared/notifications/notification.ts";
import { relayCarrier } from "../shared/notifications/relay/relay-carrier.ts";
import { PartnerCenter } from "../shared/partner-center/client.ts";
import { eventOf as runEvent, runShape } from "../shared/provisioning/run.ts";
import { provisioningServices } from "../shared/provisioning/services.ts";
import { graphBackEnd } from "../shared/registration/graph/back-end.ts";
import { corporateBackEnd } from "../shared/registration/graph/corporate.ts";
import { deregisteringBackEnd } from "../shared/registration/graph/deregister.ts";
import { Inventory } from "../shared/registration/graph/inventory.ts";
import { AutopilotLists } from "../shared/registration/graph/lists.ts";
import { askingSync } from "../shared/registration/graph/sync.ts";
import { registrationKind, registrationShape } from "../shared/registration/kind.ts";
import { OwnTags } from "../shared/registration/own-tags.ts";
import { PartnerAccount } from "../shared/registration/partner/account.ts";
import { partnerBackEnd } from "../shared/registration/partner/batches.ts";
import { Customers } from "../shared/registration/partner/customers.ts";
import { PartnerDevices } from "../shared/registration/partner/registered-there.ts";
import { RegistrationJobs } from "../shared/registration/register-devices.ts";
import { HardwareStore } from "../shared/registration/state/hardware.ts";
import { eventOf as registrationEvent } from "../shared/registration/state/registration.ts";
import type { MaintenanceBook } from "../shared/schedules/maintenance.ts";
import type { Interceptor } from "../shared/storage/calls.ts";
import type { Sealer } from "../shared/storage/sealing.ts";
import type { Storage } from "../shared/storage/storage.ts";
import type { TenantCache } from "../shared/tenants/tenants.ts";
import type { WebhookEvent } from "../shared/webhooks/webhook.ts";
import type { RestCheck } from "../shared/work/drain.ts";
import type { Settings } from "./settings.ts";

type Base = {
  readonly clock: Clock;
  readonly storage: Storage;
  readonly graph: GraphClient;
  readonly knownTenants: TenantCache;
  readonly throttle: ThrottleStore;
  readonly directory: DirectoryStore;
  readonly collections: CollectionStore;
  readonly rests: RestCheck;
};

type World = {
  readonly approvals: ApprovalGate;
  readonly snapshots: SnapshotReader;
  readonly firstPass?: Engine["firstPass"];
  readonly wait?: Engine["wait"];
  readonly maintenance: Pick<MaintenanceBook, "get">;
  readonly trail: AuditTrail;
  readonly sealer: Sealer | undefined;
  readonly partnerCenter: PartnerCenter | undefined;
  readonly customers: Customers;
  /** Tells webhooks. */
  readonly announce: (events: readonly WebhookEvent[]) => Promise<void>;
};

/** Small jobs are begun within their request. */
const ownFirstPass: Engine["firstPass"] = { targets: 1_000, boxMs: 1_000, safetyMs: 10_000 };

/** What webhooks are told of a job; nothing yet of runs. */
const eventsOf: Readonly<Record<string, (job: Job) => WebhookEvent>> = {
  [registrationShape.id]: registrationEvent,
  [notificationShape.id]: notificationEvent,
  [runShape.id]: runEvent,
};

/** Every kind of job with its store, and the engine that does them. */
export function jobServices(settings: Settings, base: Base, world: World) {
  const { storage, directory, collections } = base;
  const items = new ItemStore(storage.tables);
  const jobs = new JobStore<Notification>(storage, notificationShape);
  const kind = kindOfNotifications(settings, base, world, { jobs, items });
  const hardware = new HardwareStore(storage.blobs, world.sealer);
  const registrations = new RegistrationJobs(storage, registrationShape, hardware);
  const registering = kindOfRegistrations(base, world, { jobs: registrations, hardware });
  const provisioning = provisioningServices({
    ...base,
    ...world,
    items,
    confirmAfterMs: settings.confirmAfterMs,
  });
  const kinds = new Map(
    [
      { kind, jobs },
      { kind: registering, jobs: registrations },
      { kind: provisioning.kind, jobs: provisioning.jobs },
    ].map((entry) => [entry.kind.id, entry as unknown as { kind: JobKind; jobs: JobStore }]),
  );
  const engine = engineOf(settings, base, world, { kinds, items });
  const gate: GateParts = {
    engine,
    approvals: world.approvals,
    expired: (approval: Approval) => world.trail.append(expiryEvent(approval)),
  };
  const notify: NotificationParts = { ...gate, kind, jobs, directory, collections };
  const { customers } = world;
  const register = { ...gate, kind: registering, jobs: registrations, hardware, customers };
  return {
    engine,
    notify,
    register,
    provision: provisioning.partsWith(gate),
    templates: provisioning.templates,
    tenantVariables: provisioning.tenantVariables,
    inventory: new Inventory({
      graph: base.graph,
      wait: engine.wait,
      partnerDevices: new PartnerDevices(world.partnerCenter),
    }),
    ownTags: new OwnTags(storage.blobs),
    jobs: [...kinds.values()].map((entry) => entry.jobs),
    settled: (approval: Approval) => settleGate(gate, approval),
    /** Looks after a job that waits for a second person. */
    sweepGate: (job: Job) => sweepGate(gate, job),
  };
}

type NotificationStores = { readonly jobs: JobStore<Notification>; readonly items: ItemStore };

function kindOfNotifications(
  { confirmAfterMs }: Settings,
  { graph, clock, directory, collections, storage }: Base,
  { snapshots, maintenance }: World,
  { jobs, items }: NotificationStores,
) {
  // Half of the time to the first reading back: a round never goes by what the one before has read.
  const audits = new RemoteActionAudits(graph, clock, Math.min(confirmAfterMs / 2, 15_000));
  const bulkRefusals = new BulkRefusals(clock);
  const carrier = relayCarrier({ directory, queues: storage.queues });
  const gate = notificationGate({ directory, collections, snapshots });
  const stores = { targets: jobs, deliveries: items };
  const asked = { clock, maintenance, collections, directory };
  return notificationKind({ ...asked, graph, audits, ...stores, bulkRefusals, carrier, gate });
}

function kindOfRegistrations(
  { graph, clock }: Base,
  { snapshots, partnerCenter }: World,
  stores: { readonly jobs: RegistrationJobs; readonly hardware: HardwareStore },
) {
  const lists = new AutopilotLists(graph, clock);
  const sync = askingSync(graph, clock);
  const backEnds = {
    graph: graphBackEnd({ graph, clock, lists, sync }),
    deregister: deregisteringBackEnd({ graph, lists, sync }),
    partnerCenter: partnerBackEnd({ partnerCenter, clock }),
    corporateIdentifiers: corporateBackEnd({ graph, lists }),
  };
  return registrationKind({ ...stores, backEnds, snapshots });
}

function engineOf(
  { claimMs, confirmAfterMs, overdueMs, graphTimeoutMs }: Settings,
  base: Base,
  { firstPass = ownFirstPass, announce, wait = (ms: number) => sleep(ms) }: World,
  { kinds, items }: Pick<Engine, "kinds" | "items">,
): Engine {
  const { storage, clock, knownTenants } = base;
  return {
    kinds,
    items,
    summaries: new RowSummaries(storage.tables),
    failures: new FailureNotes(storage.tables),
    throttle: throttleOf(base),
    queues: storage.queues,
    knows: async (tenantId) => (await knownTenants.get(tenantId)) !== undefined,
    rests: base.rests,
    clock,
    random: Math.random,
    wait,
    times: { claimMs, askMs: graphTimeoutMs, readBackAfterMs: confirmAfterMs, overdueMs },
    firstPass,
    async announce(job) {
      const event = eventsOf[job.kind]?.(job);
      if (event !== undefined) await announce([event]);
    },
  };
}

/** The throttles of tenants, at the pace that each has set. */
function throttleOf({ throttle, knownTenants }: Base): Throttle {
  return {
    async rateOf(tenantId, workload) {
      const set: Readonly<Record<string, ThrottleSetting | undefined>> =
        (await knownTenants.get(tenantId))?.pace ?? {};
      return rateOf(workload as Workload, set[workload]);
    },
    reserve: (tenantId, workload, cost, now, rate, name) =>
      throttle.reserve(tenantId, workload as Workload, cost, now, rate, name),
    squeezeIn: (tenantId, workload, takesMs, now) =>
      throttle.squeezeIn(tenantId, workload as Workload, takesMs, now),
    defer: (tenantId, workload, until, now) =>
      throttle.defer(tenantId, workload as Workload, until, now),
    read: (tenantId, workload) => throttle.read(tenantId, workload as Workload),
    whenDue,
  };
}

/** What asks Entra for the app's token in a tenant. */
type TokenSource = {
  readonly token: (tenantId: string, fresh: boolean) => Promise<string>;
};

/** What a partner has: Partner Center, where the settings name one, its account there, and the customers. */
export function partnerServices(
  settings: Settings,
  { storage, clock, graph, token }: Pick<Base, "storage" | "clock" | "graph"> & TokenSource,
  {
    signIn,
    intercept,
  }: {
    readonly signIn: SignInParts | undefined;
    readonly intercept: Interceptor;
  },
) {
  const {
    partnerCenterUrl: baseUrl,
    partnerKind: kind = "customer",
    graphTimeoutMs: timeoutMs,
  } = settings;
  const [tenantId] = settings.access.homeTenantIds;
  const account = new PartnerAccount({
    signIn:
      signIn && baseUrl !== undefined
        ? { ...signIn, resource: baseUrl, purpose: "partnerCenter" }
        : undefined,
    tenantId,
  });
  const partnerCenter =
    baseUrl === undefined
      ? undefined
      : new PartnerCenter({
          baseUrl,
          token: (fresh) => account.token(fresh),
          clock,
          intercept,
          timeoutMs,
        });
  const { tables } = storage;
  const parts = { tables, clock, graph, token, partnerCenter, account, kind, tenantId };
  return { partnerCenter, partnerAccount: account, customers: new Customers(parts) };
}
