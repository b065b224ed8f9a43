/** Lists tenants. */
import { z } from "zod";
import { tenantsWith } from "../../shared/access/authorize.ts";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { PageQuery, pageBody, pageOf, positionOf } from "../../shared/http/paging.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { Tenant } from "../../shared/tenants/contract.ts";
import { onHttp } from "../define.ts";

export const listTenantsFunction = onHttp(
  operation({
    name: "tenants-list",
    method: "GET",
    path: "api/v1/tenants",
    summary: "List tenants",
    tag: "Tenants",
    query: z.strictObject(PageQuery),
    answers: { 200: { description: "A page of tenants", body: pageOf(Tenant) } },
  }),
  async ({ query, url }, tools) => {
    const { services } = tools;
    const reached = tenantsWith(signedInOf(tools).standing, "tenants.read");
    const position = positionOf("tenants", query.pageToken);
    if (!position.ok) return position;
    const { tenants, ...page } = await services.tenants.store.list(query.top, position.value);
    // Only what the caller may see; a page may hold fewer than asked for and still have a next one.
    const items = tenants.filter(({ tenantId }) => reached?.has(tenantId) ?? true);
    return succeed(ok(pageBody(url, "tenants", { items, ...page })));
  },
);
