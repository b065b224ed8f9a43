/**
 * A managed device as Graph shows it: one reader per property, so that a page costs only the
 * properties that were asked for. Texts are made here and never need escaping in JSON.
 */
import { fraction, hash32 } from "../../fleet/chance.ts";
import { chanceOf } from "../../fleet/fleet.ts";
import type { GraphVersion } from "../exchange.ts";
import * as facts from "./device-facts.ts";
import { graphTime, groupTag, userPrincipalName } from "./device-facts.ts";
import {
  always,
  type DeviceAt,
  noTime,
  type PropertyReader,
  type PropertyValue,
} from "./device-property.ts";

// The properties of a managed device that only beta shows.

const deviceTypes = {
  Windows: "desktop",
  macOS: "macMDM",
  iOS: "iPhone",
  Android: "androidEnterprise",
};

const coManaged = ({ tenant, index }: DeviceAt): boolean =>
  tenant.fleet.profile(index).management === "coManaged";

const whenCoManaged =
  (value: (device: DeviceAt) => unknown): PropertyReader =>
  (device) =>
    coManaged(device) ? { json: JSON.stringify(value(device)) } : null;

/** Readers of the properties that beta adds. */
const betaDeviceProperties: Readonly<Record<string, PropertyReader>> = {
  ownerType: ({ tenant, index }) =>
    fraction(tenant.fleet.seed, index, chanceOf.owner) < 0.93 ? "company" : "personal",
  deviceType: ({ tenant, index }) => deviceTypes[tenant.fleet.profile(index).operatingSystem],
  chassisType: always("unknown"),
  aadRegistered: always(true),
  azureActiveDirectoryDeviceId: ({ tenant, index }) => tenant.families.entraDevices.at(index),
  autopilotEnrolled: ({ tenant, index }) => groupTag(tenant, index) !== undefined,
  bootstrapTokenEscrowed: always(false),
  deviceFirmwareConfigurationInterfaceManaged: always(false),
  joinType: (device) => (coManaged(device) ? "hybridAzureADJoined" : "azureADJoined"),
  lostModeState: always("disabled"),
  managementFeatures: always("none"),
  preferMdmOverGroupPolicyAppliedDateTime: always(noTime),
  processorArchitecture: always("x64"),
  retireAfterDateTime: always(noTime),
  roleScopeTagIds: always({ json: '["0"]' }),
  securityPatchLevel: always(null),
  skuFamily: always("Enterprise"),
  skuNumber: always(4),
  specificationVersion: always(""),
  usersLoggedOn: always({ json: "[]" }),
  windowsActiveMalwareCount: always(0),
  windowsRemediatedMalwareCount: always(0),
  enrolledByUserPrincipalName: ({ tenant, index }) => userPrincipalName(tenant, index),
  configurationManagerClientInformation: whenCoManaged(({ tenant, index }) => ({
    clientIdentifier: `GUID:${tenant.families.autopilot.at(hash32(tenant.fleet.seed, index, chanceOf.serial)).toUpperCase()}`,
    isBlocked: false,
    clientVersion: "5.00.9135.1000",
  })),
  configurationManagerClientHealthState: whenCoManaged(({ tenant, index, now }) => ({
    state: "healthy",
    errorCode: 0,
    lastSyncDateTime: graphTime(tenant.results.lastSync(index, now)),
  })),
};

// The properties of a managed device that both versions of Graph show, in Graph's order.

const gigabyte = 1024 ** 3;

/** What ConfigMgr leaves to Intune on a co-managed device. */
const workloads = {
  json: JSON.stringify({
    inventory: false,
    modernApps: true,
    resourceAccess: false,
    deviceConfiguration: false,
    compliancePolicy: true,
    windowsUpdateForBusiness: false,
  }),
};

