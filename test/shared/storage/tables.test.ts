import { randomUUID } from "node:crypto";
import { TableServiceClient } from "@azure/data-tables";
import { array, assert, asyncProperty, constantFrom, double, integer, oneof } from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { type TableName, tableNames } from "../../../shared/storage/names.ts";
import {
  allRows,
  firstRows,
  lost,
  numberOf,
  type Row,
  type StoredRow,
  type Tables,
  textOf,
  updateRow,
} from "../../../shared/storage/tables.ts";
import { storageConnectionString } from "../../support/azurite.ts";
import { newTable, testStorage } from "./open-storage.ts";

let tables: Tables;
let table: TableName;
beforeAll(async () => {
  ({ tables } = await testStorage());
  table = newTable();
});

let made = 0;
const fresh = (): string => {
  made += 1;
  return `p${made}`;
};
const row = (partitionKey: string, rowKey: string, columns: Record<string, string | number> = {}) =>
  ({ partitionKey, rowKey, ...columns }) as Row;
const stored = async (partition: string, key: string): Promise<StoredRow> => {
  const found = await tables.get(table, partition, key);
  if (found === undefined) throw new Error(`no row ${partition} ${key}`);
  return found;
};

test("a row is inserted once, and read as it was written", async () => {
  const partition = fresh();
  expect(await tables.get(table, partition, "a")).toBeUndefined();
  expect(await tables.insert(table, row(partition, "a", { text: "one" }))).toBe("inserted");
  expect(await tables.insert(table, row(partition, "a", { text: "two" }))).toBe("exists");
  expect(textOf(await stored(partition, "a"), "text")).toBe("one");
});

test("only the etag that was read replaces, and the answer is the next etag", async () => {
  const partition = fresh();
  await tables.insert(table, row(partition, "a", { gone: 1 }));
  const first = (await stored(partition, "a")).etag;
  const second = await tables.replace(table, row(partition, "a", { n: 2 }), first);
  const third = await tables.replace(table, row(partition, "a", { n: 3 }), second ?? "");
  expect(new Set([first, second, third]).size).toBe(3);
  expect(await tables.replace(table, row(partition, "a", { n: 4 }), first)).toBeUndefined();
  expect(await stored(partition, "a")).toMatchObject({ etag: third, columns: { n: 3 } });
  expect((await stored(partition, "a")).columns).not.toHaveProperty("gone");
});

test("a row that is gone cannot be replaced", async () => {
  const partition = fresh();
  await tables.insert(table, row(partition, "a"));
  const { etag } = await stored(partition, "a");
  await tables.remove(table, partition, "a");
  expect(await tables.replace(table, row(partition, "a"), etag)).toBeUndefined();
});

test("put writes whatever was there", async () => {
  const partition = fresh();
  await tables.put(table, row(partition, "a", { n: 1, m: 1 }));
  await tables.put(table, row(partition, "a", { n: 2 }));
  expect((await stored(partition, "a")).columns).toEqual({ n: 2 });
});

test("remove is done when the row is gone, and lost when it changed", async () => {
  const partition = fresh();
  expect(await tables.remove(table, partition, "never")).toBe("removed");
  await tables.insert(table, row(partition, "a"));
  const { etag } = await stored(partition, "a");
  await tables.put(table, row(partition, "a", { n: 1 }));
  expect(await tables.remove(table, partition, "a", etag)).toBe("lost");
  expect(await tables.remove(table, partition, "a")).toBe("removed");
  expect(await tables.remove(table, partition, "a", etag)).toBe("removed");
});

