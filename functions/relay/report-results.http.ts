/** Takes what a site's relay reports about the devices of a claim. */
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { ResultsReport, ResultsView, SitePath } from "../../shared/notifications/relay-contract.ts";
import { takeReport } from "../../shared/notifications/relay-report.ts";
import { countOutcomes } from "../../shared/notifications/relay-reporting.ts";
import { getTenant } from "../../shared/tenants/manage-tenants.ts";
import { onHttp } from "../define.ts";

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
  async ({ params: { tenantId, siteCode }, body }, tools) => {
    const { services, log } = tools;
    const tenant = await getTenant(services.tenants, tenantId);
    if (!tenant.ok) return tenant;
    const report = await takeReport(services.notify, tenantId, body);
    if (!report.ok) return report;
    const { notificationId, claimId } = body;
    const after = { siteCode, claimId, ...report.value, outcomes: countOutcomes(body.results) };
    signedInOf(tools).note({ object: `notification/${notificationId}`, after });
    log("relay.report", { tenantId, siteCode, notificationId, claimId, ...report.value });
    return succeed(ok(report.value));
  },
);
