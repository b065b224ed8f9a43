/** The types of configuration that Graph serves here, one entry of data each. What one does beyond this is a rule. */
import type { GraphVersion } from "../exchange.ts";

/** A JSON object of a configuration; members whose names start with "_" are ours and never leave the stand-in. */
export type Body = Record<string, unknown>;

/** All rows are needed; of each, any one permission will do. */
export type Needs = readonly (readonly string[])[];

/** Navigation properties by name, and what can be expanded within them. */
export type Navigation = { readonly [name: string]: Navigation };

/** A type of configuration. */
export type ConfigurationSort = {
  readonly key: string;
  /** Below the version, without a slash in front. */
  readonly path: string;
  readonly versions: readonly GraphVersion[];
  readonly isSingleton: boolean;
  readonly read: Needs;
  /** Absent: nobody may write. */
  readonly write?: Needs;
  /** Whether an app alone is refused, for reading or for writing. */
  readonly people: "none" | "write" | "all";
  /** What may be done beside reading. */
  readonly may: readonly ("POST" | "PATCH" | "PUT" | "DELETE")[];
  /** Entries of a page when the caller names no number. */
  readonly page: number;
  readonly navigation: Navigation;
  /** The derived types of which every item is one; empty where there is but one type. */
  readonly derived: RegExp | undefined;
  /** What must come with a new item. */
  readonly required: readonly string[];
  /** What a new item has that came without. */
  readonly defaults: Body;
  /** What cannot be changed once it is there. */
  readonly fixed: readonly string[];
  /** The property that the service counts or dates. */
  readonly stamps: readonly (
    | "createdDateTime"
    | "modifiedDateTime"
    | "lastModifiedDateTime"
    | "version"
  )[];
  /** The property that is the id; its value is the caller's. */
  readonly idFrom: string;
  /** Shares one request a second with all others of this kind. */
  readonly isPaced: boolean;
  /** Whether Intune's Multi Admin Approval covers it. */
  readonly isProtected: boolean;
  /** Whether deleted items can be looked at. */
  readonly isSoft: boolean;
  readonly isIntune: boolean;
};

const all = (...rows: readonly string[]): Needs => rows.map((row) => row.split("|"));
type Access = { readonly read: Needs; readonly write: Needs };

/** `Name.Read.All` or `Name.ReadWrite.All`. */
const area = (name: string): Access => ({
  read: all(`${name}.Read.All|${name}.ReadWrite.All`),
  write: all(`${name}.ReadWrite.All`),
});
/** Any policy's reader, and a writer of its own. */
const policy = (name: string, read = "Policy.Read.All"): Access => ({
  read: all(read),
  write: all(`Policy.ReadWrite.${name}`),
});
const only = (read: string): { read: Needs; may: readonly [] } => ({ read: all(read), may: [] });

type Given = Partial<ConfigurationSort> & { readonly read: Needs };

const entra = (key: string, path: string, given: Given): ConfigurationSort => ({
  versions: ["v1.0", "beta"],
  isSingleton: false,
  people: "none",
  may: ["POST", "PATCH", "DELETE"],
  page: 100,
  navigation: {},
  derived: undefined,
  required: ["displayName"],
  defaults: {},
  fixed: [],
  stamps: [],
  idFrom: "",
  isPaced: false,
  isProtected: false,
  isSoft: false,
  isIntune: false,
  ...given,
  key,
  path,
});

const single = (key: string, path: string, given: Given): ConfigurationSort =>
  entra(key, path, { may: ["PATCH"], required: [], ...given, isSingleton: true });

const assigned: Navigation = { assignments: {} };
const withApps: Navigation = { assignments: {}, apps: {} };
const tagged: Body = { description: null, roleScopeTagIds: ["0"] };

const intune = (key: string, path: string, given: Given): ConfigurationSort => ({
  ...entra(key, `device${path}`, {
    versions: ["beta"],
    navigation: assigned,
    defaults: tagged,
    stamps: ["createdDateTime", "lastModifiedDateTime"],
    page: 50,
    ...given,
  }),
  isIntune: true,
});

const derived = (pattern: string): RegExp => new RegExp(`^#microsoft\\.graph\\.(${pattern})$`);
const configuration = area("DeviceManagementConfiguration");
const service = area("DeviceManagementServiceConfig");
const apps = area("DeviceManagementApps");
const rbac = area("DeviceManagementRBAC");
const scripts = area("DeviceManagementScripts");
const script = { ...scripts, required: ["displayName", "scriptContent"], isProtected: true };
const dated = ["createdDateTime", "modifiedDateTime"] as const;
const counted = ["createdDateTime", "lastModifiedDateTime", "version"] as const;
const methods = "Policy.Read.All|Policy.Read.AuthenticationMethod";
const roleReaders = "RoleManagement.Read.Directory|RoleManagement.Read.All|Directory.Read.All";
const roleRules = `RoleManagementPolicy.Read.Directory|${roleReaders}|RoleManagementPolicy.ReadWrite.Directory`;
const access = "identity/conditionalAccess";
const accessWrite = "Policy.ReadWrite.ConditionalAccess";