test("a transaction gives the etags in the order of its changes, good for the next one", async () => {
  const partition = fresh();
  await tables.insert(table, row(partition, "old"));
  await tables.insert(table, row(partition, "gone"));
  const { etag } = await stored(partition, "old");
  const done = await tables.transact(table, [
    { kind: "insert", row: row(partition, "new") },
    { kind: "replace", row: row(partition, "old", { n: 1 }), etag },
    { kind: "put", row: row(partition, "put") },
    { kind: "remove", rowKey: "gone" },
  ]);
  if (done.kind !== "done") throw new Error("lost");
  const [ofNew = "", ofOld = "", ofPut = ""] = done.etags;
  for (const [key, given] of [
    ["new", ofNew] as const,
    ["old", ofOld] as const,
    ["put", ofPut] as const,
  ])
    expect((await stored(partition, key)).etag).toBe(given);
  expect(await tables.get(table, partition, "gone")).toBeUndefined();
  const again = await tables.transact(table, [
    { kind: "replace", row: row(partition, "new", { n: 2 }), etag: ofNew },
    { kind: "replace", row: row(partition, "old", { n: 2 }), etag: ofOld },
  ]);
  expect(again.kind).toBe("done");
});

test.each([
  ["inserts what exists", { kind: "insert", row: row("lost", "b") } as const],
  ["replaces what changed", { kind: "replace", row: row("lost", "b"), etag: 'W/"x"' } as const],
  ["replaces what is gone", { kind: "replace", row: row("lost", "no"), etag: 'W/"x"' } as const],
  ["removes what is gone", { kind: "remove", rowKey: "no" } as const],
])("a transaction that %s is lost as a whole", async (_name, change) => {
  await tables.put(table, row("lost", "b"));
  const outcome = await tables.transact(table, [
    { kind: "insert", row: row("lost", "first") },
    change,
  ]);
  expect(outcome).toEqual({ kind: "lost" });
  expect(await tables.get(table, "lost", "first")).toBeUndefined();
});

const justOne = (change: Parameters<typeof tables.transact>[1][number]) =>
  tables.transact(table, [change]);

test("a change alone is answered as one among others is", async () => {
  const partition = fresh();
  const inserted = await justOne({ kind: "insert", row: row(partition, "a") });
  const etags = [(await stored(partition, "a")).etag];
  expect(inserted).toEqual({ kind: "done", etags });
  const [etag = ""] = etags;
  const changed = await justOne({ kind: "replace", row: row(partition, "a", { n: 1 }), etag });
  expect(changed).toEqual({ kind: "done", etags: [(await stored(partition, "a")).etag] });
  for (const change of [
    { kind: "insert", row: row(partition, "a") } as const,
    { kind: "replace", row: row(partition, "a", { n: 2 }), etag } as const,
    { kind: "replace", row: row(partition, "no"), etag } as const,
  ])
    expect(await justOne(change)).toEqual({ kind: "lost" });
});

test("no changes are done at once; changes of two partitions are a bug", async () => {
  expect(await tables.transact(table, [])).toEqual({ kind: "done", etags: [] });
  const two = [row(fresh(), "a"), row(fresh(), "a")].map(
    (each) => ({ kind: "insert", row: each }) as const,
  );
  await expect(tables.transact(table, two)).rejects.toThrow(/partition/i);
});

test("a range has its lower end, not its upper one, in the order of the keys", async () => {
  const partition = fresh();
  for (const key of ["c", "a", "d", "b"]) await tables.put(table, row(partition, key));
  await tables.put(table, row(`${partition}x`, "b"));
  const keys = async (range: { from?: string; below?: string }, top = 1000) => {
    const page = await tables.page(table, { partition, ...range }, top);
    return page.rows.map(({ rowKey }) => rowKey);
  };
  expect(await keys({})).toEqual(["a", "b", "c", "d"]);
  expect(await keys({ from: "b", below: "d" })).toEqual(["b", "c"]);
  expect(await keys({ from: "b" }, 1)).toEqual(["b"]);
});

test("keys with quotes are keys, not conditions", async () => {
  const partition = `${fresh()}' or PartitionKey ne '`;
  await tables.put(table, row(partition, "it's"));
  const page = await tables.page(table, { partition, from: "it's" }, 10);
  expect(page.rows.map(({ rowKey }) => rowKey)).toEqual(["it's"]);
});

