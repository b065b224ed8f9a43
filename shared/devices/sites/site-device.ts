/** Devices as a ConfigMgr site knows them, in the words of the directory. Pure. */
import { digest } from "../../kernel/values.ts";
import { type Device, discoveredAgent } from "../directory/device.ts";
import type { RefreshRecord } from "../directory/graph-records.ts";
import type { SiteDevice } from "./contract.ts";

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
  const { entraDeviceId, userPrincipalName, operatingSystem = "", client = true } = entry;
  return {
    deviceId: siteDeviceId(tenantId, entry),
    name: entry.name,
    // Sites write "Microsoft Windows NT Workstation 10.0"; the directory's word is Graph's.
    operatingSystem: /windows/i.test(operatingSystem) ? "Windows" : operatingSystem,
    osVersion: entry.osVersion ?? "",
    managementAgent: client ? "configurationManagerClient" : discoveredAgent,
    complianceState: "unknown",
    lastSyncDateTime: "",
    ...(entraDeviceId === undefined ? {} : { entraDeviceId }),
    ...(userPrincipalName === undefined ? {} : { userPrincipalName }),
    source: "configMgr",
    configMgrResourceId: entry.resourceId,
    siteCode: entry.siteCode,
    ...(client ? {} : { configMgrClient: false }),
  };
}

// Joins what sites report with what Intune gave, by Entra device id. Pure.
//
// A device that both know must be one device in the directory: as two, it would get an action twice in one
// notification. So the join is part of every refresh, over the same records that the refresh merges.

/** A join over some entries. */
export type Join = {
  /** Takes note of a device that Intune knows. */
  readonly see: (device: Device) => void;
  /** What the entries come to: additions to devices of Intune's, and devices of their own. */
  readonly result: () => RefreshRecord[];
};

type Match = { readonly entry: SiteEntry; best?: Pick<Device, "deviceId" | "lastSyncDateTime"> };

/**
 * Begins a join. Of several entries with one Entra id, the one with a client is the device, since a site can find it
 * once more; among those, the one with the highest resource id is the present one.
 */
export function beginJoin(tenantId: string, entries: readonly SiteEntry[]): Join {
  const byEntra = new Map<string, Match>();
  const unjoined: SiteEntry[] = [];
  for (const entry of entries) {
    if (entry.entraDeviceId === undefined) unjoined.push(entry);
    else {
      const other = byEntra.get(entry.entraDeviceId);
      if (other === undefined || isBefore(other.entry, entry))
        byEntra.set(entry.entraDeviceId, { entry });
    }
  }
  return {
    see: (device) => {
      const match = device.entraDeviceId && byEntra.get(device.entraDeviceId);
      // Intune keeps stale records of a device that was enrolled anew: only the liveliest is the device.
      if (match && (match.best === undefined || livelier(device, match.best))) match.best = device;
    },
    result: () => [
      ...unjoined.map((entry) => ownRecord(tenantId, entry)),
      ...Array.from(byEntra.values(), ({ entry, best }) =>
        best === undefined ? ownRecord(tenantId, entry) : addition(best.deviceId, entry),
      ),
    ],
  };
}

function ownRecord(tenantId: string, entry: SiteEntry): RefreshRecord {
  const device = siteOnlyDevice(tenantId, entry);
  return { kind: "device", id: device.deviceId, device };
}

const isBefore = (one: SiteEntry, other: SiteEntry): boolean =>
  hasClient(one) === hasClient(other) ? one.resourceId < other.resourceId : hasClient(other);

const hasClient = ({ client }: SiteEntry): boolean => client !== false;

const addition = (id: string, { resourceId, siteCode, client }: SiteEntry): RefreshRecord => ({
  kind: "site",
  id,
  resourceId,
  siteCode,
  ...(client === false ? { client } : {}),
});

const livelier = (
  one: Pick<Device, "deviceId" | "lastSyncDateTime">,
  other: Pick<Device, "deviceId" | "lastSyncDateTime">,
): boolean =>
  one.lastSyncDateTime === other.lastSyncDateTime
    ? one.deviceId > other.deviceId
    : one.lastSyncDateTime > other.lastSyncDateTime;
