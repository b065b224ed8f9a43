/**
 * What ties a partner to a customer, and whether a way into Autopilot may be taken on the strength of it: a judgement over
 * facts, before anything is sent. Pure.
 */
import * as z from "zod";
import { toIso } from "../../kernel/clock.ts";
import { advice } from "../../partner-center/client.ts";
import type { AccountState } from "./account.ts";

/** What a partner is to the customers of this installation; `customer`: it looks after its own devices. */
export const partnerKinds = [
  "direct",
  "indirectProvider",
  "indirectReseller",
  "oem",
  "customer",
] as const;
export type PartnerKind = (typeof partnerKinds)[number];

/** Ways into Autopilot: `file` is a clean list that somebody uploads at a portal. */
export const partnerRoutes = ["graph", "partnerCenter", "file"] as const;
export type PartnerRoute = (typeof partnerRoutes)[number];

/** What is known of a customer; each fact with the time at which it was read. */
export const RelationshipFacts = z.object({
  /** Where it is not what the installation is. */
  partnerKind: z.enum(partnerKinds).exactOptional(),
  reseller: z.object({ word: z.string(), at: z.number() }).exactOptional(),
  delegation: z
    .object({
      status: z.string(),
      endsAt: z.number().exactOptional(),
      roles: z.array(z.string()),
      /** Whether a role for Intune is given to a group of the partner's. */
      assigned: z.boolean(),
      at: z.number(),
    })
    .exactOptional(),
  /** What the customer's administrator has let the app do. */
  consent: z.object({ permissions: z.array(z.string()), at: z.number() }).exactOptional(),
  oemConsent: z.object({ link: z.string(), acceptedAt: z.number() }).exactOptional(),
  /** What could not be read, and why. */
  problems: z.array(z.string()).default([]),
  checkedAt: z.number().default(0),
});
export type RelationshipFacts = z.output<typeof RelationshipFacts>;

/** Yes with its proof, or no with what is missing and how to get it. */
export type RelationshipVerdict =
  | { readonly allowed: true; readonly proof: string }
  | {
      readonly allowed: false;
      readonly code: string;
      readonly missing: string;
      readonly remedy: string;
    };

/** Entra's template ids of roles that may register devices in Intune. */
const intuneAdministrator = "3a2c62db-5318-420d-8d74-23affee5d9d5";
/** Roles that carry what registering takes. */
export const registeringRoles: ReadonlySet<string> = new Set([
  intuneAdministrator,
  "62e90394-69f5-4237-9190-012177145e10",
]);
const permission = "DeviceManagementServiceConfig.ReadWrite.All";
const live: ReadonlySet<string> = new Set(["active", "expiring"]);

const no = (code: string, missing: string, remedy: string): RelationshipVerdict => ({
  allowed: false,
  code,
  missing,
  remedy,
});
const yes = (proof: string): RelationshipVerdict => ({ allowed: true, proof });

const noApi =
  "Microsoft gives the API to direct partners and to indirect providers: let your provider register, or upload the clean file (route file) at the portal";

/** Judges a route. */
export function checkRelationship(
  facts: RelationshipFacts,
  {
    kind,
    route,
    account,
  }: {
    readonly kind: PartnerKind;
    readonly route: PartnerRoute;
    readonly account: AccountState;
  },
  now: number,
): RelationshipVerdict {
  switch (route) {
    case "file":
      return kind === "oem" ? ofOem(facts) : yes("nothing is sent");
    case "graph":
      if (kind === "customer") return yes("the tenant's own devices");
      return kind === "oem" ? oemRoute : inIntune(facts, now);
    case "partnerCenter":
      if (kind === "oem") return oemRoute;
      if (kind === "customer")
        return no(
          "route-not-open",
          "Partner Center is for partners, and this installation is its own customer",
          "take the route graph, or set MUSTER_PARTNER_KIND",
        );
      if (kind === "indirectReseller")
        return no("route-not-open", "an indirect reseller has the portal only, no API", noApi);
      return signedIn(account) ?? ofReseller(facts);
  }
}

const oemRoute = no(
  "route-not-open",
  "an OEM registers by its own OEM Direct API, which is not public",
  "take the route file, with serial number, manufacturer and model, or with product IDs",
);

function ofOem({ oemConsent }: RelationshipFacts): RelationshipVerdict {
  if (oemConsent !== undefined)
    return yes(`the customer's consent of ${toIso(oemConsent.acceptedAt)}`);
  return no(
    "consent-missing",
    "the customer has not consented to the OEM",
    "send its Global Administrator your unique link (msoemops@microsoft.com gives it out), then note it at PUT /api/v1/customers/{tenantId}",
  );
}

function signedIn(account: AccountState): RelationshipVerdict | undefined {
  switch (account) {
    case "signedIn":
      return undefined;
    case "noMfa":
      return no(
        "second-factor-missing",
        "the account signed in without a second factor",
        advice.noMfa,
      );
    case "notSignedIn":
      return no("not-signed-in", "nobody has signed in for Partner Center", advice.notSignedIn);
    case "off":
      return no(
        "partner-center-off",
        "this installation has no Partner Center",
        "set MUSTER_PARTNER_CENTER_URL, MUSTER_HOME_TENANT_IDS and a key to seal sign-ins with",
      );
  }
}

function ofReseller({ reseller }: RelationshipFacts): RelationshipVerdict {
  if (reseller?.word === "reseller") return yes("a reseller relationship at Partner Center");
  return no(
    "relationship-missing",
    reseller === undefined || reseller.word === "none"
      ? "the customer has no reseller relationship with the partner"
      : `the customer's relationship with the partner is ${reseller.word}, not reseller`,
    advice.noRelationship,
  );
}

/** In Intune it takes the consent of the customer's administrator, or what they have delegated (GDAP). */
function inIntune({ consent, delegation }: RelationshipFacts, now: number): RelationshipVerdict {
  if (consent?.permissions.includes(permission)) return yes(`the app's permission ${permission}`);
  if (delegation === undefined)
    return no(
      "consent-missing",
      "the customer has neither consented to the app nor delegated anything (GDAP)",
      `have its administrator consent to the app with ${permission}, or approve a GDAP relationship with Intune Administrator`,
    );
  const { status, endsAt = Number.POSITIVE_INFINITY, roles, assigned } = delegation;
  const hasEnded = live.has(status) && endsAt <= now;
  if (hasEnded || status === "expired" || status === "terminated")
    return no(
      "relationship-expired",
      `the GDAP relationship ${hasEnded ? "ended" : `is ${status}`}`,
      "make a new one at Partner Center, with automatic extension, and have it approved",
    );
  if (!live.has(status))
    return no(
      "relationship-pending",
      `the GDAP relationship is ${status}`,
      "have the customer's Global Administrator approve it",
    );
  if (!roles.some((role) => registeringRoles.has(role)))
    return no(
      "role-missing",
      "the GDAP relationship has no role that may register devices",
      "make one with Intune Administrator",
    );
  if (!assigned)
    return no(
      "role-missing",
      "Intune Administrator of the GDAP relationship is given to no security group",
      "assign it to a group of the partner's at Partner Center",
    );
  return yes(
    endsAt === Number.POSITIVE_INFINITY
      ? "a GDAP relationship"
      : `a GDAP relationship until ${toIso(endsAt)}`,
  );
}
