/** What the API says about device lists: the devices that it takes as JSON, and what it answers of what was found. */
import * as z from "zod";
import { Line } from "../kernel/outside-text.ts";
import { repairNames } from "./list/codes.ts";
import type { ColumnKey } from "./list/layouts.ts";

/** Most bytes of a list: 500 devices with their hashes are 2 MB. */
export const maxListBytes = 4 * 1024 * 1024;

/** What the values of a device are called in JSON. */
export const deviceNames = {
  serial: "serialNumber",
  productId: "productId",
  hash: "hardwareHash",
  tag: "groupTag",
  user: "assignedUser",
  manufacturer: "manufacturer",
  model: "model",
} as const satisfies Record<ColumnKey, string>;

const text = (most: number) => Line.max(most).optional();

/** A device: known by its hash, by its product ID, or by serial number, manufacturer and model together. */
const Device = z.strictObject({
  serialNumber: text(200),
  productId: text(200).describe("13 digits, from the box"),
  hardwareHash: text(16 * 1024).describe("Base64"),
  manufacturer: text(200),
  model: text(200),
  groupTag: text(1000),
  assignedUser: text(200),
});

/** A list of devices as JSON. */
export const DeviceList = z.strictObject({ devices: z.array(Device).min(1).max(5000) });

const anyRepair = `(${repairNames.join("|")})`;

/** The query. */
export const SubmitQuery = z.strictObject({
  dryRun: z.literal("true").optional().describe("true: judge the list, and do nothing else"),
  repair: z
    .string()
    .regex(new RegExp(`^${anyRepair}(,${anyRepair}){0,3}$`), {
      error: `must be names out of ${repairNames.join(", ")}, with commas between them`,
    })
    .optional()
    .describe("Also answer a copy of the file in which this is repaired"),
});

const Finding = z
  .object({
    severity: z.enum(["error", "warning"]),
    code: z.string().describe("Stable name of the fault; docs/registration.md explains each"),
    row: z.int().nullable().describe("Which device, from 1; null: the file as a whole"),
    line: z.int().nullable().describe("Which line of the file, from 1"),
    column: z.string().nullable(),
    reason: z.string(),
    serviceError: z.string().optional().describe("What the service would have said"),
    repairable: z.boolean(),
    repair: z.string().optional().describe("How it is repaired"),
    repairBy: z.enum(repairNames).optional().describe("The name to ask for the repair by"),
  })
  .meta({ id: "DeviceListFinding" });

const counts = {
  valid: z.boolean().describe("Nothing refuses a row or the file"),
  errors: z.int(),
  warnings: z.int(),
};

/** What was found of a list. */
export const ListVerdict = z
  .object({
    dryRun: z.literal(true),
    layout: z.enum(["intune3", "intune4", "intune5", "partner5", "unknown"]).optional(),
    encoding: z.enum(["ascii", "ansi", "utf-8", "utf-8-bom", "utf-16-le", "utf-16-be"]).optional(),
    bytes: z.int().optional(),
    sha256: z.string().optional(),
    ...counts,
    fileRejected: z.boolean().describe("Something refuses all of it"),
    rows: z.int(),
    acceptedRows: z.int().describe("Devices that could be sent"),
    findings: z.array(Finding).describe("The first thousand; errors and warnings count all"),
    repairsOffered: z.array(z.enum(repairNames)).describe("What ?repair= would do something for"),
    repaired: z
      .object({
        impossible: z.string().optional().describe("Why there is no repaired file"),
        contentBase64: z.string().optional().describe("The file, byte for byte"),
        bytes: z.int().optional(),
        sha256: z.string().optional(),
        changes: z
          .array(
            z.object({
              repair: z.enum(repairNames),
              lines: z.int().describe("Lines that it changed"),
              first: z.array(z.int()).describe("The first twenty of them"),
            }),
          )
          .optional(),
        valid: counts.valid.optional(),
        errors: counts.errors.optional(),
        warnings: counts.warnings.optional(),
      })
      .optional(),
  })
  .meta({ id: "DeviceListVerdict" });
