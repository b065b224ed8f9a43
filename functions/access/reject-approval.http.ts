/** Rejects what somebody else asked for. */
import {
  ApprovalPath,
  ApprovalView,
  VerdictBody,
  viewOf,
} from "../../shared/access/approval-contract.ts";
import { auditedVerdict } from "../../shared/access/approval-note.ts";
import { settleApproval } from "../../shared/access/approvals.ts";
import { personOf, signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { onHttp } from "../define.ts";

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
    const verdict = { event: "reject", by, comment: body.comment } as const;
    const settled = await settleApproval(access, params, verdict);
    if (!settled.ok) return settled;
    note({ ...auditedVerdict(settled.value), approver: caller.oid });
    return succeed(ok(viewOf(settled.value.approval, access.clock.now())));
  },
);
