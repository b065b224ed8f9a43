/**
 * A run: the records of one slice of a refresh, sorted by device id, as lines of one blob, with an index
 * that says where each of 64 id partitions begins. Merging reads the same partition of every run. Pure.
 */
import { decodeDevice, Encoded, encodeDevice } from "../directory/directory-row.ts";
import type { RefreshRecord } from "../directory/graph-records.ts";

/** Partitions of the id space: by the first six bits. */
export const partitions = 64;

/** Where each partition begins, in bytes; one entry more than partitions: the end. */
export type RunIndex = readonly number[];

/** A run as it is stored. */
export type Run = { readonly content: Buffer; readonly index: RunIndex };

/** Bytes of all runs that one merge step takes: about 20,000 devices. */
const maxPartBytes = 6_000_000;

/** Partition of an id. */
const partitionOfId = (id: string): number => Number.parseInt(id.slice(0, 2), 16) >> 2;

/** The prefix at which a partition begins; undefined beyond the last one. */
export const partitionPrefix = (partition: number): string | undefined =>
  partition >= partitions ? undefined : (partition << 2).toString(16).padStart(2, "0") + "000000";

/** Records as a run. Those of one id stay in the order in which they came. */
export function encodeRun(records: readonly RefreshRecord[]): Run {
  const lines: Buffer[][] = Array.from({ length: partitions }, () => []);
  const sorted = records.toSorted((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  for (const record of sorted) lines[partitionOfId(record.id)]?.push(lineOf(record));
  const parts = lines.map((part) => Buffer.concat(part));
  const index = [0];
  for (const part of parts) index.push((index.at(-1) ?? 0) + part.byteLength);
  return { content: Buffer.concat(parts), index };
}

/** Records of some bytes of a run, cut at partition bounds. */
export function decodeRun(content: Buffer): RefreshRecord[] {
  const lines = content.toString("utf8").split("\n");
  return lines.filter((line) => line !== "").map(recordOf);
}

/**
 * Where the merge step that begins at partition `at` ends: as far as the byte limit goes, at least one
 * partition, and never inside a bucket of the layout with `toBits`.
 */
export function partEnd(indexes: readonly RunIndex[], at: number, toBits: number): number {
  const stride = Math.max(1, partitions / 2 ** toBits);
  const bytesTo = (end: number): number =>
    indexes.reduce((sum, index) => sum + (index[end] ?? 0) - (index[at] ?? 0), 0);
  let end = at + stride;
  while (end + stride <= partitions && bytesTo(end + stride) <= maxPartBytes) end += stride;
  return Math.min(end, partitions);
}

function lineOf(record: RefreshRecord): Buffer {
  return Buffer.from(`${record.kind.charAt(0)}${JSON.stringify(cellsOf(record))}\n`);
}

function cellsOf(record: RefreshRecord): Encoded {
  switch (record.kind) {
    case "device":
      return encodeDevice(record.device);
    case "tag":
      return [record.id, record.groupTag];
    case "site":
      return [record.id, record.resourceId, record.siteCode, record.client ?? null];
  }
}

function recordOf(line: string): RefreshRecord {
  const cells = Encoded.parse(JSON.parse(line.slice(1)));
  if (line.startsWith("t"))
    return { kind: "tag", id: String(cells[0]), groupTag: String(cells[1]) };
  if (line.startsWith("s")) {
    const [id, resourceId, siteCode, client] = cells;
    return {
      kind: "site",
      id: String(id),
      resourceId: Number(resourceId),
      siteCode: String(siteCode),
      ...(client === false ? { client } : {}),
    };
  }
  const device = decodeDevice(cells);
  return { kind: "device", id: device.deviceId, device };
}