/** What a group has that nobody said anything of. */
export const groupDefaults: Body = {
  description: null,
  groupTypes: [],
  isAssignableToRole: null,
  membershipRule: null,
  membershipRuleProcessingState: null,
  onPremisesSyncEnabled: null,
  uniqueName: null,
  visibility: null,
};

/** Those that are written by a synchronisation. */
const written: readonly ConfigurationSort[] = [
  entra("group", "groups", {
    read: all("Group.Read.All|Group.ReadWrite.All|Directory.Read.All|GroupMember.Read.All"),
    write: all("Group.ReadWrite.All"),
    required: ["displayName", "mailEnabled", "mailNickname", "securityEnabled"],
    defaults: groupDefaults,
    fixed: ["isAssignableToRole"],
    stamps: ["createdDateTime"],
  }),
  entra("namedLocation", `${access}/namedLocations`, {
    read: all("Policy.Read.All"),
    write: all(accessWrite, "Policy.Read.All"),
    page: 20,
    derived: derived("ipNamedLocation|countryNamedLocation"),
    stamps: dated,
    isPaced: true,
    isSoft: true,
  }),
  entra("authenticationStrength", "policies/authenticationStrengthPolicies", {
    read: all(methods),
    write: all(`${accessWrite}|Policy.ReadWrite.AuthenticationMethod`),
    navigation: { combinationConfigurations: {} },
    required: ["displayName", "allowedCombinations"],
    defaults: {
      description: null,
      policyType: "custom",
      requirementsSatisfied: "mfa",
      combinationConfigurations: [],
    },
    fixed: ["allowedCombinations", "policyType", "requirementsSatisfied"],
    stamps: dated,
  }),
  entra("authenticationContext", `${access}/authenticationContextClassReferences`, {
    ...area("AuthenticationContext"),
    defaults: { description: null, isAvailable: false },
    required: ["id", "displayName"],
    idFrom: "id",
  }),
  entra("conditionalAccessPolicy", `${access}/policies`, {
    read: all("Policy.Read.All"),
    write: all("Policy.Read.All", accessWrite, "Application.Read.All|Application.ReadWrite.All"),
    page: 20,
    required: ["displayName", "state", "conditions"],
    defaults: { templateId: null, grantControls: null, sessionControls: null },
    stamps: dated,
    isPaced: true,
    isSoft: true,
  }),
  single(
    "securityDefaults",
    "policies/identitySecurityDefaultsEnforcementPolicy",
    policy("SecurityDefaults"),
  ),
  single("authenticationMethodsPolicy", "policies/authenticationMethodsPolicy", {
    ...policy("AuthenticationMethod", methods),
    stamps: ["lastModifiedDateTime"],
  }),
  single("authorizationPolicy", "policies/authorizationPolicy", policy("Authorization")),
  entra("pimRoleSettings", "policies/roleManagementPolicyAssignments", {
    ...only(roleRules),
    navigation: { policy: { rules: {}, effectiveRules: {} } },
  }),
  entra("roleManagementPolicy", "policies/roleManagementPolicies", {
    ...only(roleRules),
    write: all("RoleManagementPolicy.ReadWrite.Directory"),
    people: "write",
    navigation: { rules: {}, effectiveRules: {} },
    stamps: ["lastModifiedDateTime"],
  }),
  intune("roleScopeTag", "Management/roleScopeTags", {
    read: [[...rbac.read.flat(), ...configuration.read.flat()]],
    write: rbac.write,
    defaults: { description: null, isBuiltIn: false, assignments: [] },
    stamps: [],
    isProtected: true,
  }),
  intune("assignmentFilter", "Management/assignmentFilters", {
    ...configuration,
    navigation: {},
    required: ["displayName", "platform", "rule"],
    defaults: {
      description: null,
      roleScopeTags: ["0"],
      payloads: [],
      assignmentFilterManagementType: "devices",
    },
    fixed: ["platform"],
  }),
  intune("deviceCompliancePolicy", "Management/deviceCompliancePolicies", {
    ...configuration,
    navigation: { ...assigned, scheduledActionsForRule: { scheduledActionConfigurations: {} } },
    derived: derived("\\w+CompliancePolicy"),
    required: ["displayName", "scheduledActionsForRule"],
    fixed: ["scheduledActionsForRule"],
    stamps: counted,
    isProtected: true,
  }),
  intune("deviceConfiguration", "Management/deviceConfigurations", {
    ...configuration,
    derived: derived("\\w+"),
    defaults: { ...tagged, supportsScopeTags: true },
    stamps: counted,
  }),
  intune("configurationPolicy", "Management/configurationPolicies", {
    ...configuration,
    may: ["POST", "PATCH", "PUT", "DELETE"],
    navigation: { ...assigned, settings: {} },
    required: ["name", "platforms", "technologies"],
    defaults: { ...tagged, settings: [], creationSource: null, templateReference: null },
    fixed: ["settings", "platforms", "technologies", "templateReference"],
    isProtected: true,
    page: 20,
  }),
];

