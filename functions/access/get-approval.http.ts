/** Shows an approval. */
import { ApprovalPath, ApprovalView, viewOf } from "../../shared/access/approval-contract.ts";
import { readApproval } from "../../shared/access/approvals.ts";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { onHttp } from "../define.ts";

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
