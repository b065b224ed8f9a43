/**
 * Planning: what the export found becomes the tenant's snapshot, and is compared with what is wanted. The first sync
 * of a tenant only keeps what it found: from then on that is what is wanted. A plan without changes ends the sync;
 * any other waits for somebody to approve it, and nothing has touched the tenant until then.
 */
import * as z from "zod";
import type { ReasonCode } from "../catalogue/configuration-type.ts";
import type { ItemEntry, TypeContent } from "../items/item.ts";
import type { JsonObject } from "../items/json.ts";
import { lookupIn } from "../items/references.ts";
import { movesMembers } from "../plan/moved-groups.ts";
import { confirmable, type Plan, planHash } from "../plan/plan.ts";
import { locationType, type PlanInput, planWithTargets, policyType } from "../plan/plan-of.ts";
import { tokensIn } from "../plan/shape.ts";
import type { ExportParts } from "../reading/export.ts";
import type { ThingFinder } from "../reading/find-names.ts";
import type { LockOutReader } from "../reading/lock-out-facts.ts";
import { type KeptItem, keptOf, type Tree } from "../revisions/revisions.ts";
import { type RulesDocument, readRules } from "../state/rules.ts";
import { type Sync, type TenantSync, theService } from "../state/sync.ts";
import type { SyncWork } from "../state/sync-work.ts";

/** What planning takes. */
export type PlanParts = ExportParts & {
  readonly things: ThingFinder;
  /** Who could be locked out by a policy; asked only when a plan changes policies. */
  readonly lockOut: LockOutReader;
  readonly enabledTypes: (settings: TenantSync["settings"]) => string[];
};

/** A plan as it is kept, with what each change makes of its item: by this tenant's rules, not only as it is desired. */
export const PlanDocument = z.object({
  plan: z.custom<Plan>((plan) => typeof plan === "object" && plan !== null),
  targets: z.record(
    z.string(),
    z.custom<JsonObject>((body) => typeof body === "object" && body !== null),
  ),
});

const dayMs = 24 * 3600_000;

/** Compares, and either ends the sync or lets it wait for approval. */
export async function planSync(parts: PlanParts, work: SyncWork): Promise<void> {
  const { revisions, clock } = parts;
  const { sync, tenant } = work;
  if (await isUnread(parts, work)) return work.note({ phase: "export" });
  const read = await readTypes(work);
  const before = await revisions.tree(sync.tenantId, tenant.snapshot);
  // What a deploy of this sync has read back is newer than what its export had found.
  const deployed = await revisions.tree(sync.tenantId, sync.after);
  const snapshotTree: Tree = { ...before, ...read.manifests, ...deployed };
  const snapshot = await revisions.putTree(sync.tenantId, snapshotTree, tenant.snapshot);
  if (read.isNothing) return failWhole(work, read);
  const isFirst = tenant.desired === undefined;
  // What nobody has ever wanted otherwise is wanted as it was found; a type that is read for the first time too.
  const known = await revisions.tree(sync.tenantId, tenant.desired);
  const desired = await revisions.putTree(
    sync.tenantId,
    await wantedAsFound(parts, sync, { before, now: snapshotTree, known }),
    tenant.desired,
    snapshot,
  );
  const kept = { snapshot, desired };
  if (isFirst || sync.mode === "exportOnly") return finishRead(work, read, kept);
  const made = await makePlan(parts, work, { snapshotTree, desired, read });
  if ("kind" in made) return failPlan(work, made);
  const { plan, targets } = made;
  const hash = planHash(plan);
  // A night that finds what the last one has found writes nothing.
  const document = await revisions.putDocument(
    sync.tenantId,
    { plan, targets: Object.fromEntries(targets) },
    tenant.plan,
  );
  const counts = countsOf(plan);
  const now = clock.now();
  const planned = { snapshot, desired, plan: { document, hash, counts, at: now }, losses: 0 };
  const held = { ...kept, held: heldBy(parts, work, plan) };
  const isNothing = plan.changes.length + confirmable(plan).length === 0;
  if (isNothing || sync.mode === "plan")
    return finishRead(work, read, held, { plan, kept: planned.plan });
  const until = now + tenant.settings.approvalDays * dayMs;
  const waits = { for: "approval" as const, since: now, until };
  const next = { ...planned, waits, leaseUntil: now };
  await work.move("needApproval", next, held, theService, foundNew(tenant, desired));
}

