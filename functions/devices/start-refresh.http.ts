/** Starts a refresh of the tenant's directory. */
import { RefreshView } from "../../shared/devices/contract.ts";
import { startRefresh } from "../../shared/devices/refresh-start.ts";
import { viewOf } from "../../shared/devices/refresh-view.ts";
import { operation } from "../../shared/http/operation.ts";
import { accepted } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import { getTenant } from "../../shared/tenants/manage-tenants.ts";
import { onHttp } from "../define.ts";

export const startRefreshFunction = onHttp(
  operation({
    name: "refreshes-start",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/devices/refresh",
    summary: "Import the directory from Microsoft Graph; one refresh at a time for each tenant",
    tag: "Devices",
    idempotent: true,
    params: TenantPath,
    answers: {
      202: {
        description: "The refresh that runs now: a new one, or the one that was under way",
        body: RefreshView,
        headers: ["Location", "Retry-After"],
      },
    },
  }),
  async ({ params: { tenantId }, seed }, { services }) => {
    const tenant = await getTenant(services.tenants, tenantId);
    if (!tenant.ok) return tenant;
    const refresh = await startRefresh(services.refresh, tenantId, seed);
    const location = `/api/v1/tenants/${tenantId}/refreshes/${refresh.refreshId}`;
    return succeed(accepted(location, viewOf(refresh)));
  },
);