/** Readers of the properties of both versions. */
const v1Properties: Readonly<Record<string, PropertyReader>> = {
  id: ({ tenant, index }) => tenant.fleet.ids.at(index),
  userId: ({ tenant, index }) => tenant.families.users.at(facts.userOf(index)),
  deviceName: ({ tenant, index }) => facts.deviceName(tenant, index),
  managedDeviceOwnerType: ({ tenant, index }) =>
    fraction(tenant.fleet.seed, index, chanceOf.owner) < 0.93 ? "company" : "personal",
  enrolledDateTime: ({ tenant, index }) => facts.graphTime(facts.enrolledAt(tenant, index)),
  lastSyncDateTime: ({ tenant, index, now }) =>
    facts.graphTime(tenant.results.lastSync(index, now)),
  operatingSystem: ({ tenant, index }) => tenant.fleet.profile(index).operatingSystem,
  complianceState: ({ tenant, index }) => facts.complianceState(tenant, index),
  jailBroken: always("Unknown"),
  managementAgent: ({ tenant, index }) => tenant.fleet.profile(index).agent,
  osVersion: ({ tenant, index }) => facts.osVersion(tenant, index),
  easActivated: always(false),
  easDeviceId: always(null),
  easActivationDateTime: always(noTime),
  azureADRegistered: always(true),
  deviceEnrollmentType: ({ tenant, index }) => {
    const { management, operatingSystem } = tenant.fleet.profile(index);
    if (management === "coManaged") return "windowsCoManagement";
    return operatingSystem === "Windows" ? "windowsAzureADJoin" : "userEnrollment";
  },
  activationLockBypassCode: always(null),
  emailAddress: ({ tenant, index }) => facts.userPrincipalName(tenant, index),
  azureADDeviceId: ({ tenant, index }) => tenant.families.entraDevices.at(index),
  deviceRegistrationState: always("registered"),
  deviceCategoryDisplayName: always("Unknown"),
  isSupervised: always(false),
  exchangeLastSuccessfulSyncDateTime: always(noTime),
  exchangeAccessState: always("none"),
  exchangeAccessStateReason: always("none"),
  remoteAssistanceSessionUrl: always(null),
  remoteAssistanceSessionErrorDetails: always(null),
  isEncrypted: ({ tenant, index }) => fraction(tenant.fleet.seed, index, chanceOf.storage) < 0.95,
  userPrincipalName: ({ tenant, index }) => facts.userPrincipalName(tenant, index),
  model: ({ tenant, index }) => facts.hardwareOf(tenant, index)[1],
  manufacturer: ({ tenant, index }) => facts.hardwareOf(tenant, index)[0],
  imei: always(null),
  complianceGracePeriodExpirationDateTime: always("9999-12-31T23:59:59Z"),
  serialNumber: ({ tenant, index }) => facts.serialNumber(tenant, index),
  phoneNumber: always(null),
  androidSecurityPatchLevel: always(null),
  userDisplayName: ({ index }) => `User ${facts.userOf(index) + 1}`,
  configurationManagerClientEnabledFeatures: ({ tenant, index }) =>
    tenant.fleet.profile(index).management === "coManaged" ? workloads : null,
  wiFiMacAddress: always(null),
  deviceHealthAttestationState: always(null),
  subscriberCarrier: always(""),
  meid: always(null),
  totalStorageSpaceInBytes: always(256 * gigabyte),
  freeStorageSpaceInBytes: ({ tenant, index }) =>
    Math.floor(fraction(tenant.fleet.seed, index, chanceOf.storage) * 200) * gigabyte,
  managedDeviceName: ({ tenant, index }) => facts.deviceName(tenant, index),
  partnerReportedThreatState: always("unknown"),
  requireUserEnrollmentApproval: always(null),
  managementCertificateExpirationDate: ({ tenant }) =>
    facts.graphTime(tenant.fleet.createdAt + 365 * 86_400_000),
  iccid: always(null),
  udid: always(null),
  notes: always(null),
  ethernetMacAddress: always(null),
  physicalMemoryInBytes: always(0),
  enrollmentProfileName: always(null),
  managementState: always("managed"),
};

const readers: Readonly<Record<GraphVersion, Readonly<Record<string, PropertyReader>>>> = {
  "v1.0": v1Properties,
  beta: { ...v1Properties, ...betaDeviceProperties },
};

/** Every property that a version shows without being asked for more. */
export const propertyNames: Readonly<Record<GraphVersion, readonly string[]>> = {
  "v1.0": Object.keys(readers["v1.0"]),
  beta: Object.keys(readers.beta),
};

/** The reader of a property, or undefined when the version has no such property. */
export function propertyReader(version: GraphVersion, name: string): PropertyReader | undefined {
  return Object.hasOwn(readers[version], name) ? readers[version][name] : undefined;
}

/** Writes devices with the chosen properties. */
export function deviceWriter(
  version: GraphVersion,
  names: readonly string[],
  extra: Readonly<Record<string, PropertyReader>> = {},
): (device: DeviceAt) => string {
  const columns = names.map((name, position) => ({
    label: `${position === 0 ? "{" : ","}"${name}":`,
    read: extra[name] ?? propertyReader(version, name) ?? always(null),
  }));
  return (device) => {
    let text = "";
    for (const { label, read } of columns) text += label + written(read(device));
    return `${text}}`;
  };
}

function written(value: PropertyValue): string {
  if (typeof value === "string") return `"${value}"`;
  return typeof value === "object" && value !== null ? value.json : String(value);
}
