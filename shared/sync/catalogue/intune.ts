/** Intune: tags, filters, compliance, configuration, and what is read and compared only. */
import type {
  ConfigurationType,
  Fixed,
  ItemWrite,
  JsonObject,
  ReferencePlace,
} from "./configuration-type.ts";
import { access, anything, assignmentSteps, listAt, plainSteps } from "./entry.ts";

/** Places of references that all assignments have. */
const assignmentReferences: readonly ReferencePlace[] = [
  { at: "assignments[].target.groupId", family: "group" },
  {
    at: "assignments[].target.deviceAndAppManagementAssignmentFilterId",
    family: "assignmentFilter",
    literals: ["00000000-0000-0000-0000-000000000000"],
  },
];

/** Scope tags; the default one is the same everywhere. */
const scopeTags = (property = "roleScopeTagIds"): ReferencePlace => ({
  at: `${property}[]`,
  family: "roleScopeTag",
  literals: ["0"],
});

/** Lists of Intune: scope tags, and no assignments. */
const intuneList = {
  graph: "beta",
  kind: "list",
  contentIn: "list",
  workloads: { read: "configurationReads", write: "configurationWrites" },
  permissions: access("DeviceManagementConfiguration"),
  writtenBy: "app",
  keyedBy: ["displayName"],
  drops: [],
  sets: ["roleScopeTagIds"],
  emptyIsNothing: ["description", "roleScopeTagIds"],
  references: [scopeTags()],
  tier: 5,
  changeable: anything,
} as const satisfies Partial<ConfigurationType>;

/** Lists of Intune whose items are assigned to groups. */
const assignedList = {
  ...intuneList,
  contentIn: "expand",
  drops: ["assignments[].id", "assignments[].source", "assignments[].sourceId"],
  emptyIsNothing: ["description", "roleScopeTagIds", "assignments"],
  references: [scopeTags(), ...assignmentReferences],
  assignedAs: "assignments",
} as const satisfies Partial<ConfigurationType>;

const management = "/deviceManagement";
const appManagement = "/deviceAppManagement";

/** Where a list is read and an item of it, with what is asked for beside. */
const placesOf = (path: string, expand?: string) => ({
  list: expand === undefined ? path : `${path}?$expand=${expand}`,
  item: expand === undefined ? `${path}/{id}` : `${path}/{id}?$expand=${expand}`,
});

const roleScopeTag: ConfigurationType = {
  ...assignedList,
  ...placesOf(`${management}/roleScopeTags`, "assignments"),
  key: "roleScopeTag",
  names: { en: "Scope tag", fr: "Balise d'étendue" },
  permissions: access("DeviceManagementRBAC"),
  drops: [...assignedList.drops, "isBuiltIn"],
  sets: [],
  emptyIsNothing: ["description", "assignments"],
  references: assignmentReferences.filter(({ family }) => family === "group"),
  tier: 1,
  isWritten: true,
  fixed: ({ id, isBuiltIn }): Fixed | undefined =>
    isBuiltIn === true || id === "0"
      ? { reason: "builtIn", detail: "The default scope tag, which every tenant has." }
      : undefined,
};

const assignmentFilter: ConfigurationType = {
  ...intuneList,
  ...placesOf(`${management}/assignmentFilters`),
  key: "assignmentFilter",
  names: { en: "Assignment filter", fr: "Filtre d'affectation" },
  keyedBy: ["displayName", "platform"],
  drops: ["payloads"],
  immutable: ["platform"],
  sets: ["roleScopeTags"],
  emptyIsNothing: ["description", "roleScopeTags"],
  references: [scopeTags("roleScopeTags")],
  tier: 2,
  isWritten: true,
};

const notifications = `${management}/notificationMessageTemplates`;
const notificationTemplate: ConfigurationType = {
  ...intuneList,
  ...placesOf(notifications, "localizedNotificationMessages"),
  key: "notificationTemplate",
  names: { en: "Notification template", fr: "Modèle de notification" },
  contentIn: "expand",
  permissions: access("DeviceManagementServiceConfig"),
  drops: ["localizedNotificationMessages[].id"],
  immutable: ["defaultLocale"],
  keyedLists: { localizedNotificationMessages: "locale" },
  tier: 3,
  isWritten: false,
};