test("pages lead on to their end, whatever their size; a stream reads them all", async () => {
  const partition = fresh();
  const keys = Array.from({ length: 25 }, (_, at) => String(at).padStart(3, "0"));
  await tables.transact(
    table,
    keys.map((key) => ({ kind: "insert", row: row(partition, key) }) as const),
  );
  const seen: string[][] = [];
  let next: string | undefined;
  do {
    const page = await tables.page(table, { partition }, 10, next);
    seen.push(page.rows.map(({ rowKey }) => rowKey));
    ({ next } = page);
  } while (next !== undefined);
  expect(seen.map(({ length }) => length)).toEqual([10, 10, 5]);
  expect(seen.flat()).toEqual(keys);
  const streamed: string[] = [];
  for await (const each of allRows(tables, table, { partition }, 7)) streamed.push(each.rowKey);
  expect(streamed).toEqual(keys);
});

test("the first rows are as many as were asked for, though the service stops on the way", async () => {
  const partition = fresh();
  const keys = ["a", "b", "c", "d", "e"];
  await tables.transact(
    table,
    keys.map((key) => ({ kind: "insert", row: row(partition, key) })),
  );
  let requests = 0;
  // Azure's own may answer less than was asked for, also nothing, and say where to go on.
  const slow = {
    page: async (...[name, range, top, token]: Parameters<typeof tables.page>) => {
      requests += 1;
      if (requests % 2 === 1) return { rows: [], next: token ?? "begin" };
      return tables.page(name, range, Math.min(top, 2), token === "begin" ? undefined : token);
    },
  };
  const first = async (top: number) =>
    (await firstRows(slow, table, { partition }, top)).map(({ rowKey }) => rowKey);
  expect(await first(3)).toEqual(["a", "b", "c"]);
  expect(await first(9)).toEqual(keys);
  requests = 1;
  expect(await first(2)).toEqual(["a", "b"]);
  expect(requests).toBe(2);
});

test("only the columns that were asked for are read, always with keys and etag", async () => {
  const partition = fresh();
  await tables.put(table, row(partition, "a", { n: 1, text: "long" }));
  const { rows } = await tables.page(table, { partition, select: ["n"] }, 1);
  expect(rows[0]).toMatchObject({ partitionKey: partition, rowKey: "a", columns: { n: 1 } });
  expect(rows[0]?.columns).not.toHaveProperty("text");
});

test("numbers of any size come back as they were", async () => {
  const partition = fresh();
  const edge = constantFrom(0, -1, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), 1_763_712_000_000, 0.1);
  const number = oneof(edge, integer(), double({ noNaN: true, noDefaultInfinity: true }));
  await assert(
    asyncProperty(array(number, { minLength: 1, maxLength: 20 }), async (numbers) => {
      const columns = Object.fromEntries(numbers.map((n, at) => [`n${at}`, n]));
      await tables.put(table, row(partition, "n", columns));
      const read = await stored(partition, "n");
      for (const [at, n] of numbers.entries())
        expect(numberOf(read, `n${at}`)).toBe(n === 0 ? 0 : n);
    }),
    { numRuns: 20 },
  );
});

test("a condition compares moments as doubles", async () => {
  const partition = fresh();
  for (const [key, dueAt] of [
    ["early", 1_763_711_999_999] as const,
    ["due", 1_763_712_000_000] as const,
  ])
    await tables.put(table, row(partition, key, { dueAt, live: 1 }));
  const where = "live gt 0 and dueAt lt 1763712000000.0";
  const { rows } = await tables.page(table, { partition, where }, 10);
  expect(rows.map(({ rowKey }) => rowKey)).toEqual(["early"]);
});

