/** Lists the audit trail of what belongs to no tenant (roles, assignments, refused sign-ins), or everything. */
import { AuditEvent } from "../../shared/access/audit/audit-event.ts";
import {
  AuditQuery,
  answerAudit,
  PlatformAuditQuery,
} from "../../shared/access/audit/audit-query.ts";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { pageBody, pageOf } from "../../shared/http/paging.ts";
import { ok, streamed } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import { onHttp } from "../define.ts";

export const listAuditFunction = onHttp(
  operation({
    name: "audit-list",
    method: "GET",
    path: "api/v1/audit",
    summary:
      "List what was done about no single tenant and what was refused at sign-in, or everything",
    tag: "Audit",

    query: PlatformAuditQuery,
    answers: {
      200: { description: "A page of events", body: pageOf(AuditEvent), also: ["text/csv"] },
    },
  }),
  async ({ query: { trails, ...query }, url, accept }, tools) => {
    const { auditing } = signedInOf(tools).access;
    const answer = await answerAudit(auditing, trails, query, accept);
    if (!answer.ok) return answer;
    if (answer.value.kind === "csv")
      return succeed(streamed("text/csv; charset=utf-8", answer.value.stream));
    const { list, page } = answer.value;
    return succeed(ok(pageBody(url, list, page)));
  },
);

// Lists the audit trail of a tenant.

export const listTenantAuditFunction = onHttp(
  operation({
    name: "audit-list-tenant",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/audit",
    summary: "List what was done about a tenant, newest first",
    tag: "Audit",
    params: TenantPath,
    query: AuditQuery,
    answers: {
      200: { description: "A page of events", body: pageOf(AuditEvent), also: ["text/csv"] },
    },
  }),
  async ({ params, query, url, accept }, tools) => {
    const { auditing } = signedInOf(tools).access;
    const answer = await answerAudit(auditing, params.tenantId, query, accept);
    if (!answer.ok) return answer;
    if (answer.value.kind === "csv")
      return succeed(streamed("text/csv; charset=utf-8", answer.value.stream));
    const { list, page } = answer.value;
    return succeed(ok(pageBody(url, list, page)));
  },
);
