/**
 * What is deleted, room by room: by its age, and with its tenant. Each room says how its own goes; here stands the order.
 */

import { RefreshStore } from "../shared/devices/refresh/refresh-store.ts";
import { purgeDevices } from "../shared/devices/refresh/work.ts";
import { SiteStore } from "../shared/devices/sites/sites.ts";
import { expireJobs, purgeJobs } from "../shared/fanout/care/retention.ts";
import { JobStore } from "../shared/fanout/state/job.ts";
import { purgeSignIns } from "../shared/identity/accounts.ts";
import { type Clock, type Instant } from "../shared/kernel/clock.ts";
import { apart } from "../shared/kernel/concurrency.ts";
import { invertedTime } from "../shared/kernel/values.ts";
import { TenantVariables } from "../shared/provisioning/templates/tenant-variables.ts";
import { expireReports } from "../shared/registration/customers-report.ts";
import { expireOpenLists } from "../shared/registration/list-in-parts.ts";
import { OwnTags } from "../shared/registration/own-tags.ts";
import { HardwareStore } from "../shared/registration/state/hardware.ts";
import { TaskStore } from "../shared/schedules/state/task-store.ts";
import { tableNames } from "../shared/storage/names.ts";
import { type Storage } from "../shared/storage/storage.ts";
import { deleteRange, ofTenant } from "../shared/storage/tables.ts";
import { BaselineStore } from "../shared/sync/baselines/baseline-store.ts";
import { expireSyncs, removeUnused } from "../shared/sync/retention.ts";
import { type SyncServices } from "../shared/sync/services.ts";
import { purgeSyncs } from "../shared/sync/state/sync-store.ts";
import { type PurgeStep, PurgeStore, TenantPurge } from "../shared/tenants/purge.ts";
import { TenantStore } from "../shared/tenants/tenants.ts";
import { WebhookStore } from "../shared/webhooks/webhook-store.ts";
import { DeadLetterStore } from "../shared/work/dead-letters.ts";
import { IdempotentAnswers } from "../shared/work/idempotency.ts";
import type { Settings } from "./settings.ts";

const listsIn = ({
  storage: { blobs },
  jobs,
}: {
  readonly storage: Pick<Storage, "blobs">;
  readonly jobs: readonly JobStore[];
}) => ({
  blobs,
  hardware: new HardwareStore(blobs, undefined),
  async isKept({ tenantId, registrationId: id }: { tenantId: string; registrationId: string }) {
    const found = await Promise.all(jobs.map((each) => each.get(tenantId, id)));
    return found.some((job) => job !== undefined);
  },
});

// By age.

type RetentionParts = {
  readonly storage: Storage;
  /** Of every kind. */
  readonly jobs: readonly JobStore[];
  readonly clock: Clock;
  readonly tenantStore: TenantStore;
  readonly answers: IdempotentAnswers;
  readonly deadLetters: DeadLetterStore;
  readonly sites: Pick<SiteStore, "expireOpen">;
  readonly sync: Pick<SyncServices, "store" | "revisions" | "blobs" | "clock" | "knows">;
};

/** What a run deleted; `contents`: blobs of configuration that nothing refers to any more. */
export type Expired = Readonly<Record<"answers" | "notifications" | "syncs" | "contents", number>>;

const tenantsPerPage = 100;
/** A relay hands in within minutes, and begins anew under the same id after a failure. */
const keepOpenMs = 24 * 3600 * 1000;

/** What webhooks were told is for finding out why something did not arrive. */
const keepWebhookMs = 30 * 24 * 3600 * 1000;

/** Builds the run: it deletes what is too old, while `mayGoOn`. */
export function retention({ keepMs }: Pick<Settings, "keepMs">, parts: RetentionParts) {
  return async (mayGoOn: () => boolean): Promise<Expired> => {
    const now = parts.clock.now();
    const answers = await parts.answers.expire(mayGoOn);
    await new WebhookStore(parts.storage.tables).expire(now - keepWebhookMs, mayGoOn);
    await expireOpenLists(listsIn(parts), now, mayGoOn);
    if (Number.isFinite(keepMs.notifications))
      await expireReports(parts.storage.blobs, { before: now - keepMs.notifications }, mayGoOn);
    await parts.sites.expireOpen(now - keepOpenMs, mayGoOn);
    if (Number.isFinite(keepMs.deadLetters))
      await parts.deadLetters.expire(now - keepMs.deadLetters, mayGoOn);
    const each = apart("what is old stayed where it could not be deleted");
    const ofTenants = await expireByTenant(parts, keepMs, mayGoOn, each);
    const contents = await each.run("contents", () => removeUnused(parts.sync, mayGoOn), 0);
    each.end();
    return { answers, ...ofTenants, contents };
  };
}

