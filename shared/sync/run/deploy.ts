/**
 * Deploy: makes the changes that were approved, one after the other in the order of their dependencies. Each item is
 * read again right before it is written and read back afterwards, and only what reads as wanted is done. An item that
 * moved since the plan is left alone and planned anew. Nothing is written twice: a write is marked before it is made,
 * and a mark without an outcome makes us look first.
 */
import * as z from "zod";
import { personalScopes } from "../catalogue/catalogue.ts";
import type { ConfigurationType } from "../catalogue/configuration-type.ts";
import type { Item } from "../items/item.ts";
import type { JsonObject } from "../items/json.ts";
import { filledIn } from "../plan/compare.ts";
import type { FilledIn, Plan, PlannedChange } from "../plan/plan.ts";
import type { MadeItem } from "../reading/find-names.ts";
import type { Account } from "../reading/paced-graph.ts";
import { type KeptItem, keptOf, type Tree } from "../revisions/revisions.ts";
import { readRules } from "../state/rules.ts";
import { type ItemProgress, isSettled, type Sync } from "../state/sync.ts";
import type { Stored } from "../state/sync-store.ts";
import { SyncLost, type SyncWork } from "../state/sync-work.ts";
import type { ItemWork, ItemWriter } from "./deploy-item.ts";
import { lacksConsent, PlanDocument, type PlanParts } from "./plan-sync.ts";

/** What deploying takes. */
export type DeployParts = PlanParts & {
  readonly writer: ItemWriter;
  readonly knows: (tenantId: string) => Promise<boolean>;
  readonly wait: (ms: number) => Promise<void>;
};

/** Ids of the changes that were chosen. */
const ChosenDocument = z.array(z.string());

/** How a pass of a deploy ended. */
export type Deployed =
  | { readonly kind: "on" }
  | { readonly kind: "later"; readonly afterMs: number };

/** A person has three minutes to sign in, from the moment the status says so. */
const signInMs = 180_000;
const passMs = 60_000;
/** Shorter waits than this are waited in place. */
const shortMs = 2_000;
/** Rounds of planning anew before a person has to look. */
const maxReplans = 3;

/** Goes on with a deploy. */
export async function deploy(parts: DeployParts, work: SyncWork): Promise<Deployed> {
  const { changes, targets, unread } = await approvedPlan(parts, work.sync);
  const rows = await rowsOf(parts, work, changes);
  const writer = await writerFor(parts, work, rows, changes);
  if (writer === "waits") return { kind: "on" };
  const held = await heldBefore(parts, work.sync, changes);
  const tree = await parts.revisions.tree(work.sync.tenantId, work.sync.snapshot);
  const until = parts.clock.now() + passMs;
  for (const [position, change] of changes.entries()) {
    const row = rows[position];
    const type = parts.typeOf(change.type);
    if (row === undefined || type === undefined || !isOpen(row.value)) continue;
    const made = madeBy(rows);
    const unmet = notDoneOf(change.needs, rows);
    const wanted = wantedItem(change, targets);
    const before = held.get(`${change.type}/${change.key}`);
    const item = { type, change, wanted, made, writer, tree, unmet, held: before };
    const afterMs = await oneChange(parts, work, { position, row, item, rows, until });
    // Also how we learn that somebody has asked us to stop: then this write is lost.
    await work.keep({ losses: 0 });
    if (afterMs !== undefined) {
      await work.release();
      return { kind: "later", afterMs };
    }
  }
  await finishDeploy(
    parts,
    work,
    unread,
    rows.map(({ value }) => value),
  );
  return { kind: "on" };
}

/**
 * Rows of earlier syncs whose writes Intune holds, by item: it takes no second request for the same thing, and the first one
 * goes on by itself. Nobody looks where nothing of Intune is to be written.
 */
async function heldBefore(
  parts: DeployParts,
  sync: Sync,
  changes: readonly PlannedChange[],
): Promise<ReadonlyMap<string, ItemProgress>> {
  if (!changes.some(({ type }) => parts.typeOf(type)?.graph === "beta")) return new Map();
  const rows = await unsettledElsewhere(parts, sync);
  return new Map(
    rows.flatMap((row) => {
      const isHeld = row.state === "waitingForIntuneApproval";
      return isHeld ? [[`${row.type}/${row.key}`, row] as const] : [];
    }),
  );
}

