/** Removes a tenant from the registry; messages delete what is kept of it. */
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { noContent } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import { removeTenant } from "../../shared/tenants/manage-tenants.ts";
import { onHttp } from "../define.ts";

export const removeTenantFunction = onHttp(
  operation({
    name: "tenants-remove",
    method: "DELETE",
    path: "api/v1/tenants/{tenantId}",
    summary: "Remove a tenant: what is under way for it stops, and what is kept of it is deleted",
    tag: "Tenants",
    conditional: true,
    params: TenantPath,
    answers: { 204: { description: "Removed" } },
  }),
  async ({ params, ifMatch }, tools) => {
    const { services } = tools;
    const removed = await removeTenant(services.tenants, params.tenantId, ifMatch);
    if (!removed.ok) return removed;
    const object = `tenant/${params.tenantId}`;
    signedInOf(tools).note({ object, before: removed.value, after: null });
    return succeed(noContent());
  },
);
