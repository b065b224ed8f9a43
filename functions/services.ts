/** Builds everything once per process: clients, stores, and the answers to "with what?". */

import { setTimeout as wait } from "node:timers/promises";
import type { AuditTrail } from "../shared/access/audit/trail.ts";
import type { Guard } from "../shared/access/guard.ts";
import type { SnapshotReader } from "../shared/access/roles/decide.ts";
import type { Caller } from "../shared/access/sign-in/caller.ts";
import {
  type CollectionStore,
  collectionsIn,
} from "../shared/devices/collections/collection-store.ts";
import { DirectoryStore, DirectoryWriter } from "../shared/devices/directory/directory.ts";
import type { RefreshParts } from "../shared/devices/refresh/merge.ts";
import { RefreshStore, RunStore } from "../shared/devices/refresh/refresh-store.ts";
import { type RefreshService, refreshesWith } from "../shared/devices/refresh/work.ts";
import { SiteStore } from "../shared/devices/sites/sites.ts";
import type { Engine } from "../shared/fanout/engine/engine.ts";
import type { Job } from "../shared/fanout/state/job.ts";
import { GraphClient } from "../shared/graph/client.ts";
import { ThrottleStore } from "../shared/graph/throttle.ts";
import { type ConsoleFiles, consoleFiles } from "../shared/http/console-files.ts";
import type { PageSeal } from "../shared/http/paging.ts";
import { type SignInParts } from "../shared/identity/accounts.ts";
import { appTokens } from "../shared/identity/app-token.ts";
import { type Clock, systemClock } from "../shared/kernel/clock.ts";
import type { NotificationParts } from "../shared/notifications/kind.ts";
import { RelayLeases } from "../shared/notifications/relay/lease.ts";
import { notificationStarter } from "../shared/notifications/scheduled.ts";
import { runStarter } from "../shared/provisioning/scheduled.ts";
import { scheduledRuns } from "../shared/provisioning/services.ts";
import type { RunParts } from "../shared/provisioning/start-run.ts";
import type { TemplateBook } from "../shared/provisioning/templates/manage-templates.ts";
import type { TenantVariables } from "../shared/provisioning/templates/tenant-variables.ts";
import type { Inventory } from "../shared/registration/graph/inventory.ts";
import type { OwnTags } from "../shared/registration/own-tags.ts";
import type { RegistrationParts } from "../shared/registration/register-devices.ts";
import { CalendarBook, windowsUser } from "../shared/schedules/calendars.ts";
import { MaintenanceBook } from "../shared/schedules/maintenance.ts";
import { TaskBook } from "../shared/schedules/manage-tasks.ts";
import type { TaskParts } from "../shared/schedules/run-tasks.ts";
import { calendarsOf } from "../shared/schedules/state/task.ts";
import { TaskStore } from "../shared/schedules/state/task-store.ts";
import { type Interceptor, passThrough } from "../shared/storage/calls.ts";
import type { Queues } from "../shared/storage/queues.ts";
import type { Sealer } from "../shared/storage/sealing.ts";
import { openStorage, type Storage } from "../shared/storage/storage.ts";
import type { PublishParts } from "../shared/sync/baselines/publish.ts";
import type { Configuration } from "../shared/sync/configuration.ts";
import { syncStarter } from "../shared/sync/scheduled.ts";
import { type SyncServices, syncServices } from "../shared/sync/services.ts";
import { PurgeStore, TenantPurge } from "../shared/tenants/purge.ts";
import {
  cachedTenants,
  type TenantCache,
  TenantRegistry,
  TenantStore,
} from "../shared/tenants/tenants.ts";
import type { WebhookParts } from "../shared/webhooks/deliver.ts";
import type { WebhookEvent } from "../shared/webhooks/webhook.ts";
import { DeadLetterStore } from "../shared/work/dead-letters.ts";
import { Drain, type RestCheck, restsBy } from "../shared/work/drain.ts";
import { IdempotentAnswers } from "../shared/work/idempotency.ts";
import type { Readiness } from "../shared/work/readiness.ts";
import { type Expired, type PurgeParts, purgeOf, retention } from "./retention.ts";
import {
  type AccessServices,
  accessServices,
  grants,
  pagesOf,
  readinessOf,
  sealerOf,
  signInOf,
  trailOf,
  webhookServices,
} from "./services-access.ts";
import { jobServices, partnerServices } from "./services-jobs.ts";
import type { Settings } from "./settings.ts";

