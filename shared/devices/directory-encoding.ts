/**
 * Devices as short JSON texts: an array in a fixed order, absent ones null, trailing nulls cut.
 * The order is a storage format: append to it, never change it.
 */
import type { Device } from "./device.ts";

/** A device in its short form. */
export type Encoded = readonly (string | number | null)[];

const required = [
  "name",
  "operatingSystem",
  "osVersion",
  "managementAgent",
  "complianceState",
  "lastSyncDateTime",
] as const;

const optional = [
  "enrolledDateTime",
  "serialNumber",
  "entraDeviceId",
  "userPrincipalName",
  "model",
  "manufacturer",
  "groupTag",
  "configMgrResourceId",
  "siteCode",
] as const;

/** A GUID without its dashes: 32 characters that sort as the GUID does. */
export const packId = (id: string): string => id.replaceAll("-", "");

/** The GUID again. */
export const unpackId = (packed: string): string =>
  `${packed.slice(0, 8)}-${packed.slice(8, 12)}-${packed.slice(12, 16)}-${packed.slice(16, 20)}-${packed.slice(20)}`;

/** Short form of a device: id, source (null for Intune), required texts, optional ones. */
export function encodeDevice(device: Device): Encoded {
  const cells: (string | number | null)[] = [
    packId(device.deviceId),
    device.source === "intune" ? null : device.source,
    ...required.map((name) => device[name]),
    ...optional.map((name) => device[name] ?? null),
  ];
  while (cells.at(-1) === null) cells.pop();
  return cells;
}

/** The device again. */
export function decodeDevice(cells: Encoded): Device {
  const device: Record<string, string | number> = {
    deviceId: unpackId(String(cells[0])),
    source: cells[1] ?? "intune",
  };
  required.forEach((name, index) => {
    device[name] = cells[2 + index] ?? "";
  });
  optional.forEach((name, index) => {
    const cell = cells[2 + required.length + index];
    if (cell !== null && cell !== undefined) device[name] = cell;
  });
  // Only `encodeDevice` writes this form, so what stands here is what a Device had.
  return device as unknown as Device;
}
