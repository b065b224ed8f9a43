/** Registers a tenant. */
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { created } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { NewTenant, Tenant } from "../../shared/tenants/contract.ts";
import { addTenant } from "../../shared/tenants/manage-tenants.ts";
import { onHttp } from "../define.ts";

export const addTenantFunction = onHttp(
  operation({
    name: "tenants-add",
    method: "POST",
    path: "api/v1/tenants",
    summary: "Register a tenant",
    tag: "Tenants",
    idempotent: true,
    body: NewTenant,
    answers: { 201: { description: "Registered", body: Tenant, headers: ["Location", "ETag"] } },
  }),
  async ({ body, seed }, tools) => {
    const added = await addTenant(tools.services.tenants, body, seed);
    if (!added.ok) return added;
    const { tenant, etag } = added.value;
    const { tenantId } = tenant;
    // The path names no tenant yet; its own trail begins with this.
    signedInOf(tools).note({ tenantId, object: `tenant/${tenantId}`, after: tenant });
    return succeed(created(`/api/v1/tenants/${tenantId}`, tenant, etag));
  },
);
