/** The properties of a managed device that only beta shows. */
import { fraction, hash32 } from "../chance.ts";
import { lane } from "../fleet.ts";
import { graphTime, groupTag, userPrincipalName } from "./device-facts.ts";
import { always, type DeviceAt, noTime, type PropertyReader } from "./device-property.ts";

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
export const betaDeviceProperties: Readonly<Record<string, PropertyReader>> = {
  ownerType: ({ tenant, index }) =>
    fraction(tenant.fleet.seed, index, lane.owner) < 0.93 ? "company" : "personal",
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
    clientIdentifier: `GUID:${tenant.families.autopilot.at(hash32(tenant.fleet.seed, index, lane.serial)).toUpperCase()}`,
    isBlocked: false,
    clientVersion: "5.00.9135.1000",
  })),
  configurationManagerClientHealthState: whenCoManaged(({ tenant, index, now }) => ({
    state: "healthy",
    errorCode: 0,
    lastSyncDateTime: graphTime(tenant.results.lastSync(index, now)),
  })),
};
