/** Lists tenants. */
import { z } from "zod";
import { tenantsWith } from "../../shared/access/authorize.ts";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { PageQuery, pageBody, pageOf, positionOf } from "../../shared/http/paging.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { Tenant } from "../../shared/tenants/contract.ts";
import { listTenants } from "../../shared/tenants/list-tenants.ts";
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
    const { store } = tools.services.tenants;
    const reached = tenantsWith(signedInOf(tools).standing, "tenants.read");
    const list = reached === undefined ? "tenants" : "tenants in reach";
    const position = positionOf(list, query.pageToken);
    if (!position.ok) return position;
    const page = await listTenants(store, reached, query.top, position.value);
    return succeed(ok(pageBody(url, list, page)));
  },
);
