/** Devices as a ConfigMgr site knows them, in the words of the directory. Pure. */
import { digest } from "../kernel/ids.ts";
import type { Device } from "./device.ts";
import type { SiteDevice } from "./site-contract.ts";

/** A device and the site that reported it. */
export type SiteEntry = SiteDevice & { readonly siteCode: string };

/**
 * The id of a device that Intune does not know: a GUID of our own (version 8, RFC 9562), always the same
 * for the same device. Where there is an Entra id it decides alone, because a client that is installed
 * anew, or moves to another site, gets another resource id and stays the same device.
 */
export function siteDeviceId(
  tenantId: string,
  {
    siteCode,
    resourceId,
    entraDeviceId,
  }: Pick<SiteEntry, "siteCode" | "resourceId" | "entraDeviceId">,
): string {
  const hex =
    entraDeviceId === undefined
      ? digest("configMgr", tenantId, siteCode, String(resourceId))
      : digest("entra", tenantId, entraDeviceId);
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** The directory's record of a device that only its site knows. */
export function siteOnlyDevice(tenantId: string, entry: SiteEntry): Device {
  const { entraDeviceId, userPrincipalName, operatingSystem = "" } = entry;
  return {
    deviceId: siteDeviceId(tenantId, entry),
    name: entry.name,
    // Sites write "Microsoft Windows NT Workstation 10.0"; the directory's word is Graph's.
    operatingSystem: /windows/i.test(operatingSystem) ? "Windows" : operatingSystem,
    osVersion: entry.osVersion ?? "",
    managementAgent: "configurationManagerClient",
    complianceState: "unknown",
    lastSyncDateTime: "",
    ...(entraDeviceId === undefined ? {} : { entraDeviceId }),
    ...(userPrincipalName === undefined ? {} : { userPrincipalName }),
    source: "configMgr",
    configMgrResourceId: entry.resourceId,
    siteCode: entry.siteCode,
  };
}