/** How many changes are held; of those that a plan is not about it says nothing, and they are held still. */
function heldBy(
  { enabledTypes }: PlanParts,
  { sync: { items, types }, tenant }: SyncWork,
  { held, unread }: Plan,
): number {
  const isWhole =
    items === undefined &&
    enabledTypes(tenant.settings).every((type) => types.includes(type)) &&
    unread.every(({ reason }) => reason === "licenceMissing");
  return isWhole ? held.length : Math.max(tenant.held, held.length);
}

/** Whether nothing stands of what was read: an instance of the version before has written the row, and knew no such part of it. */
async function isUnread({ typeOf }: PlanParts, work: SyncWork): Promise<boolean> {
  const { types, skipped } = work.sync;
  const out = new Set(skipped.map(({ type }) => type));
  return (
    (await work.types()).size === 0 &&
    types.some((type) => !out.has(type) && typeOf(type) !== undefined)
  );
}

/**
 * What is wanted, with what was found for the first time, beside what somebody has said of a type before. An item that was
 * read in part is no state to want: it is wanted as soon as it is found whole. One that was found whole before is not: that
 * nobody wants it was said since, or it came to the tenant later.
 */
async function wantedAsFound(
  { revisions }: PlanParts,
  { tenantId }: Sync,
  { before, now, known }: { readonly before: Tree; readonly now: Tree; readonly known: Tree },
): Promise<Tree> {
  const next: Record<string, string> = { ...now, ...known };
  for (const [type, manifest] of Object.entries(now)) {
    const isNew = known[type] === undefined;
    if (!isNew && before[type] === manifest) continue;
    // Somebody wants something of it already, and it is read for the first time.
    const isFound = !isNew && before[type] === undefined;
    const listed = await revisions.list(tenantId, type, isNew ? manifest : before[type]);
    const partial = new Set(listed.flatMap(({ key, flaw }) => (flaw?.isFirst ? [key] : [])));
    if (partial.size === 0 && !isFound) continue;
    const found = keptOf(await revisions.content(tenantId, type, manifest));
    const own = isNew ? [] : keptOf(await revisions.content(tenantId, type, known[type]));
    const wanted = new Set(own.map(({ entry }) => entry.key));
    const isWanted = ({ entry }: KeptItem): boolean =>
      !isInPart(entry) &&
      (isNew || ((isFound || partial.has(entry.key)) && !wanted.has(entry.key)));
    const kept = [...own, ...found.filter(isWanted)];
    next[type] = await revisions.putType(tenantId, type, kept, manifest);
  }
  return next;
}

const isInPart = ({ flaw }: ItemEntry): boolean => flaw?.reason === "incompleteRead";

/** What the plan's references stand for could not be found out: no plan is better than a wrong one. */
const failPlan = (work: SyncWork, { reason, detail }: Failed): Promise<void> =>
  work.fail({
    code: reason,
    text: "The tenant was read, but no plan could be made.",
    cause: detail,
    remedy: remedyOf(undefined),
    requestIds: [],
  });

/** What an export gave. */
type ReadTypes = {
  readonly manifests: Tree;
  readonly unread: readonly {
    readonly type: string;
    readonly reason: ReasonCode;
    readonly detail: string;
  }[];
  readonly requestIds: readonly string[];
  readonly isNothing: boolean;
};

