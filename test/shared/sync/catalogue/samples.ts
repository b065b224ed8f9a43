/** One item of each written type as Graph gives it: with what moves, what is read-only, and what is empty. */
import type { JsonObject } from "../../../../shared/sync/items/json.ts";

const moving = {
  createdDateTime: "2026-01-02T03:04:05Z",
  modifiedDateTime: "2026-02-03T04:05:06Z",
  "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#x",
};
const intune = {
  createdDateTime: "2026-01-02T03:04:05Z",
  lastModifiedDateTime: "2026-02-03T04:05:06Z",
  version: 7,
  roleScopeTagIds: ["0"],
};

/** Ids that the samples name, as any tenant could have them. */
export const pilots = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";
export const leavers = "3f2504e0-4f89-41d3-9a0c-0305e82c3302";
const office = "3f2504e0-4f89-41d3-9a0c-0305e82c3303";
const administrator = "62e90394-69f5-4237-9190-012177145e10";
const tenant = "0a1b2c3d-4f89-41d3-9a0c-0305e82c3304";
const policy = "0a1b2c3d-4f89-41d3-9a0c-0305e82c3305";

/** An assignment to a group. */
export const toGroup = (groupId: string): JsonObject => ({
  id: `x_${groupId}`,
  source: "direct",
  sourceId: "x",
  target: {
    "@odata.type": "#microsoft.graph.groupAssignmentTarget",
    deviceAndAppManagementAssignmentFilterId: null,
    deviceAndAppManagementAssignmentFilterType: "none",
    groupId,
  },
});

/** An assignment to all users, or to all devices. */
export const toAll = (whom: "allLicensedUsers" | "allDevices"): JsonObject => ({
  id: `x_${whom}`,
  target: {
    "@odata.type": `#microsoft.graph.${whom}AssignmentTarget`,
    deviceAndAppManagementAssignmentFilterId: "00000000-0000-0000-0000-000000000000",
    deviceAndAppManagementAssignmentFilterType: "none",
  },
});

