/** Who goes first where requests and messages share a process. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { precedence } from "../../../shared/work/precedence.ts";

const call = () => Promise.resolve("answer");

/** Notes what happens in which order. */
function started(waits = { longestMs: 5_000, briefMs: 10_000 }) {
  const first = precedence(waits);
  const notes: string[] = [];
  const answered = Promise.withResolvers<void>();
  const request = first.request(async () => {
    await answered.promise;
    notes.push("request");
  });
  const message = first.message(async () => {
    await first.intercept("table.get", () => {
      notes.push("call");
      return call();
    });
    notes.push("message");
  });
  const end = async (): Promise<readonly string[]> => {
    answered.resolve();
    await Promise.all([request, message]);
    return notes;
  };
  return { first, notes, message, end };
}

test("a message's work calls nobody while somebody waits for an answer", async () => {
  const { notes, end } = started();
  await sleep(50);
  expect(notes).toEqual([]);
  expect(await end()).toEqual(["request", "call", "message"]);
});

test("what was called before a request came waits with the answer", async () => {
  const first = precedence({ longestMs: 5_000, briefMs: 10_000 });
  const notes: string[] = [];
  const called = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<string>();
  const message = first.message(async () => {
    await first.intercept("table.page", () => {
      called.resolve();
      return answer.promise;
    });
    notes.push("message");
  });
  await called.promise;
  await first.request(async () => {
    answer.resolve("late");
    await sleep(20);
    notes.push("request");
  });
  await message;
  expect(notes).toEqual(["request", "message"]);
});

test("requests without a pause slow a message, and do not stop it", async () => {
  const { notes, message, end } = started({ longestMs: 10, briefMs: 10_000 });
  await message;
  expect(notes).toEqual(["call", "message"]);
  await end();
});

test("a request that takes long is waited for in its beginning only", async () => {
  const { notes, message, end } = started({ longestMs: 5_000, briefMs: 10 });
  await message;
  expect(notes).toEqual(["call", "message"]);
  await end();
});

test("requests wait neither for each other nor for messages", async () => {
  const { first, end } = started();
  expect(await first.request(() => first.intercept("table.get", call))).toBe("answer");
  await end();
});

test("a request that fails is over, and one that is over twice is over once", async () => {
  const first = precedence({ longestMs: 5_000, briefMs: 10 });
  const failed = first.request(async () => {
    await sleep(30);
    throw new Error("refused");
  });
  await expect(failed).rejects.toThrow("refused");
  expect(await first.message(() => first.intercept("table.get", call))).toBe("answer");
});

test("messages go on one in each turn of the event loop, so that others have theirs", async () => {
  const first = precedence();
  let turn = 0;
  let counting = setImmediate(function count() {
    turn += 1;
    counting = setImmediate(count);
  });
  const wentOnAt: number[] = [];
  const message = () =>
    first.message(async () => {
      await first.intercept("table.get", call);
      wentOnAt.push(turn);
    });
  await Promise.all([message(), message(), message()]);
  clearImmediate(counting);
  expect(new Set(wentOnAt).size).toBe(3);
});
