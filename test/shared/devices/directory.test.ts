import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bucketRow, devicesIn, idsIn } from "../../../shared/devices/directory/device.ts";
import {
  batchesOf,
  bitsFor,
  bucketOf,
  changesFor,
  cursorBehind,
  cursorOf,
  cursorText,
  keyOf,
  prefixAfter,
} from "../../../shared/devices/directory/directory.ts";
import { decodeRun, encodeRun, partEnd } from "../../../shared/devices/refresh/refresh-store.ts";
import { LimitExceeded } from "../../../shared/storage/calls.ts";
import { arbitraryDevice } from "./support/arbitrary-device.ts";
import { graphDevices, idOf, openRig, type Rig } from "./support/refresh-rig.ts";

let rig: Rig;
let tenantId: string;
const size = 3000;
beforeAll(async () => {
  rig = await openRig();
  tenantId = rig.addTenant();
  rig.graph.devices = graphDevices(size);
  await rig.refresh(tenantId);
});
afterAll(() => rig.graph.stop());

const byId = (one: { deviceId: string }, other: { deviceId: string }): number =>
  one.deviceId < other.deviceId ? -1 : 1;

test.each([
  { count: 0, bits: 0 },
  { count: 1, bits: 0 },
  { count: 128, bits: 0 },
  { count: 129, bits: 1 },
  { count: 100_000, bits: 10 },
  { count: 1_000_000, bits: 13 },
  { count: 50_000_000, bits: 14 },
])("$count devices are laid out by $bits bits", ({ count, bits }) => {
  expect(bitsFor(count)).toBe(bits);
});

test.each([
  { count: 192, present: 0, bits: 0 },
  { count: 193, present: 0, bits: 1 },
  { count: 64, present: 1, bits: 1 },
  { count: 63, present: 1, bits: 0 },
  { count: 0, present: 14, bits: 0 },
])("with $count devices a layout of $present bits becomes one of $bits", (row) => {
  expect(bitsFor(row.count, row.present)).toBe(row.bits);
});

test("a new layout is one that stays", () => {
  fc.assert(
    fc.property(fc.nat({ max: 3_000_000 }), (count) => {
      expect(bitsFor(count, bitsFor(count))).toBe(bitsFor(count));
    }),
  );
});

test("row order is id order, and the prefix after a row begins the next one", () => {
  fc.assert(
    fc.property(fc.uuid(), fc.uuid(), fc.integer({ min: 0, max: 14 }), (one, other, bits) => {
      const [low, high] = one < other ? [one, other] : [other, one];
      expect(keyOf(low, bits) <= keyOf(high, bits)).toBe(true);
      const next = prefixAfter(keyOf(one, bits), bits);
      const bucketAfter = next === undefined ? 2 ** bits : bucketOf(next, bits);
      expect(bucketAfter).toBe(bucketOf(one, bits) + 1);
    }),
  );
});

test("a walk goes on behind any device that it has passed, in the same layout", () => {
  const id = "0abc0000-0000-4000-8000-000000000001";
  const behind = { prefix: `${id}!`, layout: { bits: 7, generation: 3 } };
  expect(cursorOf(cursorBehind("0abd0000.7.3", id))).toEqual(behind);
  expect(cursorBehind(undefined, id)).toBe(`${id}!`);
  // Whoever goes on by list compares with ids: the device is behind, the next one is not.
  expect([id > `${id}!`, `${id.slice(0, -1)}2` > `${id}!`]).toEqual([false, true]);
});

test("a cursor comes back from its text, and nothing else is one", () => {
  const prefix = "0abc0000";
  const layout = { bits: 7, generation: 3 };
  for (const cursor of [
    { prefix, layout },
    { prefix, layout: { ...layout, count: 9000 } },
  ])
    expect(cursorOf(cursorText(cursor))).toEqual(cursor);
  expect(cursorOf("0abc0000")).toEqual({ prefix: "0abc0000" });
  expect(() => cursorOf("elsewhere")).toThrow("not a directory cursor");
});

test("a row gives its devices back, and its ids without them", () => {
  fc.assert(
    fc.property(fc.array(arbitraryDevice, { maxLength: 200 }), (devices) => {
      const sorted = devices.toSorted(byId);
      const { partitionKey, rowKey, ...columns } = bucketRow("p", "0000", sorted);
      const stored = { partitionKey, rowKey, etag: "", columns };
      expect(devicesIn(stored)).toEqual(sorted);
      expect(idsIn(stored)).toEqual(sorted.map(({ deviceId }) => deviceId));
    }),
    { numRuns: 30 },
  );
});

test("a bucket that no row can hold is refused by name", async () => {
  const [device] = await rig.all(tenantId);
  if (device === undefined) throw new Error("no device");
  const crowd = Array.from({ length: 5000 }, () => device);
  expect(() => bucketRow("p", "0000", crowd)).toThrow(LimitExceeded);
  expect(() => bucketRow("p", "0000", crowd)).toThrow("directory-bucket-too-large");
});

