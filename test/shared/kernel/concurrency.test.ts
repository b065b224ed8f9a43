import { setTimeout as sleep } from "node:timers/promises";
import { array, assert, asyncProperty, integer, nat, property } from "fast-check";
import { expect, test } from "vitest";
import { apart, inChunks, inParallel } from "../../../shared/kernel/concurrency.ts";

test("answers stand in the order of the items, and the limit is kept and used", async () => {
  await assert(
    asyncProperty(array(nat()), integer({ min: 1, max: 8 }), async (items, limit) => {
      let running = 0;
      let most = 0;
      const answers = await inParallel(items, limit, async (item, index) => {
        running += 1;
        most = Math.max(most, running);
        for (let turn = 0; turn < item % 5; turn += 1) await Promise.resolve();
        running -= 1;
        return [item, index];
      });
      expect(answers).toEqual(items.map((item, index) => [item, index]));
      expect(most).toBeLessThanOrEqual(limit);
    }),
  );
});

test("as many run at once as the limit allows", async () => {
  let running = 0;
  let most = 0;
  await inParallel([1, 2, 3, 4, 5, 6], 3, async () => {
    running += 1;
    most = Math.max(most, running);
    await sleep(2);
    running -= 1;
  });
  expect(most).toBe(3);
});

test("the first error is thrown, after what had begun has ended, and nothing begins after it", async () => {
  const begun: number[] = [];
  const ended: number[] = [];
  const work = inParallel([0, 1, 2, 3, 4], 2, async (item) => {
    begun.push(item);
    await sleep(item === 0 ? 30 : 1);
    ended.push(item);
    throw new Error(`item ${item}`);
  });
  await expect(work).rejects.toThrow("item 1");
  expect(begun).toEqual([0, 1]);
  expect(ended).toEqual([1, 0]);
});

test("an error that is thrown before anything is awaited is one too", async () => {
  const work = inParallel([1], 1, () => {
    throw new RangeError("at once");
  });
  await expect(work).rejects.toThrow(RangeError);
});

test("chunks are full but for the last, and hold everything once in order", () => {
  assert(
    property(array(nat()), integer({ min: 1, max: 10 }), (items, size) => {
      const chunks = inChunks(items, size);
      expect(chunks.flat()).toEqual(items);
      expect(chunks.slice(0, -1).every((chunk) => chunk.length === size)).toBe(true);
      expect(chunks.every((chunk) => chunk.length > 0 && chunk.length <= size)).toBe(true);
    }),
  );
});

test("what fails keeps nobody apart from it from being done, and is thrown by name at the end", async () => {
  const each = apart("some were not done");
  const done: string[] = [];
  const run = (name: string) =>
    each.run(
      name,
      async () => {
        if (name === "b") throw new Error("away");
        done.push(name);
        return 1;
      },
      0,
    );
  expect([await run("a"), await run("b"), await run("c")]).toEqual([1, 0, 1]);
  expect(done).toEqual(["a", "c"]);
  expect(() => each.end()).toThrow(
    expect.objectContaining({
      message: "some were not done",
      errors: [expect.objectContaining({ message: "b", cause: new Error("away") })],
    }),
  );
  const none = apart("none");
  await none.run("a", async () => 1, 0);
  expect(() => none.end()).not.toThrow();
});
