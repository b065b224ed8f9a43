import { TableClient } from "@azure/data-tables";
import { QueueClient } from "@azure/storage-queue";
import { afterAll, beforeAll, expect, test } from "vitest";
import { countsBetween, emptyPoll, startWire, sumOf, type Wire } from "../../bench/setup/wire.ts";
import { storageConnectionString } from "../support/azurite.ts";

const entity = (rowKey: string) => ({ partitionKey: "p", rowKey });
let wire: Wire;
beforeAll(async () => {
  wire = await startWire(storageConnectionString());
});
afterAll(() => wire.stop());

test("counts what a table is asked, a transaction as one request", async () => {
  const before = wire.read();
  const table = TableClient.fromConnectionString(wire.connectionString, "wiretable", {
    allowInsecureConnection: true,
  });
  await table.createTable();
  await table.createEntity(entity("1"));
  await table.submitTransaction([
    ["create", entity("2")],
    ["create", entity("3")],
  ]);
  await table.getEntity("p", "3");
  const counts = countsBetween(before, wire.read());
  expect(counts).toEqual({
    "table write Tables": 1,
    "table write wiretable": 1,
    "table transaction wiretable": 1,
    "table read wiretable": 1,
  });
  expect(sumOf(counts, "table")).toBe(4);
});

test("tells what was refused, also inside of a transaction, by table", async () => {
  const before = wire.readAnswers();
  const table = TableClient.fromConnectionString(wire.connectionString, "wirerefusals", {
    allowInsecureConnection: true,
  });
  await table.createTable();
  await table.createEntity(entity("1"));
  await expect(table.createEntity(entity("1"))).rejects.toThrow("EntityAlreadyExists");
  await expect(
    table.submitTransaction([
      ["create", entity("2")],
      [
        "update",
        entity("1"),
        "Replace",
        { etag: "W/\"datetime'2020-01-01T00%3A00%3A00.0000000Z'\"" },
      ],
    ]),
  ).rejects.toThrow("condition");
  expect(countsBetween(before, wire.readAnswers())).toEqual({
    "409 table write wirerefusals": 1,
    "412 table transaction wirerefusals": 1,
  });
});

test("tells a message taken from a look at an empty queue", async () => {
  const before = wire.read();
  const queue = new QueueClient(wire.connectionString, "wirequeue");
  await queue.create();
  await queue.receiveMessages();
  await queue.sendMessage("hello");
  const { receivedMessageItems } = await queue.receiveMessages();
  for (const { messageId, popReceipt } of receivedMessageItems)
    await queue.deleteMessage(messageId, popReceipt);
  const counts = countsBetween(before, wire.read());
  expect(counts).toEqual({
    "queue other wirequeue": 1,
    [emptyPoll]: 1,
    "queue send wirequeue": 1,
    "queue receive wirequeue": 1,
    "queue delete wirequeue": 1,
  });
  // An empty queue is polled by time, so no sum of work contains it.
  expect(sumOf(counts)).toBe(4);
});

test("tells a message taken from one that is taken again", async () => {
  const before = wire.readAnswers();
  const queue = new QueueClient(wire.connectionString, "wireagain");
  await queue.create();
  await queue.sendMessage("hello");
  const { receivedMessageItems } = await queue.receiveMessages();
  for (const { messageId, popReceipt } of receivedMessageItems)
    await queue.updateMessage(messageId, popReceipt, "hello", 0);
  await queue.receiveMessages();
  expect(countsBetween(before, wire.readAnswers())).toEqual({
    "message taken": 1,
    "message taken again": 1,
  });
});
