import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Device,
  decodeDevice,
  encodeDevice,
  graphLists,
  managementOf,
  platformOf,
} from "../../../shared/devices/directory/device.ts";
import { arbitraryDevice } from "./support/arbitrary-device.ts";
import { graphDevice, idOf } from "./support/refresh-rig.ts";

test.each([
  ["mdm", "intune"],
  ["easMdm", "intune"],
  ["intuneClient", "intune"],
  ["easIntuneClient", "intune"],
  ["googleCloudDevicePolicyController", "intune"],
  ["microsoft365ManagedMdm", "intune"],
  ["configurationManagerClientMdm", "coManaged"],
  ["configurationManagerClientMdmEas", "coManaged"],
  ["configurationManagerClient", "configMgrOnly"],
  ["eas", "other"],
  ["jamf", "other"],
  ["msSense", "other"],
  ["unknown", "other"],
  ["unknownFutureValue", "other"],
  ["", "other"],
])("a device with agent '%s' is managed by %s", (managementAgent, expected) => {
  expect(managementOf({ managementAgent })).toBe(expected);
});

test.each([
  ["Windows", "windows"],
  ["windows ", "windows"],
  ["macOS", "macOS"],
  ["iOS", "iOS"],
  ["iPadOS", "iOS"],
  ["Android", "android"],
  ["AndroidForWork", "android"],
  ["Linux", "other"],
  ["ChromeOS", "other"],
  ["Windows Phone", "other"],
  ["", "other"],
])("a device with system '%s' runs %s", (operatingSystem, expected) => {
  expect(platformOf({ operatingSystem })).toBe(expected);
});

test("a device comes back from its short form as it was", () => {
  fc.assert(
    fc.property(arbitraryDevice, (device: Device) => {
      const text = JSON.stringify(encodeDevice(device));
      expect(decodeDevice(JSON.parse(text))).toEqual(device);
    }),
  );
});

test("Graph's record becomes a device; what is null or of another type is absent", () => {
  const record = graphLists.devices.record({
    ...graphDevice(4),
    id: idOf(4).toUpperCase(),
    model: 7,
  });
  expect(record).toEqual({
    kind: "device",
    id: idOf(4),
    device: {
      deviceId: idOf(4),
      name: "PC-4",
      operatingSystem: "Windows",
      osVersion: "10.0.26100.1",
      managementAgent: "mdm",
      complianceState: "compliant",
      lastSyncDateTime: "2026-08-01T10:00:00Z",
      enrolledDateTime: "2025-01-01T00:00:00Z",
      serialNumber: "SN4",
      entraDeviceId: idOf(1_000_004),
      manufacturer: "Contoso",
      source: "intune",
    },
  });
});

test("a device that never synced has no time, and one without an Entra id has none", () => {
  const odd = {
    lastSyncDateTime: "0001-01-01T00:00:00Z",
    azureADDeviceId: "00000000-0000-0000-0000-000000000000",
  };
  const record = graphLists.devices.record(graphDevice(4, odd));
  expect(record?.kind === "device" && record.device.lastSyncDateTime).toBe("");
  expect(record?.kind === "device" && record.device).not.toHaveProperty("entraDeviceId");
});

test.each([null, 5, "text", {}, { id: 7 }, { id: "x" }])("%j is no device", (json) => {
  expect(graphLists.devices.record(json)).toBeUndefined();
});

test.each([
  null,
  {},
  { managedDeviceId: "00000000-0000-0000-0000-000000000000", groupTag: "A" },
  { managedDeviceId: idOf(1), groupTag: "" },
  { managedDeviceId: idOf(1), groupTag: null },
])("%j names no group tag", (json) => {
  expect(graphLists.tags.record(json)).toBeUndefined();
});
