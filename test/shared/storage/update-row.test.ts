import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { tableNames } from "../../../shared/storage/names.ts";
import { numberOf } from "../../../shared/storage/rows.ts";
import { lost, updateRow } from "../../../shared/storage/tables.ts";
import { testStorage } from "./open-storage.ts";

test("of updates at the same time each finds what the ones before it left", async () => {
  const { tables } = await testStorage();
  const partition = randomUUID();
  const add = () =>
    updateRow("a counter", async () => {
      const row = await tables.get(tableNames.throttles, partition, "n");
      const count = (row === undefined ? 0 : numberOf(row, "count")) + 1;
      const next = { partitionKey: partition, rowKey: "n", count };
      const won =
        row === undefined
          ? (await tables.insert(tableNames.throttles, next)) === "inserted"
          : (await tables.replace(tableNames.throttles, next, row.etag)) !== undefined;
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
