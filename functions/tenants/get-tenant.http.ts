/** Shows a tenant. */
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { Tenant, TenantPath } from "../../shared/tenants/contract.ts";
import { getTenant } from "../../shared/tenants/manage-tenants.ts";
import { onHttp } from "../define.ts";

export const getTenantFunction = onHttp(
  operation({
    name: "tenants-get",
    method: "GET",
    path: "api/v1/tenants/{tenantId}",
    summary: "Show a tenant",
    tag: "Tenants",
    params: TenantPath,
    answers: { 200: { description: "The tenant", body: Tenant, headers: ["ETag"] } },
  }),
  async ({ params }, { services }) => {
    const found = await getTenant(services.tenants, params.tenantId);
    return found.ok ? succeed(ok(found.value.tenant, found.value.etag)) : found;
  },
  { keepsLimits: true },
);
