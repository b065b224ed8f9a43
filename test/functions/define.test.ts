import { randomUUID } from "node:crypto";
import { QueueClient } from "@azure/storage-queue";
import { expect, test } from "vitest";
import { z } from "zod";
import { onQueue, type QueueOutcome, serveQueue } from "../../functions/define.ts";
import type { QueueName } from "../../shared/storage/names.ts";
import { storageConnectionString } from "../support/azurite.ts";
import { makeTools } from "./support/tools.ts";

const invocation = { invocationId: "invocation-1" };
const tools = await makeTools();
const name = `q-${randomUUID()}` as QueueName;
const queue = new QueueClient(storageConnectionString(), name);
const serve = (raw: unknown, outcome: QueueOutcome | Error = { kind: "ack" }) => {
  const handled: unknown[] = [];
  const definition = onQueue({
    name,
    message: z.strictObject({ thing: z.string() }),
    handle: (message) => {
      handled.push(message);
      return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome);
    },
  });
  return { handled, done: serveQueue(definition, raw, invocation, tools) };
};
const deadLetters = async (mark: string) => {
  const { entries } = await tools.services.deadLetters.list(1000);
  return entries.filter(({ content }) => content.includes(mark));
};

test.each([
  { v: 1, thing: "a" },
  { v: 1, thing: "a", trace: { traceparent: "00-1-2-01", due: 5 } },
  { v: 1, thing: "a", trace: "of some later form" },
])("a message reaches its handler without its version, and without its trace %#", async (raw) => {
  const { handled, done } = serve(raw);
  await done;
  expect(handled).toEqual([{ thing: "a" }]);
});

test("a message whose handler throws comes back, and is not set aside", async () => {
  const mark = randomUUID();
  await expect(serve({ v: 1, thing: mark }, new Error("later")).done).rejects.toThrow("later");
  expect(await deadLetters(mark)).toEqual([]);
});

test.each([
  [(mark: string) => ({ v: 2, thing: mark }), "unknown version or no message of ours"],
  [(mark: string) => mark, "unknown version or no message of ours"],
  [(mark: string) => ({ v: 1, thing: mark, more: 1 }), "unknown shape: /more unknown property"],
])("a message that is not ours is set aside with the reason %#", async (message, reason) => {
  const mark = randomUUID();
  const { handled, done } = serve(message(mark));
  await done;
  expect(handled).toEqual([]);
  expect(await deadLetters(mark)).toMatchObject([{ queue: name, reason }]);
});

test("a message that its handler cannot use is set aside with the handler's reason", async () => {
  const mark = randomUUID();
  await serve({ v: 1, thing: mark }, { kind: "deadLetter", reason: "no such thing" }).done;
  expect(await deadLetters(mark)).toMatchObject([{ reason: "no such thing" }]);
});

test.each([
  [{ kind: "again", afterSeconds: 0 } as const, { v: 1, thing: "a" }],
  [{ kind: "again", afterSeconds: 0, message: { thing: "b" } } as const, { v: 1, thing: "b" }],
])("a message that is to come again is sent as a copy: %j", async (outcome, copy) => {
  await serve({ v: 1, thing: "a" }, outcome).done;
  const { receivedMessageItems } = await queue.receiveMessages();
  const [received] = receivedMessageItems;
  expect(JSON.parse(Buffer.from(received?.messageText ?? "", "base64").toString())).toEqual(copy);
  await queue.deleteMessage(received?.messageId ?? "", received?.popReceipt ?? "");
});
