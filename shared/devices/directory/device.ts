/** A device as the directory keeps it, and the two questions that routes and rules ask about it. */

/** One managed device. Texts are as Graph gave them; an absent property means Graph gave none. */
export type Device = {
  /** Intune's id (`managedDevice.id`), lower case. */
  readonly deviceId: string;
  readonly name: string;
  readonly operatingSystem: string;
  readonly osVersion: string;
  readonly managementAgent: string;
  readonly complianceState: string;
  /** ISO 8601; empty when the device never synced. */
  readonly lastSyncDateTime: string;
  readonly enrolledDateTime?: string;
  readonly serialNumber?: string;
  readonly entraDeviceId?: string;
  readonly userPrincipalName?: string;
  readonly model?: string;
  readonly manufacturer?: string;
  /** Autopilot group tag. */
  readonly groupTag?: string;
  /** Where we know the device from. */
  readonly source: "intune" | "configMgr";
  readonly configMgrResourceId?: number;
  readonly siteCode?: string;
  /** False when the site has only found the device: no ConfigMgr client runs on it. */
  readonly configMgrClient?: boolean;
};

/** Who manages a device, as far as it decides which routes reach it. */
export const managements = ["intune", "coManaged", "configMgrOnly", "discovered", "other"] as const;
export type Management = (typeof managements)[number];

/** What a device runs, as far as it decides what it understands. */
export type Platform = "windows" | "macOS" | "iOS" | "android" | "other";

/** Our own word beside Graph's: a site has found the device, and nobody manages it. */
export const discoveredAgent = "configMgrDiscovery";

/** Graph's `managementAgentType`, and our word; values that are not here have no route of ours. */
const managementByAgent: Readonly<Record<string, Management>> = {
  mdm: "intune",
  easmdm: "intune",
  intuneclient: "intune",
  easintuneclient: "intune",
  googleclouddevicepolicycontroller: "intune",
  microsoft365managedmdm: "intune",
  configurationmanagerclientmdm: "coManaged",
  configurationmanagerclientmdmeas: "coManaged",
  configurationmanagerclient: "configMgrOnly",
  [discoveredAgent.toLowerCase()]: "discovered",
};

/** Graph's `operatingSystem` is free text with a few customary values. */
const platformByText: Readonly<Record<string, Platform>> = {
  windows: "windows",
  macos: "macOS",
  "mac os": "macOS",
  ios: "iOS",
  ipados: "iOS",
  android: "android",
  androidforwork: "android",
  androidenterprise: "android",
};

/** Who manages the device. */
export const managementOf = ({ managementAgent }: Pick<Device, "managementAgent">): Management =>
  managementByAgent[managementAgent.toLowerCase()] ?? "other";

/** What the device runs. */
export const platformOf = ({ operatingSystem }: Pick<Device, "operatingSystem">): Platform =>
  platformByText[operatingSystem.trim().toLowerCase()] ?? "other";