/** What of a tenant's other syncs has not ended, of those of which Intune holds something. */
export async function unsettledElsewhere(
  { store }: Pick<DeployParts, "store">,
  { tenantId, syncId }: Sync,
): Promise<ItemProgress[]> {
  // Intune ends what nobody approves after days; what it holds longer than so many syncs is over.
  const { items } = await store.list(tenantId, 100);
  const holders = items.filter(
    (each) => each.syncId !== syncId && (each.deployed?.waiting ?? 0) > 0,
  );
  const rows = await Promise.all(holders.map((each) => store.items(tenantId, each.syncId)));
  return rows.flatMap((own) => own.flatMap(({ value }) => (isSettled(value) ? [] : [value])));
}

const isOpen = (row: ItemProgress): boolean =>
  !isSettled(row) && row.state !== "waitingForIntuneApproval";
/** What these rows have made or changed, as far as its id is known. */
export const madeBy = (rows: readonly Stored<ItemProgress>[]): MadeItem[] =>
  rows.flatMap(({ value: { type, id, name } }) => (id === undefined ? [] : [{ type, id, name }]));

/** The first of these changes that is not done: the plan has put them before whatever needs them. */
const notDoneOf = (
  changeIds: readonly string[],
  rows: readonly Stored<ItemProgress>[],
): ItemProgress | undefined =>
  rows.find(({ value }) => value.state !== "done" && changeIds.includes(value.changeId))?.value;

/** The changes that were chosen of the plan, and what they make of their items. */
async function approvedPlan({ revisions }: DeployParts, sync: Sync) {
  if (sync.plan === undefined || sync.approval === undefined)
    throw new Error(`sync ${sync.syncId} has no approved plan`);
  const { plan, targets } = await revisions.document(
    sync.tenantId,
    sync.plan.document,
    PlanDocument,
  );
  const ids = await revisions.document(sync.tenantId, sync.approval.chosen, ChosenDocument);
  const chosen = new Set(ids);
  const changes = plan.changes.filter(({ changeId }) => chosen.has(changeId));
  // A type for which the tenant has no licence is not there: nothing is missing.
  const unread = plan.unread.filter(({ reason }) => reason !== "licenceMissing");
  return { changes, targets, unread };
}

/** Rows of this deploy's changes; a later round of planning has rows of its own behind those before. */
async function rowsOf(
  { store, clock }: DeployParts,
  { sync: { tenantId, syncId, plan, replans: round } }: SyncWork,
  changes: readonly PlannedChange[],
): Promise<Stored<ItemProgress>[]> {
  const now = clock.now();
  const queued = ({ changeId, type, key, name, action }: PlannedChange): ItemProgress => ({
    v: 1,
    changeId,
    type,
    key,
    name,
    action,
    state: "queued",
    tries: 0,
    round,
    ...(plan === undefined ? {} : { plan: plan.document }),
    touchedAt: now,
  });
  const before = await store.items(tenantId, syncId);
  const known = new Map(before.map((row) => [row.value.changeId, row]));
  const fresh = changes.filter(({ changeId }) => !known.has(changeId));
  if (fresh.length > 0) await store.addItems(tenantId, syncId, fresh.map(queued));
  // The same change once more, of an item that had moved elsewhere: the round before has left it alone.
  for (const change of changes) {
    const old = known.get(change.changeId);
    if (old === undefined || old.value.state !== "stale" || old.value.round === round) continue;
    const again = { value: queued(change), etag: old.etag };
    if ((await store.replaceItem(tenantId, syncId, again)) === undefined)
      throw new SyncLost(`${syncId} ${change.key}`);
  }
  const rows = new Map(
    (await store.items(tenantId, syncId)).map((row) => [row.value.changeId, row]),
  );
  return changes.flatMap(({ changeId }) => rows.get(changeId) ?? []);
}

/** An item as the plan wants it; absent where it is to go. */
export function wantedItem(
  { changeId, type, key, name, id }: PlannedChange,
  targets: Readonly<Record<string, JsonObject>>,
): Item | undefined {
  const body = targets[changeId];
  return body && { type, key, name, body, ...(id === undefined ? {} : { id }) };
}

