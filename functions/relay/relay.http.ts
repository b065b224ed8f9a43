/** Gives a site to its relay for a while: two relays at once would start the same operation twice. */
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { noContent, ok } from "../../shared/http/reply.ts";
import type { Clock } from "../../shared/kernel/clock.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import type { NotificationParts } from "../../shared/notifications/kind.ts";
import {
  ClaimRequest,
  ClaimView,
  LeaseRequest,
  LeaseView,
  ResultsReport,
  ResultsView,
  SitePath,
} from "../../shared/notifications/relay/contract.ts";
import {
  claimUnderLease,
  leaseSite,
  type RelayLeases,
} from "../../shared/notifications/relay/lease.ts";
import { countOutcomes, takeReport } from "../../shared/notifications/relay/report.ts";
import { onHttp, type Tools } from "../define.ts";

type Needs = {
  readonly clock: Clock;
  readonly leases: RelayLeases;
  readonly notify: NotificationParts;
};

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
  async ({ params: { tenantId, siteCode }, body }, tools: Tools<Needs>) => {
    const { services, log } = tools;
    const leased = await leaseSite(services, { tenantId, siteCode }, body);
    // Asked for every half minute: that it goes on as before, or has to wait, is no event.
    if (!leased.ok || !leased.value.moved) signedInOf(tools).note({ unchanged: true });
    if (!leased.ok) return leased;
    const { view, moved } = leased.value;
    const after = { relayId: body.relayId, term: view.term };
    signedInOf(tools).note({ object: `site/${siteCode}`, after });
    if (moved) log("relay.take", { tenantId, siteCode, ...after });
    return succeed(ok(view));
  },
);

// Gives a site's relay the deliveries that wait for it, or those it has claimed before.

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
  async ({ params: { tenantId, siteCode }, body }, tools: Tools<Needs>) => {
    const { services, log } = tools;
    const claim = await claimUnderLease(
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

// Takes what a site's relay reports about the devices of a claim.

export const reportResultsFunction = onHttp(
  operation({
    name: "sites-report",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/sites/{siteCode}/results",
    summary: "Report what became of claimed deliveries; repeating a report changes nothing",
    tag: "Relay",
    params: SitePath,
    body: ResultsReport,
    answers: { 200: { description: "How many of them are this claim's", body: ResultsView } },
  }),
  async ({ params: { tenantId, siteCode }, body }, tools: Tools<Needs>) => {
    const { services, log } = tools;
    const report = await takeReport(services.notify, tenantId, body);
    if (!report.ok) return report;
    const { notificationId, claimId } = body;
    const after = { siteCode, claimId, ...report.value, outcomes: countOutcomes(body.results) };
    signedInOf(tools).note({ object: `notification/${notificationId}`, after });
    log("relay.report", { tenantId, siteCode, notificationId, claimId, ...report.value });
    return succeed(ok(report.value));
  },
);