async function readTypes(work: SyncWork): Promise<ReadTypes> {
  const { sync } = work;
  const progress = [...(await work.types()).values()];
  const manifests = Object.fromEntries(
    progress.flatMap(({ type, manifest }) => (manifest === undefined ? [] : [[type, manifest]])),
  );
  const failed = progress.flatMap(({ type, state, reason = "unavailable", detail = "" }) =>
    state === "failed" ? [{ type, reason, detail }] : [],
  );
  return {
    manifests,
    unread: [...failed, ...sync.skipped],
    requestIds: progress.flatMap(({ requestId }) => requestId ?? []),
    isNothing: Object.keys(manifests).length === 0,
  };
}

/** Nothing at all could be read: that is an error, and no empty tenant. */
function failWhole(work: SyncWork, { unread, requestIds }: ReadTypes): Promise<void> {
  const [first] = unread;
  return work.fail({
    code: first?.reason ?? "unavailable",
    text: "Nothing of the tenant's configuration could be read.",
    cause: unread
      .slice(0, 5)
      .map(({ type, detail }) => `${type}: ${detail}`)
      .join("\n"),
    remedy: remedyOf(first?.reason),
    requestIds: [...requestIds],
  });
}

const remedyOf = (reason: ReasonCode | undefined): string =>
  reason === "consentMissing"
    ? "Let an administrator of the tenant consent to the app, then start the sync again."
    : "Start it again later. If it stays so, give support the request ids.";

async function makePlan(
  parts: PlanParts,
  { sync, tenant }: SyncWork,
  {
    snapshotTree,
    desired,
    read,
  }: { readonly snapshotTree: Tree; readonly desired: string; readonly read: ReadTypes },
): Promise<ReturnType<typeof planWithTargets> | Failed> {
  const { revisions, clock, typeOf } = parts;
  const unread = new Set(read.unread.map(({ type }) => type));
  const types = sync.types.flatMap((key) => typeOf(key) ?? []);
  const desiredTree = await revisions.tree(sync.tenantId, desired);
  const rules = await readRules(revisions, tenant);
  // Whoever deletes looks at everything that could name what goes. Otherwise bodies of a type that is the same on
  // both sides are not looked at, and need not be read: what a plan costs grows with what differs.
  const needsAll = tenant.settings.deletes.length > 0 || sync.undoes !== undefined;
  const isSame = (key: string): boolean =>
    !needsAll &&
    desiredTree[key] === snapshotTree[key] &&
    !rules.overrides.some(({ type }) => type === key);
  const readable = types.map(({ key }) => key).filter((key) => !unread.has(key));
  const trees = { desired: desiredTree, actual: snapshotTree };
  const [wanted, actual] = await bothSides(revisions, sync.tenantId, { readable, isSame, trees });
  const bodies = [
    ...differing(wanted, actual),
    { overrides: rules.overrides.map(({ value }) => value) },
  ];
  const things = await parts.things.find(sync.tenantId, snapshotTree, bodies);
  if (things.kind === "failed") return things;
  const input: PlanInput = {
    types,
    desired: wanted,
    actual,
    now: clock.now(),
    lookup: lookupIn(things.things),
    unread: read.unread,
    confirmed: await confirmedBy(parts, sync),
    ...decidedFor(sync, tenant, rules),
  };
  return planWithFacts(parts, { sync, tenant }, input, snapshotTree);
}

/** What is desired of types, and what is there; of one that is the same on both sides without bodies, and once. */
async function bothSides(
  revisions: PlanParts["revisions"],
  tenantId: string,
  {
    readable,
    isSame,
    trees: { desired, actual },
  }: {
    readonly readable: readonly string[];
    readonly isSame: (key: string) => boolean;
    readonly trees: { readonly desired: Tree; readonly actual: Tree };
  },
): Promise<readonly [wanted: TypeContent[], there: TypeContent[]]> {
  const wanted = await Promise.all(
    readable.map((key) =>
      isSame(key)
        ? revisions.entries(tenantId, key, desired[key])
        : revisions.content(tenantId, key, desired[key]),
    ),
  );
  const there = wanted.map(async (content) =>
    isSame(content.type)
      ? content
      : revisions.content(tenantId, content.type, actual[content.type]),
  );
  return [wanted, await Promise.all(there)];
}

