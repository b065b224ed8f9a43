import { randomUUID } from "node:crypto";
import { QueueClient, type QueueSendMessageResponse } from "@azure/storage-queue";
import { beforeAll, expect, test } from "vitest";
import type { QueueName } from "../../../shared/storage/names.ts";
import type { Queues } from "../../../shared/storage/queues.ts";
import { storageConnectionString } from "../../support/azurite.ts";
import { testStorage } from "./open-storage.ts";

let queues: Queues;
beforeAll(async () => {
  ({ queues } = await testStorage());
});

/** A queue that does not exist yet, and the service's own view of it. */
function newQueue() {
  const name = `q-${randomUUID()}` as QueueName;
  return {
    name,
    client: new QueueClient(storageConnectionString(), name),
    poison: new QueueClient(storageConnectionString(), `${name}-poison`),
  };
}
const decoded = (text = ""): unknown => JSON.parse(Buffer.from(text, "base64").toString("utf8"));

test("a message is base64 JSON with its version, and never expires", async () => {
  const { name, client } = newQueue();
  await queues.send(name, { tenantId: "t", note: "grün" });
  const { receivedMessageItems } = await client.receiveMessages();
  expect(decoded(receivedMessageItems[0]?.messageText)).toEqual({
    v: 1,
    tenantId: "t",
    note: "grün",
  });
  expect(receivedMessageItems[0]?.expiresOn.getUTCFullYear()).toBe(9999);
});

test.each([
  [-5, 0],
  [0, 0],
  [0.2, 1],
  [3600, 3600],
  [30 * 86_400, 7 * 86_400],
])("a delay of %d s hides a message for %d s", async (delay, hidden) => {
  const answers: unknown[] = [];
  const listening = await testStorage(undefined, async (_operation, call) => {
    const answer = await call();
    answers.push(answer);
    return answer;
  });
  await listening.queues.send(newQueue().name, {}, delay);
  const { insertedOn, nextVisibleOn } = answers.at(-1) as QueueSendMessageResponse;
  expect((nextVisibleOn.getTime() - insertedOn.getTime()) / 1000).toBe(hidden);
});

test("many who miss the same queue at once all get their messages in", async () => {
  const { name, client } = newQueue();
  await Promise.all(Array.from({ length: 10 }, (_, n) => queues.send(name, { n })));
  expect((await client.getProperties()).approximateMessagesCount).toBe(10);
});

test("poison is handed over raw, whatever it is, and then deleted", async () => {
  const { name, poison } = newQueue();
  await poison.create();
  const base64 = Buffer.from('{"v":1}').toString("base64");
  const texts = [
    base64,
    "not base64 at all",
    "{}",
    ...Array.from({ length: 40 }, (_, n) => `m${n}`),
  ];
  for (const text of texts) await poison.sendMessage(text);
  const kept: string[] = [];
  const taken = await queues.takePoison(name, async (text) => {
    kept.push(text);
    await Promise.resolve();
  });
  expect(taken).toBe(texts.length);
  expect(kept.toSorted()).toEqual(texts.toSorted());
  expect((await poison.getProperties()).approximateMessagesCount).toBe(0);
  expect(await queues.takePoison(name, () => Promise.resolve())).toBe(0);
});

test("no poison queue is no poison", async () => {
  expect(await queues.takePoison(newQueue().name, () => Promise.resolve())).toBe(0);
});

test("a poison message that could not be kept stays", async () => {
  const { name, poison } = newQueue();
  await poison.create();
  await poison.sendMessage("lost?");
  const failing = queues.takePoison(name, () => Promise.reject(new Error("no storage")));
  await expect(failing).rejects.toThrow("no storage");
  expect((await poison.getProperties()).approximateMessagesCount).toBe(1);
});

test("a poison message that somebody else deleted meanwhile is none of our trouble", async () => {
  const { name, poison } = newQueue();
  await poison.create();
  await poison.sendMessage("twice");
  const taken = await queues.takePoison(name, async () => {
    await poison.clearMessages();
  });
  expect(taken).toBe(1);
});
