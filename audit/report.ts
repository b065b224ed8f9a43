/** What the command says: a line for each partition, and one at the end. Pure. */
import type { FaultKind, Verification } from "../shared/access/audit/verify.ts";

/** Everything that was verified. */
export type Summary = {
  readonly partitions: number;
  readonly broken: number;
  readonly records: number;
  readonly anchorsAgreeing: number;
};

/** Nothing verified yet. */
export const noPartitions: Summary = { partitions: 0, broken: 0, records: 0, anchorsAgreeing: 0 };

/** The summary with one more partition in it. */
export const counted = (summary: Summary, { fault, ...found }: Verification): Summary => ({
  partitions: summary.partitions + 1,
  broken: summary.broken + (fault === undefined ? 0 : 1),
  records: summary.records + found.records,
  anchorsAgreeing: summary.anchorsAgreeing + found.anchorsAgreeing,
});

const faults: Readonly<Record<FaultKind, string>> = {
  missing: "is missing, or another one stands in its place",
  changed: "was changed after it was written",
  unlinked: "is not the one that the next record was written after",
  "beyond-head": "stands after what the head says is the last one",
  foreign: "belongs to another trail or month",
  rewritten: "is not the one that an anchor names: from there on the chain was computed anew",
  "cut-off": "is missing, and all after it: an anchor says that they were written",
};

/** A partition for people. */
export function lineOf({ partition, head, fault, ...found }: Verification): string {
  const [trail = "", month = ""] = partition.split("|");
  const anchors = found.anchorsAgreeing > 0 ? `  anchors ${found.anchorsAgreeing}` : "";
  const chain = `records ${found.records}  head ${head.sequence} ${head.hash}${anchors}`;
  const place = `${trail.padEnd(36)} ${month}`;
  if (fault === undefined) return `intact  ${place}  ${chain}`;
  const near = found.near === undefined ? "" : ` (near ${found.near})`;
  const said = `record ${fault.sequence} ${faults[fault.what]}${near}`;
  return `BROKEN  ${place}  ${chain}\n        ${said}`;
}

/**
 * A partition for programs. An intact one is an anchor for the next time; a broken one must not be, so that
 * its head stands apart.
 */
export function jsonOf({ partition, head, fault, ...found }: Verification): string {
  const { sequence, hash } = head;
  return JSON.stringify(
    fault === undefined
      ? { partition, sequence, hash, verdict: "intact", ...found }
      : { partition, verdict: "broken", fault, ...found, head },
  );
}

/** The last line for people. */
export function lastLine({ partitions, broken, records, anchorsAgreeing }: Summary): string {
  const compared = anchorsAgreeing > 0 ? `; ${anchorsAgreeing} anchors agree` : "";
  const verdict = broken === 0 ? "all intact" : `${broken} BROKEN`;
  return `${partitions} partitions, ${records} records: ${verdict}${compared}`;
}