/** By type. */
export const samples: Readonly<Record<string, JsonObject>> = {
  group: {
    id: pilots,
    displayName: "Pilots",
    description: null,
    groupTypes: [],
    mailEnabled: false,
    securityEnabled: true,
    membershipRule: null,
    isAssignableToRole: null,
    onPremisesSyncEnabled: null,
  },
  namedLocation: {
    ...moving,
    "@odata.type": "#microsoft.graph.ipNamedLocation",
    id: office,
    displayName: "Office",
    isTrusted: true,
    ipRanges: [
      { "@odata.type": "#microsoft.graph.iPv4CidrRange", cidrAddress: "198.51.100.0/24" },
      { "@odata.type": "#microsoft.graph.iPv4CidrRange", cidrAddress: "192.0.2.0/24" },
    ],
  },
  authenticationStrength: {
    ...moving,
    id: office,
    displayName: "Keys only",
    description: "",
    policyType: "custom",
    requirementsSatisfied: "mfa",
    allowedCombinations: ["fido2", "deviceBasedPush"],
    combinationConfigurations: [
      {
        "@odata.type": "#microsoft.graph.fido2CombinationConfiguration",
        id: policy,
        appliesToCombinations: ["fido2"],
        allowedAAGUIDs: ["EE041BCE-25E5-4CDB-8F86-897FD6418464"],
      },
    ],
  },
  authenticationContext: {
    id: "c3",
    displayName: "Payroll",
    description: "",
    isAvailable: true,
  },
  conditionalAccessPolicy: {
    ...moving,
    id: policy,
    templateId: null,
    displayName: "Block leavers",
    state: "enabled",
    conditions: {
      clientAppTypes: ["all"],
      platforms: null,
      applications: { includeApplications: ["All"], excludeApplications: [] },
      users: {
        includeUsers: [],
        excludeUsers: [],
        includeGroups: [pilots, leavers],
        excludeGroups: [],
        includeRoles: [administrator],
      },
      locations: { includeLocations: ["All"], excludeLocations: [office] },
    },
    grantControls: {
      operator: "OR",
      builtInControls: [],
      "authenticationStrength@odata.context": "https://graph.microsoft.com/v1.0/$metadata#x",
      authenticationStrength: { id: office, displayName: "Keys only", policyType: "custom" },
    },
    sessionControls: { disableResilienceDefaults: null, signInFrequency: null },
  },
  securityDefaults: {
    id: "00000000-0000-0000-0000-000000000005",
    displayName: "Security Defaults",
    description: "Security defaults is a set of basic identity security mechanisms.",
    isEnabled: false,
  },
  authorizationPolicy: {
    id: "authorizationPolicy",
    displayName: "Authorization Policy",
    description: "Used to manage authorization related settings across the company.",
    allowInvitesFrom: "everyone",
    guestUserRoleId: "10dae51f-b6af-4016-8d66-8c2a99b929b3",
    defaultUserRolePermissions: {
      allowedToCreateApps: true,
      permissionGrantPoliciesAssigned: ["ManagePermissionGrantsForSelf.x"],
    },
  },
  authenticationMethodsPolicy: {
    id: "authenticationMethodsPolicy",
    displayName: "Authentication Methods Policy",
    policyVersion: "1.5",
    policyMigrationState: "migrationComplete",
    registrationEnforcement: {
      authenticationMethodsRegistrationCampaign: { state: "default", excludeTargets: [] },
    },
    authenticationMethodConfigurations: [
      {
        "@odata.type": "#microsoft.graph.fido2AuthenticationMethodConfiguration",
        id: "Fido2",
        state: "enabled",
        isAttestationEnforced: true,
        "includeTargets@odata.context": "https://graph.microsoft.com/v1.0/$metadata#x",
        includeTargets: [{ targetType: "group", id: "all_users", isRegistrationRequired: false }],
        excludeTargets: [{ targetType: "group", id: leavers }],
      },
      {
        "@odata.type": "#microsoft.graph.smsAuthenticationMethodConfiguration",
        id: "Sms",
        state: "disabled",
        includeTargets: [],
      },
    ],
  },
  pimRoleSettings: {
    id: `DirectoryRole_${tenant}_${policy}_${administrator}`,
    policyId: `DirectoryRole_${tenant}_${policy}`,
    scopeId: "/",
    scopeType: "DirectoryRole",
    roleDefinitionId: administrator,
    policy: {
      id: `DirectoryRole_${tenant}_${policy}`,
      displayName: "DirectoryRole",
      lastModifiedDateTime: "2026-02-03T04:05:06Z",
      rules: [
        {
          "@odata.type": "#microsoft.graph.unifiedRoleManagementPolicyExpirationRule",
          id: "Expiration_EndUser_Assignment",
          isExpirationRequired: true,
          maximumDuration: "PT24H",
        },
        {
          "@odata.type": "#microsoft.graph.unifiedRoleManagementPolicyApprovalRule",
          id: "Approval_EndUser_Assignment",
          setting: {
            isApprovalRequired: true,
            approvalStages: [
              {
                primaryApprovers: [
                  { "@odata.type": "#microsoft.graph.groupMembers", groupId: pilots },
                ],
              },
            ],
          },
        },
      ],
    },
  },
  assignmentFilter: {
    ...intune,
    id: office,
    displayName: "Kiosks",
    platform: "windows10AndLater",
    rule: '(device.model -eq "Kiosk")',
    roleScopeTags: ["0"],
    payloads: [],
    roleScopeTagIds: [],
  },
  roleScopeTag: {
    id: "4",
    displayName: "France",
    description: "",
    isBuiltIn: false,
    assignments: [],
  },
  deviceCompliancePolicy: {
    ...intune,
    "@odata.type": "#microsoft.graph.windows10CompliancePolicy",
    id: policy,
    displayName: "Windows",
    passwordRequired: true,
    osMinimumVersion: null,
    assignments: [toAll("allLicensedUsers"), toAll("allDevices")],
    "scheduledActionsForRule@odata.context": "https://graph.microsoft.com/beta/$metadata#x",
    scheduledActionsForRule: [
      {
        id: office,
        ruleName: null,
        scheduledActionConfigurations: [
          {
            id: tenant,
            actionType: "block",
            gracePeriodHours: 0,
            notificationTemplateId: "",
            notificationMessageCCList: [],
          },
        ],
      },
    ],
  },
  deviceConfiguration: {
    ...intune,
    "@odata.type": "#microsoft.graph.windows10CustomConfiguration",
    id: policy,
    displayName: "Custom",
    supportsScopeTags: true,
    assignments: [toGroup(pilots)],
    omaSettings: [
      {
        "@odata.type": "#microsoft.graph.omaSettingInteger",
        omaUri: "./Vendor/MSFT/A",
        value: 1,
        isEncrypted: false,
        secretReferenceValueId: null,
      },
      {
        "@odata.type": "#microsoft.graph.omaSettingString",
        omaUri: "./Vendor/MSFT/B",
        value: "****",
        isEncrypted: true,
        secretReferenceValueId: `${tenant}_${policy}_x`,
      },
    ],
  },
  configurationPolicy: {
    ...intune,
    id: policy,
    name: "Firewall",
    description: "",
    platforms: "windows10",
    technologies: "mdm",
    isAssigned: true,
    settingCount: 1,
    creationSource: null,
    priorityMetaData: null,
    templateReference: { templateId: "", templateFamily: "none", templateDisplayName: null },
    assignments: [toGroup(pilots)],
    settings: [
      {
        id: "0",
        settingInstance: {
          "@odata.type": "#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance",
          settingDefinitionId: "firewall",
          simpleSettingValue: {
            "@odata.type": "#microsoft.graph.deviceManagementConfigurationIntegerSettingValue",
            value: 1,
          },
        },
      },
    ],
  },
};
