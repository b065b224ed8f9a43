/** Queue functions in a running host: tries, poison, leases, pauses, outputs. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type HostedApp, hostApp, peek, queueOf, sendMessages, unique } from "./hosted-app.ts";

const within = { timeout: 8_000, interval: 25 };

describe("a queue function", () => {
  let app: HostedApp;
  beforeAll(async () => {
    app = await hostApp("plain");
  });
  afterAll(() => app[Symbol.asyncDispose]());

  test("runs each message once and deletes it", async () => {
    await sendMessages(
      app.queue,
      Array.from({ length: 60 }, (_, number) => ({ number })),
    );
    const worked = await vi.waitFor(async () => {
      const notes = await app.notes("worked");
      expect(notes).toHaveLength(60);
      return notes;
    }, within);
    expect(new Set(worked.map(({ message }) => JSON.stringify(message)))).toHaveProperty(
      "size",
      60,
    );
    await vi.waitFor(async () => {
      const { approximateMessagesCount } = await queueOf(app.queue).getProperties();
      expect(approximateMessagesCount).toBe(0);
    }, within);
  });

  test("sees metadata, over which the body wins", async () => {
    await sendMessages(app.queue, [{ mine: "metadata", id: "from the body" }]);
    const note = await vi.waitFor(async () => {
      const notes = await app.notes("work");
      const found = notes.find(({ message }) => (message as { mine?: string }).mine === "metadata");
      expect(found).toBeDefined();
      return found;
    }, within);
    expect(note?.["triggerMetadata"]).toMatchObject({ dequeueCount: 1, id: "from the body" });
    expect(note?.["triggerMetadata"]).toHaveProperty(
      "insertionTime",
      expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/),
    );
    expect(note?.["retry"]).toBeNull();
  });

  test("gets a failing message five times, then it is poison", async () => {
    await sendMessages(app.queue, [{ fail: true }]);
    await vi.waitFor(async () => {
      expect(await peek(`${app.queue}-poison`)).toEqual(['{"fail":true}']);
    }, within);
    const tries = (await app.notes("work")).filter(({ message }) => "fail" in (message as object));
    const counts = tries.map(
      (note) => (note["triggerMetadata"] as { dequeueCount: number }).dequeueCount,
    );
    expect(counts).toEqual([1, 2, 3, 4, 5]);
  });

  test("never sees a message that is not base64; it becomes poison", async () => {
    const before = (await app.notes("work")).length;
    await queueOf(app.queue).sendMessage('{"raw":true}');
    await vi.waitFor(async () => {
      const { peekedMessageItems } = await queueOf(`${app.queue}-poison`).peekMessages({
        numberOfMessages: 32,
      });
      expect(peekedMessageItems.map(({ messageText }) => messageText)).toContain('{"raw":true}');
    }, within);
    expect(await app.notes("work")).toHaveLength(before);
  });
});

describe.concurrent("a listener whose pauses have grown", () => {
  const patient = { AzureFunctionsJobHost__extensions__queues__maxPollingInterval: "00:00:30" };
  /** By then it is in its sixth pause, which ends 1.3 s later at the earliest; or in its seventh, 2.1 s. */
  const [idleMs, longIdleMs] = [4_200, 8_000];
  /** At once, on a machine with seven times more to do than it has cores. */
  const atOnceMs = 2_000;

  test("is woken at once by an output of the same host", async () => {
    await using app = await hostApp("plain", { env: patient });
    await sleep(longIdleMs);
    const started = Date.now();
    const sent = await app.fetch("/api/send", { method: "POST", body: '[{"n":1},{"n":2}]' });
    expect(sent.status).toBe(202);
    await vi.waitFor(async () => expect(await app.notes("worked")).toHaveLength(2), within);
    expect(Date.now() - started).toBeLessThan(atOnceMs);
    expect(app.logs).toContainEqual(
      expect.objectContaining({ functionName: "send", message: "sent", category: "user" }),
    );
  });

  test("is woken at once by a message that became poison in the same host", async () => {
    const queue = unique("woken");
    const env = { ...patient, Queue: queue, Bytes: `${queue}-poison` };
    await using app = await hostApp("plain", { env });
    await sleep(longIdleMs);
    const started = Date.now();
    await app.fetch("/api/send", { method: "POST", body: '[{"fail":true}]' });
    await vi.waitFor(async () => expect(await app.notes("bytes")).toHaveLength(1), within);
    expect(Date.now() - started).toBeLessThan(atOnceMs);
  });

  test("takes a message that failed as soon as it is shown again", async () => {
    await using app = await hostApp("plain", { env: patient });
    await sendMessages(app.queue, [{ ms: idleMs, dieOnce: true }]);
    const [first, second] = await vi.waitFor(async () => {
      const notes = await app.notes("work");
      expect(notes).toHaveLength(2);
      return notes.map(({ at }) => Number(at));
    }, within);
    expect((second ?? 0) - (first ?? 0) - idleMs).toBeLessThan(1_200);
  });
});

