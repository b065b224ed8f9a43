/**
 * What people say to a sync: approve or reject its plan, stop it, let it go on without what is missing. Each is one
 * conditional write of both rows; losing a race means deciding again.
 */
import {
  type ApprovalRule,
  notDecider,
  ruleFor,
  rulesOn,
} from "../../access/approvals/approval.ts";
import { type ApprovalGate, refusedDecider } from "../../access/approvals/approval-gate.ts";
import { type Principal, samePrincipal } from "../../access/sign-in/caller.ts";
import type { Instant } from "../../kernel/clock.ts";
import { type Fault, fail, type Result, succeed } from "../../kernel/failure.ts";
import { lost, updateRow } from "../../storage/tables.ts";
import {
  confirmable,
  confirmationOf,
  type Plan,
  type PlannedChange,
  type Selection,
  selectChanges,
} from "../plan/plan.ts";
import { type SyncStatus, syncStatuses } from "../state/lifecycle.ts";
import { editorsOf, type RulesDocument, readRules, withoutEdits } from "../state/rules.ts";
import { moved, type Sync, type TenantSync, theService, type Who } from "../state/sync.ts";
import { openWork, type SyncIds, SyncLost, type SyncWork } from "../state/sync-work.ts";
import { confirmedBy, PlanDocument } from "./plan-sync.ts";
import type { StartParts } from "./start-sync.ts";

/** Does something to a sync that waits, and lets it go on; losing a race means deciding again. */
export async function withWork<T>(
  parts: StartParts,
  ids: SyncIds,
  decide: (work: SyncWork) => Promise<Result<T>>,
): Promise<Result<T>> {
  return updateRow(`the sync ${ids.syncId}`, async () => {
    const work = await openWork(parts, ids);
    if (work === undefined) return unknownSync(ids);
    try {
      return await decide(work);
    } catch (error) {
      if (error instanceof SyncLost) return lost;
      throw error;
    }
  });
}

/** Says that a sync is not there. */
export const unknownSync = ({ tenantId, syncId }: SyncIds) =>
  fail("unknown-sync", `There is no sync ${syncId} of tenant ${tenantId}.`);

/** Says that a sync does not wait for what somebody wants to give it. */
export const notWaiting = ({ tenant, sync }: SyncWork, wanted: SyncStatus) =>
  fail(
    "conflict",
    `The sync ${sync.syncId} does not wait for that: it would have to be ${syncStatuses[wanted].en}, and is ${
      tenant.active === sync.syncId ? syncStatuses[tenant.status].en : (sync.outcome ?? "over")
    }.`,
  );

/** Whether a sync is its tenant's active one, and waits for something. */
export const waitsFor = (
  { sync, tenant }: SyncWork,
  what: NonNullable<Sync["waits"]>["for"],
): boolean => sync.waits?.for === what && tenant.active === sync.syncId;

/** Says that a person's time is over, where only nobody has ended the sync for it yet: nothing that begins now extends it. */
export const tooLateFor = ({ sync: { syncId, waits } }: SyncWork, now: Instant) =>
  waits?.for === "user" && now >= waits.until
    ? fail("conflict", `The time to sign in for the sync ${syncId} is over: it is being cancelled.`)
    : undefined;

/** A plan of a sync. */
export async function planOfSync(
  { revisions }: Pick<StartParts, "revisions">,
  sync: Sync,
): Promise<Plan | undefined> {
  if (sync.plan === undefined) return undefined;
  return (await revisions.document(sync.tenantId, sync.plan.document, PlanDocument)).plan;
}

/** The plan that waits for approval, as long as it is the one that somebody has seen. */
export async function waitingPlan(
  parts: StartParts,
  work: SyncWork,
  planHash: string,
): Promise<Result<Plan>> {
  if (!waitsFor(work, "approval")) return notWaiting(work, "pendingApproval");
  // Its time is over, though nobody may have ended it yet.
  if (parts.clock.now() >= (work.sync.waits?.until ?? Number.POSITIVE_INFINITY))
    return fail("conflict", `The plan of the sync ${work.sync.syncId} has expired.`);
  const plan = await planOfSync(parts, work.sync);
  const isSeen = plan !== undefined && work.sync.plan?.hash === planHash;
  return isSeen ? succeed(plan) : stalePlan(planHash);
}