/** The plan, with what is known of who would be locked out, where it changes that. */
async function planWithFacts(
  parts: PlanParts,
  { sync: { tenantId }, tenant }: Pick<SyncWork, "sync" | "tenant">,
  given: PlanInput,
  tree: Tree,
): Promise<ReturnType<typeof planWithTargets>> {
  const made = planWithTargets(given);
  const others = await namersBeside(parts, given, made.plan, { tenantId, tree });
  const known = others.length === 0 ? given : { ...given, others };
  const first = known === given ? made : planWithTargets(known);
  const policies = tree[policyType];
  const movesOthers = first.plan.changes.some(
    (change) => change.type === locationType || movesMembers(change),
  );
  const input =
    policies === undefined || !movesOthers
      ? known
      : {
          ...known,
          actual: withContent(
            known.actual,
            await parts.revisions.content(tenantId, policyType, policies),
          ),
        };
  const whole = input === known ? first : planWithTargets(input);
  if (!whole.isForOthers) return whole;
  const { plan, targets } = whole;
  const there = input.actual.flatMap(({ type, items }) =>
    type === policyType ? items.map(({ body }) => body) : [],
  );
  const after = plan.changes.flatMap(({ type, changeId }): JsonObject[] => {
    const target = targets.get(changeId);
    return type !== policyType || target === undefined ? [] : [target];
  });
  const lockOut = await parts.lockOut.facts(tenantId, {
    breakGlassGroups: tenant.settings.breakGlassGroups,
    tree,
    groups: groupsIn([...there, ...after]),
  });
  return planWithTargets({ ...input, lockOut });
}

/**
 * Types that a run is not about, or has not read, as they were last read: they may name what it would delete. Nobody looks
 * where nothing is deleted.
 */
async function namersBeside(
  { revisions }: PlanParts,
  { actual }: PlanInput,
  { changes, blocked }: Plan,
  { tenantId, tree }: { readonly tenantId: string; readonly tree: Tree },
): Promise<TypeContent[]> {
  const deletes =
    changes.some(({ action }) => action === "delete") ||
    blocked.some(({ confirm }) => confirm?.what === "deletes");
  const beside = Object.entries(tree).filter(
    ([key]) => deletes && !actual.some(({ type }) => type === key),
  );
  return Promise.all(beside.map(([type, manifest]) => revisions.content(tenantId, type, manifest)));
}

/** Contents with one in place of what they have of its type, which may be without bodies or not there at all. */
const withContent = (contents: readonly TypeContent[], content: TypeContent): TypeContent[] => [
  ...contents.filter(({ type }) => type !== content.type),
  content,
];

/** Groups that policies name; one without a name is not there any more, and nobody is in it. */
const groupsIn = (policies: readonly JsonObject[]): { id: string; name: string }[] =>
  policies.flatMap((body) =>
    [...tokensIn(body)].flatMap(({ $ref, id, name }) =>
      $ref === "group" && id !== undefined && name !== undefined ? [{ id, name }] : [],
    ),
  );

/** What a person has confirmed for a sync, of which changes. */
export async function confirmedBy(
  { revisions }: Pick<PlanParts, "revisions">,
  { tenantId, confirmed }: Sync,
): Promise<ReadonlySet<string>> {
  if (confirmed === undefined) return new Set();
  return new Set(await revisions.document(tenantId, confirmed.changes, z.array(z.string())));
}

