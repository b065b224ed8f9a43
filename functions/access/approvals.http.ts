/** Lists a tenant's approvals, newest first. */
import * as z from "zod";
import type { Approval } from "../../shared/access/approvals/approval.ts";
import {
  ApprovalPolicy,
  ApprovalRulesView,
} from "../../shared/access/approvals/approval-policy.ts";
import {
  ApprovalPath,
  ApprovalView,
  VerdictBody,
  viewOf,
} from "../../shared/access/approvals/contract.ts";
import {
  readApproval,
  replaceRules,
  type Settled,
  settleApproval,
} from "../../shared/access/approvals/decide-approval.ts";
import { type AuditNote, personOf, signedInOf } from "../../shared/access/signed-in.ts";
import { findAction } from "../../shared/devices/actions/catalogue.ts";
import { invalidRequest, pointerOf } from "../../shared/http/body.ts";
import { operation } from "../../shared/http/operation.ts";
import { PageQuery, pageBody, pageOf, positionOf } from "../../shared/http/paging.ts";
import { ok } from "../../shared/http/reply.ts";
import { type Fault, succeed } from "../../shared/kernel/failure.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import { onHttp } from "../define.ts";

export const listApprovalsFunction = onHttp(
  operation({
    name: "approvals-list",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/approvals",
    summary: "List what waits for a second person, and what was decided, newest first",
    tag: "Approvals",
    params: TenantPath,
    query: z.strictObject(PageQuery),
    answers: { 200: { description: "A page of approvals", body: pageOf(ApprovalView) } },
  }),
  async ({ params: { tenantId }, query, url }, tools) => {
    const { access } = signedInOf(tools);
    const list = `approvals ${tenantId}`;
    const position = positionOf(list, query.pageToken);
    if (!position.ok) return position;
    const { items, ...page } = await access.approvals.list(tenantId, query.top, position.value);
    const now = access.clock.now();
    const shown = { items: items.map((each) => viewOf(each, now)), ...page };
    return succeed(ok(pageBody(url, list, shown)));
  },
);

// Shows an approval.

export const getApprovalFunction = onHttp(
  operation({
    name: "approvals-get",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/approvals/{approvalId}",
    summary: "Show an approval",
    tag: "Approvals",
    params: ApprovalPath,
    answers: { 200: { description: "The approval", body: ApprovalView } },
  }),
  async ({ params: { tenantId, approvalId } }, tools) => {
    const { access } = signedInOf(tools);
    const found = await readApproval(access, tenantId, approvalId);
    return found.ok ? succeed(ok(viewOf(found.value, access.clock.now()))) : found;
  },
);

// What the audit trail keeps of a decision: what was asked for, by whom, and what it came to. Pure.

/** The decision as a note on the call that made it. */
const auditedVerdict = ({ approval, before }: Settled): AuditNote => ({
  object: `${approval.subject.kind}/${approval.subject.id}`,
  before: audited(before),
  after: audited(approval),
});

const audited = ({ state, subject, digest, requestedBy, comment }: Approval) => ({
  state,
  digest,
  summary: subject.summary,
  requestedBy: requestedBy.principal,
  ...(comment === undefined ? {} : { comment }),
});

// Approves what somebody else asked for.

export const approveApprovalFunction = onHttp(
  operation({
    name: "approvals-approve",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/approvals/{approvalId}/approve",
    summary: "Approve what somebody else asked for; it begins",
    tag: "Approvals",
    idempotent: true,
    params: ApprovalPath,
    body: VerdictBody,
    answers: { 200: { description: "Approved", body: ApprovalView } },
  }),
  async ({ params, body }, tools) => {
    const { caller, access, note } = signedInOf(tools);
    const by = personOf(caller);
    const verdict = { event: "approve", by, ...body } as const;
    const settled = await settleApproval(access, params, verdict);
    if (!settled.ok) return settled;
    note({ ...auditedVerdict(settled.value), approver: caller.oid });
    return succeed(ok(viewOf(settled.value.approval, access.clock.now())));
  },
);

// Rejects what somebody else asked for.

export const rejectApprovalFunction = onHttp(
  operation({
    name: "approvals-reject",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/approvals/{approvalId}/reject",
    summary: "Reject what somebody else asked for; it never begins",
    tag: "Approvals",
    idempotent: true,
    params: ApprovalPath,
    body: VerdictBody,
    answers: { 200: { description: "Rejected", body: ApprovalView } },
  }),
  async ({ params, body }, tools) => {
    const { caller, access, note } = signedInOf(tools);
    const by = personOf(caller);
    const verdict = { event: "reject", by, ...body } as const;
    const settled = await settleApproval(access, params, verdict);
    if (!settled.ok) return settled;
    note({ ...auditedVerdict(settled.value), approver: caller.oid });
    return succeed(ok(viewOf(settled.value.approval, access.clock.now())));
  },
);

// Shows what needs a second person.

export const getApprovalRulesFunction = onHttp(
  operation({
    name: "approval-rules-get",
    method: "GET",
    path: "api/v1/access/approval-rules",
    summary: "Show what needs a second person's approval",
    tag: "Approvals",
    answers: { 200: { description: "All rules", body: ApprovalRulesView, headers: ["ETag"] } },
  }),
  async (_input, tools) => {
    const { rules, etag } = await signedInOf(tools).access.approvals.rules();
    return succeed(ok(rules, etag));
  },
);

/** A rule with a name that nothing has would look like one that protects. */
const unknownActions = ({ rules }: ApprovalPolicy): Fault[] =>
  rules.flatMap(({ kind, actions }, at) =>
    actions === "all"
      ? []
      : actions.flatMap((action, place) =>
          kind === "notification" && findAction(action) !== undefined
            ? []
            : [
                {
                  pointer: pointerOf(["rules", at, "actions", place]),
                  detail: "unknown action: GET /api/v1/actions lists those of notifications",
                },
              ],
        ),
  );

// Says what needs a second person.

export const replaceApprovalRulesFunction = onHttp(
  operation({
    name: "approval-rules-replace",
    method: "PUT",
    path: "api/v1/access/approval-rules",
    summary: "Say what needs a second person's approval",
    tag: "Approvals",
    conditional: true,
    body: ApprovalPolicy,
    answers: { 200: { description: "All rules", body: ApprovalRulesView, headers: ["ETag"] } },
  }),
  async ({ body, ifMatch }, tools) => {
    const { access, note } = signedInOf(tools);
    const faults = unknownActions(body);
    if (faults.length > 0) return invalidRequest(faults);
    const replaced = await replaceRules(access, body, ifMatch);
    if (!replaced.ok) return replaced;
    const { rules, etag, before } = replaced.value;
    note({ object: "approval-rules", before, after: rules });
    return succeed(ok(rules, etag));
  },
);
