/**
 * A device: as the directory keeps it, as its rows pack it, as Graph's records tell of it, and as the API shows it. Pure.
 */

import * as z from "zod";
import { plainText, reasonOf } from "../../kernel/outside-text.ts";
import { digest } from "../../kernel/values.ts";
import { checkEntity, LimitExceeded } from "../../storage/calls.ts";
import { tableNames } from "../../storage/names.ts";
import { type Row, type StoredRow, textOf } from "../../storage/tables.ts";

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
export const platforms = ["windows", "macOS", "iOS", "android", "other"] as const;
export type Platform = (typeof platforms)[number];

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

// A row of the directory: a bucket of devices, as columns that fit Table Storage.
//
// Devices as short JSON texts: an array in a fixed order, absent ones null, trailing nulls cut.
// The order is a storage format: append to it, never change it.

/** A device in its short form. */
export type Encoded = readonly (string | number | boolean | null)[];
/** One look at each cell: a schema of unions would take four times as long as reading the text does. */
export const Encoded = z.custom<Encoded>(
  (value) =>
    Array.isArray(value) && value.every((cell) => cell === null || typeof cell !== "object"),
);
const Bucket = z.array(Encoded);

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
  "configMgrClient",
] as const;

/** A GUID without its dashes: 32 characters that sort as the GUID does. */
export const packId = (id: string): string => id.replaceAll("-", "");

/** The GUID again. */
export const unpackId = (packed: string): string =>
  `${packed.slice(0, 8)}-${packed.slice(8, 12)}-${packed.slice(12, 16)}-${packed.slice(16, 20)}-${packed.slice(20)}`;

