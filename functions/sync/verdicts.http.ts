/** Plans of syncs, and what a person decides about them. Nothing of a plan touches the tenant before that. */
import * as z from "zod";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { accepted, ok } from "../../shared/http/reply.ts";
import { fail, type Result, succeed } from "../../shared/kernel/failure.ts";
import {
  ApproveBody,
  ConfirmBody,
  PlanView,
  RejectBody,
  ResetBody,
  SyncPath,
  SyncView,
} from "../../shared/sync/contract.ts";
import { rejectAndReset } from "../../shared/sync/run/undo.ts";
import {
  approve,
  confirm,
  editorsOfPlan,
  planOfSync,
  reject,
  secondPersonFor,
} from "../../shared/sync/run/verdicts.ts";
import { releaseHeld } from "../../shared/sync/state/rules.ts";
import type { Sync, Who } from "../../shared/sync/state/sync.ts";
import { planView, viewOf } from "../../shared/sync/views.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import { onHttp, type Tools } from "../define.ts";
import { findSync, type SyncNeeds, whoCalls } from "./syncs.http.ts";

export const syncPlanFunction = onHttp(
  operation({
    name: "syncs-plan",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/syncs/{syncId}/plan",
    summary: "What a sync would change, property by property, and what it leaves alone and why",
    tag: "Syncs",
    params: SyncPath,
    answers: { 200: { description: "The plan", body: PlanView } },
  }),
  async ({ params }, { services }: Tools<SyncNeeds>) => {
    const found = await findSync(services, params);
    if (!found.ok) return found;
    const plan = await planOfSync(services.sync, found.value);
    if (plan === undefined)
      return fail("conflict", `The sync ${params.syncId} has no plan yet, or none was needed.`);
    const rule = await secondPersonFor(services.sync, found.value, plan);
    const { store, clock } = services.sync;
    const tenant = (await store.tenant(params.tenantId, clock.now())).value;
    const editors = rule === undefined ? [] : await editorsOfPlan(services.sync, tenant, plan);
    return succeed(ok(planView(found.value, plan, rule, editors)));
  },
);

/** A verdict: audited with the plan's hash, and answered with the sync. */
async function verdict(
  tools: Tools<SyncNeeds>,
  ids: Pick<Sync, "tenantId" | "syncId">,
  planHash: string,
  decide: (by: Who) => Promise<Result<Sync>>,
) {
  const found = await findSync(tools.services, ids);
  if (!found.ok) return found;
  const decided = await decide(whoCalls(tools));
  if (!decided.ok) return decided;
  const { syncId, outcome, approval } = decided.value;
  const { confirmed } = viewOf(decided.value);
  const after = { syncId, planHash, outcome, changes: approval?.changes, confirmed };
  signedInOf(tools).note({ object: `sync/${syncId}`, after });
  const location = `/api/v1/tenants/${ids.tenantId}/syncs/${syncId}`;
  return succeed(accepted(location, viewOf(decided.value)));
}

const answers = {
  202: { description: "Decided", body: SyncView, headers: ["Location"] },
} as const;

export const approveSyncFunction = onHttp(
  operation({
    name: "syncs-approve",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/syncs/{syncId}/approve",
    summary: "Approve all of a plan, or the changes that are named: they are deployed now",
    tag: "Syncs",
    params: SyncPath,
    body: ApproveBody,
    answers,
  }),
  ({ params, body }, tools: Tools<SyncNeeds>) =>
    verdict(tools, params, body.planHash, (by) => approve(tools.services.sync, params, body, by)),
);

export const confirmSyncFunction = onHttp(
  operation({
    name: "syncs-confirm",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/syncs/{syncId}/confirm",
    summary:
      "Confirm many deletions, or a lock-out, for this sync: it plans again, and waits for approval",
    tag: "Syncs",
    params: SyncPath,
    body: ConfirmBody,
    answers,
  }),
  ({ params, body }, tools: Tools<SyncNeeds>) =>
    verdict(tools, params, body.planHash, (by) => confirm(tools.services.sync, params, body, by)),
);

export const rejectSyncFunction = onHttp(
  operation({
    name: "syncs-reject",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/syncs/{syncId}/reject",
    summary: "Reject a plan: its changes stay in the repository, and are held",
    tag: "Syncs",
    params: SyncPath,
    body: RejectBody,
    answers,
  }),
  ({ params, body }, tools: Tools<SyncNeeds>) =>
    verdict(tools, params, body.planHash, (by) => reject(tools.services.sync, params, body, by)),
);

export const resetSyncFunction = onHttp(
  operation({
    name: "syncs-reject-and-reset",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/syncs/{syncId}/reject-and-reset",
    summary: "Reject a plan, and take what the tenant has for what is wanted; can be taken back",
    tag: "Syncs",
    params: SyncPath,
    body: ResetBody,
    answers,
  }),
  ({ params, body }, tools: Tools<SyncNeeds>) =>
    verdict(tools, params, body.planHash, (by) =>
      rejectAndReset(tools.services.sync, params, body, by),
    ),
);

export const releaseHeldFunction = onHttp(
  operation({
    name: "sync-held-release",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/sync-status/release-held",
    summary: "Release changes that were rejected: the next plan asks for them again",
    tag: "Syncs",
    params: TenantPath,
    answers: { 200: { description: "How many", body: z.object({ released: z.int() }) } },
  }),
  async ({ params: { tenantId } }, tools: Tools<SyncNeeds>) => {
    const { services } = tools;
    const released = await releaseHeld(services.sync, tenantId);
    signedInOf(tools).note({ object: `tenant/${tenantId}`, after: { released } });
    return succeed(ok({ released }));
  },
);