/** What approving takes. */
export type ApproveParts = StartParts & { readonly approvals: Pick<ApprovalGate, "rules"> };

/**
 * The rule by which somebody else than who asked for a sync approves its plan; undefined: there is none. What they asked for
 * and approved alone within the rule's hours counts together: so many small syncs are one large one.
 */
export async function secondPersonFor(
  parts: Pick<ApproveParts, "approvals" | "store" | "clock">,
  sync: Sync,
  { changes }: Plan,
): Promise<ApprovalRule | undefined> {
  const { rules } = (await parts.approvals.rules()).rules;
  const intent = { kind: "sync" as const, action: "", tenantId: sync.tenantId };
  const hours = rulesOn(rules, intent).map(({ withinHours }) => withinHours);
  if (hours.length === 0) return undefined;
  const now = parts.clock.now();
  const own = await approvedThemselves(parts, sync, now - Math.max(...hours) * hourMs);
  return ruleFor(rules, { ...intent, count: changes.length }, ({ withinHours }) =>
    own
      .filter(({ at }) => at >= now - withinHours * hourMs)
      .reduce((sum, each) => sum + each.changes, 0),
  );
}

const hourMs = 3_600_000;

/** What was approved since by the very one who asked for it, as who asked for this sync. */
async function approvedThemselves(
  { store }: Pick<ApproveParts, "store">,
  { tenantId, syncId, requestedBy }: Sync,
  since: Instant,
): Promise<{ readonly at: Instant; readonly changes: number }[]> {
  const own: { readonly at: Instant; readonly changes: number }[] = [];
  let token: string | undefined;
  do {
    const page: Awaited<ReturnType<typeof store.list>> = await store.list(tenantId, 100, token);
    for (const { approval, ...other } of page.items) {
      const isTheirs =
        approval !== undefined &&
        other.syncId !== syncId &&
        isSame(other.requestedBy, requestedBy) &&
        isSame(approval.by, requestedBy);
      if (isTheirs) own.push(approval);
    }
    // A tenant has one sync at a time: those before one that ended earlier ended earlier still.
    token = (page.items.at(-1)?.finishedAt ?? since) < since ? undefined : page.next;
  } while (token !== undefined);
  return own;
}

/** What asked for a sync, or decides; the service is nobody's second person, and nobody is the service's. */
const principalOf = ({ kind, id, homeTenantId = "" }: Who): Principal => ({
  kind: kind as Principal["kind"],
  id,
  homeTenantId,
});

const isSame = (one: Who, other: Who): boolean =>
  samePrincipal(principalOf(one), principalOf(other));

/** Refuses whoever a rule does not let approve a plan: who asked for it, and who has made wanted what is chosen of it. */
async function notByThem(
  parts: ApproveParts,
  sync: Sync,
  { plan, editors }: { readonly plan: Plan; readonly editors: readonly Who[] },
  by: Who,
) {
  const rule = await secondPersonFor(parts, sync, plan);
  if (rule === undefined) return undefined;
  const { requestedBy } = sync;
  const why = notDecider("approve", principalOf(by), principalOf(requestedBy), rule.approvers);
  if (why !== undefined) return refusedDecider(why, rule.approvers);
  return editors.some((editor) => isSame(by, editor))
    ? fail(
        "forbidden",
        "You have changed yourself what is wanted of these items: somebody else has to approve them.",
      )
    : undefined;
}

const namesOf = (changes: readonly PlannedChange[]): string[] =>
  changes.map(({ type, key }) => `${type}/${key}`);

/** Whoever has changed what is wanted of a plan's items, since somebody last approved them. */
export const editorsOfPlan = async (
  { revisions }: Pick<StartParts, "revisions">,
  tenant: TenantSync,
  { changes }: Plan,
): Promise<Who[]> => editorsOf(await readRules(revisions, tenant), namesOf(changes));

