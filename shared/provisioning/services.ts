/** Builds what provisioning works with, once per process. */
import type { SnapshotReader } from "../access/roles/decide.ts";
import { decide } from "../access/roles/decide.ts";
import { type Caller, principalOf } from "../access/sign-in/caller.ts";
import { BulkRefusals } from "../devices/actions/asked-devices.ts";
import { RemoteActionAudits } from "../devices/actions/audits.ts";
import type { CollectionStore } from "../devices/collections/collection-store.ts";
import type { DirectoryStore } from "../devices/directory/directory.ts";
import type { GateParts } from "../fanout/care/approval-gate.ts";
import type { ItemStore } from "../fanout/state/item-store.ts";
import { isOpen } from "../fanout/state/job.ts";
import type { GraphClient } from "../graph/client.ts";
import { faultsOf, invalidRequest } from "../http/body.ts";
import { fromIso } from "../kernel/clock.ts";
import { type Result, succeed } from "../kernel/failure.ts";
import type { MaintenanceBook } from "../schedules/maintenance.ts";
import type { Storage } from "../storage/storage.ts";
import { findActionType } from "./actions/catalogue.ts";
import { FactCondition } from "./actions/condition.ts";
import { stepsOver } from "./actions/device-steps.ts";
import { ListWatch, managedDevices } from "./actions/watch.ts";
import { NewRun } from "./contract.ts";
import { runGate } from "./gate.ts";
import { DeviceLocks } from "./holding/device-lock.ts";
import type { HoldParts } from "./holding/holds.ts";
import { runKind } from "./kind.ts";
import { previewRun } from "./preview-run.ts";
import { runView } from "./read-runs.ts";
import { latestOf } from "./restart/offer.ts";
import { RunJobs } from "./run.ts";
import type { runStarter, ScheduledRun } from "./scheduled.ts";
import { type RunParts, startRun } from "./start-run.ts";
import { TemplateBook } from "./templates/manage-templates.ts";
import { TemplateStore } from "./templates/template-store.ts";
import { TenantVariables } from "./templates/tenant-variables.ts";

/** What it is built from. */
type Base = {
  readonly storage: Storage;
  readonly graph: GraphClient;
  readonly directory: DirectoryStore;
  readonly collections: CollectionStore;
  readonly snapshots: SnapshotReader;
  readonly items: ItemStore;
  readonly maintenance: Pick<MaintenanceBook, "get">;
  /** Time to the first reading back. */
  readonly confirmAfterMs: number;
};

/** Templates, and runs as a kind of job; `partsWith` gives what runs are started and read with, once there is an engine. */
export function provisioningServices(base: Base) {
  const { storage, directory, collections, snapshots, maintenance } = base;
  const { tables, blobs, clock } = storage;
  const templates = new TemplateBook({
    store: new TemplateStore({ tables, blobs }),
    judges: { findType: findActionType, condition: FactCondition },
    clock,
  });
  const tenantVariables = new TenantVariables(blobs);
  const jobs = new RunJobs(storage);
  const locks = new DeviceLocks(tables);
  const kind = kindOver(base, { jobs, locks });
  const standingOf = async (caller: Caller) => ({ caller, ...(await snapshots.read()) });
  const versionOf: RunParts["versionOf"] = async (templateId, version, caller) => {
    const found = await templates.version(templateId, version, await viewerOf(standingOf, caller));
    if (!found.ok) return found;
    const { template, version: made, content } = found.value;
    const { name } = template;
    return succeed({ templateId, name, version: made.version, hash: made.hash, content });
  };
  const variablesOf = async (tenantId: string) => (await tenantVariables.get(tenantId)).value;
  const own = { kind, jobs, locks, tables, blobs, directory, collections, maintenance };
  return {
    templates,
    tenantVariables,
    kind,
    jobs,
    partsWith: (gate: GateParts): RunParts => ({
      ...gate,
      ...own,
      versionOf,
      variablesOf,
      standingOf,
    }),
  };
}

/** Whoever asks, as templates see them; nobody is the app itself, which sees all. */
async function viewerOf(standingOf: RunParts["standingOf"], caller: Caller | undefined) {
  if (caller === undefined)
    return { me: { kind: "app" as const, homeTenantId: "", id: "" }, administers: true };
  const standing = await standingOf(caller);
  const { allowed } = decide(standing, "templates.administer", { kind: "global" });
  return { me: principalOf(caller), administers: allowed };
}

function kindOver(
  { storage, graph, directory, collections, snapshots, items, maintenance, confirmAfterMs }: Base,
  { jobs, locks }: { readonly jobs: RunJobs; readonly locks: DeviceLocks },
) {
  const { clock } = storage;
  const watch = new ListWatch(graph, clock);
  // Half of the time to the first reading back: a round never goes by what the one before has read.
  const audits = new RemoteActionAudits(graph, clock, Math.min(confirmAfterMs / 2, 15_000));
  const stepFor = stepsOver({ graph, clock, audits, bulkRefusals: new BulkRefusals(clock), watch });
  const lastSeen: HoldParts["lastSeen"] = async (tenantId, deviceIds) => {
    const listed = await watch.latest(tenantId, managedDevices);
    return new Map(
      deviceIds.flatMap((id) => {
        const at = fromIso(listed.find(id)?.value.lastSyncDateTime ?? "");
        return at === undefined ? [] : [[id, at] as const];
      }),
    );
  };
  return runKind({
    clock,
    directory,
    collections,
    maintenance,
    locks,
    jobs,
    items,
    lastSeen,
    targets: (runId) => jobs.targets(runId),
    stepFor,
    gate: runGate({ directory, collections, snapshots }),
    roundMs: confirmAfterMs,
  });
}

function wholeOf(scheduled: ScheduledRun): Result<NewRun> {
  const { only: _, ...wanted } = scheduled;
  const body = NewRun.safeParse(wanted);
  return body.success ? succeed(body.data) : invalidRequest(faultsOf(body.error, "/provisioning"));
}

/** What tasks begin runs by. */
export const scheduledRuns = (parts: RunParts): Parameters<typeof runStarter>[0] => ({
  async begin(tenantId, runId, wanted, { owner, taskId, windows, longestRunMs, cutoffMs }) {
    const body = wholeOf(wanted);
    if (!body.ok) return body;
    const within = { windows, longestRunMs, cutoffMs };
    const { only } = wanted;
    const how = { caller: owner, cause: "schedule", taskId, within, only } as const;
    return startRun(parts, tenantId, runId, body.value, how);
  },
  async preview(tenantId, wanted, by) {
    const body = wholeOf(wanted);
    const how = { ...by, only: wanted.only };
    return body.ok ? previewRun(parts, tenantId, body.value, how) : body;
  },
  async resultOf(tenantId, runId) {
    const stored = await parts.jobs.get(tenantId, runId);
    if (stored === undefined) return undefined;
    const view = await runView(parts, stored.job);
    const { runs, buckets, verdict } = (await latestOf(parts, stored.job, view)) ?? {
      ...view,
      runs: [],
    };
    const ended = verdict === undefined ? {} : { verdict };
    return { runs: [runId, ...runs], total: view.total, buckets, ...ended };
  },
  async stateOf(tenantId, runId) {
    const stored = await parts.jobs.get(tenantId, runId);
    if (stored === undefined) return "none";
    return isOpen(stored.job) ? "underWay" : "ended";
  },
});