const rules = "scheduledActionsForRule";
const configurations = "scheduledActionConfigurations";
const actions = `${rules}[].${configurations}`;
const complianceExpand = `assignments,${rules}($expand=scheduledActionConfigurations)`;
const noTemplate = "00000000-0000-0000-0000-000000000000";

/** A body with every action for devices that do not comply as `made` makes it. */
const withActions = (body: JsonObject, made: (action: JsonObject) => JsonObject): JsonObject =>
  body[rules] === undefined
    ? body
    : {
        ...body,
        [rules]: listAt(body, rules).map((rule) => ({
          ...rule,
          [configurations]: listAt(rule, configurations).map(made),
        })),
      };

/** That no message is sent is said by an empty id, by zeros, or not at all: whoever writes one reads another. */
function withoutNoTemplate({ notificationTemplateId: id, ...action }: JsonObject): JsonObject {
  const isNone = id === undefined || id === "" || id === noTemplate;
  return isNone ? action : { ...action, notificationTemplateId: id };
}

/** As Graph shows it, and so surely takes it. */
const withNoTemplate = (action: JsonObject): JsonObject => ({
  notificationTemplateId: noTemplate,
  ...action,
});

const deviceCompliancePolicy: ConfigurationType = {
  ...assignedList,
  ...placesOf(`${management}/deviceCompliancePolicies`, complianceExpand),
  // What happens to devices that do not comply is said to come with one policy, and not with a list of them.
  list: `${management}/deviceCompliancePolicies`,
  contentIn: "item",
  key: "deviceCompliancePolicy",
  names: { en: "Compliance policy", fr: "Stratégie de conformité" },
  keyedBy: ["displayName", "@odata.type"],
  // A rule's name is always the same one, and is shown as nothing.
  drops: [...assignedList.drops, `${rules}[].id`, `${rules}[].ruleName`, `${actions}[].id`],
  sets: ["roleScopeTagIds", rules, actions, `${actions}[].notificationMessageCCList`],
  emptyIsNothing: [
    ...assignedList.emptyIsNothing,
    `${actions}[].notificationMessageCCList`,
    `${actions}[].notificationTemplateId`,
  ],
  references: [
    ...assignedList.references,
    {
      at: `${actions}[].notificationTemplateId`,
      family: "notificationTemplate",
      literals: ["", noTemplate],
    },
    { at: `${actions}[].notificationMessageCCList[]`, family: "group" },
  ],
  isWritten: true,
  normalise: (body) => withActions(body, withoutNoTemplate),
  write: (given) => {
    const { after } = given;
    const write: ItemWrite =
      after === undefined ? given : { ...given, after: withActions(after, withNoTemplate) };
    if (write.action !== "update") return plainSteps(deviceCompliancePolicy, write);
    // Graph takes the actions with a new policy, and later only by themselves.
    const body = { deviceComplianceScheduledActionForRules: write.after?.[rules] ?? [] };
    const path = `${management}/deviceCompliancePolicies/${write.id}/scheduleActionsForRules`;
    return [
      ...plainSteps(deviceCompliancePolicy, { ...write, changed: without(write.changed, rules) }),
      ...(write.changed.includes(rules) ? [{ method: "POST", path, body } as const] : []),
    ];
  },
  faults: (body) =>
    Array.isArray(body[rules]) && body[rules].length > 0
      ? []
      : [
          {
            pointer: `/${rules}`,
            detail: "must say what happens to a device that does not comply",
          },
        ],
};

const updateRing = [
  "qualityUpdatesPauseStartDate",
  "qualityUpdatesPauseExpiryDateTime",
  "qualityUpdatesRollbackStartDateTime",
  "qualityUpdatesWillBeRolledBack",
  "featureUpdatesPauseStartDate",
  "featureUpdatesPauseExpiryDateTime",
  "featureUpdatesRollbackStartDateTime",
  "featureUpdatesWillBeRolledBack",
];

