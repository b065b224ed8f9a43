/** Entra's directory and tenant-wide policies, and SharePoint's settings, which look like them. */
import { textOf } from "../items/json.ts";
import { authenticationMethodsPolicy } from "./authentication-methods.ts";
import type {
  ConfigurationType,
  Fixed,
  ItemWrite,
  JsonObject,
  ReferencePlace,
  WriteStep,
} from "./configuration-type.ts";
import {
  access,
  changedElements,
  entraList,
  entraSingleton,
  listAt,
  plainSteps,
  policyAccess,
  toRead,
} from "./entry.ts";

const groupFields =
  "id,displayName,description,groupTypes,mailEnabled,securityEnabled,membershipRule,membershipRuleProcessingState,isAssignableToRole,visibility,uniqueName,onPremisesSyncEnabled";

/** What Graph wants to be given, and shows to nobody: letters and digits of the name, or a word where it has none. */
const nicknameOf = (name: string): string =>
  name
    .normalize("NFKD")
    .replaceAll(/[^A-Za-z0-9]/g, "")
    .slice(0, 64) || "group";

const group: ConfigurationType = {
  ...entraList,
  key: "group",
  names: { en: "Security group", fr: "Groupe de sécurité" },
  // Tenants have tens of thousands, and a page has a hundred where nothing is said.
  list: `/groups?$filter=securityEnabled eq true&$select=${groupFields}&$top=999`,
  item: `/groups/{id}?$select=${groupFields}`,
  permissions: { read: [toRead("Group")], write: [["Group.ReadWrite.All"]] },
  drops: ["mailNickname", "onPremisesSyncEnabled"],
  immutable: ["isAssignableToRole", "mailEnabled", "securityEnabled", "uniqueName"],
  sets: ["groupTypes"],
  emptyIsNothing: ["description", "groupTypes", "membershipRule"],
  tier: 0,
  changeable: {
    create: true,
    update: true,
    delete: { reason: "notChangeable", detail: "Muster deletes no group: too much hangs on it." },
  },
  isWritten: true,
  fixed: ({ onPremisesSyncEnabled, mailEnabled, groupTypes }): Fixed | undefined => {
    if (onPremisesSyncEnabled === true)
      return { reason: "readOnlyItem", detail: "Comes from a directory on the premises." };
    const unified = Array.isArray(groupTypes) && groupTypes.includes("Unified");
    return mailEnabled === true && !unified
      ? { reason: "readOnlyItem", detail: "Exchange manages groups that receive mail." }
      : undefined;
  },
  write: (write) => {
    if (write.action === "delete") return [];
    if (write.action === "update") return plainSteps(group, write);
    const mailNickname = nicknameOf(textOf(write.after?.["displayName"]));
    const body = { mailEnabled: false, securityEnabled: true, mailNickname, ...write.after };
    return [{ method: "POST", path: "/groups", body }];
  },
};

const units = "/directory/administrativeUnits";
const administrativeUnit: ConfigurationType = {
  ...entraList,
  key: "administrativeUnit",
  names: { en: "Administrative unit", fr: "Unité administrative" },
  list: units,
  item: `${units}/{id}`,
  permissions: access("AdministrativeUnit"),
  drops: ["members", "scopedRoleMembers", "extensions"],
  immutable: ["isMemberManagementRestricted"],
  tier: 0,
  isWritten: false,
};

const authorization = "/policies/authorizationPolicy";
const authorizationPolicy: ConfigurationType = {
  ...entraSingleton,
  key: "authorizationPolicy",
  names: { en: "Authorization policy", fr: "Stratégie d'autorisation" },
  list: authorization,
  item: authorization,
  permissions: policyAccess("Policy.ReadWrite.Authorization"),
  sets: ["defaultUserRolePermissions.permissionGrantPoliciesAssigned"],
  emptyIsNothing: [],
  isWritten: true,
};

