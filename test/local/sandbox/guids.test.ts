/** Computed ids and the chance behind them. */
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { mix32, randomStream, unmix32 } from "../../../local/sandbox/fleet/chance.ts";
import { guidFamily, isGuid } from "../../../local/sandbox/fleet/guids.ts";

const bits = fc.integer({ min: 0, max: 2 ** 32 - 1 });

it("scrambled bits can be unscrambled", () => {
  fc.assert(
    fc.property(bits, (value) => {
      expect(unmix32(mix32(value))).toBe(value);
    }),
  );
});

it("every position has a version 4 GUID that leads back to it, in either case", () => {
  fc.assert(
    fc.property(bits, bits, (seed, index) => {
      const family = guidFamily(seed);
      const id = family.at(index);
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(isGuid(id)).toBe(true);
      expect(family.indexOf(id)).toBe(index);
      expect(family.indexOf(id.toUpperCase())).toBe(index);
    }),
  );
});

it("an id of another family is unknown", () => {
  fc.assert(
    fc.property(bits, bits, (seed, index) => {
      expect(guidFamily(seed).indexOf(guidFamily(seed ^ 1).at(index))).toBeUndefined();
    }),
  );
});

it("what is no GUID is unknown", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(guidFamily(1).indexOf(text)).toBeUndefined();
    }),
  );
});

it("the ids of a family are spread evenly", () => {
  const family = guidFamily(7);
  const buckets = new Map<string, number>();
  for (let index = 0; index < 16_000; index += 1) {
    const first = family.at(index).charAt(0);
    buckets.set(first, (buckets.get(first) ?? 0) + 1);
  }
  expect(buckets.size).toBe(16);
  for (const count of buckets.values()) expect(Math.abs(count - 1_000)).toBeLessThan(150);
});

it("a stream of chance repeats with its seed and stays within 0 and 1", () => {
  const [first, second] = [randomStream(5), randomStream(5)];
  const drawn = Array.from({ length: 1_000 }, () => first());
  expect(Array.from({ length: 1_000 }, () => second())).toEqual(drawn);
  expect(drawn.every((value) => value >= 0 && value < 1)).toBe(true);
  expect(drawn.reduce((sum, value) => sum + value, 0) / 1_000).toBeCloseTo(0.5, 1);
});
