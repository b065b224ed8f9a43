/** The device configuration of a tenant, with the assignments that people really make, and as much more as asked for. */
import type { Body } from "../types.ts";
import type { Maker, Seeds } from "./maker.ts";

type Target = readonly [
  kind: "users" | "devices" | "group" | "not",
  name?: string | undefined,
  filter?: string,
];

const targetTypes = {
  users: "allLicensedUsersAssignmentTarget",
  devices: "allDevicesAssignmentTarget",
  group: "groupAssignmentTarget",
  not: "exclusionGroupAssignmentTarget",
};

/** Everything of Intune's. `more` items are spread over the types that tenants have most of. */
export function seededDevices(maker: Maker, more: number): Seeds {
  const count = (share: number): number => Math.floor(more * share);
  const filters = count(0.05);
  const compliance = count(0.15);
  const settings = count(0.4);
  return {
    roleScopeTag: scopeTags(maker),
    assignmentFilter: [
      filter(maker, "Corporate Windows", '(device.deviceOwnership -eq "Corporate")'),
      filter(maker, "Kiosks", '(device.enrollmentProfileName -startsWith "Kiosk")'),
      ...numbered(filters, "Model filter", (name, at) =>
        filter(maker, name, `(device.model -contains "Model ${at}")`),
      ),
    ],
    deviceCompliancePolicy: [
      compliancePolicy(maker, "Windows: baseline", [["users"], ["not", "Kiosk devices"]]),
      compliancePolicy(maker, "Windows: pilot", [["group", "Pilot devices"]]),
      ...numbered(compliance, "Compliance", (name) => compliancePolicy(maker, name, [["users"]])),
    ],
    deviceConfiguration: [
      restrictions(maker, "Windows: restrictions", [
        ["devices", undefined, "Corporate Windows"],
        ["users"],
      ]),
      restrictions(maker, "Windows: kiosk", [["group", "Kiosk devices"]]),
      custom(maker),
      ...numbered(more - filters - compliance - settings, "Restrictions", (name) =>
        restrictions(maker, name, [["devices"]]),
      ),
    ],
    configurationPolicy: [
      catalogue(maker, "Windows: firewall", 3, [["devices"], ["not", "Kiosk devices"]]),
      catalogue(maker, "Windows: browser", 30, [["group", "Pilot devices", "Corporate Windows"]]),
      ...numbered(settings, "Settings", (name) => catalogue(maker, name, 2, [["devices"]])),
    ],
  };
}

const numbered = (
  count: number,
  name: string,
  make: (name: string, at: number) => Body,
): readonly Body[] =>
  Array.from({ length: Math.max(count, 0) }, (_, at) =>
    make(`${name} ${String(at + 1).padStart(4, "0")}`, at),
  );

const scopeTags = (maker: Maker): readonly Body[] => [
  {
    id: "0",
    displayName: "Default",
    description: "Default Role Scope Tag",
    isBuiltIn: true,
    assignments: [],
  },
  {
    id: "1",
    displayName: "Branch offices",
    description: "Devices of the branches",
    isBuiltIn: false,
    assignments: [target(maker, "1", ["group", "Pilot devices"])],
  },
];

function target({ id }: Maker, policy: string, [kind, name, filterName]: Target): Body {
  const groupId = name === undefined ? undefined : id(`group ${name}`);
  return {
    id: `${policy}_${groupId ?? (kind === "users" ? "acacacac-9df4-4c7d-9d50-4ef0226f57a9" : "adadadad-808e-44e2-905a-0b7873a8a531")}`,
    target: {
      "@odata.type": `#microsoft.graph.${targetTypes[kind]}`,
      deviceAndAppManagementAssignmentFilterId:
        filterName === undefined ? null : id(`filter ${filterName}`),
      deviceAndAppManagementAssignmentFilterType: filterName === undefined ? "none" : "include",
      ...(groupId === undefined ? {} : { groupId }),
    },
  };
}

