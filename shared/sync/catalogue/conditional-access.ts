/** Who may sign in, and how: conditional access, what its policies name, and security defaults. */

import { textOf } from "../items/json.ts";
import type {
  ConfigurationType,
  Fixed,
  ItemWrite,
  Json,
  JsonObject,
  WriteStep,
} from "./configuration-type.ts";
import { entraList, entraSingleton, plainSteps, policyAccess } from "./entry.ts";

/** Every kind of update but the default one sends its parts only where something of them changed. */
const hasChanged = ({ changed }: ItemWrite, ...names: readonly string[]): boolean =>
  changed.some((name) => names.includes(name));

const locations = "/identity/conditionalAccess/namedLocations";
const strengths = "/policies/authenticationStrengthPolicies";
const contexts = "/identity/conditionalAccess/authenticationContextClassReferences";
const policies = "/identity/conditionalAccess/policies";
const allCa = { read: "conditionalAccess", write: "conditionalAccess" } as const;

const namedLocation: ConfigurationType = {
  ...entraList,
  key: "namedLocation",
  names: { en: "Named location", fr: "Emplacement nommé" },
  list: locations,
  item: `${locations}/{id}`,
  workloads: allCa,
  permissions: policyAccess("Policy.ReadWrite.ConditionalAccess"),
  keyedBy: ["displayName", "@odata.type"],
  sets: ["ipRanges", "countriesAndRegions"],
  emptyIsNothing: [],
  tier: 3,
  isWritten: true,
  write: (write) => {
    const steps = plainSteps(namedLocation, write);
    if (write.action !== "delete" || write.before?.["isTrusted"] !== true) return steps;
    // A trusted location is not deleted: trust is taken away first.
    const body = { "@odata.type": write.before["@odata.type"], isTrusted: false };
    return [{ method: "PATCH", path: `${locations}/${write.id}`, body }, ...steps];
  },
  faults: (body) => {
    const kind = textOf(body["@odata.type"]);
    return /^#microsoft\.graph\.(ip|country)NamedLocation$/.test(kind)
      ? []
      : [{ pointer: "/@odata.type", detail: "is neither an ipNamedLocation nor a country one" }];
  },
};

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** Combinations with conditions of their own: which keys, which issuers. They have no name, so they are replaced. */
function combinationSteps({ id = "{id}", after, raw }: ItemWrite): WriteStep[] {
  const path = `${strengths}/${id}/combinationConfigurations`;
  const old = listOf(raw?.["combinationConfigurations"]).map((each) =>
    String((each as { readonly id?: unknown }).id),
  );
  return [
    ...old.map((each): WriteStep => ({ method: "DELETE", path: `${path}/${each}` })),
    ...listOf(after?.["combinationConfigurations"]).map(
      (body): WriteStep => ({ method: "POST", path, body }),
    ),
  ];
}

const authenticationStrength: ConfigurationType = {
  ...entraList,
  key: "authenticationStrength",
  names: { en: "Authentication strength", fr: "Force d'authentification" },
  list: `${strengths}?$filter=policyType eq 'custom'&$expand=combinationConfigurations`,
  item: `${strengths}/{id}?$expand=combinationConfigurations`,
  contentIn: "expand",
  permissions: {
    read: [["Policy.Read.AuthenticationMethod", "Policy.Read.All"]],
    write: [["Policy.ReadWrite.AuthenticationMethod", "Policy.ReadWrite.ConditionalAccess"]],
  },
  drops: ["policyType", "requirementsSatisfied", "combinationConfigurations[].id"],
  sets: [
    "allowedCombinations",
    "combinationConfigurations",
    "combinationConfigurations[].appliesToCombinations",
    "combinationConfigurations[].allowedAAGUIDs",
    "combinationConfigurations[].allowedIssuerSkis",
    "combinationConfigurations[].allowedPolicyOIDs",
  ],
  emptyIsNothing: ["description", "combinationConfigurations"],
  tier: 3,
  isWritten: true,
  madeAnew: ["combinationConfigurations"],
  fixed: (raw) =>
    raw["policyType"] === "builtIn"
      ? { reason: "builtIn", detail: "Microsoft's own, the same in every tenant." }
      : undefined,
  write: (write) => {
    if (write.action === "delete") return plainSteps(authenticationStrength, write);
    const path = `${strengths}/${write.id}`;
    const combinations = { allowedCombinations: write.after?.["allowedCombinations"] ?? [] };
    if (write.action === "create") {
      const { combinationConfigurations: _, ...body } = write.after ?? {};
      return [{ method: "POST", path: strengths, body }, ...combinationSteps(write)];
    }
    const changed = write.changed.filter((name) => /^(displayName|description)$/.test(name));
    return [
      ...plainSteps(authenticationStrength, { ...write, changed }),
      ...(hasChanged(write, "allowedCombinations")
        ? ([
            { method: "POST", path: `${path}/updateAllowedCombinations`, body: combinations },
          ] as const)
        : []),
      ...(hasChanged(write, "combinationConfigurations") ? combinationSteps(write) : []),
    ];
  },
};