/** Approves all of a plan, or the changes that are named. Bound to the plan by its hash. */
export async function approve(
  parts: ApproveParts,
  ids: SyncIds,
  asked: {
    readonly planHash: string;
    readonly changes?: readonly string[] | undefined;
    readonly comment?: string | undefined;
  },
  by: Who,
): Promise<Result<Sync>> {
  return withWork(parts, ids, async (work) => {
    const found = await waitingPlan(parts, work, asked.planHash);
    if (!found.ok) return found;
    const plan = found.value;
    const all = plan.changes.map(({ changeId }) => changeId);
    const chosen = selectChanges(plan, asked.changes ?? all);
    if (chosen.kind !== "selected") return badChoice(chosen, asked.changes ?? []);
    const before = await readRules(parts.revisions, work.tenant);
    const editors = editorsOf(before, namesOf(chosen.changes));
    const refused = await notByThem(parts, work.sync, { plan, editors }, by);
    if (refused !== undefined) return refused;
    const changes = chosen.changes.map(({ changeId }) => changeId);
    if (changes.length === 0)
      return fail(
        "conflict",
        "Nothing can be approved yet: confirm what is blocked, or reject it.",
      );
    const { clock, revisions } = parts;
    const approval = {
      by,
      at: clock.now(),
      chosen: await revisions.putDocument(ids.tenantId, changes),
      changes: changes.length,
      ...(asked.comment === undefined ? {} : { comment: asked.comment }),
    };
    const { snapshot = "", base = snapshot } = work.sync;
    const planned = work.sync.waits?.since ?? 0;
    const after = rulesAfterApproval(before, chosen.changes, planned);
    const rules = await revisions.putDocument(ids.tenantId, after, work.tenant.rules);
    await work.move(
      "approve",
      { approval, base, phase: "deploy", leaseUntil: clock.now() },
      { rules },
      by,
    );
    await work.tell();
    return succeed(work.sync);
  });
}

/**
 * What was approved once may be deleted by a later plan. That is noted before anything is written: however the deploy
 * ends, what it has made is known. And who made it wanted has had their second person, but for what came after the plan.
 */
function rulesAfterApproval(
  rules: RulesDocument,
  changes: readonly PlannedChange[],
  plannedAt: Instant,
): RulesDocument {
  const names = namesOf(changes.filter(({ action }) => action !== "delete"));
  const deletable = [...new Set([...rules.deletable, ...names])].toSorted();
  return { ...withoutEdits(rules, namesOf(changes), plannedAt), deletable };
}

/** Changes that the plan does not have, or that cannot be made without others. */
function badChoice(chosen: Exclude<Selection, { kind: "selected" }>, asked: readonly string[]) {
  const at = (changeId: string): string => `/changes/${asked.indexOf(changeId)}`;
  const faults =
    chosen.kind === "unknown"
      ? chosen.changeIds.map((id) => ({ pointer: at(id), detail: "is no change of this plan" }))
      : chosen.missing.map(({ change, needs }) => ({
          pointer: at(change.changeId),
          detail: `${change.name} needs ${needs.map(({ name, changeId }) => `${name} (${changeId})`).join(", ")} too`,
        }));
  return fail("invalid-request", "These changes cannot be approved as they are chosen.", {
    faults,
  });
}

const stalePlan = (hash: string) =>
  fail(
    "precondition-failed",
    `The plan ${hash} is not the one that waits. Read the plan again, then decide again.`,
  );

/**
 * Confirms what a plan blocks until a person does: so many deletions of a type, or that a policy locks everybody out.
 * It holds for these very changes, and for this sync alone, which plans again with it; the new plan has another hash,
 * and waits for approval.
 */
