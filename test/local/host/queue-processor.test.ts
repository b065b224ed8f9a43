/** Messages that cannot be read, at a running host: when they are poison, and when they stay. */
import { describe, expect, test, vi } from "vitest";
import { hostApp, queueOf, sendMessages, unique } from "./hosted-app.ts";

const within = { timeout: 8_000, interval: 25 };

test.concurrent("a message that is not base64 is poison at once, not after its tries", async () => {
  const env = { AzureFunctionsJobHost__extensions__queues__visibilityTimeout: "00:05:00" };
  await using app = await hostApp("plain", { env });
  await queueOf(app.queue).createIfNotExists();
  await queueOf(app.queue).sendMessage("not base64!");
  await vi.waitFor(async () => {
    const { peekedMessageItems } = await queueOf(`${app.queue}-poison`).peekMessages();
    expect(peekedMessageItems.map(({ messageText }) => messageText)).toEqual(["not base64!"]);
  }, within);
  expect(await app.notes("work")).toEqual([]);
});

test.concurrent("bytes that are not UTF-8 fail before the handler, as often as a handler may", async () => {
  await using app = await hostApp("plain");
  await queueOf(app.queue).createIfNotExists();
  const text = Buffer.from([0x22, 0xff, 0xfe, 0x22]).toString("base64");
  await queueOf(app.queue).sendMessage(text);
  await vi.waitFor(async () => {
    const { peekedMessageItems } = await queueOf(`${app.queue}-poison`).peekMessages();
    expect(peekedMessageItems.map(({ messageText }) => messageText)).toEqual([text]);
  }, within);
  expect(await app.notes("work")).toEqual([]);
  const tries = app.logs.filter(({ message }) => message.includes("is not UTF-8"));
  expect(tries).toHaveLength(5);
});

test.concurrent("a function that takes binary gets a Buffer, whatever the bytes", async () => {
  await using app = await hostApp("plain");
  const queue = `${app.queue}-bytes`;
  await queueOf(queue).createIfNotExists();
  const bodies = [Buffer.from([0xff, 0xfe]), Buffer.from('{"own":1}')];
  for (const body of bodies) await queueOf(queue).sendMessage(body.toString("base64"));
  const notes = await vi.waitFor(async () => {
    const all = await app.notes("bytes");
    expect(all).toHaveLength(2);
    return all.toSorted((a, b) => String(a["hex"]).length - String(b["hex"]).length);
  }, within);
  // Nothing of a body that is not asked for as text is merged into the metadata.
  expect(notes).toEqual([
    { kind: "bytes", isBuffer: true, hex: "fffe", queueTrigger: null, own: null },
    {
      kind: "bytes",
      isBuffer: true,
      hex: bodies[1]?.toString("hex"),
      // The library parses metadata that is JSON.
      queueTrigger: { own: 1 },
      own: null,
    },
  ]);
});

describe.concurrent("where a message cannot be poison", () => {
  const leaseSeconds = 2;
  test.each([
    ["of a poison queue", `${unique("orders")}-poison`],
    ["of a name too long for another one", `${unique("orders")}-${"q".repeat(45)}`],
  ])("one %s stays away for its lease after a failure, and nothing counts", async (_, queue) => {
    const env = { Queue: queue, AzureFunctionsJobHost__extensions__queues__maxDequeueCount: "1" };
    await using app = await hostApp("plain", { env, messageLeaseSeconds: leaseSeconds });
    expect(queue.length).toBeLessThan(64);
    await sendMessages(queue, [{ fail: true }]);
    const tries = await vi.waitFor(async () => {
      const notes = await app.notes("work");
      expect(notes).toHaveLength(3);
      return notes;
    }, within);
    const times = tries.map(({ at }) => Number(at));
    for (const [index, time] of times.slice(1).entries())
      expect(time - (times[index] ?? 0)).toBeGreaterThan(leaseSeconds * 900);
  });

  test("one that is not base64 is never seen, and stays", async () => {
    const queue = `${unique("odd")}-poison`;
    await using app = await hostApp("plain", { env: { Queue: queue }, messageLeaseSeconds: 1 });
    await queueOf(queue).createIfNotExists();
    await queueOf(queue).sendMessage("not base64!");
    await vi.waitFor(() => {
      const seen = app.logs.filter(({ message }) => message.includes("is not base64"));
      expect(seen.length).toBeGreaterThan(1);
    }, within);
    expect(await app.notes("work")).toEqual([]);
    expect((await queueOf(queue).getProperties()).approximateMessagesCount).toBe(1);
  });
});