const crossTenant = "/policies/crossTenantAccessPolicy";
const crossTenantDirections = [
  "b2bCollaborationInbound",
  "b2bCollaborationOutbound",
  "b2bDirectConnectInbound",
  "b2bDirectConnectOutbound",
  "tenantRestrictions",
];
const crossTenantTargets = crossTenantDirections.flatMap((direction) => [
  `${direction}.usersAndGroups.targets`,
  `${direction}.applications.targets`,
]);
const targetOf = (is: string) => ({ property: "targetType", is });
const crossTenantReferences = crossTenantTargets.flatMap((list): ReferencePlace[] => {
  const at = `${list}[].target`;
  return [
    { at, family: "user", literals: ["AllUsers"], where: targetOf("user") },
    { at, family: "group", where: targetOf("group") },
    {
      at,
      family: "servicePrincipal",
      literals: ["AllApplications", "Office365", "AllMicrosoftApps"],
      where: targetOf("application"),
    },
  ];
});

const crossTenantAccessDefault: ConfigurationType = {
  ...entraSingleton,
  key: "crossTenantAccessDefault",
  names: { en: "Cross-tenant access, default", fr: "Accès entre locataires, par défaut" },
  list: `${crossTenant}/default`,
  item: `${crossTenant}/default`,
  permissions: policyAccess("Policy.ReadWrite.CrossTenantAccess"),
  drops: ["isServiceDefault", "automaticUserConsentSettings"],
  sets: crossTenantTargets,
  emptyIsNothing: crossTenantTargets,
  references: crossTenantReferences,
  isWritten: false,
};

const crossTenantAccessPartner: ConfigurationType = {
  ...entraList,
  key: "crossTenantAccessPartner",
  names: { en: "Cross-tenant access, partner", fr: "Accès entre locataires, partenaire" },
  // Whether people of the partner are synchronised stands beside it.
  list: `${crossTenant}/partners?$expand=identitySynchronization`,
  item: `${crossTenant}/partners/{id}?$expand=identitySynchronization`,
  contentIn: "expand",
  permissions: policyAccess("Policy.ReadWrite.CrossTenantAccess"),
  keyedBy: ["tenantId"],
  drops: ["isServiceProvider", "isInMultiTenantOrganization"],
  sets: crossTenantTargets,
  emptyIsNothing: crossTenantTargets,
  references: crossTenantReferences,
  tier: 4,
  isWritten: false,
  fixed: ({ isServiceProvider }) =>
    isServiceProvider === true
      ? { reason: "readOnlyItem", detail: "The row of a service provider." }
      : undefined,
};

const grants = "/policies/permissionGrantPolicies";
const permissionGrantPolicy: ConfigurationType = {
  ...entraList,
  key: "permissionGrantPolicy",
  names: { en: "Permission grant policy", fr: "Stratégie d'octroi d'autorisations" },
  list: `${grants}?$expand=includes,excludes`,
  item: `${grants}/{id}?$expand=includes,excludes`,
  contentIn: "expand",
  permissions: {
    read: [["Policy.Read.PermissionGrant", "Policy.ReadWrite.PermissionGrant"]],
    write: [["Policy.ReadWrite.PermissionGrant"]],
  },
  keyedBy: ["id"],
  drops: ["includes[].id", "excludes[].id"],
  sets: ["includes", "excludes", "includes[].permissions", "excludes[].permissions"],
  emptyIsNothing: ["description", "includes", "excludes"],
  tier: 3,
  isWritten: false,
  fixed: ({ id }) =>
    textOf(id).startsWith("microsoft-")
      ? { reason: "builtIn", detail: "Microsoft's own, the same in every tenant." }
      : undefined,
};

const consent = "/policies/adminConsentRequestPolicy";
const adminConsentRequestPolicy: ConfigurationType = {
  ...entraSingleton,
  key: "adminConsentRequestPolicy",
  names: { en: "Admin consent requests", fr: "Demandes de consentement administrateur" },
  list: consent,
  item: consent,
  permissions: policyAccess("Policy.ReadWrite.ConsentRequest"),
  drops: [],
  sets: ["reviewers"],
  emptyIsNothing: ["reviewers"],
  isWritten: false,
};

const appManagement = "/policies/defaultAppManagementPolicy";
const appManagementDefault: ConfigurationType = {
  ...entraSingleton,
  key: "appManagementDefault",
  names: { en: "App management policy", fr: "Stratégie de gestion des applications" },
  list: appManagement,
  item: appManagement,
  permissions: policyAccess("Policy.ReadWrite.ApplicationConfiguration"),
  drops: [
    ...entraSingleton.drops,
    ...["nonDefaultUriAddition", "uriAdditionWithoutUniqueTenantIdentifier"].map(
      (rule) => `applicationRestrictions.identifierUris.${rule}.isStateSetByMicrosoft`,
    ),
  ],
  emptyIsNothing: [],
  isWritten: false,
};