const tenantAccess = "policies/crossTenantAccessPolicy";
const ids = (idFrom: string): Partial<ConfigurationSort> => ({ required: [idFrom], idFrom });

/** Those that are read and compared, and what they refer to. */
const others: readonly ConfigurationSort[] = [
  entra("administrativeUnit", "directory/administrativeUnits", area("AdministrativeUnit")),
  entra("termsOfUse", "identityGovernance/termsOfUse/agreements", {
    ...area("Agreement"),
    people: "all",
    navigation: { files: {} },
  }),
  single("crossTenantAccessDefault", `${tenantAccess}/default`, policy("CrossTenantAccess")),
  entra("crossTenantAccessPartner", `${tenantAccess}/partners`, {
    ...policy("CrossTenantAccess"),
    ...ids("tenantId"),
    navigation: { identitySynchronization: {} },
  }),
  entra("permissionGrantPolicy", "policies/permissionGrantPolicies", {
    ...policy("PermissionGrant", "Policy.Read.PermissionGrant|Policy.ReadWrite.PermissionGrant"),
    ...ids("id"),
    navigation: { includes: {}, excludes: {} },
  }),
  single("adminConsentRequestPolicy", "policies/adminConsentRequestPolicy", {
    ...policy("ConsentRequest"),
    may: ["PUT"],
    stamps: ["version"],
  }),
  single(
    "appManagementDefault",
    "policies/defaultAppManagementPolicy",
    policy("ApplicationConfiguration"),
  ),
  single("deviceRegistrationPolicy", "policies/deviceRegistrationPolicy", {
    ...policy("DeviceConfiguration", "Policy.Read.DeviceConfiguration"),
    may: ["PUT"],
  }),
  entra("groupSettings", "groupSettings", {
    read: all("GroupSettings.Read.All|GroupSettings.ReadWrite.All|Directory.Read.All"),
    write: all("GroupSettings.ReadWrite.All|Directory.ReadWrite.All"),
    required: ["templateId", "values"],
  }),
  entra("directoryRoleDefinition", "roleManagement/directory/roleDefinitions", {
    read: all(roleReaders),
    write: all("RoleManagement.ReadWrite.Directory"),
    defaults: { isBuiltIn: false, isEnabled: true },
  }),
  single("sharePointSettings", "admin/sharepoint/settings", area("SharePointTenantSettings")),
  intune("notificationTemplate", "Management/notificationMessageTemplates", {
    ...service,
    navigation: { localizedNotificationMessages: {} },
    fixed: ["defaultLocale"],
    stamps: ["lastModifiedDateTime"],
  }),
  intune("groupPolicyConfiguration", "Management/groupPolicyConfigurations", {
    ...configuration,
    navigation: {
      ...assigned,
      definitionValues: { definition: {}, presentationValues: { presentation: {} } },
    },
  }),
  intune("deviceManagementScript", "Management/deviceManagementScripts", script),
  intune("deviceShellScript", "Management/deviceShellScripts", script),
  intune("enrollmentConfiguration", "Management/deviceEnrollmentConfigurations", {
    ...service,
    derived: derived("\\w+"),
    fixed: ["priority"],
    stamps: counted,
  }),
  intune("autopilotProfile", "Management/windowsAutopilotDeploymentProfiles", {
    ...service,
    derived: derived("\\w+DeploymentProfile"),
  }),
  ...[
    ["iosAppProtection", "iosManagedAppProtections"],
    ["androidAppProtection", "androidManagedAppProtections"],
    ["appConfiguration", "targetedManagedAppConfigurations"],
  ].map(([key = "", list]) =>
    intune(key, `AppManagement/${list}`, { ...apps, navigation: withApps }),
  ),
  intune("mobileApp", "AppManagement/mobileApps", { ...apps, may: [] }),
  entra("user", "users", only("User.Read.All|User.ReadBasic.All|Directory.Read.All")),
  entra("directoryRoleTemplate", "directoryRoleTemplates", only(roleReaders)),
  entra("roleAssignment", "roleManagement/directory/roleAssignments", {
    ...only(roleReaders),
    navigation: { principal: {} },
  }),
  entra("organization", "organization", only("Organization.Read.All|Directory.Read.All")),
];

/** All of them. The directory's own things stand among them: they are read, and control changes them. */
export const configurationSorts: readonly ConfigurationSort[] = [...written, ...others];