const maxContexts = 99;

/** The first of c1 to c99 that nobody has. */
function freeContext(taken: readonly string[]): string | undefined {
  const all = Array.from({ length: maxContexts }, (_, place) => `c${place + 1}`);
  return all.find((id) => !taken.includes(id));
}

const authenticationContext: ConfigurationType = {
  ...entraList,
  key: "authenticationContext",
  names: { en: "Authentication context", fr: "Contexte d'authentification" },
  list: contexts,
  item: `${contexts}/{id}`,
  permissions: {
    read: [["AuthenticationContext.Read.All", "AuthenticationContext.ReadWrite.All"]],
    write: [["AuthenticationContext.ReadWrite.All"]],
  },
  tier: 3,
  isWritten: true,
  refuses: ({ action, taken = [] }) =>
    action === "create" && freeContext(taken) === undefined
      ? { reason: "quotaExceeded", detail: `The tenant has all ${maxContexts} contexts.` }
      : undefined,
  write: (write) => {
    if (write.action === "create") {
      const body = { id: freeContext(write.taken ?? []) ?? null, ...write.after };
      return [{ method: "POST", path: contexts, body }];
    }
    const steps = plainSteps(authenticationContext, write);
    if (write.action === "update" || write.before?.["isAvailable"] === false) return steps;
    // Only one that is no longer on offer can be deleted.
    const path = `${contexts}/${write.id}`;
    return [{ method: "PATCH", path, body: { isAvailable: false } }, ...steps];
  },
};

const users = "conditions.users";
const applications = "conditions.applications";
const clients = "conditions.clientApplications";
const userWords = ["All", "None", "GuestsOrExternalUsers"];
const locationWords = ["All", "AllTrusted", "00000000-0000-0000-0000-000000000000"];
const applicationWords = ["All", "None", "Office365", "MicrosoftAdminPortals"];
const builtInStrengths = [2, 3, 4].map((last) => `00000000-0000-0000-0000-00000000000${last}`);

/** Every list of a policy's conditions and controls: none of them has an order, and an empty one says nothing. */
const policyLists = [
  ...["Users", "Groups", "Roles"].flatMap((what) => [
    `${users}.include${what}`,
    `${users}.exclude${what}`,
  ]),
  `${users}.includeGuestsOrExternalUsers.externalTenants.members`,
  `${users}.excludeGuestsOrExternalUsers.externalTenants.members`,
  `${applications}.includeApplications`,
  `${applications}.excludeApplications`,
  `${applications}.includeUserActions`,
  `${applications}.includeAuthenticationContextClassReferences`,
  `${clients}.includeServicePrincipals`,
  `${clients}.excludeServicePrincipals`,
  "conditions.locations.includeLocations",
  "conditions.locations.excludeLocations",
  "conditions.platforms.includePlatforms",
  "conditions.platforms.excludePlatforms",
  "conditions.clientAppTypes",
  "conditions.signInRiskLevels",
  "conditions.userRiskLevels",
  "conditions.servicePrincipalRiskLevels",
  "grantControls.builtInControls",
  "grantControls.customAuthenticationFactors",
  "grantControls.termsOfUse",
];

const managed: Fixed = {
  reason: "managedByMicrosoft",
  detail: "A policy that Microsoft manages: only its state and its exclusions can be changed.",
  except: [
    "state",
    `${users}.excludeUsers`,
    `${users}.excludeGroups`,
    `${users}.excludeRoles`,
    `${users}.excludeGuestsOrExternalUsers`,
  ],
};

