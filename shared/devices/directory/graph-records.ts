/** Graph's device and Autopilot records, as far as the directory keeps them. Pure. */
import { plainText } from "../../kernel/outside-text.ts";
import type { Device } from "./device.ts";

/** The first page of devices; every later one is where its predecessor's nextLink says. */
export const devicesPath = (top: number): string =>
  `/deviceManagement/managedDevices?$select=id,deviceName,operatingSystem,osVersion,managementAgent,complianceState,lastSyncDateTime,enrolledDateTime,serialNumber,azureADDeviceId,userPrincipalName,model,manufacturer&$top=${top}`;

/** The first page of Autopilot identities. */
export const tagsPath = (top: number): string =>
  `/deviceManagement/windowsAutopilotDeviceIdentities?$top=${top}`;

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
export function deviceRecord(json: unknown): RefreshRecord | undefined {
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
export function tagRecord(json: unknown): RefreshRecord | undefined {
  const fields = recordOf(json);
  const id = guidIn(fields["managedDeviceId"]);
  const groupTag = textIn(fields["groupTag"]);
  return id === undefined || groupTag === "" ? undefined : { kind: "tag", id, groupTag };
}

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