async function expireByTenant(
  parts: RetentionParts,
  keepMs: Settings["keepMs"],
  mayGoOn: () => boolean,
  each: ReturnType<typeof apart>,
): Promise<Pick<Expired, "notifications" | "syncs">> {
  const { tenantStore, clock, sync } = parts;
  const now = clock.now();
  const [oldJobs, oldSyncs] = [now - keepMs.notifications, now - keepMs.syncs];
  const expired = { notifications: 0, syncs: 0 };
  let token: string | undefined;
  do {
    const page: Awaited<ReturnType<TenantStore["list"]>> = await tenantStore.list(
      tenantsPerPage,
      token,
    );
    for (const { tenantId } of page.tenants) {
      const jobs = () => expireOfTenant(parts, tenantId, oldJobs, mayGoOn);
      expired.notifications += await each.run(`jobs of ${tenantId}`, jobs, 0);
      const syncs = () => expireSyncs(sync, tenantId, oldSyncs, mayGoOn);
      if (Number.isFinite(oldSyncs))
        expired.syncs += await each.run(`syncs of ${tenantId}`, syncs, 0);
    }
    token = page.next;
  } while (token !== undefined && mayGoOn());
  return expired;
}

/** Jobs of one tenant with what goes with them; answers how many. */
async function expireOfTenant(
  { jobs, storage: { tables } }: RetentionParts,
  tenantId: string,
  before: Instant,
  mayGoOn: () => boolean,
): Promise<number> {
  if (!Number.isFinite(before)) return 0;
  let expired = 0;
  for (const each of jobs)
    expired += await expireJobs({ jobs: each, tables }, tenantId, before, mayGoOn);
  const old = { partition: tenantId, from: invertedTime(before) };
  await deleteRange(tables, tableNames.approvals, old, mayGoOn);
  await new RefreshStore(tables).expire(tenantId, before, mayGoOn);
  await new TaskStore(tables).expireRuns(tenantId, before, mayGoOn);
  return expired;
}

// What a tenant's removal deletes, room by room.

/** The longest a function may run (host.json), and a minute for caches and clocks. */
const longestMs = 6 * 60_000;

export type PurgeParts = {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly tenantStore: TenantStore;
  readonly purges: PurgeStore;
  readonly sites: SiteStore;
  readonly jobs: readonly JobStore[];
  readonly settleMs?: number | undefined;
};

/** Purging, with every step. */
export function purgeOf(parts: PurgeParts): TenantPurge {
  const { storage, clock, tenantStore, purges, settleMs = longestMs } = parts;
  const { throttles, approvals, relationships, deviceLocks } = tableNames;
  const rest: PurgeStep = async (tenantId, mayGoOn) => {
    for (const table of [throttles, approvals, relationships, deviceLocks])
      if (!(await deleteRange(storage.tables, table, ofTenant(tenantId), mayGoOn))) return false;
    return true;
  };
  const steps: readonly PurgeStep[] = [
    async (tenantId, mayGoOn) => {
      for (const jobs of parts.jobs)
        if (!(await purgeJobs({ jobs, tables: storage.tables }, tenantId, mayGoOn))) return false;
      return true;
    },
    (tenantId, mayGoOn) => purgeDevices(parts, tenantId, mayGoOn),
    (tenantId, mayGoOn) => purgeSyncs(storage, tenantId, mayGoOn),
    (tenantId, mayGoOn) => new TaskStore(storage.tables).purge(tenantId, mayGoOn),
    async (tenantId) => {
      await new OwnTags(storage.blobs).remove(tenantId);
      await new TenantVariables(storage.blobs).remove(tenantId);
      await expireOpenLists(listsIn(parts), clock.now(), () => true, tenantId);
      await expireReports(storage.blobs, { tenantId }, () => true);
      await new BaselineStore(storage.tables).dropTenant(tenantId);
      return true;
    },
    (tenantId, mayGoOn) => purgeSignIns(storage, tenantId, mayGoOn),
    (tenantId, mayGoOn) => new WebhookStore(storage.tables).purge(tenantId, mayGoOn),
    rest,
  ];
  const isRegistered = async (id: string) => (await tenantStore.get(id)) !== undefined;
  return new TenantPurge({
    purges,
    queues: storage.queues,
    clock,
    isRegistered,
    steps,
    settleMs,
  });
}
