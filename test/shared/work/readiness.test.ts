import { expect, test } from "vitest";
import { clockNeed, type Need, readiness } from "../../../shared/work/readiness.ts";

const answers = (name: string): Need => ({ name, ask: async () => undefined });
const fails = (name: string): Need => ({
  name,
  ask: () => Promise.reject(new Error("refused")),
});
const hangs = (name: string): Need => ({ name, ask: () => new Promise(() => undefined) });

test("what does not answer, or not in time, is missing by its name, and nothing else", async () => {
  const clock = { now: () => 0 };
  expect(await readiness([answers("storage"), answers("key")], clock)()).toEqual([]);
  const needs = [answers("storage"), fails("key"), hangs("sign-in")];
  expect(await readiness(needs, clock, 20)()).toEqual(["key", "sign-in"]);
});

test("those who ask at once or soon after ask nobody else, and later ones see what has changed", async () => {
  let now = 0;
  let asked = 0;
  let works = false;
  const need: Need = {
    name: "storage",
    ask: async () => {
      asked += 1;
      if (!works) throw new Error("down");
    },
  };
  const missing = readiness([need], { now: () => now });
  expect(await Promise.all([missing(), missing()])).toEqual([["storage"], ["storage"]]);
  works = true;
  now = 9_999;
  expect(await missing()).toEqual(["storage"]);
  expect(asked).toBe(1);
  now = 10_000;
  expect(await missing()).toEqual([]);
  expect(asked).toBe(2);
});

test.each([
  [60_000, "right", []],
  [60_001, "wrong", ["clock"]],
  [-60_001, "wrong", ["clock"]],
] as const)("a clock that is %d ms off is %s", async (off, _judgement, missing) => {
  // The service's time is known once storage has answered.
  let known = 0;
  const storage: Need = {
    name: "storage",
    ask: async () => {
      known = off;
    },
  };
  const need = clockNeed(storage, { now: () => known }, { now: () => 0 });
  expect(await readiness([need], { now: () => 0 })()).toEqual(missing);
});
