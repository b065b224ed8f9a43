/** Lists the audit trail: a tenant's, or of what belongs to none (roles, assignments, refused sign-ins), or everything. */

import * as z from "zod";
import { AuditEvent, everyTrail, platformTrail } from "../../shared/access/audit/records.ts";
import { operation } from "../../shared/http/operation.ts";
import { CsvQuery, PageQuery, pageBody, pageOf } from "../../shared/http/paging.ts";
import { ok, streamed } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import { onHttp, type Tools } from "../define.ts";
import type { AccessServices } from "../services-access.ts";

type Needs = { readonly access: AccessServices };

const moment = z.iso
  .datetime({ offset: true })
  // One spelling, so that moments compare as text.
  .transform((text) => new Date(text).toISOString());

/** Query of an audit list. */
const AuditQuery = z.strictObject({
  ...PageQuery,
  ...CsvQuery,
  actor: z
    .string()
    .max(100)
    .optional()
    .describe("Object id of the caller; for an app also its client id"),
  object: z.string().max(200).optional().describe("Id of what it was about, or kind/id"),
  operation: z.string().max(100).optional().describe("operationId"),
  outcome: z.enum(["allowed", "refused", "failed"]).optional(),
  from: moment.optional().describe("Inclusive; absent means 13 months before the end"),
  to: moment.optional().describe("Exclusive; absent means now"),
});

/** Query of the list that belongs to no tenant. */
const PlatformAuditQuery = AuditQuery.extend({
  trails: z
    .enum([platformTrail, everyTrail])
    .default(platformTrail)
    .describe(
      "all: every tenant's trail too, one after the other, each newest first; a page may hold fewer events than asked for",
    ),
});

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
  async ({ query: { trails, ...query }, url, accept }, { services }: Tools<Needs>) => {
    const answer = await services.access.audit.answer(trails, query, accept);
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
  async ({ params, query, url, accept }, { services }: Tools<Needs>) => {
    const answer = await services.access.audit.answer(params.tenantId, query, accept);
    if (!answer.ok) return answer;
    if (answer.value.kind === "csv")
      return succeed(streamed("text/csv; charset=utf-8", answer.value.stream));
    const { list, page } = answer.value;
    return succeed(ok(pageBody(url, list, page)));
  },
  { outlivesTenant: true },
);
