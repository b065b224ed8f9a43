/** The access configuration of a tenant: what somebody who looks after it well would have set up. */

import type { Body } from "../types.ts";
import type { Maker, Seeds } from "./maker.ts";
import { roleTemplates } from "./people.ts";

/** Strengths that Microsoft keeps, under ids that are the same everywhere. */
const builtIn = (
  digit: number,
  displayName: string,
  allowedCombinations: readonly string[],
): Body => ({
  id: `00000000-0000-0000-0000-00000000000${digit}`,
  createdDateTime: "2021-12-01T08:00:00Z",
  modifiedDateTime: "2021-12-01T08:00:00Z",
  displayName,
  description: `${displayName}.`,
  policyType: "builtIn",
  requirementsSatisfied: "mfa",
  allowedCombinations,
  combinationConfigurations: [],
});

/** What is not said of a policy's conditions, as the service fills it in. */
export const conditionDefaults = {
  userRiskLevels: [],
  signInRiskLevels: [],
  servicePrincipalRiskLevels: [],
  clientAppTypes: ["all"],
  insiderRiskLevels: null,
  platforms: null,
  locations: null,
  devices: null,
  clientApplications: null,
  authenticationFlows: null,
};

/** The same for its users. */
export const userDefaults = {
  includeUsers: [],
  excludeUsers: [],
  includeGroups: [],
  excludeGroups: [],
  includeRoles: [],
  excludeRoles: [],
  includeGuestsOrExternalUsers: null,
  excludeGuestsOrExternalUsers: null,
};

/** The same for its applications. */
export const applicationDefaults = {
  includeApplications: [],
  excludeApplications: [],
  includeUserActions: [],
  includeAuthenticationContextClassReferences: [],
  applicationFilter: null,
};

/** The same for what it asks of who signs in. */
export const grantDefaults = {
  operator: "OR",
  builtInControls: [],
  customAuthenticationFactors: [],
  termsOfUse: [],
  authenticationStrength: null,
};

type Policy = {
  readonly users: Body;
  readonly applications?: Body;
  readonly conditions?: Body;
  readonly grant?: Body | null;
  readonly session?: Body | null;
  readonly state?: string;
};

/** Named locations, strengths, contexts and policies. */
export function seededAccess({ id, at }: Maker): Seeds {
  const dates = { createdDateTime: at, modifiedDateTime: at };
  const group = (name: string): string => id(`group ${name}`);
  const spared = [group("Break-glass accounts")];
  const policy = (displayName: string, given: Policy): Body => ({
    id: id(`policy ${displayName}`),
    templateId: null,
    displayName,
    ...dates,
    state: given.state ?? "enabled",
    conditions: {
      ...conditionDefaults,
      ...given.conditions,
      users: { ...userDefaults, excludeGroups: spared, ...given.users },
      applications: { ...applicationDefaults, includeApplications: ["All"], ...given.applications },
    },
    grantControls: given.grant === null ? null : { ...grantDefaults, ...given.grant },
    sessionControls: given.session ?? null,
  });
  const place = (type: string, displayName: string, rest: Body): Body => ({
    "@odata.type": `#microsoft.graph.${type}`,
    id: id(`location ${displayName}`),
    displayName,
    ...dates,
    ...rest,
  });
  const strength = id("strength Phishing-resistant for administrators");
  return {
    namedLocation: [
      place("ipNamedLocation", "Head office", {
        isTrusted: true,
        ipRanges: [
          { "@odata.type": "#microsoft.graph.iPv4CidrRange", cidrAddress: "203.0.113.0/24" },
        ],
      }),
      place("countryNamedLocation", "Countries we work in", {
        countriesAndRegions: ["CH", "FR"],
        includeUnknownCountriesAndRegions: false,
        countryLookupMethod: "clientIpAddress",
      }),
    ],
    authenticationStrength: [
      builtIn(2, "Multifactor authentication", [
        "windowsHelloForBusiness",
        "fido2",
        "password,microsoftAuthenticatorPush",
      ]),
      builtIn(3, "Passwordless MFA", ["windowsHelloForBusiness", "fido2", "deviceBasedPush"]),
      builtIn(4, "Phishing-resistant MFA", ["windowsHelloForBusiness", "fido2"]),
      {
        ...builtIn(0, "Phishing-resistant for administrators", [
          "windowsHelloForBusiness",
          "fido2",
        ]),
        ...dates,
        id: strength,
        policyType: "custom",
      },
    ],
    authenticationContext: [
      {
        id: "c1",
        displayName: "Sensitive documents",
        description: "Asks again.",
        isAvailable: true,
      },
      { id: "c2", displayName: "Privileged roles", description: null, isAvailable: true },
    ],
    conditionalAccessPolicy: [
      policy("CA001: Require multifactor authentication for everybody", {
        users: { includeUsers: ["All"], excludeGroups: [...spared, group("CA-Exclude-MFA")] },
        grant: { builtInControls: ["mfa"] },
      }),
      policy("CA002: Strong authentication for administrators", {
        users: { includeRoles: Object.values(roleTemplates).slice(0, 6) },
        grant: { authenticationStrength: { id: strength } },
      }),
      policy("CA003: Block what is not modern", {
        users: { includeUsers: ["All"] },
        conditions: { clientAppTypes: ["exchangeActiveSync", "other"] },
        grant: { builtInControls: ["block"] },
      }),
      policy("CA004: Block sign-in from other countries", {
        users: { includeUsers: ["All"] },
        conditions: {
          locations: {
            includeLocations: ["All"],
            excludeLocations: [id("location Countries we work in"), "AllTrusted"],
          },
        },
        grant: { builtInControls: ["block"] },
        state: "enabledForReportingButNotEnforced",
      }),
      policy("CA005: Sign in again for sensitive documents", {
        users: { includeGroups: [group("All employees")] },
        applications: {
          includeApplications: [],
          includeAuthenticationContextClassReferences: ["c1"],
        },
        grant: { builtInControls: ["mfa"] },
        session: {
          disableResilienceDefaults: null,
          applicationEnforcedRestrictions: null,
          cloudAppSecurity: null,
          persistentBrowser: null,
          secureSignInSession: null,
          signInFrequency: {
            value: 4,
            type: "hours",
            authenticationType: "primaryAndSecondaryAuthentication",
            frequencyInterval: "timeBased",
            isEnabled: true,
          },
        },
      }),
    ],
  };
}
