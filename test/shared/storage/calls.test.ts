import { beforeAll, describe, expect, test } from "vitest";
import {
  checkEntity,
  entityBytes,
  maxEntityBytes,
  maxPropertyChars,
  maxTransactionBytes,
} from "../../../shared/storage/calls.ts";
import type { TableName } from "../../../shared/storage/names.ts";
import { encodeMessage, maxMessageBytes } from "../../../shared/storage/queues.ts";
import type { Storage } from "../../../shared/storage/storage.ts";
import { checkTransaction, type Row } from "../../../shared/storage/tables.ts";
import { newTable, testStorage } from "./open-storage.ts";

let storage: Storage;
let table: TableName;
/** Calls that left for the service. */
let calls = 0;
beforeAll(async () => {
  storage = await testStorage(undefined, (_operation, call) => {
    calls += 1;
    return call();
  });
  table = newTable();
  await storage.tables.put(table, { partitionKey: "warm", rowKey: "up" });
});

const text = (chars: number): string => "x".repeat(chars);
/** A row of exactly so many bytes as Azure counts them. */
function rowOf(bytes: number, rowKey = "r"): Row {
  const row: Record<string, string> = { partitionKey: "p", rowKey };
  for (let at = 0; bytes - entityBytes(row) > 70_000; at += 1) row[`c${at}`] = text(30_000);
  const rest = bytes - entityBytes({ ...row, z: "" });
  // Two bytes a character; an odd byte is taken by a name, whose length counts double too.
  row["z"] = text(rest / 2);
  return row as Row;
}
const inserts = (rows: readonly Row[]) => rows.map((row) => ({ kind: "put", row }) as const);

describe("a message", () => {
  const overhead = Buffer.byteLength(JSON.stringify({ v: 1, text: "" }));

  test("of 49,152 bytes passes, and arrives", async () => {
    const message = { text: text(maxMessageBytes - overhead) };
    expect(Buffer.from(encodeMessage("q", message), "base64").byteLength).toBe(49_152);
    await storage.queues.send("site-edge", message);
  });

  test("of one byte more is refused before it leaves, also where a character takes two", async () => {
    const before = calls;
    for (const long of [
      text(maxMessageBytes - overhead + 1),
      `${text(maxMessageBytes - overhead - 1)}ü`,
    ])
      await expect(storage.queues.send("site-edge", { text: long })).rejects.toMatchObject({
        limit: "message-too-large",
      });
    expect(calls).toBe(before);
  });
});

describe("a row", () => {
  test("takes a text of 32,768 characters", async () => {
    const row = { partitionKey: "p", rowKey: "full", text: text(maxPropertyChars) };
    await storage.tables.put(table, row);
    const read = await storage.tables.get(table, "p", "full");
    expect(read?.columns["text"]).toBe(row.text);
    // Azure counts UTF-16. Azurite counts UTF-8 and would refuse this one, so that it is only judged.
    expect(() => checkEntity("t", { ...row, text: "漢".repeat(maxPropertyChars) })).not.toThrow();
  });

  test("with one character more is refused before it leaves", async () => {
    const row = { partitionKey: "p", rowKey: "r", text: text(maxPropertyChars + 1) };
    await expect(storage.tables.put(table, row)).rejects.toMatchObject({
      limit: "property-too-large",
    });
  });

  test("of just below 1 MiB passes, and one above is refused by every verb that writes", async () => {
    await storage.tables.put(table, rowOf(maxEntityBytes));
    const tooLarge = rowOf(maxEntityBytes + 2);
    for (const refused of [
      storage.tables.put(table, tooLarge),
      storage.tables.insert(table, tooLarge),
      storage.tables.replace(table, tooLarge, "*"),
      storage.tables.transact(table, inserts([tooLarge])),
    ])
      await expect(refused).rejects.toMatchObject({ limit: "entity-too-large" });
  });
});

const small = (count: number): Row[] =>
  Array.from({ length: count }, (_, at) => ({ partitionKey: "many", rowKey: `r${at}` }));

describe("a transaction", () => {
  test("takes 100 operations, and no more", async () => {
    expect(await storage.tables.transact(table, inserts(small(100)))).toMatchObject({
      kind: "done",
    });
    await expect(storage.tables.transact(table, inserts(small(101)))).rejects.toMatchObject({
      limit: "transaction-too-long",
    });
  });

  test("close to 4 MiB passes", async () => {
    // ASCII takes one byte a character on the wire, half of what Azure counts for the entity.
    const rows = Array.from({ length: 8 }, (_, at) => rowOf(930_000, `r${at}`));
    const wire = Buffer.byteLength(JSON.stringify(rows));
    expect(wire).toBeGreaterThan(maxTransactionBytes * 0.97);
    expect(await storage.tables.transact(table, inserts(rows))).toMatchObject({ kind: "done" });
  });

  test("above 4 MiB is refused, whatever its characters take on the wire", async () => {
    const before = calls;
    const long = Array.from({ length: 9 }, (_, at) => rowOf(930_000, `r${at}`));
    const escaped = Array.from({ length: 25 }, (_, at) => ({
      partitionKey: "p",
      rowKey: `r${at}`,
      text: "\u0001".repeat(30_000),
    }));
    for (const rows of [long, escaped])
      await expect(storage.tables.transact(table, inserts(rows))).rejects.toMatchObject({
        limit: "transaction-too-large",
      });
    // The seam is passed, but the service never asked.
    expect(calls - before).toBe(2);
  });

  test("of many small rows is judged without measuring each", () => {
    const row = { partitionKey: "p", rowKey: "r", text: text(5000) };
    expect(() =>
      checkTransaction(
        "t",
        100,
        Array.from({ length: 100 }, () => row),
      ),
    ).not.toThrow();
  });
});
