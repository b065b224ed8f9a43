/** Lists the ConfigMgr sites whose relays have reported. */
import { SitesView } from "../../shared/devices/site-contract.ts";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { toIso } from "../../shared/kernel/clock.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import { knownTenant } from "../../shared/tenants/manage-tenants.ts";
import { onHttp } from "../define.ts";

export const listSitesFunction = onHttp(
  operation({
    name: "sites-list",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/sites",
    summary: "List the ConfigMgr sites whose relays have reported",
    tag: "Relay",
    params: TenantPath,
    answers: { 200: { description: "The sites", body: SitesView } },
  }),
  async ({ params: { tenantId } }, { services }) => {
    const tenant = await knownTenant(services.tenants, tenantId);
    if (!tenant.ok) return tenant;
    const [sites, seen] = await Promise.all([
      services.sites.sites(tenantId),
      services.leases.seen(tenantId),
    ]);
    const value = sites.map(({ siteCode, devices, reportedAt }) => {
      const seenAt = seen.get(siteCode);
      const relaySeenAt = seenAt === undefined ? {} : { relaySeenAt: toIso(seenAt) };
      return { siteCode, devices, reportedAt, ...relaySeenAt };
    });
    return succeed(ok({ value }));
  },
);
