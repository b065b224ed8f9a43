/**
 * Anchors: where chains stood, as it was noted outside of the storage they lie in. They are the only
 * witnesses against a chain that was cut off together with its head, or computed anew as a whole. Pure.
 */
import type { ChainFault, Head, Link } from "./audit-chain.ts";

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
    look({ sequence, hash }: Link): boolean {
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
