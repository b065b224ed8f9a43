/** Builds everything once per process: clients, stores, and the answers to "with what?". */
import { ApprovalStore } from "../shared/access/approvals/approval-store.ts";
import type { Settle } from "../shared/access/approvals/decide-approval.ts";
import { CollectionStore } from "../shared/devices/collections/collection-store.ts";
import { DirectoryStore } from "../shared/devices/directory/directory-store.ts";
import { DirectoryWriter } from "../shared/devices/directory/directory-writer.ts";
import type { RefreshDeps } from "../shared/devices/refresh/claim.ts";
import { RefreshStore } from "../shared/devices/refresh/refresh-store.ts";
import { RunStore } from "../shared/devices/refresh/run-store.ts";
import { SiteStore } from "../shared/devices/sites/site-store.ts";
import { GraphClient } from "../shared/graph/client.ts";
import { PaceStore } from "../shared/graph/pace-store.ts";
import { pageSeal } from "../shared/http/page-seal.ts";
import { type AppCredential, appTokens } from "../shared/identity/app-token.ts";
import { type Clock, systemClock } from "../shared/kernel/clock.ts";
import { BulkRefusals } from "../shared/notifications/passes/pass-services.ts";
import { RelayLeases } from "../shared/notifications/relay/lease.ts";
import { settleHeld } from "../shared/notifications/send-notification.ts";
import { DeliveryStore } from "../shared/notifications/state/delivery-store.ts";
import {
  NotificationStore,
  TroubleStore,
} from "../shared/notifications/state/notification-store.ts";
import { MarkStore } from "../shared/notifications/state/row-summaries.ts";
import { openStorage, type Storage } from "../shared/storage/storage.ts";
import { openTap, type Tap } from "../shared/storage/tap.ts";
import { PurgeStore } from "../shared/tenants/purge-store.ts";
import { cachedTenants } from "../shared/tenants/tenant-cache.ts";
import { TenantStore } from "../shared/tenants/tenant-store.ts";
import { QuarantineStore } from "../shared/work/dead-letters.ts";
import { TableAnswerStore } from "../shared/work/idempotent-answers.ts";
import { accessServices } from "./services-access.ts";
import { purgeServices, retention } from "./services-retention.ts";
import type { Settings } from "./settings.ts";

export type Services = Awaited<ReturnType<typeof buildServices>>;

/** What tests replace: the time, the seam around every call that leaves the process, the sign-in. */
export type World = {
  readonly clock: Clock;
  readonly tap: Tap;
  readonly token?: (tenantId: string, fresh: boolean) => Promise<string>;
};

/** Builds the services; no call leaves the process yet. */
export async function buildServices(
  settings: Settings,
  openApi: () => Readonly<Record<string, unknown>>,
  world: World = { clock: systemClock, tap: openTap },
) {
  const storage = await openStorage(settings.storage, world.clock, world.tap);
  const { tables, clock } = storage;
  const base = baseOf(settings, storage, world);
  const purges = new PurgeStore(tables);
  const notify = notifyDeps(settings, base);
  const settled: Settle = (approval) => settleHeld(notify, approval);
  const answers = new TableAnswerStore(tables, clock);
  const quarantine = new QuarantineStore(tables, clock);
  return {
    ...base,
    ...(await accessServices(settings, { ...base, tables, settled })),
    openApi,
    answers,
    pages: pageSeal(secretOf(settings.credential)),
    quarantine,
    forgetOld: retention(settings, { ...notify, answers, quarantine }),
    tenants: {
      store: base.tenantStore,
      known: base.knownTenants,
      purges,
      queues: storage.queues,
      clock,
    },
    purging: purgeServices({ ...notify, purges }),
    notify,
    leases: new RelayLeases(tables),
    refresh: refreshDeps(settings, base),
    collecting: { store: base.collections, directory: base.directory, clock },
  };
}

/** What every instance of this installation knows, and nobody else. */
const secretOf = (credential: AppCredential): string =>
  credential.kind === "secret" ? credential.clientSecret : credential.privateKey;

type Base = ReturnType<typeof baseOf>;

/** What several use cases share. */
function baseOf(settings: Settings, storage: Storage, world: World) {
  const { tables, clock } = storage;
  const tenantStore = new TenantStore(tables);
  return {
    clock,
    storage,
    graph: graphClient(settings, clock, world),
    tenantStore,
    knownTenants: cachedTenants(tenantStore, clock),
    paces: new PaceStore(tables),
    directory: new DirectoryStore(tables),
    sites: new SiteStore(tables, storage.blobs),
    collections: new CollectionStore(tables),
  };
}

const graphClient = (settings: Settings, clock: Clock, { tap, token }: World): GraphClient =>
  new GraphClient({
    baseUrl: settings.graphUrl,
    token: token ?? appTokens({ ...settings, resource: settings.graphUrl }),
    clock,
    tap,
    timeoutMs: settings.graphTimeoutMs,
  });

function notifyDeps(settings: Settings, base: Base) {
  const { claimMs, confirmAfterMs, overdueMs, graphTimeoutMs } = settings;
  const { storage, clock } = base;
  return {
    ...base,
    notifications: new NotificationStore(storage),
    deliveries: new DeliveryStore(storage.tables),
    marks: new MarkStore(storage.tables),
    troubles: new TroubleStore(storage.tables),
    approvals: new ApprovalStore(storage.tables),
    tenants: base.knownTenants,
    queues: storage.queues,
    bulkRefusals: new BulkRefusals(clock),
    random: Math.random,
    claimMs,
    confirmAfterMs,
    graphTimeoutMs,
    overdueMs,
  };
}

/** Pages in one slice of a refresh: at most 20,000 devices in memory. */
const slicePages = 20;

function refreshDeps({ claimMs }: Settings, base: Base): RefreshDeps {
  const { storage, clock, graph, paces, directory, tenantStore } = base;
  return {
    clock,
    graph,
    paces,
    directory,
    random: Math.random,
    tenant: async (tenantId) => (await tenantStore.get(tenantId))?.tenant.pace,
    queues: storage.queues,
    refreshes: new RefreshStore(storage.tables),
    runs: new RunStore(storage.tables, storage.blobs),
    sites: base.sites,
    writer: new DirectoryWriter(storage.tables),
    leaseMs: claimMs,
    slicePages,
  };
}
