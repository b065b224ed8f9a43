/**
 * Joins what sites report with what Intune gave, by Entra device id. Pure.
 *
 * A device that both know must be one device in the directory: as two, it would get an action twice in one
 * notification. So the join is part of every refresh, over the same records that the refresh merges.
 */
import type { Device } from "./device.ts";
import type { RefreshRecord } from "./refresh-graph.ts";
import { type SiteEntry, siteOnlyDevice } from "./site-device.ts";

/** A join over some entries. */
export type Join = {
  /** Takes note of a device that Intune knows. */
  readonly see: (device: Device) => void;
  /** What the entries come to: additions to devices of Intune's, and devices of their own. */
  readonly result: () => RefreshRecord[];
};

type Match = { readonly entry: SiteEntry; best?: Pick<Device, "deviceId" | "lastSyncDateTime"> };

/** Begins a join. Of several entries with one Entra id, the one with the highest resource id is the present one. */
export function beginJoin(tenantId: string, entries: readonly SiteEntry[]): Join {
  const byEntra = new Map<string, Match>();
  const alone: SiteEntry[] = [];
  for (const entry of entries) {
    if (entry.entraDeviceId === undefined) alone.push(entry);
    else {
      const other = byEntra.get(entry.entraDeviceId);
      if (other === undefined || other.entry.resourceId < entry.resourceId)
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
      ...alone.map((entry) => ownRecord(tenantId, entry)),
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

const addition = (id: string, { resourceId, siteCode }: SiteEntry): RefreshRecord => ({
  kind: "site",
  id,
  resourceId,
  siteCode,
});

const livelier = (
  one: Pick<Device, "deviceId" | "lastSyncDateTime">,
  other: Pick<Device, "deviceId" | "lastSyncDateTime">,
): boolean =>
  one.lastSyncDateTime === other.lastSyncDateTime
    ? one.deviceId > other.deviceId
    : one.lastSyncDateTime > other.lastSyncDateTime;