/** What several use cases share. */
type Base = {
  readonly clock: Clock;
  readonly storage: Storage;
  readonly graph: GraphClient;
  readonly tenantStore: TenantStore;
  /** Tenants as they were at most three seconds ago. */
  readonly knownTenants: TenantCache;
  readonly throttle: ThrottleStore;
  readonly directory: DirectoryStore;
  readonly sites: SiteStore;
  readonly collections: CollectionStore;
  readonly drain: Drain;
  /** Why nothing new leaves for a tenant now. */
  readonly rests: RestCheck;
  /** The app's token for a tenant; `fresh`: not one that is kept. */
  readonly token: (tenantId: string, fresh: boolean) => Promise<string>;
};

/** Everything that functions call. */
export type Services = Base & {
  readonly guard: Guard;
  readonly access: AccessServices;
  /** Origins whose pages may call. */
  readonly allowedOrigins: readonly string[];
  readonly trail: AuditTrail;
  /** Seals what is secret at rest, where the settings name a key. */
  readonly sealer: Sealer | undefined;
  /** The API document. */
  readonly openApi: () => Readonly<Record<string, unknown>>;
  readonly publicUrl: string | undefined;
  /** The console's files, where the installation has one. */
  readonly console: () => ConsoleFiles | undefined;
  readonly answers: IdempotentAnswers;
  /** What the app lacks to do its work now. */
  readonly missing: Readiness;
  readonly pages: () => Promise<PageSeal>;
  readonly deadLetters: DeadLetterStore;
  readonly expireOld: (mayGoOn: () => boolean) => Promise<Expired>;
  readonly tenants: TenantRegistry;
  readonly purging: TenantPurge;
  readonly engine: Engine;
  readonly notify: NotificationParts;
  readonly register: RegistrationParts;
  readonly inventory: Inventory;
  readonly ownTags: OwnTags;
  /** Looks after a job that waits for a second person. */
  readonly sweepGate: (job: Job) => Promise<void>;
  readonly leases: RelayLeases;
  readonly refreshes: RefreshService;
  /** Signing people in for a tenant; undefined where nothing is there that seals what is kept of it. */
  readonly signIn: SignInParts | undefined;
  readonly sync: SyncServices;
  /** The repository of tenants' configuration. */
  readonly configuration: Configuration;
  /** Baselines and their publication. */
  readonly publishing: PublishParts;
  /** Starting and reading runs of provisioning. */
  readonly provision: RunParts;
  readonly templates: TemplateBook;
  readonly tenantVariables: TenantVariables;
  /** Tasks, as people change them and as they are run. */
  readonly tasks: TaskBook;
  readonly scheduling: TaskParts;
  /** Maintenance windows of tenants and collections. */
  readonly maintenance: MaintenanceBook;
  readonly calendars: CalendarBook;
} & ReturnType<typeof webhookServices> &
  ReturnType<typeof partnerServices>;

/** What tests replace: the time, the seam around every call that leaves the process, the sign-in. */
export type World = {
  readonly clock: Clock;
  readonly intercept: Interceptor;
  readonly token?: (tenantId: string, fresh: boolean) => Promise<string>;
  readonly queues?: Queues;
  readonly firstPass?: Engine["firstPass"];
  readonly settleMs?: number;
  /** How webhooks are reached. */
  readonly posting?: Partial<WebhookParts["posting"]>;
  readonly wait?: (ms: number) => Promise<void>;
  /** Where the console's files are, of which version; absent, there is none. */
  readonly console?: { readonly folder: string; readonly version: string };
};