/** What a plan goes by of what people have decided: about items, and for this sync. */
function decidedFor(
  { items, undoes }: Sync,
  { settings }: TenantSync,
  { deletable, ...rules }: RulesDocument,
): Omit<PlanInput, "types" | "desired" | "actual" | "now" | "lookup" | "unread" | "confirmed"> {
  const only = items && new Set(items.map(({ type, key }) => `${type}/${key}`));
  const undone = undoes === undefined ? undefined : only;
  // What a deploy has added goes by an undo, though nobody would mind it otherwise.
  const modes = Object.entries(rules.modes).filter(([name]) => undone?.has(name) !== true);
  return {
    rules: { ...rules, modes: Object.fromEntries(modes), deletes: settings.deletes },
    approvedBefore: deletable.map((name) => {
      const [type = "", ...key] = name.split("/");
      return { type, key: key.join("/") };
    }),
    ...(only && { only }),
    ...(undone && { undone }),
  };
}

/** What a plan fails of when Graph does not answer. */
type Failed = { readonly kind: "failed"; readonly reason: ReasonCode; readonly detail: string };

/** Bodies of items that are not the same on both sides: only their references have to be found. */
function differing(wanted: readonly TypeContent[], actual: readonly TypeContent[]): JsonObject[] {
  return wanted.flatMap(({ type, items, entries }) => {
    const there = actual.find((content) => content.type === type)?.entries;
    return items.flatMap(({ key, body }) =>
      there?.get(key)?.hash === entries.get(key)?.hash ? [] : [body],
    );
  });
}

/** Whether a night went without types for want of consent: then the tenant rests there, and the timer looks again. */
export const lacksConsent = ({ trigger }: Pick<Sync, "trigger">, unread: Plan["unread"]): boolean =>
  trigger === "schedule" && unread.some(({ reason }) => reason === "consentMissing");

/** Ends a sync that only read. */
async function finishRead(
  work: SyncWork,
  { unread }: ReadTypes,
  kept: { readonly snapshot: string; readonly desired: string; readonly held?: number },
  planned?: { readonly plan: Plan; readonly kept: Sync["plan"] },
): Promise<void> {
  const { sync } = work;
  const plan = planned?.plan;
  // A type for which the tenant has no licence is not there: nothing is missing.
  const missing = unread.filter(({ reason }) => reason !== "licenceMissing");
  const isBlocked = (plan?.blocked.length ?? 0) + (sync.aside ?? 0) > 0;
  const { failed = 0, skipped = 0, waiting = 0 } = sync.deployed ?? {};
  const isPartial = missing.length > 0 || isBlocked || failed + skipped + waiting > 0;
  const event = lacksConsent(sync, missing)
    ? "finishWithoutConsent"
    : isPartial
      ? "finishPartly"
      : "finish";
  // What was said while it worked stays, such as whom to warn of.
  const remark = isPartial
    ? [sync.remark ?? "", remarkOf(missing, plan)].filter((words) => words !== "").join("\n")
    : undefined;
  await work.finish(
    event,
    {
      outcome: isPartial ? "partial" : "succeeded",
      snapshot: kept.snapshot,
      desired: kept.desired,
      ...(planned?.kept === undefined ? {} : { plan: planned.kept }),
      ...(remark === undefined ? {} : { remark }),
    },
    kept,
    undefined,
    foundNew(work.tenant, kept.desired),
  );
}

/** What is said of a revision, where something was found for the first time: it is wanted from now on. */
const foundNew = (tenant: TenantSync, desired: string): string | undefined =>
  tenant.desired === desired ? undefined : "As the sync found it";

const remarkOf = (missing: ReadTypes["unread"], plan: Plan | undefined): string =>
  [
    ...missing.map(({ type, reason, detail }) => `${type} was not read (${reason}): ${detail}`),
    ...(plan?.blocked ?? []).map(
      ({ type, name, reason }) => `${type} ${name} is blocked: ${reason}`,
    ),
  ]
    .slice(0, 20)
    .join("\n");

/** How much a plan holds. */
function countsOf(plan: Plan) {
  const of = (action: string): number =>
    plan.changes.filter((change) => change.action === action).length;
  return {
    creates: of("create"),
    updates: of("update"),
    deletes: of("delete"),
    blocked: plan.blocked.length,
    held: plan.held.length,
    unmanaged: plan.unmanaged.length,
  };
}
