/**
 * Taking back what a sync did. What is wanted becomes what was there before, for the items that it may have written or
 * has reset, and a new sync plans the way back, which has to be approved like any other. Both are one write: an undo
 * that is refused has changed nothing.
 */
import { fail, type Result } from "../../kernel/failure.ts";
import { desiredForUndo, rulesAfterReset, rulesWith } from "../plan/reset.ts";
import { readRules } from "../state/rules.ts";
import type { ItemName, Sync, TenantSync } from "../state/sync.ts";
import type { SyncIds } from "../state/sync-work.ts";
import { type NewSync, type Prepared, type StartParts, startSync } from "./start-sync.ts";
import { takenFrom, unknownSync } from "./verdicts.ts";

/** Takes back what a sync did: its deploys, its reset, or both. */
export async function undoSync(
  parts: StartParts,
  ids: SyncIds,
  asked: Pick<NewSync, "syncId" | "types" | "by">,
): Promise<Result<Sync>> {
  const { tenantId } = ids;
  const done = (await parts.store.sync(tenantId, ids.syncId))?.value;
  if (done === undefined) return unknownSync(ids);
  const touched = await touchedBy(parts, done);
  const items = [...touched.written, ...touched.reset];
  if (items.length === 0)
    return fail("conflict", `The sync ${ids.syncId} changed nothing that could be taken back.`);
  return startSync(
    parts,
    { ...asked, tenantId, mode: "planAndDeploy", trigger: "undo", items, undoes: ids.syncId },
    (tenant) => wantedBefore(parts, tenant, done, touched),
  );
}

type Touched = { readonly written: readonly ItemName[]; readonly reset: readonly ItemName[] };

/**
 * The items that a sync may have written, whatever became of them: each write was marked before it was made. And those
 * that it has reset, after an earlier round of it had written others.
 */
async function touchedBy({ store }: StartParts, sync: Sync): Promise<Touched> {
  const rows = await store.items(sync.tenantId, sync.syncId);
  const written = rows.flatMap(({ value: { writtenAt, type, key } }) =>
    writtenAt === undefined ? [] : [{ type, key }],
  );
  const isWritten = ({ type, key }: ItemName): boolean =>
    written.some((each) => each.type === type && each.key === key);
  const reset = sync.outcome === "rejectedAndReset" ? (sync.items ?? []) : [];
  return { written, reset: reset.filter((name) => !isWritten(name)) };
}

/** What is wanted and decided as it was: of what was written what the tenant had, of what was reset what was wanted. */
async function wantedBefore(
  parts: StartParts,
  tenant: TenantSync,
  done: Sync,
  { written, reset }: Touched,
): Promise<Prepared> {
  const { revisions } = parts;
  const { tenantId } = tenant;
  const back = await takenFrom(parts, tenant, done.base, written, desiredForUndo);
  const own = { tenantId, desired: back };
  const desired = await takenFrom(parts, own, done.desired, reset, desiredForUndo);
  // What a deploy had gone by would only ask for the same again; what a reset had dropped comes back.
  const rules = rulesAfterReset(await readRules(revisions, tenant), [...written, ...reset]);
  const before = await readRules(revisions, { tenantId, rules: done.rules });
  const document = await revisions.putDocument(tenantId, rulesWith(rules, before, reset));
  return { desired, rules: document, message: `Undo of sync ${done.syncId}` };
}
