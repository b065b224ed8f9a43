/**
 * Going back: by a reset what is wanted becomes what the tenant has, by an undo what was there before a sync, for the
 * items that it may have written or has reset. A new sync plans that way back, which has to be approved like any other.
 * Both are one write: an undo that is refused has changed nothing.
 */
import type { Instant } from "../../kernel/clock.ts";
import { fail, type Result, succeed } from "../../kernel/failure.ts";
import type { TypeContent } from "../items/item.ts";
import { confirmable } from "../plan/plan.ts";
import { desiredAfterReset, desiredForUndo, rulesAfterReset, rulesWith } from "../plan/reset.ts";
import { keptOf, type Tree } from "../revisions/revisions.ts";
import { readRules, withEdit } from "../state/rules.ts";
import type { ItemName, Sync, TenantSync, Who } from "../state/sync.ts";
import type { SyncIds } from "../state/sync-work.ts";
import { type NewSync, type Prepared, type StartParts, startSync } from "./start-sync.ts";
import { unknownSync, waitingPlan, withWork } from "./verdicts.ts";

/** Rejects a plan, and takes what the tenant has for what is wanted, of all its changes or of the named items. */
export async function rejectAndReset(
  parts: StartParts,
  ids: SyncIds,
  asked: {
    readonly planHash: string;
    readonly items?: readonly ItemName[] | undefined;
    readonly comment?: string | undefined;
  },
  by: Who,
): Promise<Result<Sync>> {
  return withWork(parts, ids, async (work) => {
    const found = await waitingPlan(parts, work, asked.planHash);
    if (!found.ok) return found;
    const plan = found.value;
    const planned = [...plan.changes, ...confirmable(plan)].map(({ type, key }) => ({ type, key }));
    const names = asked.items ?? planned;
    const strange = strangeTo(planned, names);
    if (strange !== undefined) return strange;
    const { revisions } = parts;
    const desired = await takenFrom(
      parts,
      work.tenant,
      work.sync.snapshot,
      names,
      desiredAfterReset,
    );
    const { rules: before, desired: wanted } = work.tenant;
    const rules = withEdit(
      rulesAfterReset(await readRules(revisions, work.tenant), names),
      by,
      names,
      parts.clock.now(),
    );
    await work.finish(
      "rejectAndReset",
      {
        outcome: "rejectedAndReset",
        items: [...names],
        // Somebody may have changed what is wanted since the plan: an undo goes back to that.
        ...(wanted === undefined ? {} : { desired: wanted }),
        ...(before === undefined ? {} : { rules: before }),
      },
      { desired, rules: await revisions.putDocument(ids.tenantId, rules) },
      by,
      asked.comment ?? `Reset to what sync ${ids.syncId} found`,
    );
    return succeed(work.sync);
  });
}

/** Says which of the names is no item of the plan. */
function strangeTo(planned: readonly ItemName[], names: readonly ItemName[]) {
  const isPlanned = (name: ItemName): boolean =>
    planned.some(({ type, key }) => type === name.type && key === name.key);
  const strange = names.findIndex((name) => !isPlanned(name));
  return strange < 0
    ? undefined
    : fail("invalid-request", "Only items of this plan can be reset.", {
        faults: [{ pointer: `/items/${strange}`, detail: "is no item of this plan" }],
      });
}

/** The desired tree with these items as another tree has them. */
async function takenFrom(
  { revisions }: StartParts,
  { tenantId, desired }: Pick<TenantSync, "tenantId" | "desired">,
  source: string | undefined,
  names: readonly ItemName[],
  take: typeof desiredAfterReset,
): Promise<string> {
  const [own, other] = [
    await revisions.tree(tenantId, desired),
    await revisions.tree(tenantId, source),
  ];
  const types = [...new Set(names.map(({ type }) => type))].filter((type) => other[type]);
  const contents = (tree: Tree): Promise<TypeContent[]> =>
    Promise.all(types.map((type) => revisions.content(tenantId, type, tree[type])));
  const next: Record<string, string> = { ...own };
  for (const content of take(await contents(own), await contents(other), names)) {
    const { type } = content;
    next[type] = await revisions.putType(tenantId, type, keptOf(content), own[type]);
  }
  return revisions.putTree(tenantId, next, desired);
}

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
    (tenant, now) => wantedBefore(parts, tenant, done, touched, { by: asked.by, now }),
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
  { by, now }: { readonly by: Who; readonly now: Instant },
): Promise<Prepared> {
  const { revisions } = parts;
  const { tenantId } = tenant;
  const back = await takenFrom(parts, tenant, done.base, written, desiredForUndo);
  const own = { tenantId, desired: back };
  const desired = await takenFrom(parts, own, done.desired, reset, desiredForUndo);
  // What a deploy had gone by would only ask for the same again; what a reset had dropped comes back.
  const rules = rulesAfterReset(await readRules(revisions, tenant), [...written, ...reset]);
  const before = await readRules(revisions, { tenantId, rules: done.rules });
  const decided = withEdit(rulesWith(rules, before, reset), by, [...written, ...reset], now);
  const document = await revisions.putDocument(tenantId, decided);
  return { desired, rules: document, message: `Undo of sync ${done.syncId}` };
}