test.each([
  ["get", (t: TableName) => tables.get(t, "p", "r"), undefined],
  ["insert", (t: TableName) => tables.insert(t, row("p", "r")), "inserted"],
  ["replace", (t: TableName) => tables.replace(t, row("p", "r"), "*"), undefined],
  ["put", (t: TableName) => tables.put(t, row("p", "r")), undefined],
  ["remove", (t: TableName) => tables.remove(t, "p", "r"), "removed"],
  ["page", (t: TableName) => tables.page(t, { partition: "p" }, 1), { rows: [] }],
])("%s creates the table that it misses", async (_name, call, answer) => {
  expect(await call(newTable())).toEqual(answer);
});

test("many who miss the same table at once all get their rows in", async () => {
  const missing = newTable();
  const keys = Array.from({ length: 12 }, (_, at) => `r${at}`);
  const outcomes = await Promise.all([
    ...keys.map((key) => tables.insert(missing, row("p", key))),
    tables.transact(missing, [{ kind: "insert", row: row("p", "t") }]),
  ]);
  expect(outcomes.slice(0, -1)).toEqual(keys.map(() => "inserted"));
  const { rows } = await tables.page(missing, { partition: "p" }, 100);
  expect(rows).toHaveLength(13);
});

const tableExists = async (name: string): Promise<boolean> => {
  const service = TableServiceClient.fromConnectionString(storageConnectionString(), {
    allowInsecureConnection: true,
  });
  for await (const each of service.listTables()) if (each.name === name) return true;
  return false;
};

test("partitions are found one after the other, whatever lies in them", async () => {
  const own = newTable();
  for (const partitionKey of ["b", "a", "it's", "b|2", "z"])
    for (const rowKey of ["1", "2"]) await tables.put(own, { partitionKey, rowKey });
  const found: string[] = [];
  let next = await tables.partitionAfter(own, "");
  while (next !== undefined) {
    found.push(next);
    next = await tables.partitionAfter(own, next);
  }
  expect(found).toEqual(["a", "b", "b|2", "it's", "z"]);
});

test("reading finds nothing in a table that is not there, and does not make it", async () => {
  const own = newTable();
  expect(await tables.get(own, "p", "r")).toBeUndefined();
  expect(await tables.page(own, { partition: "p" }, 10)).toEqual({ rows: [] });
  expect(await tables.partitionAfter(own, "")).toBeUndefined();
  expect(await tableExists(own)).toBe(false);
  await tables.insert(own, { partitionKey: "p", rowKey: "r" });
  expect(await tableExists(own)).toBe(true);
});

test("of updates at the same time each finds what the ones before it left", async () => {
  const partition = randomUUID();
  const add = () =>
    updateRow("a counter", async () => {
      const kept = await tables.get(tableNames.throttles, partition, "n");
      const count = (kept === undefined ? 0 : numberOf(kept, "count")) + 1;
      const next = { partitionKey: partition, rowKey: "n", count };
      const won =
        kept === undefined
          ? (await tables.insert(tableNames.throttles, next)) === "inserted"
          : (await tables.replace(tableNames.throttles, next, kept.etag)) !== undefined;
      return won ? count : lost;
    });
  const counts = await Promise.all(Array.from({ length: 12 }, add));
  expect(counts.toSorted((a, b) => a - b)).toEqual(counts.map((_, at) => at + 1));
});

test("an update that always loses ends, says which row it was, and has paused before each new try", async () => {
  const pauses: number[] = [];
  const losing = updateRow(
    "the row of nobody",
    async () => lost,
    async (tries) => void pauses.push(tries),
  );
  await expect(losing).rejects.toThrow(/the row of nobody/);
  expect(pauses).toEqual(pauses.map((_, at) => at + 1));
  expect(pauses.length).toBeLessThan(100);
});

test("an outage inside an update is nobody's win: it is thrown as it comes", async () => {
  let attempts = 0;
  const failing = updateRow("a row", async () => {
    attempts += 1;
    throw new Error("outage");
  });
  await expect(failing).rejects.toThrow("outage");
  expect(attempts).toBe(1);
});
