/** What the services refuse of a write, beyond what the data of a type says. */
import type { GraphCall } from "../exchange.ts";
import { isBody, partsOf } from "./shown.ts";
import { configurationOf, singletonId } from "./store.ts";
import type { Body, ConfigurationSort } from "./types.ts";

/** Why a write is refused. */
export type Fault = { readonly status: number; readonly message: string };

/** A write as it would leave the item; without `after`, the item is to go. */
export type Change = {
  readonly call: GraphCall;
  readonly sort: ConfigurationSort;
  readonly before?: Body | undefined;
  readonly after?: Body | undefined;
  /** What was sent. */
  readonly sent: Body;
};

const refused = (message: string, status = 400): Fault => ({ status, message });

type Rule = (change: Change) => Fault | undefined;

const rules: Readonly<Record<string, Rule>> = {
  group: ({ before }) =>
    before?.["onPremisesSyncEnabled"] === true
      ? refused(
          "Unable to update the specified properties for on-premises mastered Directory Sync objects or objects currently undergoing migration.",
        )
      : undefined,
  namedLocation: (change) => {
    if (change.after !== undefined) return undefined;
    if (change.before?.["isTrusted"] === true)
      return refused(
        "1052: A trusted named location cannot be deleted. Unmark it as trusted first.",
      );
    return used(change, "the named location");
  },
  authenticationStrength: (change) => {
    if (change.before?.["policyType"] === "builtIn")
      return refused("Built-in authentication strength policies cannot be changed.", 403);
    return change.after === undefined ? used(change, "the authentication strength") : undefined;
  },
  authenticationContext: ({ before, after }) => {
    if (before === undefined && !/^c([1-9]\d?)$/.test(String(after?.["id"])))
      return refused("1013: The id of an authentication context must be one of c1 to c99.");
    if (after === undefined && before?.["isAvailable"] === true)
      return refused("1014: An authentication context that is available cannot be deleted.");
    return undefined;
  },
  conditionalAccessPolicy: accessRule,
  securityDefaults: ({ call, after }) => {
    const { tenant } = call;
    const enabled = configurationOf(tenant)
      .all("conditionalAccessPolicy")
      .some((policy) => policy["state"] === "enabled");
    return after?.["isEnabled"] === true && enabled
      ? refused(
          "Security Defaults cannot be enabled while Conditional Access policies are enabled.",
        )
      : undefined;
  },
  permissionGrantPolicy: ({ before }) =>
    String(before?.["id"]).startsWith("microsoft-")
      ? refused("Built-in policies cannot be changed.", 403)
      : undefined,
  directoryRoleDefinition: ({ before }) =>
    before?.["isBuiltIn"] === true ? refused("Built-in roles cannot be changed.", 403) : undefined,
  roleManagementPolicy: ({ after }) => {
    const own = after === undefined ? [] : partsOf(after, "rules");
    const hasContext = own.some(({ isEnabled }) => isEnabled === true);
    const hasMfa = own.some(
      ({ id, enabledRules }) =>
        id === "Enablement_EndUser_Assignment" &&
        Array.isArray(enabledRules) &&
        enabledRules.includes("MultiFactorAuthentication"),
    );
    return hasContext && hasMfa
      ? refused(
          "MfaAndAcrsConflict: The Mfa and Acrs policy settings cannot be enabled simultaneously.",
        )
      : undefined;
  },
  roleScopeTag: ({ before }) =>
    before?.["isBuiltIn"] === true
      ? refused("The built-in scope tag cannot be changed.", 403)
      : undefined,
  deviceCompliancePolicy: ({ before, after }) =>
    before === undefined &&
    after !== undefined &&
    partsOf(after, "scheduledActionsForRule").length !== 1
      ? refused("A policy must have exactly one rule with scheduled actions, and one that blocks.")
      : undefined,
  deviceConfiguration: ({ sent }) =>
    partsOf(sent, "omaSettings").some(
      (setting) => typeof setting["secretReferenceValueId"] === "string",
    )
      ? refused("SecretReferenceValueId is invalid for create or update of an OMA setting.")
      : undefined,
};

