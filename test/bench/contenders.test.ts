/** The benchmark's other contenders: each does the same work, or the comparison would be worth nothing. */
import { describe, expect, it } from "vitest";
import { measureBullmq } from "../../bench/bullmq/measure.ts";
import { measureNaive } from "../../bench/measures/naive.ts";
import { redisVersion } from "../../bench/setup/redis.ts";

describe("the naive twin", () => {
  it("reaches every device of a small fleet", async () => {
    expect((await measureNaive(40)).perSecond).toBeGreaterThan(0);
  }, 60_000);
});

describe.skipIf(redisVersion() === undefined)("BullMQ on a local Redis", () => {
  it("reaches every device of a small fleet, one by one and in bulk", async () => {
    const { each, bulk } = await measureBullmq(200);
    expect(each.perSecond).toBeGreaterThan(0);
    expect(bulk.perSecond).toBeGreaterThan(0);
  }, 60_000);
});
