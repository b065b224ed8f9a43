/** Verifies a chain where it is kept: from its head back to its first record, a page of rows in memory. */
import { tableNames } from "../../storage/names.ts";
import type { StoredRow, Tables } from "../../storage/tables.ts";
import {
  anchorCheck,
  type ChainFault,
  chainCheck,
  type FaultKind,
  genesis,
  type Head,
  type Link,
  type Noted,
  nothingNoted,
} from "./audit-chain.ts";
import { AuditEvent } from "./audit-event.ts";
import { recordsFrom } from "./audit-reader.ts";
import * as rows from "./audit-rows.ts";

/** What verifying a partition gave. */
export type Verification = {
  readonly partition: string;
  /** Records that were looked at; all there are when nothing is wrong. */
  readonly records: number;
  readonly head: Head;
  readonly fault?: ChainFault;
  /** When the record at the fault says it happened, or one beside it where there is none. */
  readonly near?: string;
  /** Anchors that agree with the chain. */
  readonly anchorsAgreeing: number;
};

/** Verifies one partition, and compares it with what was noted of it. An empty one is intact. */
export async function verifyPartition(
  tables: Tables,
  partition: string,
  noted: Noted = nothingNoted,
): Promise<Verification> {
  // In this order: a head that is read after a record is never behind it, unless somebody made it so.
  const newest = await tables.page(tableNames.audit, { partition, below: rows.recordsBelow }, 1);
  const stored = await tables.get(tableNames.audit, partition, rows.headKey);
  const head = stored === undefined ? genesis(partition) : rows.headOf(stored);
  const walked = await walk(tables, partition, head, noted);
  const beyond = isBeyond(head, newest.rows[0]);
  if (!beyond) return { partition, head, ...walked };
  const fault: ChainFault = { sequence: head.sequence + 1, what: "beyond-head" };
  return { partition, head, ...walked, fault };
}

/** A row that readers would take for a record, above the one that the head names. */
const isBeyond = (head: Head, newest: StoredRow | undefined): boolean =>
  newest !== undefined && newest.rowKey < rows.keyOf(head.sequence);

async function walk(tables: Tables, partition: string, head: Head, noted: Noted) {
  const [chain, anchors] = [chainCheck(partition, head), anchorCheck(noted)];
  const times = new Map<FaultKind, string>();
  let records = 0;
  let foreign: ChainFault | undefined;
  for await (const row of recordsFrom(tables, partition, rows.keyOf(head.sequence))) {
    const link = rows.linkOf(row);
    const event = eventIn(link);
    if (event !== undefined) timesAt(times, event.at, records === 0);
    records += 1;
    if (!chain.take(link)) break;
    if (!anchors.compare(link) && event !== undefined) times.set("rewritten", event.at);
    if (event !== undefined && rows.partitionFor(event) === partition) continue;
    foreign = { sequence: link.sequence, what: "foreign" };
    break;
  }
  const verdict = chain.end();
  const { agreeing: anchorsAgreeing, fault: unanchored } = anchors.end(head);
  const fault = foreign ?? (verdict.kind === "broken" ? verdict.fault : unanchored);
  return { records, anchorsAgreeing, ...(fault && withTime(fault, times)) };
}

function withTime(fault: ChainFault, times: ReadonlyMap<FaultKind, string>) {
  const near = times.get(fault.what);
  return { fault, ...(near && { near }) };
}

/** Moments by which people find a fault: of the newest record, or of the last one that was looked at. */
function timesAt(times: Map<FaultKind, string>, at: string, isNewest: boolean): void {
  if (isNewest) times.set("cut-off", at);
  for (const what of ["missing", "changed", "unlinked", "foreign"] as const) times.set(what, at);
}

/** The event of a record, or undefined when nobody can read it. */
function eventIn({ text }: Link): AuditEvent | undefined {
  try {
    return AuditEvent.safeParse(JSON.parse(text)).data;
  } catch {
    // Then it is not what was written, and the chain says so.
    return undefined;
  }
}
