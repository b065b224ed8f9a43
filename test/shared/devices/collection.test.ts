import { afterAll, beforeAll, expect, test } from "vitest";
import type { CollectionBody, Rule } from "../../../shared/devices/collections/collection.ts";
import { graphDevices, idOf, openRig, type Rig } from "./support/refresh-rig.ts";

const windows: Rule = { property: "operatingSystem", operator: "equals", value: "Windows" };
const size = 2000;
let rig: Rig;
let tenantId: string;
beforeAll(async () => {
  rig = await openRig();
  tenantId = rig.addTenant();
  rig.graph.devices = graphDevices(size);
  await rig.refresh(tenantId);
});
afterAll(() => rig.graph.stop());

const windowsIds = (): string[] =>
  rig.graph.devices
    .filter(({ operatingSystem }) => operatingSystem === "Windows")
    .map(({ id }) => String(id))
    .toSorted();

async function add(collectionId: string, body: CollectionBody) {
  const added = await rig.collections.add(tenantId, collectionId, body);
  if (!added.ok) throw new Error(added.failure.detail);
  return added.value;
}

async function allMembers(collectionId: string, top: number) {
  const ids: string[] = [];
  const counts = new Set<number>();
  let position: string | undefined;
  do {
    const page = await rig.collections.members({ tenantId, collectionId }, top, position);
    if (!page.ok) throw new Error(page.failure.detail);
    ids.push(...page.value.items.map(({ deviceId }) => deviceId));
    counts.add(page.value.count);
    position = page.value.next;
  } while (position !== undefined);
  return { ids, counts: [...counts] };
}

test("a rule finds its members when asked, each of them once, and counts them", async () => {
  await add("rule", { kind: "rule", name: "Windows", rule: windows });
  const { ids, counts } = await allMembers("rule", 300);
  expect(ids).toEqual(windowsIds());
  expect(counts).toEqual([ids.length]);
});

test("members are counted once, not again for every page", async () => {
  await add("counted", { kind: "rule", name: "Windows", rule: windows });
  const ids = { tenantId, collectionId: "counted" };
  const first = await rig.collections.members(ids, 100, undefined);
  rig.cutAt(undefined);
  await rig.collections.members(ids, 100, first.ok ? first.value.next : undefined);
  expect(rig.calls.length).toBeLessThanOrEqual(8);
});

test("a preview counts, and shows the first 20", async () => {
  const preview = await rig.collections.preview(tenantId, windows);
  const ids = windowsIds();
  expect(preview).toMatchObject({ count: ids.length, countComplete: true });
  expect(preview.sample.map(({ deviceId }) => deviceId)).toEqual(ids.slice(0, 20));
});

test("a static list keeps each device once, and leaves out those that are gone", async () => {
  const deviceIds = [idOf(3), idOf(1), idOf(3), idOf(2)];
  const { collection } = await add("static", { kind: "static", name: "Three", deviceIds });
  expect(collection).toMatchObject({ deviceIds: [idOf(3), idOf(1), idOf(2)] });
  const fleet = rig.graph.devices;
  rig.graph.devices = fleet.filter(({ id }) => id !== idOf(2));
  await rig.refresh(tenantId);
  const { ids, counts } = await allMembers("static", 1);
  expect(ids).toEqual([idOf(1), idOf(3)].toSorted());
  expect(counts).toEqual([2]);
  rig.graph.devices = fleet;
  await rig.refresh(tenantId);
});

test("10,000 ids fit in a collection", async () => {
  const large = rig.addTenant();
  const fleet = rig.graph.devices;
  rig.graph.devices = graphDevices(10_000);
  await rig.refresh(large);
  rig.graph.devices = fleet;
  const deviceIds = graphDevices(10_000).map(({ id }) => id);
  const body = { kind: "static", name: "All", deviceIds } as const;
  const added = await rig.collections.add(large, "all", { ...body, deviceIds });
  expect(added.ok && added.value.collection).toMatchObject({ deviceIds });
});

test("unknown devices are refused, each with its place in the list, and nothing is written", async () => {
  const strangers = Array.from({ length: 150 }, (_, index) => idOf(size + index));
  const body = {
    kind: "static" as const,
    name: "Strangers",
    deviceIds: [idOf(1), idOf(1), ...strangers],
  };
  const added = await rig.collections.add(tenantId, "refused", body);
  expect(added.ok).toBe(false);
  if (added.ok) return;
  expect(added.failure.code).toBe("invalid-request");
  expect(added.failure.faults?.length).toBe(100);
  expect(added.failure.faults?.[0]).toMatchObject({ pointer: "/deviceIds/2" });
  const read = await rig.collections.read(tenantId, "refused");
  expect(read).toMatchObject({ ok: false, failure: { code: "unknown-collection" } });
});

test("the same request again adds the collection once", async () => {
  const body = { kind: "rule", name: "Once", rule: windows } as const;
  const first = await add("once", body);
  const second = await add("once", body);
  expect(second).toEqual(first);
});

test("a change presents the etag that was read, and loses when it is old", async () => {
  const ids = { tenantId, collectionId: "changing" };
  const { etag } = await add("changing", { kind: "rule", name: "Before", rule: windows });
  const body = { kind: "static" as const, name: "After", deviceIds: [idOf(1)] };
  const changed = await rig.collections.replace(ids, body, etag);
  expect(changed).toMatchObject({ ok: true, value: { collection: { name: "After" } } });
  const read = await rig.collections.get(tenantId, "changing");
  expect(read?.collection).toMatchObject({ kind: "static", name: "After" });
  expect(read?.collection).not.toHaveProperty("rule");
  const late = await rig.collections.replace(ids, body, etag);
  expect(late).toMatchObject({ ok: false, failure: { code: "precondition-failed" } });
  const lateRemoval = await rig.collections.remove(ids, etag);
  expect(lateRemoval).toMatchObject({ ok: false, failure: { code: "precondition-failed" } });
  expect(await rig.collections.remove(ids, undefined)).toMatchObject({ ok: true });
  const gone = await rig.collections.remove(ids, undefined);
  expect(gone).toMatchObject({ ok: false, failure: { code: "unknown-collection" } });
});

test("a rule too long to be stored is refused", async () => {
  const value = Array.from({ length: 100 }, (_, index) => `${index}`.padEnd(256, "x"));
  const rule: Rule = { or: [1, 2].map(() => ({ property: "groupTag", operator: "in", value })) };
  const added = await rig.collections.add(tenantId, "long", {
    kind: "rule",
    name: "Long",
    rule,
  });
  expect(added).toMatchObject({ ok: false, failure: { faults: [{ pointer: "/rule" }] } });
});
