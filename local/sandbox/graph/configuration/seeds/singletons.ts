/** What a tenant has one of, and the settings of its privileged roles. */
import type { Body } from "../types.ts";
import type { Maker, Seeds } from "./maker.ts";
import { roleTemplates } from "./people.ts";

const everybody = (more: Body = {}): readonly Body[] => [
  { targetType: "group", id: "all_users", isRegistrationRequired: false, ...more },
];
const method = (id: string, type: string, rest: Body): Body => ({
  "@odata.type": `#microsoft.graph.${type}AuthenticationMethodConfiguration`,
  id,
  excludeTargets: [],
  ...rest,
});

/** The policies of which there is one. */
export function seededSingletons({ id, at }: Maker): Seeds {
  return {
    securityDefaults: [
      {
        id: "00000000-0000-0000-0000-000000000005",
        displayName: "Security Defaults",
        description: "Security defaults.",
        isEnabled: false,
      },
    ],
    authorizationPolicy: [
      {
        id: "authorizationPolicy",
        displayName: "Authorization Policy",
        description: "Used to manage authorization related settings across the company.",
        deletedDateTime: null,
        allowInvitesFrom: "adminsAndGuestInviters",
        allowedToSignUpEmailBasedSubscriptions: false,
        allowedToUseSSPR: true,
        allowEmailVerifiedUsersToJoinOrganization: false,
        allowUserConsentForRiskyApps: null,
        blockMsolPowerShell: true,
        guestUserRoleId: "10dae51f-b6af-4016-8d66-8c2a99b929b3",
        defaultUserRolePermissions: {
          allowedToCreateApps: false,
          allowedToCreateSecurityGroups: false,
          allowedToCreateTenants: false,
          allowedToReadBitlockerKeysForOwnedDevice: true,
          allowedToReadOtherUsers: true,
          permissionGrantPoliciesAssigned: [
            "ManagePermissionGrantsForSelf.microsoft-user-default-low",
          ],
        },
      },
    ],
    authenticationMethodsPolicy: [
      {
        id: "authenticationMethodsPolicy",
        displayName: "Authentication Methods Policy",
        description:
          "The tenant-wide policy that controls which authentication methods are allowed.",
        lastModifiedDateTime: at,
        policyVersion: "1.5",
        policyMigrationState: "migrationComplete",
        reconfirmationInDays: null,
        registrationEnforcement: {
          authenticationMethodsRegistrationCampaign: {
            snoozeDurationInDays: 1,
            state: "default",
            excludeTargets: [],
            includeTargets: [
              {
                id: "all_users",
                targetType: "group",
                targetedAuthenticationMethod: "microsoftAuthenticator",
              },
            ],
          },
        },
        authenticationMethodConfigurations: [
          method("Fido2", "fido2", {
            state: "enabled",
            isSelfServiceRegistrationAllowed: true,
            isAttestationEnforced: true,
            keyRestrictions: { isEnforced: false, enforcementType: "block", aaGuids: [] },
            includeTargets: everybody(),
          }),
          method("MicrosoftAuthenticator", "microsoftAuthenticator", {
            state: "enabled",
            isSoftwareOathEnabled: false,
            excludeTargets: [{ targetType: "group", id: id("group Kiosk devices") }],
            includeTargets: everybody({ authenticationMode: "any" }),
          }),
          method("Sms", "sms", {
            state: "disabled",
            includeTargets: everybody({ isUsableForSignIn: false }),
          }),
          method("TemporaryAccessPass", "temporaryAccessPass", {
            state: "enabled",
            defaultLifetimeInMinutes: 60,
            defaultLength: 8,
            minimumLifetimeInMinutes: 60,
            maximumLifetimeInMinutes: 480,
            isUsableOnce: true,
            includeTargets: everybody(),
          }),
        ],
      },
    ],
  };
}

const rule = (id: string, kind: string, rest: Body): Body => ({
  "@odata.type": `#microsoft.graph.unifiedRoleManagementPolicy${kind}Rule`,
  id,
  target: {
    caller: "EndUser",
    operations: ["all"],
    level: "Assignment",
    inheritableSettings: [],
    enforcedSettings: [],
  },
  ...rest,
});

/** Each role's policy, and the assignment that ties it to its role. */
export function seededRoleSettings({ tenant, id, at }: Maker): Seeds {
  const roles = Object.entries(roleTemplates).slice(0, 6);
  const policyId = (role: string): string => `DirectoryRole_${tenant.id}_${id(`settings ${role}`)}`;
  const named = { scopeId: "/", scopeType: "DirectoryRole" };
  return {
    roleManagementPolicy: roles.map(([role]) => ({
      id: policyId(role),
      displayName: "DirectoryRole",
      description: "DirectoryRole",
      isOrganizationDefault: false,
      ...named,
      lastModifiedDateTime: at,
      lastModifiedBy: { id: "", displayName: null },
      rules: roleRules(role, id("group IT administrators")),
      effectiveRules: [],
    })),
    pimRoleSettings: roles.map(([role, roleDefinitionId]) => ({
      id: `${policyId(role)}_${roleDefinitionId}`,
      policyId: policyId(role),
      ...named,
      roleDefinitionId,
    })),
  };
}

const roleRules = (role: string, groupId: string): readonly Body[] => {
  const approver = { "@odata.type": "#microsoft.graph.groupMembers", groupId };
  const stage = {
    approvalStageTimeOutInDays: 1,
    isApproverJustificationRequired: true,
    escalationTimeInMinutes: 0,
    isEscalationEnabled: false,
    escalationApprovers: [],
    primaryApprovers: [{ ...approver, description: "IT administrators" }],
  };
  const setting = {
    isApprovalRequired: role === "Global Administrator",
    isApprovalRequiredForExtension: false,
    isRequestorJustificationRequired: true,
    approvalMode: "SingleStage",
    approvalStages: [stage],
  };
  const hours = { isExpirationRequired: true, maximumDuration: "PT8H" };
  const enabledRules = ["MultiFactorAuthentication", "Justification"];
  return [
    rule("Expiration_EndUser_Assignment", "Expiration", hours),
    rule("Enablement_EndUser_Assignment", "Enablement", { enabledRules }),
    rule("Approval_EndUser_Assignment", "Approval", { setting }),
    rule("AuthenticationContext_EndUser_Assignment", "AuthenticationContext", {
      isEnabled: false,
      claimValue: "",
    }),
  ];
};
