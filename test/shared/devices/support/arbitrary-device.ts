/** Devices of every shape, for properties. */
import * as fc from "fast-check";
import type { Device } from "../../../../shared/devices/directory/device.ts";

const text = fc.string({ maxLength: 12 });
const guid = fc.uuid().map((id) => id.toLowerCase());

export const arbitraryDevice: fc.Arbitrary<Device> = fc.record(
  {
    deviceId: guid,
    name: text,
    operatingSystem: text,
    osVersion: text,
    managementAgent: text,
    complianceState: text,
    lastSyncDateTime: text,
    enrolledDateTime: text,
    serialNumber: text,
    entraDeviceId: guid,
    userPrincipalName: text,
    model: text,
    manufacturer: text,
    groupTag: text,
    source: fc.constantFrom("intune" as const, "configMgr" as const),
    configMgrResourceId: fc.nat(),
    siteCode: text,
  },
  {
    requiredKeys: [
      "deviceId",
      "name",
      "operatingSystem",
      "osVersion",
      "managementAgent",
      "complianceState",
      "lastSyncDateTime",
      "source",
    ],
  },
);