/** Whoever writes what only a person may; "waits" when the sync waits for one from now on. */
async function writerFor(
  parts: DeployParts,
  work: SyncWork,
  rows: readonly Stored<ItemProgress>[],
  changes: readonly PlannedChange[],
): Promise<Account | undefined | "waits"> {
  const needsUser = changes.some(
    ({ type }, at) =>
      parts.typeOf(type)?.writtenBy === "user" && rows[at] !== undefined && isOpen(rows[at].value),
  );
  if (!needsUser || work.sync.withoutUser === true) return undefined;
  const types = changes.flatMap(({ type }) => parts.typeOf(type) ?? []);
  const found = await personFor(parts, work, personalScopes(types, "write"));
  if (found.kind === "account") return found.account;
  if (found.kind === "waits") return "waits";
  await work.keep({ withoutUser: true, remark: found.why });
  return undefined;
}

/** Whoever is signed in for what only a person may do; the sync may wait for one from now on, or go on without. */
export async function personFor(
  { user, clock }: Pick<DeployParts, "user" | "clock">,
  work: SyncWork,
  scopes: readonly string[],
): Promise<
  | { readonly kind: "account"; readonly account: Account }
  | { readonly kind: "waits" }
  | { readonly kind: "nobody"; readonly why: string }
> {
  const access = await user(work.sync.tenantId, scopes);
  if (access.kind === "account") return access;
  if (access.kind === "signInNeeded" && work.sync.onMissingUser === "wait") {
    const now = clock.now();
    const waits = { for: "user" as const, since: now, until: now + signInMs };
    await work.move("needUser", { waits, leaseUntil: now, losses: 0 });
    return { kind: "waits" };
  }
  const why =
    access.kind === "blocked"
      ? `The tenant blocks the sign-in: ${access.detail}`
      : "Nobody is signed in for the tenant.";
  return { kind: "nobody", why };
}

type OneChange = {
  readonly position: number;
  readonly row: Stored<ItemProgress>;
  readonly rows: Stored<ItemProgress>[];
  readonly until: number;
  readonly item: {
    readonly type: ConfigurationType;
    readonly change: PlannedChange;
    readonly wanted: Item | undefined;
    readonly made: readonly MadeItem[];
    readonly writer: Account | undefined;
    readonly tree: Tree;
    /** What has to be done before it, and is not. */
    readonly unmet: ItemProgress | undefined;
    /** The row of an earlier sync whose write of it Intune holds still. */
    readonly held: ItemProgress | undefined;
  };
};

/** Makes one change; answers when to come back where it is not settled. */
async function oneChange(
  parts: DeployParts,
  work: SyncWork,
  { position, row, rows, until, item }: OneChange,
): Promise<number | undefined> {
  const { tenantId, syncId } = work.ids;
  const { type, change, wanted, made, writer, tree } = item;
  let stored = row;
  const keep = async (next: ItemProgress): Promise<void> => {
    const value = { ...next, touchedAt: parts.clock.now() };
    const etag = await parts.store.replaceItem(tenantId, syncId, { value, etag: stored.etag });
    if (etag === undefined) throw new SyncLost(`${syncId} ${change.key}`);
    stored = { value, etag };
    rows[position] = stored;
  };
  const left = leftOut(work, item, stored.value);
  if (left !== undefined) {
    await keep({ ...stored.value, ...left });
    return undefined;
  }
  const itemWork: ItemWork = {
    ids: work.ids,
    change,
    type,
    wanted,
    id: change.id,
    writer: type.writtenBy === "user" && writer !== undefined ? writer : tenantId,
    made,
    tree,
  };
  for (;;) {
    const { next, afterMs } = await parts.writer.goOn(itemWork, stored.value, keep);
    await keep(next);
    if (!isOpen(next)) return undefined;
    const waitMs = afterMs ?? 0;
    if (waitMs > shortMs || parts.clock.now() + waitMs >= until) return waitMs;
    await parts.wait(waitMs);
  }
}