describe.concurrent("the lease of a message", () => {
  test("is renewed while its function runs, and the last receipt deletes it", async () => {
    await using app = await hostApp("plain", { messageLeaseSeconds: 1 });
    await sendMessages(app.queue, [{ ms: 2_600 }]);
    await vi.waitFor(async () => expect(await app.notes("worked")).toHaveLength(1), within);
    await vi.waitFor(async () => {
      const { approximateMessagesCount } = await queueOf(app.queue).getProperties();
      expect(approximateMessagesCount).toBe(0);
    }, within);
    expect(await app.notes("work")).toHaveLength(1);
  });
});

test.concurrent("batchSize 1 and newBatchThreshold 0 run one message after the other", async () => {
  const env = {
    AzureFunctionsJobHost__extensions__queues__batchSize: "1",
    AzureFunctionsJobHost__extensions__queues__newBatchThreshold: "0",
  };
  await using app = await hostApp("plain", { env });
  await sendMessages(app.queue, [{ ms: 30 }, { ms: 31 }, { ms: 32 }]);
  const notes = await vi.waitFor(async () => {
    const all = (await app.notes()).filter(({ kind }) => kind.startsWith("work"));
    expect(all).toHaveLength(6);
    return all;
  }, within);
  expect(notes.map(({ kind }) => kind)).toEqual([
    "work",
    "worked",
    "work",
    "worked",
    "work",
    "worked",
  ]);
});

test.concurrent("an output that cannot be sent fails its function", async () => {
  await using app = await hostApp("plain");
  const send = (length: number) =>
    app.fetch("/api/send", { method: "POST", body: JSON.stringify(["x".repeat(length)]) });
  // 64 KiB on the wire are 48 KiB in base64.
  expect((await send(49_152)).status).toBe(202);
  expect((await send(49_153)).status).toBe(500);
});

test.concurrent("messages travel as they are where host.json says so", async () => {
  const env = { AzureFunctionsJobHost__extensions__queues__messageEncoding: "none" };
  await using app = await hostApp("plain", { env });
  await app.fetch("/api/send", { method: "POST", body: '["[1]",{"raw":true}]' });
  const worked = await vi.waitFor(async () => {
    const notes = await app.notes("worked");
    expect(notes).toHaveLength(2);
    return notes;
  }, within);
  expect(worked.map(({ message }) => JSON.stringify(message)).toSorted()).toEqual([
    "[1]",
    '{"raw":true}',
  ]);
});

test.concurrent("a host that stops gives back what it cannot finish", async () => {
  const app = await hostApp("plain", { drainMs: 200 });
  await sendMessages(app.queue, [{ ms: 60_000 }]);
  await vi.waitFor(async () => expect(await app.notes("work")).toHaveLength(1), within);
  const started = Date.now();
  await app[Symbol.asyncDispose]();
  expect(Date.now() - started).toBeLessThan(2_000);
  expect(await peek(app.queue)).toEqual(['{"ms":60000}']);
});

test.concurrent("a return value goes to the queue of its output, of another connection", async () => {
  const [input, output] = [unique("in"), unique("out")];
  const { storageConnectionString } = await import("../../support/azurite.ts");
  const env = { In: input, Out: output.toUpperCase(), Other: storageConnectionString() };
  await using app = await hostApp("hooks", { env });
  await sendMessages(input, [{ kept: [1, 2] }]);
  await vi.waitFor(async () => {
    expect(await peek(output)).toEqual([JSON.stringify({ kept: [1, 2] }, null, 2)]);
  }, within);
  expect(app.host.functions).toHaveLength(10);
});
