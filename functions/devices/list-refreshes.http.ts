/** Lists refreshes of the tenant's directory. */
import { z } from "zod";
import { RefreshView } from "../../shared/devices/contract.ts";
import { listRefreshes } from "../../shared/devices/refresh-view.ts";
import { operation } from "../../shared/http/operation.ts";
import { PageQuery, pageBody, pageOf, positionOf } from "../../shared/http/paging.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import { knownTenant } from "../../shared/tenants/manage-tenants.ts";
import { onHttp } from "../define.ts";

export const listRefreshesFunction = onHttp(
  operation({
    name: "refreshes-list",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/refreshes",
    summary: "List refreshes of the directory, newest first",
    tag: "Devices",
    params: TenantPath,
    query: z.strictObject(PageQuery),
    answers: { 200: { description: "A page of refreshes", body: pageOf(RefreshView) } },
  }),
  async ({ params: { tenantId }, query, url }, { services }) => {
    const tenant = await knownTenant(services.tenants, tenantId);
    if (!tenant.ok) return tenant;
    const list = `refreshes ${tenantId}`;
    const position = positionOf(list, query.pageToken);
    if (!position.ok) return position;
    const { refreshes } = services.refresh;
    const page = await listRefreshes(refreshes, tenantId, query.top, position.value);
    return succeed(ok(pageBody(url, list, page)));
  },
  { keepsLimits: true },
);