const deviceConfiguration: ConfigurationType = {
  ...assignedList,
  ...placesOf(`${management}/deviceConfigurations`, "assignments"),
  key: "deviceConfiguration",
  names: { en: "Device configuration", fr: "Configuration d'appareil" },
  keyedBy: ["displayName", "@odata.type"],
  drops: [
    ...assignedList.drops,
    "privacyAccessControls",
    "groupAssignments",
    "applyOnlyToWindows81",
    "applyOnlyToWindowsPhone81",
    ...updateRing,
  ],
  keyedLists: { omaSettings: "omaUri" },
  // With a package of Defender a device is taken in, or away from it; with a code it is let out of its kiosk.
  secrets: [
    "preSharedKey",
    "sharedSecret",
    "advancedThreatProtectionOnboardingBlob",
    "advancedThreatProtectionOffboardingBlob",
    "kioskModeExitCode",
  ],
  isWritten: true,
};

const policies = `${management}/configurationPolicies`;
const configurationPolicy: ConfigurationType = {
  ...assignedList,
  list: policies,
  item: `${policies}/{id}?$expand=assignments,settings`,
  contentIn: "item",
  nested: [{ path: "/settings?$top=1000", into: "settings", countedBy: "settingCount" }],
  key: "configurationPolicy",
  names: { en: "Settings catalog policy", fr: "Stratégie du catalogue de paramètres" },
  keyedBy: ["name", "platforms", "technologies", "templateReference.templateId"],
  drops: [
    ...assignedList.drops,
    "settings[].id",
    "settings[].settingDefinitions",
    "priorityMetaData",
    "templateReference.templateDisplayName",
    "templateReference.templateDisplayVersion",
    "disableEntraGroupPolicyAssignment",
  ],
  immutable: ["platforms", "technologies", "templateReference"],
  keyedLists: { settings: "settingInstance.settingDefinitionId" },
  emptyIsNothing: [...assignedList.emptyIsNothing, "templateReference.templateId"],
  isWritten: true,
  write: (write) => {
    if (write.action !== "update" || !write.changed.includes("settings"))
      return plainSteps(configurationPolicy, write);
    // PATCH reaches the policy's name and tags; settings are replaced with the whole of it.
    const { assignments: _, ...body } = write.after ?? {};
    const whole = { ...body, roleScopeTagIds: body["roleScopeTagIds"] ?? ["0"] };
    return [
      { method: "PUT", path: `${policies}('${write.id}')`, body: whole },
      ...assignmentSteps(configurationPolicy, write),
    ];
  },
};

const without = (names: readonly string[], name: string): string[] =>
  names.filter((each) => each !== name);

const groupPolicies = `${management}/groupPolicyConfigurations`;
const groupPolicyConfiguration: ConfigurationType = {
  ...assignedList,
  list: groupPolicies,
  item: `${groupPolicies}/{id}?$expand=assignments`,
  contentIn: "item",
  nested: [
    {
      path: "/definitionValues?$expand=definition,presentationValues($expand=presentation)",
      into: "definitionValues",
    },
  ],
  key: "groupPolicyConfiguration",
  names: { en: "Administrative template", fr: "Modèle d'administration" },
  drops: [
    ...assignedList.drops,
    "policyConfigurationIngestionType",
    "definitionValues[].id",
    "definitionValues[].presentationValues[].id",
  ],
  sets: ["roleScopeTagIds", "definitionValues[].presentationValues"],
  keyedLists: { definitionValues: "definition.id" },
  isWritten: false,
};

const scriptAccess: ConfigurationType["permissions"] = {
  read: [
    [
      "DeviceManagementScripts.Read.All",
      "DeviceManagementScripts.ReadWrite.All",
      "DeviceManagementConfiguration.Read.All",
      "DeviceManagementConfiguration.ReadWrite.All",
    ],
  ],
  write: [["DeviceManagementScripts.ReadWrite.All", "DeviceManagementConfiguration.ReadWrite.All"]],
};

/** Scripts: their bodies come with the item only. */
const script = (
  path: string,
  more: Pick<ConfigurationType, "key" | "names"> & Partial<ConfigurationType>,
): ConfigurationType => ({
  ...assignedList,
  ...placesOf(`${management}/${path}`, "assignments"),
  list: `${management}/${path}`,
  contentIn: "item",
  permissions: scriptAccess,
  keyedBy: ["displayName", "fileName"],
  drops: [...assignedList.drops, "groupAssignments"],
  assignedAs: "deviceManagementScriptAssignments",
  isWritten: false,
  ...more,
});

