/** Gives a site to its relay for a while: two relays at once would start the same operation twice. */
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { LeaseRequest, LeaseView, SitePath } from "../../shared/notifications/relay-contract.ts";
import { holdSite } from "../../shared/notifications/relay-holding.ts";
import { getTenant } from "../../shared/tenants/manage-tenants.ts";
import { onHttp } from "../define.ts";

export const leaseSiteFunction = onHttp(
  operation({
    name: "sites-lease",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/sites/{siteCode}/lease",
    summary: "Take a ConfigMgr site for a relay, or keep it; only who has it can claim",
    tag: "Relay",
    params: SitePath,
    body: LeaseRequest,
    answers: { 200: { description: "The site is this relay's", body: LeaseView } },
  }),
  async ({ params: { tenantId, siteCode }, body }, tools) => {
    const { services, log } = tools;
    const tenant = await getTenant(services.tenants, tenantId);
    if (!tenant.ok) return tenant;
    const held = await holdSite(services, { tenantId, siteCode }, body);
    // Asked for every half minute: that it goes on as before, or has to wait, is no event.
    if (!held.ok || !held.value.moved) signedInOf(tools).note({ unchanged: true });
    if (!held.ok) return held;
    const { view, moved } = held.value;
    const after = { relayId: body.relayId, term: view.term };
    signedInOf(tools).note({ object: `site/${siteCode}`, after });
    if (moved) log("relay.take", { tenantId, siteCode, ...after });
    return succeed(ok(view));
  },
);
