import { TableServiceClient } from "@azure/data-tables";
import { expect, test } from "vitest";
import { storageConnectionString } from "../../support/azurite.ts";
import { newTable, testStorage } from "./open-storage.ts";

const tableExists = async (name: string): Promise<boolean> => {
  const service = TableServiceClient.fromConnectionString(storageConnectionString(), {
    allowInsecureConnection: true,
  });
  for await (const each of service.listTables()) if (each.name === name) return true;
  return false;
};

test("partitions are found one after the other, whatever lies in them", async () => {
  const { tables } = await testStorage();
  const table = newTable();
  for (const partitionKey of ["b", "a", "it's", "b|2", "z"])
    for (const rowKey of ["1", "2"]) await tables.put(table, { partitionKey, rowKey });
  const found: string[] = [];
  let next = await tables.partitionAfter(table, "");
  while (next !== undefined) {
    found.push(next);
    next = await tables.partitionAfter(table, next);
  }
  expect(found).toEqual(["a", "b", "b|2", "it's", "z"]);
});

test("reading finds nothing in a table that is not there, and does not make it", async () => {
  const { tables } = await testStorage();
  const table = newTable();
  expect(await tables.get(table, "p", "r")).toBeUndefined();
  expect(await tables.page(table, { partition: "p" }, 10)).toEqual({ rows: [] });
  expect(await tables.partitionAfter(table, "")).toBeUndefined();
  expect(await tableExists(table)).toBe(false);
  await tables.insert(table, { partitionKey: "p", rowKey: "r" });
  expect(await tableExists(table)).toBe(true);
});
