/** What the API says about devices and refreshes, and the message that carries a refresh on. */
import * as z from "zod";
import { PageQuery } from "../../http/paging.ts";
import { durationMs } from "../../kernel/clock.ts";
import { Line } from "../../kernel/outside-text.ts";
import { DeviceId, OwnId, TenantId } from "../../kernel/values.ts";
import { managements } from "./device.ts";

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

/** Path of one device. */
export const DevicePath = z.strictObject({ tenantId: TenantId, deviceId: DeviceId });

const text = Line.min(1).max(256).optional();
const moment = z
  .string()
  .max(40)
  .refine(
    (value) =>
      durationMs(value) !== undefined || z.iso.datetime({ offset: true }).safeParse(value).success,
    "must be an ISO 8601 instant, or a duration such as P7D for so long ago",
  )
  .optional();

/** Which devices to list. All filters must hold; texts are compared without regard to case. */
export const DeviceQuery = z.strictObject({
  operatingSystem: text,
  managementAgent: text,
  complianceState: text,
  management: z.enum(managements).optional(),
  namePrefix: text,
  groupTag: text,
  lastSyncBefore: moment,
  lastSyncAfter: moment,
  ...PageQuery,
});
export type DeviceFilter = Omit<z.output<typeof DeviceQuery>, keyof typeof PageQuery>;

/** The message that carries a refresh on. */
export const RefreshMessage = z.strictObject({ tenantId: TenantId, refreshId: z.string().min(1) });

/** Path of one refresh. */
export const RefreshPath = z.strictObject({
  tenantId: TenantId,
  refreshId: OwnId,
});

const confirmable = z.coerce.number().int().min(0).max(10_000_000).optional();

/** What may be said with the start of a refresh. */
export const RefreshQuery = z.strictObject({
  confirmDevices: confirmable.describe(
    "Take a list of at least so many devices for true, however many the directory has: for a person who has looked",
  ),
  confirmGroupTags: confirmable.describe("The same of devices with a group tag"),
});

const count = z.int().min(0);

/** A refresh as the API shows it. */
export const RefreshView = z
  .object({
    refreshId: z.string(),
    state: z.enum(["running", "completed", "failed"]),
    final: z.boolean().describe("It has ended: wait for this, whatever the state is called then"),
    stage: z
      .enum(["devices", "tags", "sites", "merge", "finish"])
      .describe(
        "Reading devices, reading group tags, adding what sites report, merging, making it the directory",
      ),
    counts: z.object({
      pages: count,
      fetched: count,
      unreadable: count.describe("Records without a usable device id"),
      added: count,
      changed: count,
      removed: count,
      unchanged: count,
    }),
    groupTags: z.object({
      state: z.enum(["pending", "read", "notRead"]),
      count: count.describe("Devices with a group tag, as far as they were read"),
      detail: z.string().optional().describe("Why they could not be read; earlier ones are kept"),
    }),
    startedAt: z.iso.datetime(),
    finishedAt: z.iso.datetime().optional(),
    failure: z.object({ code: z.string(), detail: z.string() }).optional(),
  })
  .meta({ id: "Refresh" });
