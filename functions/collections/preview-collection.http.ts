/** Shows what a rule would find, without keeping it. */
import { signedInOf } from "../../shared/access/signed-in.ts";
import { PreviewBody, PreviewView } from "../../shared/devices/collection-contract.ts";
import { previewRule } from "../../shared/devices/collection-members.ts";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import { getTenant } from "../../shared/tenants/manage-tenants.ts";
import { onHttp } from "../define.ts";

export const previewCollectionFunction = onHttp(
  operation({
    name: "collections-preview",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/collections/preview",
    summary: "Show how many devices a rule finds, and the first 20 of them",
    tag: "Collections",
    params: TenantPath,
    body: PreviewBody,
    answers: { 200: { description: "What it finds now", body: PreviewView } },
  }),
  async ({ params: { tenantId }, body }, tools) => {
    const { services } = tools;
    // A POST for the rule's sake: it changes nothing.
    signedInOf(tools).note({ unchanged: true });
    const tenant = await getTenant(services.tenants, tenantId);
    if (!tenant.ok) return tenant;
    return succeed(ok(await previewRule(services.collecting, tenantId, body.rule)));
  },
);