const assigned = (maker: Maker, policy: string, targets: readonly Target[]): readonly Body[] =>
  targets.map((one) => ({ ...target(maker, policy, one), source: "direct", sourceId: policy }));

function base(
  maker: Maker,
  name: string,
  targets: readonly Target[],
): Body & { readonly id: string } {
  const id = maker.id(`device policy ${name}`);
  return {
    id,
    createdDateTime: maker.at,
    lastModifiedDateTime: maker.at,
    description: null,
    roleScopeTagIds: ["0"],
    assignments: assigned(maker, id, targets),
  };
}

const filter = ({ id, at }: Maker, displayName: string, rule: string): Body => ({
  id: id(`filter ${displayName}`),
  createdDateTime: at,
  lastModifiedDateTime: at,
  displayName,
  description: "",
  platform: "windows10AndLater",
  rule,
  roleScopeTags: ["0"],
  payloads: [],
  assignmentFilterManagementType: "devices",
});

function compliancePolicy(maker: Maker, displayName: string, targets: readonly Target[]): Body {
  const start = base(maker, displayName, targets);
  return {
    "@odata.type": "#microsoft.graph.windows10CompliancePolicy",
    ...start,
    displayName,
    version: 1,
    passwordRequired: true,
    passwordMinimumLength: 8,
    passwordRequiredType: "deviceDefault",
    osMinimumVersion: "10.0.22631",
    bitLockerEnabled: true,
    secureBootEnabled: true,
    validOperatingSystemBuildRanges: [],
    scheduledActionsForRule: [
      {
        id: maker.id(`rule ${displayName}`),
        ruleName: null,
        scheduledActionConfigurations: [
          {
            id: maker.id(`action ${displayName}`),
            actionType: "block",
            gracePeriodHours: 24,
            notificationTemplateId: "00000000-0000-0000-0000-000000000000",
            notificationMessageCCList: [],
          },
        ],
      },
    ],
  };
}

const restrictions = (maker: Maker, displayName: string, targets: readonly Target[]): Body => ({
  "@odata.type": "#microsoft.graph.windows10GeneralConfiguration",
  ...base(maker, displayName, targets),
  displayName,
  version: 1,
  supportsScopeTags: true,
  cameraBlocked: true,
  cortanaBlocked: true,
  passwordRequired: false,
  bluetoothAllowedServices: [],
});

const custom = (maker: Maker): Body => ({
  "@odata.type": "#microsoft.graph.windows10CustomConfiguration",
  ...base(maker, "Windows: custom", [["group", "Pilot devices"]]),
  displayName: "Windows: custom",
  version: 1,
  supportsScopeTags: true,
  omaSettings: [
    {
      "@odata.type": "#microsoft.graph.omaSettingString",
      displayName: "Support key",
      description: null,
      omaUri: "./Device/Vendor/MSFT/Policy/Config/Sandbox/SupportKey",
      isEncrypted: true,
      secretReferenceValueId: maker.id("secret of the support key"),
      value: "****",
    },
  ],
});

/** A policy of the settings catalogue, whose settings are a list of their own. */
function catalogue(maker: Maker, name: string, settings: number, targets: readonly Target[]): Body {
  return {
    ...base(maker, name, targets),
    name,
    platforms: "windows10",
    technologies: "mdm",
    creationSource: null,
    priorityMetaData: null,
    templateReference: {
      templateId: "",
      templateFamily: "none",
      templateDisplayName: null,
      templateDisplayVersion: null,
    },
    settings: Array.from({ length: settings }, (_, at) => ({
      id: String(at),
      settingInstance: {
        "@odata.type": "#microsoft.graph.deviceManagementConfigurationChoiceSettingInstance",
        settingDefinitionId: `device_vendor_msft_policy_config_sandbox_${at}`,
        settingInstanceTemplateReference: null,
        choiceSettingValue: {
          value: `device_vendor_msft_policy_config_sandbox_${at}_${at % 2}`,
          settingValueTemplateReference: null,
          children: [],
        },
      },
    })),
  };
}