/** Why a change is not made now, and what becomes of it; undefined where it is made. */
function leftOut(
  { sync }: SyncWork,
  { type, writer, unmet, held }: OneChange["item"],
  { state }: ItemProgress,
): Partial<ItemProgress> | undefined {
  if (sync.cancelled !== undefined && state === "queued")
    return { state: "skipped", detail: "Cancelled before it was written." };
  // What somebody still names is not taken away. It is planned anew together with what has moved.
  if (unmet !== undefined && state === "queued")
    return {
      state: unmet.state === "stale" ? "stale" : "skipped",
      reason: "dependencyFailed",
      detail: `It needs ${unmet.type} "${unmet.name}", which is not done.`,
    };
  if (held?.approvalCode !== undefined && state === "queued")
    return {
      state: "waitingForIntuneApproval",
      approvalCode: held.approvalCode,
      detail: "Intune holds an earlier request for it until a second administrator decides there.",
    };
  // What was written is read back all the same.
  if (type.writtenBy === "user" && writer === undefined && state !== "checking")
    return {
      state: "skipped",
      reason: "delegatedRequired",
      detail: "Only a person may write it, and nobody is signed in for the tenant.",
    };
  return undefined;
}

/** What an item read as, after a deploy: `kept` is null where there is none any more. */
const FoundDocument = z.object({
  kept: z.custom<KeptItem | null>((kept) => typeof kept === "object"),
});

/** The snapshot takes in what was read back; what had moved is planned anew; everything else is the sync's end. */
async function finishDeploy(
  parts: DeployParts,
  work: SyncWork,
  unread: Plan["unread"],
  rows: readonly ItemProgress[],
): Promise<void> {
  const { sync } = work;
  await noteFilledIn(parts, work, rows);
  const { snapshot, after } = await keepTouched(parts, sync.snapshot, sync, rows);
  const deployed = withCounts(sync.deployed, rows);
  const stale = rows.filter(({ state }) => state === "stale");
  if (stale.length > 0 && sync.replans < maxReplans && sync.cancelled === undefined) {
    const items = stale.map(({ type, key }) => ({ type, key }));
    const kept = { replans: sync.replans + 1, aside: asideOf(sync), items };
    await work.keep({ phase: "plan", ...kept, snapshot, after, deployed });
    return;
  }
  const { done, failed, waiting } = deployed;
  if (sync.cancelled !== undefined && done + failed + waiting === 0) {
    const said = ["Cancelled before anything was written.", ...remarksOf(sync)];
    await work.finish("cancel", { outcome: "cancelled", deployed, remark: said.join("\n") });
    return;
  }
  const isWhole = deployed.failed + deployed.waiting + deployed.skipped + stale.length === 0;
  const left = unread.length + asideOf(sync);
  const isPartial = !isWhole || left > 0;
  // All else is done: what is missing is an administrator's, and nothing that one could retry.
  const isConsentAll = isWhole && asideOf(sync) === 0 && lacksConsent(sync, unread);
  const remark = remarkOf(rows, unread, sync);
  const end = { deployed, after, ...(remark === "" ? {} : { remark }) };
  if (isNothingDone(sync, { ...deployed, failed: failed + stale.length }))
    return work.fail(nothingDone(rows), "fail", end, { snapshot });
  await work.finish(
    isConsentAll ? "finishWithoutConsent" : isPartial ? "finishPartly" : "finish",
    { outcome: isPartial ? "partial" : "succeeded", ...end },
    { snapshot },
  );
}

/** Items that its plans have blocked, those of its earlier rounds included. */
const asideOf = ({ aside = 0, plan }: Sync): number => aside + (plan?.counts.blocked ?? 0);

/**
 * Whether a deploy has failed as a whole: "Partially succeeded" says that some of it was done. What was left out for want of
 * a person has not failed, and neither has one that somebody stopped.
 */
export const isNothingDone = (
  { cancelled }: Pick<Sync, "cancelled">,
  { done, failed, waiting }: NonNullable<Sync["deployed"]>,
): boolean => cancelled === undefined && failed > 0 && done + waiting === 0;

/** The error of such a deploy. */
export const nothingDone = (rows: readonly ItemProgress[]) => ({
  code: "nothing-done",
  text: "None of the approved changes is done.",
  cause: wordsOn(rows).slice(0, 5).join("\n"),
  remedy: "Mend what is said of each change, then retry what failed.",
  requestIds: rows.flatMap(({ requestId }) => requestId ?? []).slice(0, 20),
});

/** What became of changes, with those of the rounds before. */
function withCounts(before: Sync["deployed"], rows: readonly ItemProgress[]) {
  const of = (state: string): number => rows.filter((row) => row.state === state).length;
  return {
    done: (before?.done ?? 0) + of("done"),
    failed: (before?.failed ?? 0) + of("failed"),
    waiting: (before?.waiting ?? 0) + of("waitingForIntuneApproval"),
    skipped: (before?.skipped ?? 0) + of("skipped"),
  };
}

