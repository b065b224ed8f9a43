/** Compares what Graph gave with what the directory holds, device by device. Pure. */
import type { Device } from "./device.ts";
import { encodeDevice } from "./directory-encoding.ts";
import type { Tally } from "./refresh.ts";
import type { RefreshRecord } from "./refresh-graph.ts";

/** What comes of one part of the directory. */
export type Merge = {
  /** Takes note of a device that the directory holds now. */
  readonly compare: (earlier: Device) => void;
  /** The part as it will be: devices in id order, and what it counts for. */
  readonly result: () => { readonly devices: Device[]; readonly tally: Omit<Tally, "part"> };
};

/**
 * Begins a merge of records: of several with one id the last one wins. When group tags could not be
 * read, devices keep the tags that they had.
 */
export function beginMerge(records: readonly RefreshRecord[], tagsRead: boolean): Merge {
  const devices = new Map<string, Device>();
  const tags = new Map<string, string>();
  for (const record of records)
    if (record.kind === "device") devices.set(record.id, record.device);
    else if (record.kind === "tag") tags.set(record.id, record.groupTag);
  for (const [id, groupTag] of tags) {
    const device = devices.get(id);
    if (device !== undefined) devices.set(id, { ...device, groupTag });
  }
  for (const record of records) if (record.kind === "site") addSite(devices, record);
  const tally = { changed: 0, removed: 0, unchanged: 0 };

  return {
    compare: (earlier) => {
      const device = devices.get(earlier.deviceId);
      if (device === undefined) {
        tally.removed += 1;
        return;
      }
      const kept = tagsRead ? device : withTagOf(device, earlier);
      devices.set(kept.deviceId, kept);
      tally[sameDevice(kept, earlier) ? "unchanged" : "changed"] += 1;
    },
    result: () => ({
      devices: [...devices.values()].toSorted((a, b) => (a.deviceId < b.deviceId ? -1 : 1)),
      tally: { ...tally, added: devices.size - tally.changed - tally.unchanged },
    }),
  };
}

/** A device that a site knows too can be reached through its relay. */
function addSite(
  devices: Map<string, Device>,
  { id, resourceId, siteCode }: Extract<RefreshRecord, { kind: "site" }>,
): void {
  const device = devices.get(id);
  if (device) devices.set(id, { ...device, configMgrResourceId: resourceId, siteCode });
}

const withTagOf = (device: Device, { groupTag }: Device): Device =>
  groupTag === undefined ? device : { ...device, groupTag };

const sameDevice = (one: Device, other: Device): boolean =>
  JSON.stringify(encodeDevice(one)) === JSON.stringify(encodeDevice(other));
