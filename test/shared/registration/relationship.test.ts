/** Which ways into Autopilot a relationship opens, and what a refusal says is missing. */
import { expect, test } from "vitest";
import {
  checkRelationship,
  type PartnerKind,
  type PartnerRoute,
  type RelationshipFacts,
} from "../../../shared/registration/partner/relationship.ts";

const now = Date.parse("2026-06-01T00:00:00Z");
const nothing: RelationshipFacts = { problems: [], checkedAt: now };
const intune = "3a2c62db-5318-420d-8d74-23affee5d9d5";
const reseller = { ...nothing, reseller: { word: "reseller", at: now } };
const delegated = (over: Partial<NonNullable<RelationshipFacts["delegation"]>>) => ({
  ...nothing,
  delegation: { status: "active", roles: [intune], assigned: true, at: now, ...over },
});
const consent = {
  ...nothing,
  consent: { permissions: ["DeviceManagementServiceConfig.ReadWrite.All"], at: now },
};
const oemConsent = { ...nothing, oemConsent: { link: "https://oem.example/c", acceptedAt: now } };

type Case = [PartnerKind, PartnerRoute, RelationshipFacts, string, ("signedIn" | "noMfa")?];

test.each<Case>([
  ["customer", "graph", nothing, "the tenant's own devices"],
  ["customer", "partnerCenter", reseller, "route-not-open"],
  ["customer", "file", nothing, "nothing is sent"],
  ["direct", "partnerCenter", reseller, "a reseller relationship"],
  ["direct", "partnerCenter", nothing, "relationship-missing"],
  [
    "direct",
    "partnerCenter",
    { ...nothing, reseller: { word: "advisor", at: now } },
    "relationship-missing",
  ],
  ["direct", "partnerCenter", delegated({}), "relationship-missing"],
  ["direct", "partnerCenter", reseller, "second-factor-missing", "noMfa"],
  ["indirectProvider", "partnerCenter", reseller, "a reseller relationship"],
  ["indirectReseller", "partnerCenter", reseller, "route-not-open"],
  ["indirectReseller", "file", nothing, "nothing is sent"],
  ["indirectReseller", "graph", consent, "the app's permission"],
  ["oem", "partnerCenter", reseller, "route-not-open"],
  ["oem", "graph", consent, "route-not-open"],
  ["oem", "file", nothing, "consent-missing"],
  ["oem", "file", oemConsent, "the customer's consent"],
  ["direct", "graph", nothing, "consent-missing"],
  ["direct", "graph", reseller, "consent-missing"],
  ["direct", "graph", consent, "the app's permission"],
  ["direct", "graph", delegated({}), "a GDAP relationship"],
  [
    "direct",
    "graph",
    delegated({ status: "expiring", endsAt: now + 1 }),
    "a GDAP relationship until",
  ],
  ["direct", "graph", delegated({ endsAt: now }), "relationship-expired"],
  ["direct", "graph", delegated({ status: "expired" }), "relationship-expired"],
  ["direct", "graph", delegated({ status: "terminated" }), "relationship-expired"],
  ["direct", "graph", delegated({ status: "approvalPending" }), "relationship-pending"],
  ["direct", "graph", delegated({ status: "terminating" }), "relationship-pending"],
  [
    "direct",
    "graph",
    delegated({ roles: ["88d8e3e3-8f55-4a1e-953a-9b9898b8876b"] }),
    "role-missing",
  ],
  ["direct", "graph", delegated({ assigned: false }), "role-missing"],
])("%s by %s with %j: %s", (kind, route, facts, said, account = "signedIn") => {
  const verdict = checkRelationship(facts, { kind, route, account }, now);
  const {
    proof = "",
    code = "",
    missing = "",
    remedy = "",
  } = verdict as object as Partial<Record<string, string>>;
  expect(proof + code).toMatch(new RegExp(`^${said}`));
  expect([missing !== "", remedy !== ""]).toEqual([!verdict.allowed, !verdict.allowed]);
});

test("Partner Center's door needs somebody who has signed in, and an installation that has one", () => {
  const asked = { kind: "direct", route: "partnerCenter" } as const;
  for (const [account, code] of [
    ["notSignedIn", "not-signed-in"],
    ["off", "partner-center-off"],
  ] as const)
    expect(checkRelationship(reseller, { ...asked, account }, now)).toMatchObject({ code });
});
