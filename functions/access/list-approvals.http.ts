/** Lists a tenant's approvals, newest first. */
import { z } from "zod";
import { ApprovalView, viewOf } from "../../shared/access/approval-contract.ts";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { PageQuery, pageBody, pageOf, positionOf } from "../../shared/http/paging.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
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
