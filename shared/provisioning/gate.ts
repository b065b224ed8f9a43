/** What runs are to the rules of the approval gate, and whether whoever asked for one may still begin it. */
import { decide, type SnapshotReader, type Standing } from "../access/roles/decide.ts";
import type { Caller } from "../access/sign-in/caller.ts";
import type { CollectionStore } from "../devices/collections/collection-store.ts";
import type { DirectoryStore } from "../devices/directory/directory.ts";
import type { Gate } from "../fanout/kind.ts";
import type { JobFailure } from "../fanout/state/job.ts";
import { actionsIn, type Run } from "./run.ts";
import { limitsWith } from "./start-run.ts";

type Parts = {
  readonly directory: Pick<DirectoryStore, "getMany">;
  readonly collections: Pick<CollectionStore, "reachOf">;
  readonly snapshots: SnapshotReader;
};

/** The gate's side of runs. A rule is about an action that must not be done twice: one of those of the template. */
export const runGate = (parts: Parts): Gate<Run> => ({
  kind: "provisioning",
  actionOf: ({ gated, guarded }) => gated ?? guarded[0] ?? "",
  shown: ({ templateName, version, guarded, named }, count) => ({
    summary: `${templateName} version ${version} on ${count} device(s), with ${guarded.join(", ")}`,
    parameters: { template: templateName, version, guarded },
    target: { ...named },
  }),
  whole: ({ content, ...run }) => ({
    tenantId: run.tenantId,
    templateId: run.templateId,
    version: run.version,
    hash: run.hash,
    content,
  }),
  hindrance: (run, requester, deviceIds) => lostRights(parts, run, requester, deviceIds),
});

const lost = (detail: string): JobFailure => ({ code: "requester-lost-rights", detail });

async function lostRights(
  { snapshots, collections, directory }: Parts,
  run: Run,
  requester: Caller,
  deviceIds: readonly string[],
): Promise<JobFailure | undefined> {
  // Nothing remembered: a role that was taken away a second ago gives nothing.
  snapshots.invalidate();
  const standing: Standing = { caller: requester, ...(await snapshots.read()) };
  const { tenantId } = run;
  const may = decide(standing, "provisioning.run", { kind: "tenant", tenantId });
  const types = actionsIn(run).map(({ action }) => action.type);
  const limits = limitsWith(standing, tenantId, types);
  if (!may.allowed || !limits.ok) return lost("who asked for it may not do it any more");
  const reach = await collections.reachOf(tenantId, limits.value);
  if (reach === undefined) return undefined;
  const devices = await directory.getMany(tenantId, deviceIds);
  const all = [...devices.values()].every((device) => reach.holds(device));
  return all ? undefined : lost("who asked for it does not reach all of its devices any more");
}
