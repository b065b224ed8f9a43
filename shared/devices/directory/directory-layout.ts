/**
 * How the directory is packed: many devices to a row, by the leading bits of their ids. Pure.
 *
 * Ids are random GUIDs, so leading bits spread evenly, and bucket order is id order.
 */

/**
 * Which layout rows are in: so many leading bits, and the how-manieth layout it is; and how many devices,
 * where that is known.
 */
export type Layout = {
  readonly bits: number;
  readonly generation: number;
  readonly count?: number;
};

/** Where a walk goes on: at ids from this beginning on (8 hex digits or more), in the layout seen last. */
export type Cursor = { readonly prefix: string; readonly layout?: Layout };

/** Most leading bits: 16,384 rows, enough for two million devices. */
const maxBits = 14;
/** A new layout has 64 to 128 devices in a bucket; an existing one is kept between these. */
const mostInNewBucket = 128;
const kept = { least: 32, most: 192 };
/** What a walk reckons with when it only knows the bits. */
const devicesPerBucket = 96;

const prefixBits = 32;
const prefixDigits = 8;
/** Where every walk begins. */
export const firstPrefix = "00000000";

/** Bits for `count` devices; the present ones stay while buckets are neither tiny nor huge. */
export function bitsFor(count: number, present?: number): number {
  if (present !== undefined) {
    const inBucket = count / 2 ** present;
    const tooSmall = present > 0 && inBucket < kept.least;
    const tooLarge = present < maxBits && inBucket > kept.most;
    if (!tooSmall && !tooLarge) return present;
  }
  return Math.min(maxBits, Math.max(0, Math.ceil(Math.log2(count / mostInNewBucket))));
}

/** How many devices a bucket holds, about. A count may be older than the buckets: never less than in a sparse one. */
export const inBucket = ({ bits, count }: Layout): number =>
  count === undefined ? devicesPerBucket : Math.max(kept.least, count / 2 ** bits);

/** The first 32 bits of an id. */
export const prefixOf = (id: string): string => id.slice(0, prefixDigits);

/** Which bucket an id, or its prefix, belongs to. */
export const bucketOf = (id: string, bits: number): number =>
  Math.floor(Number.parseInt(prefixOf(id), 16) / 2 ** (prefixBits - bits));

/** Row key of a bucket: key order is bucket order is id order. */
export const bucketKey = (bucket: number): string => bucket.toString(16).padStart(4, "0");

/** Row key of the bucket of an id. */
export const keyOf = (id: string, bits: number): string => bucketKey(bucketOf(id, bits));

/** The prefix at which the bucket after `key` begins; undefined when `key` is the last one. */
export function prefixAfter(key: string, bits: number): string | undefined {
  const next = Number.parseInt(key, 16) + 1;
  if (next >= 2 ** bits) return undefined;
  return (next * 2 ** (prefixBits - bits)).toString(16).padStart(prefixDigits, "0");
}

/** Partition of a tenant's rows in one layout. */
export const partitionOf = (tenantId: string, bits: number): string => `${tenantId}|${bits}`;

/** A cursor as text. It names an id, not a row, so that it outlives the layout. */
export function cursorText({ prefix, layout }: Cursor): string {
  if (layout === undefined) return prefix;
  const { bits, generation, count } = layout;
  return [prefix, bits, generation, ...(count === undefined ? [] : [count])].join(".");
}

/** The same walk, to go on behind a device that it has passed. */
export const cursorBehind = (cursor: string | undefined, deviceId: string): string =>
  cursorText({ ...cursorOf(cursor), prefix: `${deviceId}!` });

/** A cursor from its text; text of any other shape is an error of ours. */
export function cursorOf(text: string | undefined): Cursor {
  if (text === undefined) return { prefix: firstPrefix };
  const match = /^([0-9a-f]{8}[0-9a-f-]*!?)(?:\.(\d+)\.(\d+)(?:\.(\d+))?)?$/.exec(text);
  if (match?.[1] === undefined) throw new Error(`not a directory cursor: ${text}`);
  const [, prefix, bits, generation, count] = match;
  if (bits === undefined) return { prefix };
  const layout = { bits: Number(bits), generation: Number(generation) };
  return { prefix, layout: count === undefined ? layout : { ...layout, count: Number(count) } };
}
