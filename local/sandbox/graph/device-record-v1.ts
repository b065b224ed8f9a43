/** The properties of a managed device that both versions of Graph show, in Graph's order. */
import { fraction } from "../chance.ts";
import { lane } from "../fleet.ts";
import * as facts from "./device-facts.ts";
import { always, noTime, type PropertyReader } from "./device-property.ts";

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
export const v1Properties: Readonly<Record<string, PropertyReader>> = {
  id: ({ tenant, index }) => tenant.fleet.ids.at(index),
  userId: ({ tenant, index }) => tenant.families.users.at(facts.userOf(index)),
  deviceName: ({ tenant, index }) => facts.deviceName(tenant, index),
  managedDeviceOwnerType: ({ tenant, index }) =>
    fraction(tenant.fleet.seed, index, lane.owner) < 0.93 ? "company" : "personal",
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
  isEncrypted: ({ tenant, index }) => fraction(tenant.fleet.seed, index, lane.storage) < 0.95,
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
    Math.floor(fraction(tenant.fleet.seed, index, lane.storage) * 200) * gigabyte,
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