const conditionalAccessPolicy: ConfigurationType = {
  ...entraList,
  key: "conditionalAccessPolicy",
  names: { en: "Conditional access policy", fr: "Stratégie d'accès conditionnel" },
  list: policies,
  item: `${policies}/{id}`,
  workloads: allCa,
  permissions: {
    read: [["Policy.Read.All"]],
    write: [
      ["Policy.Read.All"],
      ["Policy.ReadWrite.ConditionalAccess"],
      ["Application.Read.All", "Application.ReadWrite.All"],
    ],
  },
  drops: ["templateId"],
  sets: policyLists,
  emptyIsNothing: ["description", ...policyLists],
  references: [
    { at: `${users}.includeUsers[]`, family: "user", literals: userWords },
    { at: `${users}.excludeUsers[]`, family: "user", literals: userWords },
    { at: `${users}.includeGroups[]`, family: "group" },
    { at: `${users}.excludeGroups[]`, family: "group" },
    { at: `${users}.includeRoles[]`, family: "directoryRole" },
    { at: `${users}.excludeRoles[]`, family: "directoryRole" },
    ...["include", "exclude"].flatMap((which) => [
      {
        at: `${applications}.${which}Applications[]`,
        family: "servicePrincipal",
        literals: applicationWords,
      } as const,
      {
        at: `${clients}.${which}ServicePrincipals[]`,
        family: "workloadIdentity",
        literals: ["ServicePrincipalsInMyTenant"],
      } as const,
      {
        at: `conditions.locations.${which}Locations[]`,
        family: "namedLocation",
        literals: locationWords,
      } as const,
    ]),
    {
      at: `${applications}.includeAuthenticationContextClassReferences[]`,
      family: "authenticationContext",
    },
    {
      at: "grantControls.authenticationStrength.id",
      family: "authenticationStrength",
      literals: builtInStrengths,
    },
    { at: "grantControls.termsOfUse[]", family: "termsOfUse" },
  ],
  tier: 7,
  isWritten: true,
  fixed: ({ displayName }) =>
    textOf(displayName).startsWith("Microsoft-managed:") ? managed : undefined,
  normalise: ({ grantControls: controls, sessionControls: session, ...body }) => ({
    ...body,
    ...(controls === undefined ? {} : { grantControls: withStrengthById(controls) }),
    ...(session === undefined ? {} : resilient(session)),
  }),
  write: (write) =>
    write.action === "create" ? creationOf(write) : plainSteps(conditionalAccessPolicy, write),
};

/** Graph shows the whole strength in a policy, and takes its id. */
function withStrengthById(controls: Json): Json {
  if (!isRecord(controls)) return controls;
  const strength = controls["authenticationStrength"];
  return isRecord(strength) && strength["id"] !== undefined
    ? { ...controls, authenticationStrength: { id: strength["id"] } }
    : controls;
}

/** Resilience is on unless it is said to be off: false says nothing. */
function resilient(session: Json): { readonly sessionControls?: Json } {
  if (!isRecord(session) || session["disableResilienceDefaults"] === true)
    return { sessionControls: session };
  const { disableResilienceDefaults: _, ...rest } = session;
  return Object.keys(rest).length === 0 ? {} : { sessionControls: rest };
}

const isRecord = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A new policy acts at once on all whom it names: it is born in report-only mode, and gets its state when it is whole. */
function creationOf({ after = {} }: ItemWrite): WriteStep[] {
  const { state } = after;
  const reportOnly = "enabledForReportingButNotEnforced";
  if (state !== "enabled") return [{ method: "POST", path: policies, body: after }];
  return [
    { method: "POST", path: policies, body: { ...after, state: reportOnly } },
    { method: "PATCH", path: `${policies}/{id}`, body: { state } },
  ];
}

const termsOfUse: ConfigurationType = {
  ...entraList,
  key: "termsOfUse",
  names: { en: "Terms of use", fr: "Conditions d'utilisation" },
  list: "/identityGovernance/termsOfUse/agreements",
  item: "/identityGovernance/termsOfUse/agreements/{id}",
  permissions: {
    read: [["Agreement.Read.All", "Agreement.ReadWrite.All"]],
    write: [["Agreement.ReadWrite.All"]],
  },
  writtenBy: "user",
  readBy: "user",
  isOptional: true,
  drops: ["acceptances", "file", "files"],
  tier: 3,
  isWritten: false,
};

const defaults = "/policies/identitySecurityDefaultsEnforcementPolicy";
const securityDefaults: ConfigurationType = {
  ...entraSingleton,
  key: "securityDefaults",
  names: { en: "Security defaults", fr: "Paramètres de sécurité par défaut" },
  list: defaults,
  item: defaults,
  permissions: policyAccess("Policy.ReadWrite.SecurityDefaults"),
  // Switched off before any policy is enabled, and on when none is enabled any more: Entra refuses both at once.
  tier: 6,
  goesLast: ({ isEnabled }) => isEnabled === true,
  isWritten: true,
};

/** In the order of their tiers. */
export const conditionalAccessTypes: readonly ConfigurationType[] = [
  namedLocation,
  authenticationStrength,
  authenticationContext,
  termsOfUse,
  securityDefaults,
  conditionalAccessPolicy,
];