/** Short form of a device: id, source (null for Intune), required texts, optional ones. */
export function encodeDevice(device: Device): Encoded {
  const cells: (string | number | boolean | null)[] = [
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
  const device: Record<string, string | number | boolean> = {
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

/** Characters in one column, with room below the limit of 32 Ki. */
const maxColumnChars = 30_000;
const idChars = 32;

/** Columns that hold the ids alone. A bucket with more ids than fit here passes the row limit anyway. */
export const idColumns = ["i0", "i1", "i2", "i3"] as const;

/** A bucket as a row; devices must be in id order. Throws when the bucket is larger than a row can be. */
export function bucketRow(partition: string, key: string, devices: readonly Device[]): Row {
  const data = JSON.stringify(devices.map(encodeDevice));
  const row = {
    partitionKey: partition,
    rowKey: key,
    count: devices.length,
    hash: digest(data).slice(0, idChars),
    ...split("d", data),
    ...split("i", devices.map(({ deviceId }) => packId(deviceId)).join("")),
  };
  try {
    checkEntity(tableNames.devices, row);
  } catch (cause) {
    if (!(cause instanceof LimitExceeded)) throw cause;
    const detail = `${devices.length} devices share the first bits of their ids in ${partition}`;
    throw new LimitExceeded("directory-bucket-too-large", `${detail}: ${reasonOf(cause)}`);
  }
  return row;
}

/** The devices of a row, in id order. */
export function devicesIn(row: StoredRow): Device[] {
  return Bucket.parse(JSON.parse(joined(row, "d") || "[]")).map(decodeDevice);
}

/** The device ids of a row, from its id columns alone. */
export function idsIn(row: StoredRow): string[] {
  const packed = joined(row, "i");
  const ids: string[] = [];
  for (let at = 0; at < packed.length; at += idChars)
    ids.push(unpackId(packed.slice(at, at + idChars)));
  return ids;
}

function split(name: string, text: string): Record<string, string> {
  const columns: Record<string, string> = {};
  for (let at = 0; at < text.length; at += maxColumnChars)
    columns[`${name}${at / maxColumnChars}`] = text.slice(at, at + maxColumnChars);
  return columns;
}

function joined(row: StoredRow, name: string): string {
  let text = "";
  for (let index = 0; typeof row.columns[`${name}${index}`] === "string"; index += 1)
    text += textOf(row, `${name}${index}`);
  return text;
}

// Graph's device and Autopilot records, as far as the directory keeps them.

/** What a page brought: a device, or the group tag of one; and what a site adds to one. */
export type RefreshRecord =
  | { readonly kind: "device"; readonly id: string; readonly device: Device }
  | { readonly kind: "tag"; readonly id: string; readonly groupTag: string }
  | {
      readonly kind: "site";
      readonly id: string;
      readonly resourceId: number;
      readonly siteCode: string;
      /** False: the site knows no client on the device. */
      readonly client?: false;
    };

const guid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const noGuid = "00000000-0000-0000-0000-000000000000";
/** Graph writes "never" as the first moment of the first year. */
const never = /^0001-01-01T/;
/** Longer texts are cut: one odd device must not make its whole bucket too large. */
const maxChars = 512;

/** A managed device; undefined when it has no usable id. */
function deviceRecord(json: unknown): RefreshRecord | undefined {
  const fields = recordOf(json);
  const id = guidIn(fields["id"]);
  if (id === undefined) return undefined;
  const entraDeviceId = guidIn(fields["azureADDeviceId"]);
  const device: Device = {
    deviceId: id,
    name: textIn(fields["deviceName"]),
    operatingSystem: textIn(fields["operatingSystem"]),
    osVersion: textIn(fields["osVersion"]),
    managementAgent: textIn(fields["managementAgent"]),
    complianceState: textIn(fields["complianceState"]),
    lastSyncDateTime: momentIn(fields["lastSyncDateTime"]),
    ...present("enrolledDateTime", momentIn(fields["enrolledDateTime"])),
    ...present("serialNumber", fields["serialNumber"]),
    ...(entraDeviceId === undefined ? {} : { entraDeviceId }),
    ...present("userPrincipalName", fields["userPrincipalName"]),
    ...present("model", fields["model"]),
    ...present("manufacturer", fields["manufacturer"]),
    source: "intune",
  };
  return { kind: "device", id, device };
}

/** An Autopilot identity with a group tag and an enrolled device; undefined for every other. */
function tagRecord(json: unknown): RefreshRecord | undefined {
  const fields = recordOf(json);
  const id = guidIn(fields["managedDeviceId"]);
  const groupTag = textIn(fields["groupTag"]);
  return id === undefined || groupTag === "" ? undefined : { kind: "tag", id, groupTag };
}

/** The lists that a refresh reads: where each begins, what one of its entries is, and the permission that it takes. */
export const graphLists = {
  devices: {
    /** The first page; every later one is where its predecessor's nextLink says. */
    path: (top: number): string =>
      `/deviceManagement/managedDevices?$select=id,deviceName,operatingSystem,osVersion,managementAgent,complianceState,lastSyncDateTime,enrolledDateTime,serialNumber,azureADDeviceId,userPrincipalName,model,manufacturer&$top=${top}`,
    record: deviceRecord,
    permission: "DeviceManagementManagedDevices.Read.All",
  },
  tags: {
    path: (top: number): string => `/deviceManagement/windowsAutopilotDeviceIdentities?$top=${top}`,
    record: tagRecord,
    permission: "DeviceManagementServiceConfig.Read.All",
  },
} as const;

function recordOf(json: unknown): Record<string, unknown> {
  return typeof json === "object" && json !== null ? (json as Record<string, unknown>) : {};
}

function guidIn(value: unknown): string | undefined {
  if (typeof value !== "string" || !guid.test(value) || value === noGuid) return undefined;
  return value.toLowerCase();
}

const textIn = (value: unknown): string =>
  typeof value === "string" ? plainText(value, maxChars) : "";

/** A moment's text; empty where Graph means "never". */
function momentIn(value: unknown): string {
  const text = textIn(value);
  return never.test(text) ? "" : text;
}

function present<K extends string>(name: K, value: unknown): Partial<Record<K, string>> {
  const text = textIn(value);
  return text === "" ? {} : ({ [name]: text } as Record<K, string>);
}

/** A device as the API shows it. */
export const DeviceView = z
  .object({
    deviceId: z.string(),
    name: z.string(),
    operatingSystem: z.string(),
    osVersion: z.string(),
    managementAgent: z.string(),
    complianceState: z.string(),
    lastSyncDateTime: z.string().describe("ISO 8601; empty when the device never synced"),
    enrolledDateTime: z.string().optional(),
    serialNumber: z.string().optional(),
    entraDeviceId: z.string().optional(),
    userPrincipalName: z.string().optional(),
    model: z.string().optional(),
    manufacturer: z.string().optional(),
    groupTag: z.string().optional().describe("Autopilot group tag"),
    source: z.enum(["intune", "configMgr"]),
    configMgrResourceId: z.int().optional(),
    siteCode: z.string().optional(),
    configMgrClient: z
      .boolean()
      .optional()
      .describe("False: the site has found the device, and no client runs on it"),
  })
  .meta({ id: "Device" });