/** Builds the services; no call leaves the process yet. */
export async function buildServices(
  settings: Settings,
  openApi: () => Readonly<Record<string, unknown>>,
  world: World = { clock: systemClock, intercept: passThrough },
): Promise<Services> {
  const opened = await openStorage(settings.storage, world.clock, world.intercept);
  const storage = { ...opened, queues: world.queues ?? opened.queues };
  const { tables, clock } = storage;
  const base = baseOf(settings, storage, world);
  const granted = grants(settings, { tables, clock });
  const trail = trailOf(tables);
  const announce = (events: readonly WebhookEvent[]) => webhooks.webhookSender.announce(events);
  const sealer = await sealerOf(settings, clock);
  const signIn = signInOf(settings, storage, sealer);
  const partner = partnerServices(settings, base, { signIn, intercept: world.intercept });
  const times = timeServices(base);
  const { maintenance, calendars } = times;
  const told = { ...world, ...granted, ...partner, trail, sealer, announce, maintenance };
  const { jobs, settled, ...working } = jobServices(settings, base, told);
  const kept = {
    answers: new IdempotentAnswers(tables, clock),
    deadLetters: new DeadLetterStore(tables, clock),
  };
  const access = await accessServices(settings, { ...base, tables, granted, trail, settled });
  const webhooks = webhookServices(settings, { ...base, ...world, ...access, sealer, granted });
  const chance = { random: Math.random, wait: world.wait ?? ((ms: number) => wait(ms)) };
  const syncs = syncServices(settings, { ...base, ...granted, ...chance, trail, announce, signIn });
  return {
    ...base,
    ...access,
    sealer,
    ...webhooks,
    signIn,
    ...syncs,
    ...outward(settings, openApi, world),
    ...kept,
    missing: readinessOf(settings, base, { sealer, machine: world.clock }),
    pages: pagesOf(settings, { blobs: storage.blobs, sealer }),
    expireOld: retention(settings, { ...base, ...kept, jobs, sync: syncs.sync }),
    ...tenantServices({ ...base, jobs, settleMs: world.settleMs }),
    ...working,
    ...partner,
    leases: new RelayLeases(tables),
    refreshes: refreshesWith(refreshParts(settings, base)),
    maintenance,
    calendars,
    ...taskServices(base, { ...working, ...syncs, ...granted }, times),
  };
}

/** When work may begin: maintenance windows, and the calendars of days that they and tasks exclude. */
function timeServices({
  storage: { tables },
  clock,
  collections,
}: Base): Pick<Services, "maintenance" | "calendars"> & Pick<TaskParts, "store"> {
  const store = new TaskStore(tables);
  const hasCollection = async (tenantId: string, id: string) =>
    (await collections.get(tenantId, id)) !== undefined;
  const namedBy = async (user: { readonly tenantId: string; readonly taskId: string }) => {
    const { tenantId, taskId } = user;
    if (taskId === windowsUser) return calendarsOf((await maintenance.read(tenantId)).value);
    const task = await store.get(tenantId, taskId);
    return task === undefined ? [] : calendarsOf(task.value);
  };
  const calendars = new CalendarBook({ tables, clock, store, namedBy });
  const maintenance: MaintenanceBook = new MaintenanceBook({
    tables,
    clock,
    hasCollection,
    calendars,
  });
  return { store, maintenance, calendars };
}

/** What the installation shows of itself: its description, its address, its pages. */
const outward = (
  { publicUrl, console: signIn }: Settings,
  openApi: Services["openApi"],
  { console: place }: World,
): Pick<Services, "openApi" | "publicUrl" | "console"> => ({
  openApi,
  publicUrl,
  console: signIn && place ? consoleFiles(place.folder, signIn, place.version) : () => undefined,
});

