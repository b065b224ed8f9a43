/** What reading a large notification costs, and what becomes of it when storage stops a query early. */
import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import type { CountedState } from "../../../shared/fanout/state/item.ts";
import { systemClock } from "../../../shared/kernel/clock.ts";
import { allDeliveries, listDeliveries } from "../../../shared/notifications/list-deliveries.ts";
import { readNotification } from "../../../shared/notifications/read-notifications.ts";
import { openStorage } from "../../../shared/storage/storage.ts";
import { storageConnectionString } from "../../support/azurite.ts";
import { faultTap } from "../../support/fault-tap.ts";
import { startHastyTables } from "../../support/hasty-tables.ts";
import { testStorage } from "../storage/open-storage.ts";
import { idOf, readersOf, storeDeliveries } from "./support/stored-deliveries.ts";

const { tap, calls, reset } = faultTap();
const storage = await testStorage(systemClock, tap);
const tenantId = randomUUID();
const page = "table.page Items";

/** The pages of a list: the devices on each, and the storage calls that it took. */
async function pagesOf(
  readers: ReturnType<typeof readersOf>,
  notificationId: string,
  query: Query,
) {
  const pages: { devices: string[]; calls: readonly string[] }[] = [];
  let position: string | undefined;
  do {
    reset();
    const ids = { tenantId, notificationId };
    const found = await listDeliveries(readers, ids, { ...query, position });
    if (!found.ok) throw new Error(found.failure.detail);
    const devices = found.value.items.map(({ deviceId }) => deviceId);
    pages.push({ devices, calls: calls() });
    position = found.value.next;
  } while (position !== undefined);
  return pages;
}
const oneInARow = (device: number) => (device % 20 === 7 ? "failed" : "done");
const threeInSomeRows = (device: number) => (device % 30 < 3 ? "failed" : "done");
type Query = { readonly top: number; readonly state?: CountedState };

test("the status of as many rows as 1,000,000 devices fill takes 13 reads", async () => {
  // 10,000 full rows, and a part of a row for each of 250 steps of planning.
  const rows = 10_250;
  const id = await storeDeliveries(storage, { tenantId, rows, perRow: 1 }, () => "sent");
  reset();
  const found = await readNotification(readersOf(storage), tenantId, id);
  expect(found).toMatchObject({ ok: true, value: { counts: { total: rows, sent: rows } } });
  const counts = Array.from({ length: 11 }, () => page);
  expect(calls()).toEqual(["table.get Jobs", "table.get Items", ...counts]);
});

test("few failures among many come in one page of one read", async () => {
  const failed = [3, 44_444, 99_999];
  const stateOf = (device: number) => (failed.includes(device) ? "failed" : "done");
  const id = await storeDeliveries(storage, { tenantId, rows: 1_000, perRow: 100 }, stateOf);
  const pages = await pagesOf(readersOf(storage), id, { top: 100, state: "failed" });
  expect(pages).toEqual([{ devices: failed.map(idOf), calls: [page] }]);
});

test("a failure in each row comes in pages of at most 50 rows, each of one read", async () => {
  const id = await storeDeliveries(storage, { tenantId, rows: 120, perRow: 20 }, oneInARow);
  const pages = await pagesOf(readersOf(storage), id, { top: 1000, state: "failed" });
  expect(pages.map(({ devices }) => devices.length)).toEqual([50, 50, 20]);
  expect(pages.every((each) => each.calls.join() === page)).toBe(true);
});

test("where storage stops early a page is short, or empty, and the next one goes on", async () => {
  const [rows, perRow] = [12, 10];
  const id = await storeDeliveries(storage, { tenantId, rows, perRow }, threeInSomeRows);
  const hasty = await startHastyTables(storageConnectionString());
  const value = hasty.connectionString;
  const slow = await openStorage({ kind: "connectionString", value }, systemClock, tap);
  try {
    const devices = Array.from({ length: rows * perRow }, (_, device) => device);
    const wanted = devices.filter((device) => threeInSomeRows(device) === "failed").map(idOf);
    for (const top of [2, 100]) {
      const pages = await pagesOf(readersOf(slow), id, { top, state: "failed" });
      expect(pages.flatMap((each) => each.devices)).toEqual(wanted);
      expect(pages.some((each) => each.devices.length === 0)).toBe(true);
      for (const each of pages) expect(each.calls.filter((call) => call === page)).toEqual([page]);
    }
    // Work looks for rows to the end: what it took for none would be forgotten.
    const { items } = readersOf(slow).engine;
    const found = await items.page(id, { where: "failed gt 0", top: 100 });
    expect(found.map(({ lastTargetId }) => lastTargetId)).toEqual([9, 39, 69, 99].map(idOf));
    const all: string[] = [];
    for await (const { deviceId } of allDeliveries(readersOf(slow), {
      tenantId,
      notificationId: id,
    }))
      all.push(deviceId);
    expect(all).toEqual(devices.map(idOf));
  } finally {
    await hasty.stop();
  }
});
