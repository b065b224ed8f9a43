/** Gives a site's relay the deliveries that wait for it, or those it has claimed before. */
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { noContent, ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { ClaimRequest, ClaimView, SitePath } from "../../shared/notifications/relay-contract.ts";
import { claimAsHolder } from "../../shared/notifications/relay-holding.ts";
import { getTenant } from "../../shared/tenants/manage-tenants.ts";
import { onHttp } from "../define.ts";

export const claimDeliveriesFunction = onHttp(
  operation({
    name: "sites-claim",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/sites/{siteCode}/claims",
    summary: "Claim deliveries for a ConfigMgr site; asked again before the report, the same claim",
    tag: "Relay",
    params: SitePath,
    body: ClaimRequest,
    answers: {
      200: { description: "At most 500 devices to send the action to", body: ClaimView },
      204: { description: "Nothing waits for this site in these rows" },
    },
  }),
  async ({ params: { tenantId, siteCode }, body }, tools) => {
    const { services, log } = tools;
    const tenant = await getTenant(services.tenants, tenantId);
    if (!tenant.ok) return tenant;
    const claim = await claimAsHolder(
      services.notify,
      services.leases,
      { tenantId, siteCode },
      body,
    );
    if (!claim.ok) return claim;
    if (claim.value === undefined) {
      // Relays ask every few seconds: that there was nothing to do is no event.
      signedInOf(tools).note({ unchanged: true });
      return succeed(noContent());
    }
    const { claimId, again, devices, notificationId } = claim.value;
    const after = { siteCode, claimId, again, devices: devices.length };
    signedInOf(tools).note({ object: `notification/${notificationId}`, after });
    log("relay.claim", {
      tenantId,
      siteCode,
      notificationId,
      claimId,
      again,
      devices: devices.length,
    });
    return succeed(ok(claim.value));
  },
);