type Beginners = Pick<Services, "notify" | "sync" | "provision"> & {
  readonly snapshots: SnapshotReader;
};

/** Tasks begin the jobs of other rooms, with what their owners may do at that moment. */
function taskServices(
  { storage, clock, collections, knownTenants, tenantStore }: Base,
  { notify, sync, provision, snapshots }: Beginners,
  times: ReturnType<typeof timeServices>,
): Pick<Services, "tasks" | "scheduling"> {
  const standingOf = async (caller: Caller) => ({ caller, ...(await snapshots.read()) });
  const { reachOf } = collections;
  const scheduling: TaskParts = {
    ...times,
    queues: storage.queues,
    clock,
    starters: {
      notification: notificationStarter(notify, { standingOf, reachOf }),
      sync: syncStarter(sync, { standingOf }),
      provisioning: runStarter(scheduledRuns(provision), { standingOf }),
    },
    knows: async (tenantId) => (await knownTenants.get(tenantId)) !== undefined,
    standingOf,
    tenantIds: () => tenantIdsOf(tenantStore),
  };
  return { tasks: new TaskBook(scheduling), scheduling };
}

async function* tenantIdsOf(tenants: TenantStore): AsyncGenerator<string> {
  let token: string | undefined;
  do {
    const page: Awaited<ReturnType<TenantStore["list"]>> = await tenants.list(1000, token);
    for (const { tenantId } of page.tenants) yield tenantId;
    token = page.next;
  } while (token !== undefined);
}

/** Registering tenants, and removing them with all that is kept of them. */
function tenantServices(parts: Base & Omit<PurgeParts, "purges">) {
  const purges = new PurgeStore(parts.storage.tables);
  return { tenants: registryOf(parts, purges), purging: purgeOf({ ...parts, purges }) };
}

const registryOf = ({ tenantStore, knownTenants, storage, clock }: Base, purges: PurgeStore) =>
  new TenantRegistry({
    store: tenantStore,
    known: knownTenants,
    purges,
    queues: storage.queues,
    clock,
  });

function baseOf(settings: Settings, storage: Storage, world: World): Base {
  const { tables, clock } = storage;
  const tenantStore = new TenantStore(tables);
  const token = world.token ?? appTokens({ ...settings, resource: settings.graphUrl });
  const directory = new DirectoryStore(tables);
  const knownTenants = cachedTenants(tenantStore, clock);
  const drain = new Drain(tables, clock);
  return {
    drain,
    rests: restsBy(drain, knownTenants),
    clock,
    storage,
    token,
    graph: graphClient(settings, clock, { ...world, token }),
    tenantStore,
    knownTenants,
    throttle: new ThrottleStore(tables),
    directory,
    sites: new SiteStore(tables, storage.blobs, clock),
    collections: collectionsIn(tables, directory, clock),
  };
}

const graphClient = (
  settings: Settings,
  clock: Clock,
  { intercept, token }: World & { readonly token: NonNullable<World["token"]> },
): GraphClient =>
  new GraphClient({
    baseUrl: settings.graphUrl,
    token,
    clock,
    intercept,
    timeoutMs: settings.graphTimeoutMs,
  });

/** Pages in one slice of a refresh: at most 20,000 devices in memory. */
const slicePages = 20;

function refreshParts({ claimMs }: Settings, base: Base): RefreshParts {
  const { storage, clock, graph, throttle, directory, tenantStore } = base;
  return {
    clock,
    graph,
    throttle,
    directory,
    random: Math.random,
    tenant: async (tenantId) => (await tenantStore.get(tenantId))?.tenant.pace,
    rests: base.rests,
    queues: storage.queues,
    refreshes: new RefreshStore(storage.tables),
    runs: new RunStore(storage.tables, storage.blobs),
    sites: base.sites,
    writer: new DirectoryWriter(storage.tables),
    leaseMs: claimMs,
    slicePages,
  };
}
