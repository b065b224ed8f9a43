/**
 * The chain of an audit partition: each record carries the hash of the one before it, so that a record
 * that was changed, removed or slipped in shows. Pure.
 */
import { digest } from "../../kernel/values.ts";

/** One record of a chain. */
export type Link = {
  /** From 1 upwards, without gaps. */
  readonly sequence: number;
  readonly previous: string;
  /** The event as it was written, byte for byte: what is hashed is what is kept. */
  readonly text: string;
  readonly hash: string;
};

/** Where a chain stands: the last record's place and hash. */
export type Head = { readonly sequence: number; readonly hash: string };

/** Before the first record. The partition's name is in it, so that no chain passes for another. */
export const genesis = (partition: string): Head => ({
  sequence: 0,
  hash: digest("muster audit chain 1", partition),
});

/** The records for events in this order, after `head`. */
export function extend(head: Head, texts: readonly string[]): Link[] {
  let last = head;
  return texts.map((text) => {
    const sequence = last.sequence + 1;
    const link = { sequence, previous: last.hash, text, hash: hashOf(last.hash, sequence, text) };
    last = link;
    return link;
  });
}

const hashOf = (previous: string, sequence: number, text: string): string =>
  digest(previous, String(sequence), text);

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
export type ChainFault = { readonly sequence: number; readonly what: FaultKind };

/** What verifying a chain gave. */
export type ChainVerdict =
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
export type Noted = {
  readonly hashes: ReadonlyMap<number, string>;
  /** Where two anchors name two hashes: what was noted first is not what stands there. */
  readonly contradicted?: number;
};

/** What is known of a partition that no anchor is about. */
export const nothingNoted: Noted = { hashes: new Map() };

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
export function anchorCheck({ hashes, contradicted }: Noted) {
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
