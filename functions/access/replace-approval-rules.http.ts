/** Says what needs a second person. */
import { ApprovalRules, ApprovalRulesView } from "../../shared/access/approval-policy.ts";
import { replaceRules } from "../../shared/access/approvals.ts";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { onHttp } from "../define.ts";

export const replaceApprovalRulesFunction = onHttp(
  operation({
    name: "approval-rules-replace",
    method: "PUT",
    path: "api/v1/access/approval-rules",
    summary: "Say what needs a second person's approval",
    tag: "Approvals",
    conditional: true,
    body: ApprovalRules,
    answers: { 200: { description: "All rules", body: ApprovalRulesView, headers: ["ETag"] } },
  }),
  async ({ body, ifMatch }, tools) => {
    const { access, note } = signedInOf(tools);
    const replaced = await replaceRules(access, body, ifMatch);
    if (!replaced.ok) return replaced;
    const { rules, etag, before } = replaced.value;
    note({ object: "approval-rules", before, after: rules });
    return succeed(ok(rules, etag));
  },
);