const registration = "/policies/deviceRegistrationPolicy";
const memberships = [
  "azureADJoin.allowedToJoin",
  "azureADJoin.localAdmins.registeringUsers",
  "azureADRegistration.allowedToRegister",
];
const deviceRegistrationPolicy: ConfigurationType = {
  ...entraSingleton,
  key: "deviceRegistrationPolicy",
  names: { en: "Device registration policy", fr: "Stratégie d'inscription des appareils" },
  list: registration,
  item: registration,
  permissions: {
    read: [["Policy.Read.DeviceConfiguration", "Policy.ReadWrite.DeviceConfiguration"]],
    write: [["Policy.ReadWrite.DeviceConfiguration"]],
  },
  sets: memberships.flatMap((place) => [`${place}.users`, `${place}.groups`]),
  emptyIsNothing: memberships.flatMap((place) => [`${place}.users`, `${place}.groups`]),
  references: memberships.flatMap((place): ReferencePlace[] => [
    { at: `${place}.users[]`, family: "user" },
    { at: `${place}.groups[]`, family: "group" },
  ]),
  isWritten: false,
};

const groupSettings: ConfigurationType = {
  ...entraList,
  key: "groupSettings",
  names: { en: "Group settings", fr: "Paramètres des groupes" },
  list: "/groupSettings",
  item: "/groupSettings/{id}",
  permissions: {
    read: [["GroupSettings.Read.All", "GroupSettings.ReadWrite.All", "Directory.Read.All"]],
    write: [["GroupSettings.ReadWrite.All", "Directory.ReadWrite.All"]],
  },
  keyedBy: ["templateId"],
  drops: ["displayName"],
  emptyIsNothing: [],
  keyedLists: { values: "name" },
  references: [
    {
      at: "values[].value",
      family: "group",
      literals: [""],
      where: { property: "name", is: "GroupCreationAllowedGroupId" },
    },
  ],
  tier: 4,
  isWritten: false,
};

const roles = "/roleManagement/directory/roleDefinitions";
const roleAccess: ConfigurationType["permissions"] = {
  read: [
    [
      "RoleManagement.Read.Directory",
      "RoleManagement.ReadWrite.Directory",
      "RoleManagement.Read.All",
    ],
  ],
  write: [["RoleManagement.ReadWrite.Directory"]],
};
const directoryRoleDefinition: ConfigurationType = {
  ...entraList,
  key: "directoryRoleDefinition",
  names: { en: "Custom directory role", fr: "Rôle d'annuaire personnalisé" },
  list: `${roles}?$filter=isBuiltIn eq false`,
  item: `${roles}/{id}`,
  permissions: roleAccess,
  isOptional: true,
  drops: ["isBuiltIn", "version", "templateId", "resourceScopes", "inheritsPermissionsFrom"],
  sets: ["rolePermissions", "rolePermissions[].allowedResourceActions"],
  tier: 3,
  isWritten: false,
  fixed: ({ isBuiltIn }) =>
    isBuiltIn === true
      ? { reason: "builtIn", detail: "Microsoft's own, the same in every tenant." }
      : undefined,
};