/** What the services refuse of it. */
export const refusedBy = (change: Change): Fault | undefined => rules[change.sort.key]?.(change);

/** Microsoft's own policies: their state and whom they spare may be changed, nothing else. */
function accessRule(change: Change): Fault | undefined {
  const { call, before, after, sent } = change;
  if (String(before?.["displayName"]).startsWith("Microsoft-managed:")) {
    const other = Object.keys(sent).find((name) => !["state", "conditions"].includes(name));
    if (after === undefined || other !== undefined)
      return refused("Microsoft-managed policies cannot be renamed or deleted.", 403);
  }
  if (after === undefined) return undefined;
  if (
    !["enabled", "disabled", "enabledForReportingButNotEnforced"].includes(String(after["state"]))
  )
    return refused(`1007: Invalid state '${String(after["state"])}'.`);
  const isDefault = configurationOf(call.tenant).get("securityDefaults", singletonId)?.[
    "isEnabled"
  ];
  if (after["state"] === "enabled" && before?.["state"] !== "enabled" && isDefault === true)
    return refused(
      "Security Defaults is enabled in the tenant. You must disable Security defaults before enabling a Conditional Access policy.",
    );
  const { conditions, grantControls, sessionControls } = after;
  if (!isBody(conditions)) return refused("1015: Policy conditions are missing.");
  if (!isBody(grantControls) && !isBody(sessionControls))
    return refused("1011: A policy must have grant controls or session controls.");
  return unknownReference(change, conditions, isBody(grantControls) ? grantControls : {});
}

/** Places in a policy's conditions that name something by id: which type, and which words are no ids. */
const places: readonly (readonly [at: readonly [string, string], key: string, code: string])[] = [
  [["users", "includeGroups"], "group", "1009"],
  [["users", "excludeGroups"], "group", "1009"],
  [["users", "includeUsers"], "user", "1008"],
  [["users", "excludeUsers"], "user", "1008"],
  [["users", "includeRoles"], "directoryRoleTemplate", "1010"],
  [["users", "excludeRoles"], "directoryRoleTemplate", "1010"],
  [["locations", "includeLocations"], "namedLocation", "1040"],
  [["locations", "excludeLocations"], "namedLocation", "1040"],
  [
    ["applications", "includeAuthenticationContextClassReferences"],
    "authenticationContext",
    "1041",
  ],
];
const words = new Set([
  "All",
  "None",
  "GuestsOrExternalUsers",
  "AllTrusted",
  "00000000-0000-0000-0000-000000000000",
]);

/** What was made a moment ago is not known yet: conditional access looks where lists look. */
function unknownReference({ call }: Change, conditions: Body, controls: Body): Fault | undefined {
  const configuration = configurationOf(call.tenant);
  const isKnown = (key: string, id: string): boolean =>
    words.has(id) || configuration.seen(key, id, call.now) !== undefined;
  for (const [[area, list], key, code] of places) {
    const within = conditions[area];
    const ids = isBody(within) && Array.isArray(within[list]) ? within[list].map(String) : [];
    const unknown = ids.find((id) => !isKnown(key, id));
    if (unknown !== undefined)
      return refused(
        `${code}: Policy contains an invalid ${key} in ${area}.${list}: ${unknown} does not exist.`,
      );
  }
  const strength = controls["authenticationStrength"];
  const id = isBody(strength) ? String(strength["id"]) : undefined;
  if (id === undefined || isKnown("authenticationStrength", id)) return undefined;
  return refused(`1060: The authentication strength ${id} does not exist.`);
}

/** Refuses to delete what a policy names. */
function used({ call, before }: Change, what: string): Fault | undefined {
  const id = String(before?.["id"]);
  const policy = configurationOf(call.tenant)
    .all("conditionalAccessPolicy")
    .find((one) => JSON.stringify(one).includes(id));
  return policy === undefined
    ? undefined
    : refused(`Cannot delete ${what}: the policy '${String(policy["displayName"])}' uses it.`);
}
