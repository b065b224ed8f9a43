/** One row of the packed directory: a bucket of devices, as columns that fit Table Storage. */

import * as z from "zod";
import { reasonOf } from "../../kernel/outside-text.ts";
import { digest } from "../../kernel/values.ts";
import { checkEntity, LimitExceeded } from "../../storage/calls.ts";
import { tableNames } from "../../storage/names.ts";
import { type Row, type StoredRow, textOf } from "../../storage/tables.ts";
import type { Device } from "./device.ts";

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
