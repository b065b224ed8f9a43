/** What shared/work keeps: answers by their keys, and messages set aside. */
import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { maxReasonChars } from "../../../shared/kernel/outside-text.ts";
import { DeadLetterStore } from "../../../shared/work/dead-letters.ts";
import { IdempotentAnswers } from "../../../shared/work/idempotency.ts";
import { testStorage } from "../storage/open-storage.ts";

const fresh = () => ({ bodyHash: "hash", seed: randomUUID() });
const dayMs = 86_400_000;
const { tables } = await testStorage();

describe("kept answers", () => {
  let now = Date.UTC(2026, 0, 1);
  const store = new IdempotentAnswers(tables, { now: () => now });

  test("of many who claim a key at once, all get the first one's seed", async () => {
    const key = randomUUID();
    const claims = await Promise.all(
      Array.from({ length: 10 }, () => store.claim("s", key, fresh())),
    );
    expect(new Set(claims.map(({ seed }) => seed)).size).toBe(1);
  });

  test("a key is free again after a day, for one of many", async () => {
    const key = randomUUID();
    const first = await store.claim("s", key, fresh());
    await store.settle("s", key, { ...first, reply: { status: 201 } });
    now += dayMs - 1;
    expect(await store.claim("s", key, fresh())).toEqual({ ...first, reply: { status: 201 } });
    now += 1;
    const claims = await Promise.all(
      Array.from({ length: 10 }, () => store.claim("s", key, fresh())),
    );
    const seeds = new Set(claims.map(({ seed }) => seed));
    expect(seeds.size).toBe(1);
    expect(seeds.has(first.seed)).toBe(false);
    expect(claims.every(({ reply }) => reply === undefined)).toBe(true);
  });

  test("a key that is given back can be claimed; one with an answer keeps it", async () => {
    const key = randomUUID();
    const first = await store.claim("s", key, fresh());
    expect(await store.release("s", key)).toBeUndefined();
    const second = await store.claim("s", key, fresh());
    expect(second.seed).not.toBe(first.seed);
    const settled = { ...second, reply: { status: 202 } };
    await store.settle("s", key, settled);
    expect(await store.release("s", key)).toEqual(settled);
    expect(await store.claim("s", key, fresh())).toEqual(settled);
    expect(await store.release("s", randomUUID())).toBeUndefined();
  });
});

describe("deadLetters", () => {
  test("is listed newest first, page by page, with what was said", async () => {
    // Beyond every clock's time, so that what others set aside meanwhile comes after.
    let now = Date.UTC(2900, 0, 1);
    const store = new DeadLetterStore(tables, { now: () => now });
    const mark = randomUUID();
    for (const content of ["one", { two: 2 }, undefined]) {
      now += 1;
      await store.add({ queue: "q", reason: mark, content });
    }
    const first = await store.list(2);
    const second = await store.list(2, first.next);
    const entries = [...first.entries, ...second.entries].filter(({ reason }) => reason === mark);
    expect(entries.map(({ content }) => content)).toEqual(["", '{"two":2}', "one"]);
    expect(entries[0]).toMatchObject({ queue: "q", at: "2900-01-01T00:00:00.003Z" });
    for (const { deadLetterId } of entries)
      await tables.remove("DeadLetters", "messages", deadLetterId);
  });

  test("keeps the two ends of long texts, and no half characters", async () => {
    const now = Date.UTC(2901, 0, 1);
    const store = new DeadLetterStore(tables, { now: () => now });
    await store.add({ queue: "q", reason: "r".repeat(40_000), content: `${"x".repeat(1999)}😀` });
    const { entries } = await store.list(1);
    const [entry] = entries;
    expect(entry?.reason).toMatch(/^r{200,} … r{100,}$/);
    expect(entry?.reason).toHaveLength(maxReasonChars);
    expect(entry?.content).toMatch(/^x{1000,} … x{600,}😀$/);
    expect(entry?.content).toHaveLength(2000);
    expect(entry?.content.isWellFormed()).toBe(true);
    await tables.remove("DeadLetters", "messages", String(entry?.deadLetterId));
  });
});