const scripts = [
  script("deviceManagementScripts", {
    key: "deviceManagementScript",
    names: { en: "PowerShell script", fr: "Script PowerShell" },
  }),
  script("deviceShellScripts", {
    key: "deviceShellScript",
    names: { en: "Shell script", fr: "Script shell" },
  }),
  script("deviceHealthScripts", {
    key: "deviceHealthScript",
    names: { en: "Remediation script", fr: "Script de correction" },
    keyedBy: ["displayName"],
    drops: [
      ...assignedList.drops,
      "highestAvailableVersion",
      "isGlobalScript",
      "deviceHealthScriptType",
    ],
    assignedAs: "deviceHealthScriptAssignments",
    fixed: ({ isGlobalScript }) =>
      isGlobalScript === true
        ? { reason: "builtIn", detail: "Microsoft's own, the same in every tenant." }
        : undefined,
  }),
];

const enrollmentConfiguration: ConfigurationType = {
  ...assignedList,
  ...placesOf(`${management}/deviceEnrollmentConfigurations`, "assignments"),
  key: "enrollmentConfiguration",
  names: { en: "Enrollment configuration", fr: "Configuration d'inscription" },
  permissions: access("DeviceManagementServiceConfig"),
  keyedBy: ["displayName", "@odata.type"],
  drops: [...assignedList.drops, "priority"],
  sets: ["roleScopeTagIds", "selectedMobileAppIds"],
  emptyIsNothing: [...assignedList.emptyIsNothing, "selectedMobileAppIds"],
  references: [...assignedList.references, { at: "selectedMobileAppIds[]", family: "mobileApp" }],
  assignedAs: "enrollmentConfigurationAssignments",
  isWritten: false,
};

const autopilotProfile: ConfigurationType = {
  ...assignedList,
  ...placesOf(`${management}/windowsAutopilotDeploymentProfiles`, "assignments"),
  key: "autopilotProfile",
  names: { en: "Autopilot profile", fr: "Profil Autopilot" },
  permissions: access("DeviceManagementServiceConfig"),
  keyedBy: ["displayName", "@odata.type"],
  // Graph shows three things twice: under the old name and the new one.
  drops: [
    ...assignedList.drops,
    "managementServiceAppId",
    "assignedDevices",
    "extractHardwareHash",
    "outOfBoxExperienceSettings",
    "enableWhiteGlove",
  ],
  isWritten: false,
};

/** Protection and configuration of apps; which apps is a part of it, and those are the same in every tenant. */
const appPolicy = (
  path: string,
  more: Pick<ConfigurationType, "key" | "names"> & Partial<ConfigurationType>,
): ConfigurationType => ({
  ...assignedList,
  ...placesOf(`${appManagement}/${path}`, "apps,assignments"),
  permissions: access("DeviceManagementApps"),
  drops: [
    ...assignedList.drops,
    "deployedAppCount",
    "deploymentSummary",
    "apps[].id",
    "apps[].version",
  ],
  sets: ["roleScopeTagIds", "apps"],
  emptyIsNothing: [...assignedList.emptyIsNothing, "apps"],
  isWritten: false,
  ...more,
});

const appPolicies = [
  appPolicy("iosManagedAppProtections", {
    key: "iosAppProtection",
    names: { en: "App protection, iOS", fr: "Protection des applications, iOS" },
  }),
  appPolicy("androidManagedAppProtections", {
    key: "androidAppProtection",
    names: { en: "App protection, Android", fr: "Protection des applications, Android" },
  }),
  appPolicy("targetedManagedAppConfigurations", {
    key: "appConfiguration",
    names: { en: "App configuration", fr: "Configuration des applications" },
    keyedLists: { customSettings: "name" },
  }),
];

/** Types of Intune. */
export const intuneTypes: readonly ConfigurationType[] = [
  roleScopeTag,
  assignmentFilter,
  notificationTemplate,
  deviceCompliancePolicy,
  deviceConfiguration,
  configurationPolicy,
  groupPolicyConfiguration,
  ...scripts,
  enrollmentConfiguration,
  autopilotProfile,
  ...appPolicies,
];
