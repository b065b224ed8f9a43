/** What is deleted by its age: answers after a day, what was set aside after as long as the settings say. */
import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { tableNames } from "../../../shared/storage/names.ts";
import { DeadLetterStore } from "../../../shared/work/dead-letters.ts";
import { IdempotentAnswers } from "../../../shared/work/idempotency.ts";
import { testStorage } from "../storage/open-storage.ts";

const dayMs = 24 * 3600 * 1000;
const { tables } = await testStorage();
// Long ago: what other tests keep on the same storage stays out of it.
let now = Date.UTC(2001, 0, 1);
const clock = { now: () => now };
const always = () => true;

test("answers to keys are deleted after a day, and not before", async () => {
  const answers = new IdempotentAnswers(tables, clock);
  const scope = `op ${randomUUID()}`;
  const kept = { bodyHash: "b", seed: "s" };
  await answers.claim(scope, "old", kept);
  now += dayMs - 1000;
  await answers.claim(scope, "young", kept);
  expect(await answers.expire(always)).toBe(0);
  now += 2000;
  expect(await answers.expire(always)).toBe(1);
  expect(await tables.get(tableNames.answers, scope, "old")).toBeUndefined();
  expect(await tables.get(tableNames.answers, scope, "young")).toBeDefined();
});

test("a key that is taken anew while the old answer is deleted stays taken", async () => {
  const answers = new IdempotentAnswers(tables, clock);
  const scope = `op ${randomUUID()}`;
  await answers.claim(scope, "key", { bodyHash: "b", seed: "first" });
  now += 2 * dayMs;
  const raced = new Proxy(tables, {
    get(target, name) {
      if (name === "remove")
        return async (...given: Parameters<typeof tables.remove>) => {
          if (given[1] === scope) await answers.claim(scope, "key", { bodyHash: "b", seed: "new" });
          return target.remove(...given);
        };
      const found: unknown = Reflect.get(target, name, target);
      return typeof found === "function" ? found.bind(target) : found;
    },
  });
  await new IdempotentAnswers(raced, clock).expire(always);
  const row = await tables.get(tableNames.answers, scope, "key");
  expect(row?.columns["seed"]).toBe("new");
});

test("messages set aside are deleted by their age, by the hundred", async () => {
  now = Date.UTC(2001, 6, 1);
  const deadLetters = new DeadLetterStore(tables, clock);
  const marks = [randomUUID(), randomUUID()];
  const listed = async () => {
    const { rows } = await tables.page(
      tableNames.deadLetters,
      { partition: "messages", where: `content eq '${marks[0]}' or content eq '${marks[1]}'` },
      1000,
    );
    return rows.map(({ columns }) => columns["content"]);
  };
  for (let nth = 0; nth < 120; nth += 1)
    await deadLetters.add({ queue: "q", reason: "r", content: marks[0] });
  now += 1000;
  await deadLetters.add({ queue: "q", reason: "r", content: marks[1] });
  expect(await deadLetters.expire(now - 1, always)).toBe(true);
  expect(await listed()).toEqual([marks[1]]);
  await deadLetters.expire(now + 1, always);
  expect(await listed()).toEqual([]);
});
