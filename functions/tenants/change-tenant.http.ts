/** Changes a tenant's name or pace. */
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { Tenant, TenantChange, TenantPath } from "../../shared/tenants/contract.ts";
import { changeTenant } from "../../shared/tenants/manage-tenants.ts";
import { onHttp } from "../define.ts";

export const changeTenantFunction = onHttp(
  operation({
    name: "tenants-change",
    method: "PATCH",
    path: "api/v1/tenants/{tenantId}",
    summary: "Change a tenant",
    tag: "Tenants",
    conditional: true,
    params: TenantPath,
    body: TenantChange,
    answers: { 200: { description: "The tenant as it is now", body: Tenant, headers: ["ETag"] } },
  }),
  async ({ params, body, ifMatch }, tools) => {
    const { services } = tools;
    const changed = await changeTenant(services.tenants, params.tenantId, body, ifMatch);
    if (!changed.ok) return changed;
    const { tenant, etag, before } = changed.value;
    signedInOf(tools).note({ object: `tenant/${tenant.tenantId}`, before, after: tenant });
    return succeed(ok(tenant, etag));
  },
);