export async function confirm(
  parts: StartParts,
  ids: SyncIds,
  asked: {
    readonly planHash: string;
    readonly deletes?: Readonly<Record<string, number>> | undefined;
    readonly lockOut?: true | undefined;
    readonly reason: string;
  },
  by: Who,
): Promise<Result<Sync>> {
  return withWork(parts, ids, async (work) => {
    const found = await waitingPlan(parts, work, asked.planHash);
    if (!found.ok) return found;
    const plan = found.value;
    const faults = unfit(plan, asked);
    if (faults.length > 0)
      return fail("invalid-request", "This is not what the plan has to be confirmed.", { faults });
    const { deletes = {}, lockOut, reason } = asked;
    const now = parts.clock.now();
    const before = work.sync.confirmed;
    const fresh = confirmable(plan).flatMap((open) => {
      const isMeant = open.confirm.what === "deletes" ? open.type in deletes : lockOut === true;
      return isMeant ? [confirmationOf(open.confirm)] : [];
    });
    const changes = [...new Set([...(await confirmedBy(parts, work.sync)), ...fresh])].toSorted();
    const confirmed = {
      by,
      at: now,
      reason,
      deletes: { ...before?.deletes, ...deletes },
      lockOut: lockOut ?? before?.lockOut ?? false,
      changes: await parts.revisions.putDocument(ids.tenantId, changes),
    };
    await work.move("confirm", { confirmed, phase: "plan", leaseUntil: now }, {}, by);
    await work.tell();
    return succeed(work.sync);
  });
}

/** Where somebody confirms something else than the plan asks for: whoever counts otherwise has seen another plan. */
function unfit(
  plan: Plan,
  { deletes = {}, lockOut }: Pick<Parameters<typeof confirm>[2], "deletes" | "lockOut">,
): Fault[] {
  const open = confirmable(plan);
  const faults = Object.entries(deletes).flatMap(([type, count]) => {
    const own = open.filter((item) => item.type === type && item.confirm.what === "deletes");
    const detail = `is not how many items the plan would delete: ${own.length}`;
    return own.length === count && count > 0 ? [] : [{ pointer: `/deletes/${type}`, detail }];
  });
  if (lockOut === true && !open.some((item) => item.confirm.what === "lockOut"))
    faults.push({ pointer: "/lockOut", detail: "the plan locks nobody out" });
  if (lockOut === undefined && Object.keys(deletes).length === 0)
    faults.push({ pointer: "", detail: "must confirm deletes, or lockOut" });
  return faults;
}

/** Rejects a plan: what is wanted stays as it is, and nobody is asked for these changes again until they change. The sync says why. */
export async function reject(
  parts: StartParts,
  ids: SyncIds,
  asked: { readonly planHash: string; readonly comment?: string | undefined },
  by: Who,
): Promise<Result<Sync>> {
  return withWork(parts, ids, async (work) => {
    const found = await waitingPlan(parts, work, asked.planHash);
    if (!found.ok) return found;
    const plan = found.value;
    const rules = await readRules(parts.revisions, work.tenant);
    const blocked = confirmable(plan).map((each) => each.confirm.changeId);
    const fresh = [...plan.changes.map(({ changeId }) => changeId), ...blocked];
    const held = [...new Set([...rules.held, ...fresh])];
    const document = await parts.revisions.putDocument(ids.tenantId, { ...rules, held });
    const count = work.tenant.held + fresh.length;
    // Beside what is said already, such as who has signed in for it.
    const remark = [work.sync.remark ?? [], asked.comment ?? []].flat().join("\n");
    const said = remark === "" ? {} : { remark };
    const end = { outcome: "rejected", ...said } as const;
    await work.finish("reject", end, { rules: document, held: count }, by);
    return succeed(work.sync);
  });
}

/** Asks a sync to stop: at once where it waits or has not begun to write, else before the next item. */
export async function cancelSync(parts: StartParts, ids: SyncIds, by: Who): Promise<Result<Sync>> {
  return withWork(parts, ids, async (work) => {
    if (work.sync.phase === "done" || work.tenant.active !== ids.syncId)
      return fail("conflict", `The sync ${ids.syncId} has ended: ${work.sync.outcome ?? "over"}.`);
    const { waits, leaseUntil } = work.sync;
    if (waits !== undefined && waits.for !== "user") {
      await endCancelled(work, by);
      return succeed(work.sync);
    }
    // Its worker loses its next write by this, reads the row again, and stops.
    if (waits === undefined) await work.keep({ cancelled: by, leaseUntil });
    else await stopWaiting(parts, work, by);
    await work.tell();
    return succeed(work.sync);
  });
}

