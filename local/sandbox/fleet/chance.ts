/**
 * Chance that repeats: numbers that look random and depend on nothing but a seed, so that the same
 * tenant can be made again anywhere.
 */

/** Scrambles 32 bits so that neighbours end up far apart. Reversible: see `unmix32`. */
export function mix32(value: number): number {
  let bits = value >>> 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** Undoes `mix32`. The factors are the inverses of its own modulo 2^32. */
export function unmix32(value: number): number {
  let bits = value >>> 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x7ed1b41d);
  bits = bits ^ (bits >>> 13) ^ (bits >>> 26);
  bits = Math.imul(bits, 0xa5cb9243);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** 32 bits that depend on a seed, a position and a stream (the question that is asked of that position). */
export function hash32(seed: number, index: number, stream: number): number {
  return mix32(mix32(mix32(seed ^ Math.imul(stream, 0x9e3779b1)) ^ index) + stream);
}

/** `hash32` as a number from 0 up to, but not including, 1. */
export function fraction(seed: number, index: number, stream: number): number {
  return hash32(seed, index, stream) / 2 ** 32;
}

/** A seed made of text (FNV-1a), so that two tenants with one seed number still differ. */
export function seedOf(text: string): number {
  let bits = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    bits = Math.imul(bits ^ text.charCodeAt(at), 0x01000193);
  }
  return mix32(bits);
}

/** An endless stream of numbers from 0 up to, but not including, 1. */
export function randomStream(seed: number): () => number {
  let position = 0;
  return () => {
    position += 1;
    return fraction(seed, position, 0x51);
  };
}
