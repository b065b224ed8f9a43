/** What a relay and Muster say to each other about deliveries: claims and results. */
import * as z from "zod";
import { SiteCode } from "../../configmgr/site.ts";
import { Line, Prose } from "../../kernel/outside-text.ts";
import { DeviceId, Guid, TenantId } from "../../kernel/values.ts";

/** Most devices in one claim: what the relay puts into one client operation. */
export const maxClaimDevices = 500;

const NotificationId = z.string().regex(/^[0-9a-z]{22}$/, "is not a notification id");
const ClaimId = z.string().regex(/^[0-9a-z]{23,29}$/, "is not a claim id");
const RelayId = Guid.describe("The relay's own id, kept beside its journal");
const OperationNumber = z.int().min(0).max(0xffffffff);

/** Path of a site. */
export const SitePath = z.strictObject({ tenantId: TenantId, siteCode: SiteCode });

/** Body of a relay's request for its site. */
export const LeaseRequest = z.strictObject({
  relayId: RelayId,
  seconds: z.int().min(1).max(3600).describe("For how long, if nothing more is heard of it"),
});
export type LeaseRequest = z.output<typeof LeaseRequest>;

/** Answer to it. */
export const LeaseView = z
  .object({
    term: z.int().describe("Grows whenever the site goes to another relay"),
    seconds: z.int().describe("From the moment of asking"),
  })
  .meta({ id: "RelayLease" });
export type LeaseView = z.output<typeof LeaseView>;

/** Body of a claim: the rows that the site's message named, and where the site's operations stand. */
export const ClaimRequest = z.strictObject({
  relayId: RelayId,
  mark: OperationNumber.describe("The site's highest operation number before this claim"),
  notificationId: NotificationId,
  from: DeviceId,
  to: DeviceId,
});
export type ClaimRequest = z.output<typeof ClaimRequest>;

/** Work that a relay has claimed. */
export const ClaimView = z
  .object({
    claimId: z.string(),
    mark: z.int().describe("As the claim was first made: no operation up to it is this claim's"),
    again: z
      .boolean()
      .describe("Claimed before: look at the site for an own operation before starting one"),
    notificationId: z.string(),
    action: z.string(),
    operationType: z
      .int()
      .optional()
      .describe("Type of the client operation; absent for client push, which is none"),
    parameters: z.record(z.string(), z.unknown()),
    expiresAt: z.iso.datetime().describe("After this nothing may be started any more"),
    devices: z.array(z.object({ deviceId: z.string(), resourceId: z.int() })).max(maxClaimDevices),
    more: z.boolean().describe("More waits in the same rows: claim again"),
  })
  .meta({ id: "RelayClaim" });
export type ClaimView = z.output<typeof ClaimView>;

/** What became of a device's share in a claim. */
export const outcomes = [
  "accepted",
  "done",
  "failed",
  "notSupported",
  "offline",
  "unknown",
  "expired",
  "later",
] as const;
export type RelayOutcome = (typeof outcomes)[number];

const Result = z.strictObject({
  deviceId: DeviceId,
  outcome: z
    .enum(outcomes)
    .describe(
      "accepted: the site took it; later: surely not started, claim it again; expired: its time ended before the site was asked, or before the device answered",
    ),
  code: Line.max(60).optional().describe("Stable name of the reason"),
  detail: Prose.max(500).optional(),
});
export type RelayResult = z.output<typeof Result>;

/** Body of a report. */
export const ResultsReport = z.strictObject({
  notificationId: NotificationId,
  claimId: ClaimId,
  results: z.array(Result).min(1).max(maxClaimDevices),
});
export type ResultsReport = z.output<typeof ResultsReport>;

/** Answer to a report. */
export const ResultsView = z
  .object({
    taken: z.int().describe("Deliveries that the report is about and that are this claim's"),
  })
  .meta({ id: "RelayReport" });