/** Ends a sync between two phases, and says whether an earlier round of it has written. */
export async function endCancelled(work: SyncWork, by: Who): Promise<void> {
  const { deployed: { done = 0, failed = 0, waiting = 0 } = {}, snapshot, cancelled } = work.sync;
  const who = { cancelled: cancelled ?? by };
  // The service says why it has stopped what it did.
  const why = cancelled?.kind === theService.kind ? `\n${work.sync.remark ?? ""}` : "";
  if (done + failed + waiting === 0) {
    const remark = `Cancelled before anything was written.${why}`;
    return work.finish("cancel", { outcome: "cancelled", remark, ...who }, {}, by);
  }
  const remark = `Cancelled after some of it was written.${why}`;
  const read = snapshot === undefined ? {} : { snapshot };
  return work.finish("finishPartly", { outcome: "partial", remark, ...who }, read, by);
}

/** Ends a deploy that waits for a person: nothing more is begun, and what was written is read back and told. */
export const stopWaiting = (
  { clock }: StartParts,
  work: SyncWork,
  by: Who,
  remark?: string,
): Promise<void> =>
  work.move(
    "continueWithoutUser",
    {
      cancelled: by,
      withoutUser: true,
      leaseUntil: clock.now(),
      ...(remark === undefined ? {} : { remark }),
    },
    {},
    by,
  );

/** Whether a sync may have written anything. */
export async function hasWritten({ store }: StartParts, work: SyncWork): Promise<boolean> {
  const { tenantId, syncId } = work.ids;
  const rows = await store.items(tenantId, syncId);
  return rows.some(({ value }) => value.writtenAt !== undefined);
}

/**
 * Lets a sync that waits go on: because somebody signed in or consented, or without that. `said`: what more its row says
 * from then on.
 */
export async function goOnWith(
  parts: StartParts,
  ids: SyncIds,
  event: "signIn" | "continueWithoutUser" | "consent" | "continueWithoutTypes",
  by: Who,
  { skipped = [], ...said }: Partial<Pick<Sync, "skipped" | "remark">> = {},
): Promise<Result<Sync>> {
  const what = event === "consent" || event === "continueWithoutTypes" ? "consent" : "user";
  return withWork(parts, ids, async (work) => {
    const status = what === "consent" ? "pendingAdminConsent" : "pendingAuthentication";
    if (!waitsFor(work, what)) return notWaiting(work, status);
    const leaseUntil = parts.clock.now();
    // Whoever has signed in came in time, however long the service took to say so.
    const late = event === "signIn" ? undefined : tooLateFor(work, leaseUntil);
    if (late !== undefined) return late;
    const next = {
      ...said,
      leaseUntil,
      skipped: [...work.sync.skipped, ...skipped],
      ...(event === "continueWithoutUser" ? { withoutUser: true } : {}),
    };
    await work.move(event, next, {}, by);
    await work.tell();
    return succeed(work.sync);
  });
}

/** Takes note of an error: the row goes back to what it showed before. */
export async function acknowledge(
  parts: StartParts,
  tenantId: string,
  by: Who,
): Promise<Result<TenantSync>> {
  const { store, clock } = parts;
  return updateRow(`the sync status of ${tenantId}`, async () => {
    const now = clock.now();
    const tenant = await store.tenant(tenantId, now);
    const { last: syncId = "" } = tenant.value;
    const step = { event: "acknowledge", by, now, eventId: tenant.etag, syncId } as const;
    const after = moved(tenant.value, step);
    if (after === undefined)
      return fail(
        "conflict",
        `The status is ${syncStatuses[tenant.value.status].en}: there is no error to acknowledge.`,
      );
    const { error: _, ...value } = after;
    // Listed first: no sync is under way that would tell of this transition.
    await store.open(tenantId, syncId);
    const written = await store.change({ value, etag: tenant.etag });
    if (written === undefined) return lost;
    await store.index(value);
    await parts.queues.send("sync-work", { tenantId, syncId });
    return succeed(value);
  });
}