test("transactions stay within 100 rows and 3.5 MB", async () => {
  const devices = await rig.all(tenantId);
  const { changes } = changesFor("p", 9, devices, new Map());
  const batches = batchesOf(changes);
  expect(batches.flat()).toEqual(changes);
  expect(batches.length).toBeGreaterThan(5);
  for (const batch of batches) expect(batch.length).toBeLessThanOrEqual(100);
  const large = changesFor("p", 3, devices, new Map()).changes;
  const heavy = batchesOf(Array.from({ length: 6 }, () => large).flat());
  for (const batch of heavy) expect(JSON.stringify(batch).length).toBeLessThan(3_800_000);
  expect(heavy.length).toBeGreaterThan(1);
});

test("a walk gives every device once, whatever the size of its steps", async () => {
  const ids = rig.graph.devices.map(({ id }) => String(id)).toSorted();
  for (const step of [1, 100, 1000, 10_000]) {
    const walked = await rig.all(tenantId, step);
    expect(walked.map(({ deviceId }) => deviceId)).toEqual(ids);
  }
});

test("a step of a walk reads storage twice, and gives about as many devices as asked for", async () => {
  const first = await rig.directory.walk(tenantId, undefined, 500);
  rig.cutAt(undefined);
  const second = await rig.directory.walk(tenantId, first.next, 500);
  expect(rig.calls).toEqual(["table.page Devices", "table.get Devices"]);
  expect(second.devices.length).toBeGreaterThan(300);
  expect(second.devices.length).toBeLessThan(800);
});

test("a walk goes on at the right device when the layout changes under it", async () => {
  const moving = rig.addTenant();
  const collected: string[] = [];
  let cursor: string | undefined;
  const fleet = rig.graph.devices;
  try {
    for (const count of [1000, 3000, 300, 2000]) {
      rig.graph.devices = graphDevices(count);
      await rig.refresh(moving);
      const walked = await rig.directory.walk(moving, cursor, 250);
      collected.push(...walked.devices.map(({ deviceId }) => deviceId));
      cursor = walked.next;
      if (cursor === undefined) break;
    }
    while (cursor !== undefined) {
      const walked = await rig.directory.walk(moving, cursor, 250);
      collected.push(...walked.devices.map(({ deviceId }) => deviceId));
      cursor = walked.next;
    }
    expect(collected).toEqual([...new Set(collected)].toSorted());
    // The first 300 were there all the time.
    const stayed = graphDevices(300).map(({ id }) => id);
    expect(stayed.filter((id) => !collected.includes(id))).toEqual([]);
  } finally {
    rig.graph.devices = fleet;
  }
});

test("devices are found by id, many or few, and those that are not there are named", async () => {
  const strangers = [idOf(size + 1), idOf(size + 2)];
  for (const count of [1, 5, 700, size]) {
    const ids = [...graphDevices(count).map(({ id }) => id), ...strangers];
    const found = await rig.directory.getMany(tenantId, ids);
    expect(found.size).toBe(count);
    expect(found.get(idOf(0))?.name).toBe("PC-0");
    expect(await rig.directory.missing(tenantId, ids)).toEqual(strangers);
  }
});

test("whether ids exist is answered in few reads, without reading devices", async () => {
  rig.cutAt(undefined);
  await rig.directory.missing(
    tenantId,
    graphDevices(size).map(({ id }) => id),
  );
  expect(rig.calls.length).toBeLessThanOrEqual(3);
});

test("a tenant without a directory has no devices", async () => {
  const empty = rig.addTenant();
  expect(await rig.all(empty)).toEqual([]);
  expect(await rig.directory.get(empty, idOf(1))).toBeUndefined();
  expect(await rig.directory.missing(empty, [idOf(1)])).toEqual([idOf(1)]);
});

test("a run gives back any of its partitions, records of one id in their order", async () => {
  const devices = await rig.all(tenantId);
  const records = devices
    .toReversed()
    .map((device) => ({ kind: "device", id: device.deviceId, device }) as const);
  const tag = { kind: "tag", id: idOf(9), groupTag: "A" } as const;
  const { content, index } = encodeRun([...records, tag]);
  expect(decodeRun(content).length).toBe(size + 1);
  const part = decodeRun(content.subarray(index[8], index[24]));
  const inPart = devices.filter(({ deviceId }) => deviceId >= "20" && deviceId < "60");
  expect(part.filter(({ kind }) => kind === "device").map(({ id }) => id)).toEqual(
    inPart.map(({ deviceId }) => deviceId),
  );
});

test("a merge step never ends inside a bucket, and takes what memory allows", () => {
  const even = Array.from({ length: 65 }, (_, at) => at * 1_000_000);
  expect(partEnd([even], 0, 10)).toBe(6);
  expect(partEnd([even], 60, 10)).toBe(64);
  expect(partEnd([even], 0, 2)).toBe(16);
  expect(partEnd([even.map((bytes) => bytes / 1000)], 0, 10)).toBe(64);
});

test.each(['{"a":1}', "[7]", '[{"deviceId":"x"}]', '[["a",{}]]', "["])(
  "a row with cells that we never wrote (%s) is an error, and no devices",
  (d0) => {
    const row = { partitionKey: "p", rowKey: "0000", etag: "", columns: { d0 } };
    expect(() => devicesIn(row)).toThrow(/./);
  },
);