const roleAssignments = "/policies/roleManagementPolicyAssignments";
const approvers = ["primaryApprovers", "escalationApprovers"].map(
  (list) => `policy.rules[].setting.approvalStages[].${list}`,
);
const pimRoleSettings: ConfigurationType = {
  ...entraList,
  key: "pimRoleSettings",
  names: { en: "PIM role settings", fr: "Paramètres de rôle PIM" },
  list: `${roleAssignments}?$filter=scopeId eq '/' and scopeType eq 'DirectoryRole'&$expand=policy($expand=rules)`,
  item: `${roleAssignments}/{id}?$expand=policy($expand=rules)`,
  contentIn: "expand",
  permissions: {
    read: [
      [
        "RoleManagementPolicy.Read.Directory",
        "RoleManagement.Read.Directory",
        "RoleManagement.Read.All",
      ],
    ],
    write: [["RoleManagementPolicy.ReadWrite.Directory"]],
  },
  writtenBy: "user",
  keyedBy: ["roleDefinitionId"],
  drops: [
    "policyId",
    "scopeId",
    "scopeType",
    ...[
      "id",
      "displayName",
      "description",
      "isOrganizationDefault",
      "lastModifiedBy",
      "scopeId",
      "scopeType",
    ].map((name) => `policy.${name}`),
    "policy.effectiveRules",
  ],
  sets: [
    "policy.rules[].enabledRules",
    "policy.rules[].notificationRecipients",
    "policy.rules[].target.operations",
    "policy.rules[].target.enforcedSettings",
    "policy.rules[].target.inheritableSettings",
    ...approvers,
  ],
  emptyIsNothing: [
    "policy.rules[].target.enforcedSettings",
    "policy.rules[].target.inheritableSettings",
    "policy.rules[].claimValue",
    ...approvers,
  ],
  keyedLists: { "policy.rules": "id" },
  references: [
    { at: "roleDefinitionId", family: "directoryRole" },
    ...approvers.flatMap((list): ReferencePlace[] => [
      { at: `${list}[].groupId`, family: "group" },
      { at: `${list}[].userId`, family: "user" },
    ]),
    { at: "policy.rules[].claimValue", family: "authenticationContext", literals: [""] },
  ],
  tier: 4,
  // Microsoft adds rules now and then, and takes none away at anybody's wish.
  complete: (desired, actual) => {
    const wanted = new Set(listAt(desired, "policy.rules").map(({ id }) => id));
    const more = listAt(actual, "policy.rules").filter(({ id }) => !wanted.has(id));
    const policy = desired["policy"] as JsonObject | undefined;
    const rules = [...listAt(desired, "policy.rules"), ...more];
    return more.length === 0 ? desired : { ...desired, policy: { ...policy, rules } };
  },
  changeable: {
    create: { reason: "builtIn", detail: "Each role has its settings, and always has them." },
    update: true,
    delete: { reason: "builtIn", detail: "Each role has its settings, and always has them." },
  },
  isWritten: true,
  write: (write) =>
    changedElements(write, "policy.rules")
      .toSorted((a, b) => contextOrder(a) - contextOrder(b))
      .map(
        ({ id, ...body }): WriteStep => ({
          method: "PATCH",
          path: `/policies/roleManagementPolicies/${policyIdOf(write)}/rules/${textOf(id)}`,
          body,
        }),
      ),
};

/** Graph refuses a rule that would ask for MFA and for a context at once: a context goes first, and comes last. */
const contextOrder = ({ isEnabled }: JsonObject): number =>
  isEnabled === undefined ? 0 : isEnabled === true ? 1 : -1;

/** An assignment is called like its policy, with the role behind it. */
const policyIdOf = ({ id = "", raw }: ItemWrite): string => {
  const named = raw?.["policyId"];
  return typeof named === "string" ? named : id.slice(0, id.lastIndexOf("_"));
};

const sharePoint = "/admin/sharepoint/settings";
const sharePointSettings: ConfigurationType = {
  ...entraSingleton,
  key: "sharePointSettings",
  names: { en: "SharePoint settings", fr: "Paramètres SharePoint" },
  list: sharePoint,
  item: sharePoint,
  permissions: access("SharePointTenantSettings"),
  drops: ["availableManagedPathsForSiteCreation", "siteCreationDefaultManagedPath"],
  sets: [
    "allowedDomainGuidsForSyncApp",
    "excludedFileExtensionsForSyncApp",
    "sharingAllowedDomainList",
    "sharingBlockedDomainList",
  ],
  emptyIsNothing: [],
  isWritten: false,
};

/** Types of Entra beside conditional access. */
export const entraTypes: readonly ConfigurationType[] = [
  group,
  administrativeUnit,
  authenticationMethodsPolicy,
  authorizationPolicy,
  crossTenantAccessDefault,
  crossTenantAccessPartner,
  permissionGrantPolicy,
  adminConsentRequestPolicy,
  appManagementDefault,
  deviceRegistrationPolicy,
  groupSettings,
  directoryRoleDefinition,
  pimRoleSettings,
  sharePointSettings,
];