/** What was said of a sync while it worked, such as why it was cancelled. */
const remarksOf = ({ remark }: Sync): string[] => (remark === undefined ? [] : [remark]);

/** What is said of each change that is not done. */
const wordsOn = (rows: readonly ItemProgress[]): string[] =>
  rows.flatMap(({ state, type, name, reason = "", detail = "" }) =>
    state === "done" ? [] : [`${type} ${name}: ${state} ${reason} ${detail}`.trim()],
  );

const remarkOf = (rows: readonly ItemProgress[], unread: Plan["unread"], sync: Sync): string =>
  [
    ...(sync.cancelled === undefined ? [] : ["Cancelled after some of it was written."]),
    ...remarksOf(sync),
    ...wordsOn(rows),
    ...unread.map(({ type, reason, detail }) => `${type} was not read (${reason}): ${detail}`),
  ]
    .slice(0, 20)
    .join("\n");

/** Takes what was read back into a snapshot, and into what the sync's deploys have found. */
export async function keepTouched(
  parts: DeployParts,
  snapshot: string | undefined,
  sync: Sync,
  rows: readonly ItemProgress[],
): Promise<{ readonly snapshot: string; readonly after: string }> {
  const { revisions } = parts;
  const { tenantId } = sync;
  const before = await revisions.tree(tenantId, snapshot);
  const touched = await touchedTypes(parts, tenantId, before, rows);
  const known = await revisions.tree(tenantId, sync.after);
  return {
    snapshot: await revisions.putTree(tenantId, { ...before, ...touched }, snapshot),
    after: await revisions.putTree(tenantId, { ...known, ...touched }),
  };
}

/** Manifests of the types that were touched, with their items as they read now. */
async function touchedTypes(
  { revisions }: DeployParts,
  tenantId: string,
  before: Tree,
  rows: readonly ItemProgress[],
): Promise<Tree> {
  const touched: Record<string, string> = {};
  for (const [type, own] of Map.groupBy(rows, (row) => row.type)) {
    const content = await revisions.content(tenantId, type, before[type]);
    const kept = new Map(keptOf(content).map((each) => [each.item.key, each]));
    const known = new Map(content.items.flatMap(({ id, key }) => (id ? [[id, key] as const] : [])));
    for (const { key, found } of own) {
      if (found === undefined) continue;
      const now = (await revisions.document(tenantId, found, FoundDocument)).kept;
      if (now === null) kept.delete(key);
      else {
        const each = underKnown(now, known);
        kept.set(each.item.key, each);
      }
    }
    touched[type] = await revisions.putType(tenantId, type, [...kept.values()], before[type]);
  }
  return touched;
}

/** An item under the key that its id had before, whatever it is called now: as the next export has it. */
function underKnown({ item, entry }: KeptItem, known: ReadonlyMap<string, string>): KeptItem {
  const key = known.get(item.id ?? "") ?? item.key;
  return { item: { ...item, key }, entry: { ...entry, key } };
}

/** Notes what the service has filled in of what was created: it is no difference, as long as it stays so. */
export async function noteFilledIn(
  { revisions, typeOf }: DeployParts,
  work: SyncWork,
  rows: readonly ItemProgress[],
): Promise<void> {
  const { tenantId } = work.ids;
  const fresh: Record<string, FilledIn> = {};
  for (const { state, action, found, plan: document, changeId, type, key } of rows) {
    if (state !== "done" || action !== "create" || !found || !document) continue;
    const { kept } = await revisions.document(tenantId, found, FoundDocument);
    const { plan, targets } = await revisions.document(tenantId, document, PlanDocument);
    const written = plan.changes.find((change) => change.changeId === changeId)?.after;
    const [known, target] = [typeOf(type), targets[changeId]];
    if (!known || !kept || !target || !written) continue;
    const places = filledIn(known, target, kept.item.body) ?? [];
    if (places.length > 0)
      fresh[`${type}/${key}`] = { written, found: kept.entry.hash, places: [...places] };
  }
  if (Object.keys(fresh).length === 0) return;
  const rules = await readRules(revisions, work.tenant);
  const filled = { ...rules.filled, ...fresh };
  await work.decide(await revisions.putDocument(tenantId, { ...rules, filled }, work.tenant.rules));
}
