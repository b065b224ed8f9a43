/**
 * Verifies chains where they are kept: from the head back to the first record, a page of rows in memory, and against anchors
 * that were noted elsewhere. The judgement first, pure.
 */
import { tableNames } from "../../storage/names.ts";
import type { StoredRow, Tables } from "../../storage/tables.ts";
import {
  AuditEvent,
  genesis,
  type Head,
  hashOf,
  headKey,
  headOf,
  keyOf,
  type Link,
  linkOf,
  partitionFor,
  recordsBelow,
  recordsFrom,
  type TrailId,
} from "./records.ts";

/**
 * What can be wrong with a chain. `unlinked`: the record is whole, but not the one that the next one was
 * written after. `foreign`: it is an event of another trail or month. The last two show only by anchors.
 */
export type FaultKind =
  | "missing"
  | "changed"
  | "unlinked"
  | "beyond-head"
  | "foreign"
  | "rewritten"
  | "cut-off";

/** What is wrong with a chain, and where it first shows, seen from its end. */
type ChainFault = { readonly sequence: number; readonly what: FaultKind };

/** What verifying a chain gave. */
type ChainVerdict =
  | { readonly kind: "intact"; readonly head: Head }
  | { readonly kind: "broken"; readonly fault: ChainFault };

/**
 * Judges a chain from where it says it stands back to its beginning, one record at a time, newest first:
 * a chain of any length needs no memory.
 */
export function chainCheck(partition: string, head: Head) {
  let wanted = head;
  let fault: ChainFault | undefined;
  return {
    /** Takes the next older record; false when no more are needed. */
    take(link: Link): boolean {
      fault = faultOf(wanted, link);
      wanted = { sequence: link.sequence - 1, hash: link.previous };
      return fault === undefined;
    },
    end(): ChainVerdict {
      const first = genesis(partition);
      if (fault === undefined && wanted.sequence > 0)
        fault = { sequence: wanted.sequence, what: "missing" };
      if (fault === undefined && wanted.hash !== first.hash)
        fault = { sequence: 1, what: "unlinked" };
      return fault === undefined ? { kind: "intact", head } : { kind: "broken", fault };
    },
  };
}

function faultOf(wanted: Head, link: Link): ChainFault | undefined {
  if (link.sequence !== wanted.sequence) return { sequence: wanted.sequence, what: "missing" };
  if (link.hash !== wanted.hash) return { sequence: link.sequence, what: "unlinked" };
  const hash = hashOf(link.previous, link.sequence, link.text);
  return link.hash === hash ? undefined : { sequence: link.sequence, what: "changed" };
}

// Anchors: where chains stood, as it was noted outside of the storage they lie in. They are the only
// witnesses against a chain that was cut off together with its head, or computed anew as a whole. Pure.

/** What was noted of one partition. */
type Noted = {
  readonly hashes: ReadonlyMap<number, string>;
  /** Where two anchors name two hashes: what was noted first is not what stands there. */
  readonly contradicted?: number;
};

/** What is known of a partition that no anchor is about. */
const nothingNoted: Noted = { hashes: new Map() };

/**
 * An anchor wherever it stands in a line: a line of the log, of an earlier verification, or of a table of
 * such lines, in which quotation marks are doubled or escaped.
 */
const anchorIn = (line: string) =>
  /"partition":\s*"([^"]+)",\s*"sequence":\s*(\d+),\s*"hash":\s*"([0-9a-f]{64})"/.exec(
    line.replaceAll(/\\+"|""/g, '"'),
  );

/** Gathers anchors, line by line. */
export function anchorBook() {
  const noted = new Map<string, { hashes: Map<number, string>; contradicted?: number }>();
  return {
    /** Takes a line; false when there is no anchor in it. */
    note(line: string): boolean {
      const [, partition, digits, hash] = anchorIn(line) ?? [];
      if (partition === undefined || hash === undefined) return false;
      const sequence = Number(digits);
      const entry = noted.get(partition) ?? { hashes: new Map<number, string>() };
      noted.set(partition, entry);
      const known = entry.hashes.get(sequence);
      if (known !== undefined && known !== hash)
        entry.contradicted = Math.min(sequence, entry.contradicted ?? sequence);
      else entry.hashes.set(sequence, hash);
      return true;
    },
    of: (partition: string): Noted => noted.get(partition) ?? nothingNoted,
    partitions: (): string[] => [...noted.keys()],
  };
}
export type AnchorBook = ReturnType<typeof anchorBook>;

/** Compares a chain with its anchors, one record at a time, newest first. */
function anchorCheck({ hashes, contradicted }: Noted) {
  let differing = contradicted;
  let agreeing = 0;
  return {
    /** Looks at a record; false when an anchor says it was another one. */
    compare({ sequence, hash }: Link): boolean {
      const wanted = hashes.get(sequence);
      if (wanted === undefined) return true;
      if (wanted === hash) agreeing += 1;
      else differing = Math.min(sequence, differing ?? sequence);
      return wanted === hash;
    },
    /** How many anchors agree, and what is wrong where one does not: of several the oldest place. */
    end(head: Head): { readonly agreeing: number; readonly fault?: ChainFault } {
      if (differing !== undefined)
        return { agreeing, fault: { sequence: differing, what: "rewritten" } };
      for (const sequence of hashes.keys())
        if (sequence > head.sequence)
          return { agreeing, fault: { sequence: head.sequence + 1, what: "cut-off" } };
      return { agreeing };
    },
  };
}

// Which partitions the audit trail has: found one after the other, each by one request.

/** Names of all partitions, or of one trail's, in the order of their keys. */
export async function* auditPartitions(tables: Tables, trail?: TrailId): AsyncGenerator<string> {
  const begin = trail === undefined ? "" : `${trail}|`;
  let name = begin;
  for (;;) {
    const next = await tables.partitionAfter(tableNames.audit, name);
    if (!next?.startsWith(begin)) return;
    yield next;
    name = next;
  }
}

// The walk.

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
  const newest = await tables.page(tableNames.audit, { partition, below: recordsBelow }, 1);
  const stored = await tables.get(tableNames.audit, partition, headKey);
  const head = stored === undefined ? genesis(partition) : headOf(stored);
  const walked = await walk(tables, partition, head, noted);
  const beyond = isBeyond(head, newest.rows[0]);
  if (!beyond) return { partition, head, ...walked };
  const fault: ChainFault = { sequence: head.sequence + 1, what: "beyond-head" };
  return { partition, head, ...walked, fault };
}

/** A row that readers would take for a record, above the one that the head names. */
const isBeyond = (head: Head, newest: StoredRow | undefined): boolean =>
  newest !== undefined && newest.rowKey < keyOf(head.sequence);

async function walk(tables: Tables, partition: string, head: Head, noted: Noted) {
  const [chain, anchors] = [chainCheck(partition, head), anchorCheck(noted)];
  const times = new Map<FaultKind, string>();
  let records = 0;
  let foreign: ChainFault | undefined;
  for await (const row of recordsFrom(tables, partition, keyOf(head.sequence))) {
    const link = linkOf(row);
    const event = eventIn(link);
    if (event !== undefined) timesAt(times, event.at, records === 0);
    records += 1;
    if (!chain.take(link)) break;
    if (!anchors.compare(link) && event !== undefined) times.set("rewritten", event.at);
    if (event !== undefined && partitionFor(event) === partition) continue;
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
