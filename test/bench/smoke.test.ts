/** The benchmarks at small sizes: that they run, count at the wire, and report. Speeds are not judged here. */
import { expect, test } from "vitest";
import { measureCounts } from "../../bench/measures/counts.ts";
import { measureDispatch } from "../../bench/measures/dispatch.ts";
import { measureMemory } from "../../bench/measures/live-memory.ts";
import { measureRegistrations } from "../../bench/measures/registrations.ts";
import { countSync, measureLargeSync, measureNights } from "../../bench/measures/syncs.ts";
import { report } from "../../bench/report.ts";
import { sumOf } from "../../bench/setup/wire.ts";

const nothing = { machine: {}, startedAt: "", dispatch: [], counted: [], memory: [] };

test("a small fleet is reached, counted at the wire, and reported", {
  timeout: 240_000,
}, async () => {
  const dispatched = await measureDispatch("bulk", 150);
  expect(dispatched.perSecond).toBeGreaterThan(0);
  expect(dispatched.firstDeviceMs).toBeGreaterThan(0);
  const counted = await measureCounts("bulk", 150, {
    reading: true,
    refreshes: true,
    confirm: false,
  });
  // 150 devices fill two rows: two bulk requests, and not one more.
  expect(counted.dispatch.graph).toBe(2);
  expect(counted.dispatch.storageTotal).toBeGreaterThan(0);
  expect(counted.reading?.["first page of deliveries"]?.storage["table read Items"]).toBe(1);
  const results = {
    machine: { cores: 2 },
    startedAt: "",
    bullmq: { skipped: "no redis-server" },
    dispatch: [dispatched],
    counted: [counted],
    memory: [await measureMemory("bulk", 150)],
  };
  const text = report(results);
  expect(text).toContain("skipped: no redis-server");
  expect(text).toContain("dispatch, bulk, 150");
  const live = results.memory[0]?.live;
  expect(live?.after).toBeGreaterThan(10);
  expect(live?.after).toBeLessThan(100);
});

test("syncs of a small tenant and nights of a few are timed beside a bare loop, and counted", {
  timeout: 240_000,
}, async () => {
  const [large, counts] = [await measureLargeSync(80, 1, 1), await countSync(80)];
  expect(large.first.seconds).toBeGreaterThan(0);
  expect(large.unchanged.bareSeconds).toBeGreaterThan(0);
  expect(sumOf(counts.storage, "blob write muster")).toBe(0);
  // The bare loop reads the same items, lists page by page: Muster asks for those in its batches, and for names too.
  expect(counts.graph).toBeLessThan(counts.bareGraph);
  const bareInAll = counts.bareGraph + counts.bareGraphParts;
  expect(counts.graphParts).toBeGreaterThan(counts.bareGraphParts);
  expect(counts.graphParts).toBeLessThan(bareInAll + 3);
  // A night begins with a minute, which is waited for: one of them is enough.
  const { nights, publication } = await measureNights([3], false);
  expect(nights.map(({ tenants }) => tenants)).toEqual([3]);
  const text = report({ ...nothing, syncs: { large, counts }, nights, publication });
  expect(text).toContain("nothing changed, 80 items");
  expect(text).toContain("night, 3 tenants");
  expect(publication.seconds).toBeGreaterThan(0);
  expect(text).toContain("published, planned by 3 tenants");
});

test("a small registration through Partner Center is counted at the wire", {
  timeout: 120_000,
}, async () => {
  const registrations = await measureRegistrations({ partnerCenter: [150], graph: [] });
  expect(registrations.map(({ devices }) => devices)).toEqual([150]);
  // A batch for each of two tags, and what is asked of its devices until they are there.
  expect(registrations[0]?.counted.graph).toBeGreaterThan(2);
  expect(registrations[0]?.counted.graph).toBeLessThan(30);
  expect(report({ ...nothing, registrations })).toContain("partnerCenter, 150");
});

test("two hosts on one storage account reach each device of a fleet once, and what they cost is told by kind of process", {
  timeout: 120_000,
}, async () => {
  // More than a thousand devices go over the queue, where any host may take them.
  const sent = await measureDispatch("bulk", 1_200, 2);
  expect(sent.processor.workers).toBeGreaterThan(0);
  expect(sent.processor.sandbox).toBeGreaterThan(0);
  const counting = { reading: false, refreshes: false, confirm: false, hosts: 2 };
  const counted = await measureCounts("bulk", 1_200, counting);
  expect(counted.dispatch.graph).toBe(12);
  // The plan, two chunks, and what closes the notification.
  expect(sumOf(counted.dispatch.answers, "message taken")).toBeGreaterThanOrEqual(3);
  expect(sumOf(counted.dispatch.answers, "message taken again")).toBe(0);
  const text = report({ ...nothing, hosts: { fleets: [{ hosts: 2, sent, counted }], runs: [] } });
  expect(text).toContain("2, 1,200, sending");
});
