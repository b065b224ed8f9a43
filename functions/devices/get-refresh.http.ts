/** Shows a refresh: how far it is, what it did. */
import { RefreshPath, RefreshView } from "../../shared/devices/contract.ts";
import { readRefresh } from "../../shared/devices/refresh-view.ts";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { knownTenant } from "../../shared/tenants/manage-tenants.ts";
import { onHttp } from "../define.ts";

export const getRefreshFunction = onHttp(
  operation({
    name: "refreshes-get",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/refreshes/{refreshId}",
    summary: "Show a refresh of the directory",
    tag: "Devices",
    params: RefreshPath,
    answers: { 200: { description: "The refresh", body: RefreshView } },
  }),
  async ({ params: { tenantId, refreshId } }, { services }) => {
    const tenant = await knownTenant(services.tenants, tenantId);
    if (!tenant.ok) return tenant;
    const found = await readRefresh(services.refresh.refreshes, tenantId, refreshId);
    return found.ok ? succeed(ok(found.value)) : found;
  },
  { keepsLimits: true },
);
