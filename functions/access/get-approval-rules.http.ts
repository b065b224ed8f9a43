/** Shows what needs a second person. */
import { ApprovalRulesView } from "../../shared/access/approval-policy.ts";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { onHttp } from "../define.ts";

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
