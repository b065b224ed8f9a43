/**
 * GUIDs that are computed, not stored: each position of a family has one, and it can be turned back
 * into its position. A million devices need no table of ids.
 */
import { hash32, mix32, unmix32 } from "./chance.ts";

/** The ids of one kind of thing in one tenant. */
export type GuidFamily = {
  /** The id at a position from 0 to 2^32 - 1. */
  readonly at: (index: number) => string;
  /** The position of an id in either case, or undefined when the id is not of this family. */
  readonly indexOf: (id: string) => number | undefined;
};

const guidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const hexOfByte = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Whether a text is a GUID, in either case. */
export const isGuid = (text: string): boolean => guidPattern.test(text);

/** A family of version 4 GUIDs, spread evenly over the whole range whatever the seed. */
export function guidFamily(seed: number): GuidFamily {
  const key = mix32(seed ^ 0x6d757374);
  const at = (index: number): string =>
    guidOf(
      mix32(index ^ key),
      hash32(seed, index, 0x11),
      hash32(seed, index, 0x12),
      hash32(seed, index, 0x13),
    );
  const indexOf = (id: string): number | undefined => {
    if (id.length !== 36) return undefined;
    const leading = Number.parseInt(id.slice(0, 8), 16);
    if (Number.isNaN(leading)) return undefined;
    const index = (unmix32(leading) ^ key) >>> 0;
    return at(index) === id.toLowerCase() ? index : undefined;
  };
  return { at, indexOf };
}

/** Writes 128 bits as a GUID, giving six of them away for version 4 and its variant. */
export function guidOf(a: number, b: number, c: number, d: number): string {
  const versioned = (b & 0xffff0fff) | 0x4000;
  const variant = (c & 0x3fffffff) | 0x80000000;
  return `${hex32(a)}-${hex16(versioned >>> 16)}-${hex16(versioned)}-${hex16(variant >>> 16)}-${hex16(variant)}${hex32(d)}`;
}

function hex32(bits: number): string {
  return hex16(bits >>> 16) + hex16(bits);
}

function hex16(bits: number): string {
  return (hexOfByte[(bits >>> 8) & 0xff] ?? "") + (hexOfByte[bits & 0xff] ?? "");
}
