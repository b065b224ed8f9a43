import { describe, expect, test } from "vitest";
import { readOptions } from "../../bench/options.ts";

describe("the benchmark's command line", () => {
  test("measures everything at three sizes when nothing is said", () => {
    const { sizes, routes, skip } = readOptions([]);
    expect(sizes).toEqual([1_000, 10_000, 100_000]);
    expect(routes).toEqual(["bulk", "batch"]);
    expect(skip.size).toBe(0);
  });

  test("leaves out what it is told to, and adds the million on request only", () => {
    const options = readOptions(["--sizes", "1000", "--million", "--skip", "bullmq,naive"]);
    expect(options.sizes).toEqual([1_000, 1_000_000]);
    expect([...options.skip]).toEqual(["bullmq", "naive"]);
  });

  test.each([
    ["--skip", "redis"],
    ["--routes", "pigeon"],
    ["--sizes", "many"],
    ["--sizes", "0"],
  ])("refuses %s %s by name", (option, value) => {
    expect(() => readOptions([option, value])).toThrow(value);
  });
});
