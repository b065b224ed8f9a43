/** Starts a refresh of the tenant's directory. */
import { signedInOf } from "../../shared/access/signed-in.ts";
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
  async ({ params: { tenantId }, seed }, tools) => {
    const { services } = tools;
    const tenant = await getTenant(services.tenants, tenantId);
    if (!tenant.ok) return tenant;
    const refresh = await startRefresh(services.refresh, tenantId, seed);
    const { refreshId, state } = refresh;
    const after = { refreshId, state, alreadyRunning: refreshId !== seed };
    signedInOf(tools).note({ object: `refresh/${refreshId}`, after });
    const location = `/api/v1/tenants/${tenantId}/refreshes/${refreshId}`;
    return succeed(accepted(location, viewOf(refresh)));
  },
);
