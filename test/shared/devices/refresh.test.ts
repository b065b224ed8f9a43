import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { refreshesWith } from "../../../shared/devices/refresh/work.ts";
import { graphDevice, graphDevices, idOf, openRig, type Rig } from "./support/refresh-rig.ts";
import type { Odd } from "./support/small-graph.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await openRig();
});
afterAll(() => rig.graph.stop());
afterEach(() => {
  rig.cutAt(undefined);
  Object.assign(rig.graph, { devices: [], identities: [], pageSize: 1000, odd: () => undefined });
});

const storageCalls = (): string[] => rig.calls.filter((call) => !call.startsWith("graph."));
const inSlices = () => ({ ...rig.deps, slicePages: 2 });

test("a fresh directory holds every device that Graph gave, with its group tag", async () => {
  const tenantId = rig.addTenant();
  rig.graph.devices = graphDevices(300);
  rig.graph.identities = [
    { managedDeviceId: idOf(7), groupTag: "Kiosk" },
    { managedDeviceId: idOf(8), groupTag: "" },
    { managedDeviceId: idOf(999), groupTag: "Elsewhere" },
  ];
  const refresh = await rig.refresh(tenantId);
  expect(refresh).toMatchObject({
    state: "completed",
    counts: { fetched: 300, added: 300, changed: 0, removed: 0, unchanged: 0, pages: 2 },
    groupTags: { state: "read" },
  });
  const devices = await rig.all(tenantId);
  const ids = rig.graph.devices.map(({ id }) => String(id)).toSorted();
  expect(devices.map(({ deviceId }) => deviceId)).toEqual(ids);
  expect((await rig.directory.get(tenantId, idOf(7)))?.groupTag).toBe("Kiosk");
  expect(await rig.directory.get(tenantId, idOf(8))).not.toHaveProperty("groupTag");
  expect(await rig.directory.meta(tenantId)).toMatchObject({ count: 300, generation: 1 });
});

test("an import that one slice can read writes no blob", async () => {
  const tenantId = rig.addTenant();
  rig.graph.devices = graphDevices(300);
  rig.cutAt(undefined);
  await rig.refresh(tenantId);
  expect(rig.calls.filter((call) => call.startsWith("blob.put"))).toEqual([]);
});

test("an import of many slices gives the same directory, and leaves nothing behind", async () => {
  const [once, sliced] = [rig.addTenant(), rig.addTenant()];
  rig.graph.devices = graphDevices(400);
  rig.graph.identities = [{ managedDeviceId: idOf(7), groupTag: "Kiosk" }];
  await rig.refresh(once);
  rig.graph.pageSize = 30;
  const refresh = await rig.refresh(sliced, inSlices());
  expect(refresh.runs.length).toBeGreaterThan(5);
  expect(await rig.all(sliced)).toEqual(await rig.all(once));
  const left = await rig.tables.page(
    "Refreshes",
    { partition: `${sliced}|${refresh.refreshId}` },
    9,
  );
  expect(left.rows).toEqual([]);
  expect(await rig.deps.refreshes.active(sliced)).toBeUndefined();
});

test("what changed, came and went is counted and kept", async () => {
  const tenantId = rig.addTenant();
  rig.graph.devices = graphDevices(200);
  await rig.refresh(tenantId);
  rig.graph.devices = [
    ...graphDevices(190, 10),
    graphDevice(200),
    ...[1, 2, 3].map((number) => graphDevice(number, { deviceName: "renamed" })),
  ];
  const { counts } = await rig.refresh(tenantId);
  expect(counts).toMatchObject({ added: 1, changed: 3, unchanged: 180, removed: 17 });
  expect((await rig.all(tenantId)).length).toBe(184);
  expect((await rig.directory.get(tenantId, idOf(2)))?.name).toBe("renamed");
  expect(await rig.directory.get(tenantId, idOf(0))).toBeUndefined();
});

test("a refresh after which nothing changed writes no row of the directory", async () => {
  const tenantId = rig.addTenant();
  rig.graph.devices = graphDevices(3000);
  await rig.refresh(tenantId);
  rig.cutAt(undefined);
  const { counts } = await rig.refresh(tenantId);
  expect(counts).toMatchObject({ unchanged: 3000, added: 0, changed: 0, removed: 0 });
  expect(storageCalls().filter((call) => call === "table.transact Devices")).toEqual([]);
  expect(storageCalls().length).toBeLessThan(30);
});

test("a large fleet costs at most 0.01 storage requests for each device", async () => {
  const tenantId = rig.addTenant();
  rig.graph.devices = graphDevices(20_000);
  rig.cutAt(undefined);
  const refresh = await rig.refresh(tenantId, { ...rig.deps, slicePages: 4 });
  expect(refresh).toMatchObject({ counts: { added: 20_000 } });
  expect(refresh.runs.length).toBe(5);
  expect(storageCalls().length).toBeLessThan(200);
});

test("the layout grows and shrinks with the fleet, and the old one is removed", async () => {
  const tenantId = rig.addTenant();
  const bitsAfter = async (devices: number): Promise<number> => {
    rig.graph.devices = graphDevices(devices);
    await rig.refresh(tenantId, inSlices(), { devices });
    const walked = await rig.all(tenantId, 200);
    expect(walked.map(({ deviceId }) => deviceId)).toEqual(
      rig.graph.devices.map(({ id }) => String(id)).toSorted(),
    );
    return (await rig.directory.meta(tenantId))?.bits ?? -1;
  };
  const bits = [];
  for (const devices of [100, 5000, 4000, 150, 0]) bits.push(await bitsAfter(devices));
  expect(bits).toEqual([0, 6, 6, 1, 0]);
  for (const old of [6, 1]) {
    const { rows } = await rig.tables.page("Devices", { partition: `${tenantId}|${old}` }, 9);
    expect(rows).toEqual([]);
  }
  expect((await rig.directory.meta(tenantId))?.generation).toBe(4);
});

test("of a device that is on two pages the last record counts, once", async () => {
  const tenantId = rig.addTenant();
  rig.graph.pageSize = 40;
  rig.graph.devices = [...graphDevices(100), graphDevice(5, { deviceName: "later" })];
  const { counts } = await rig.refresh(tenantId, inSlices());
  expect(counts).toMatchObject({ fetched: 101, added: 100 });
  expect((await rig.directory.get(tenantId, idOf(5)))?.name).toBe("later");
});

test("records without a usable id are counted, not kept", async () => {
  const tenantId = rig.addTenant();
  rig.graph.devices = [graphDevice(1), { id: "no guid" }, { deviceName: "none" }];
  const { counts, state } = await rig.refresh(tenantId);
  expect({ state, ...counts }).toMatchObject({ state: "completed", unreadable: 2, added: 1 });
});

test("without permission for group tags the refresh completes, says so, and keeps earlier tags", async () => {
  const tenantId = rig.addTenant();
  rig.graph.devices = graphDevices(20);
  rig.graph.identities = [{ managedDeviceId: idOf(7), groupTag: "Kiosk" }];
  await rig.refresh(tenantId);
  rig.graph.devices = graphDevices(20).map((device) => ({ ...device, osVersion: "11" }));
  rig.graph.odd = (_, path) =>
    path.includes("Autopilot")
      ? { status: 403, body: { error: { code: "Forbidden", message: "no" } } }
      : undefined;
  const refresh = await rig.refresh(tenantId);
  expect(refresh.state).toBe("completed");
  expect(refresh.groupTags.state).toBe("notRead");
  expect(refresh.groupTags.detail).toContain("DeviceManagementServiceConfig.Read.All");
  expect(await rig.directory.get(tenantId, idOf(7))).toMatchObject({
    groupTag: "Kiosk",
    osVersion: "11",
  });
});

test("a refused list fails the refresh, names the permission, and keeps the directory", async () => {
  const tenantId = rig.addTenant();
  rig.graph.devices = graphDevices(20);
  await rig.refresh(tenantId);
  rig.graph.odd = () => ({
    status: 403,
    body: { error: { code: "Forbidden", message: "not authorized" } },
  });
  const refresh = await rig.refresh(tenantId);
  expect(refresh).toMatchObject({ state: "failed", failure: { code: "graph-refused" } });
  expect(refresh.failure?.detail).toContain("DeviceManagementManagedDevices.Read.All");
  expect(refresh.failure?.detail).toContain("not authorized");
  expect((await rig.all(tenantId)).length).toBe(20);
  rig.graph.odd = () => undefined;
  expect((await rig.refresh(tenantId)).state).toBe("completed");
});

test("a next page on another host is not followed", async () => {
  const tenantId = rig.addTenant();
  rig.graph.odd = () => ({
    status: 200,
    body: { value: [graphDevice(1)], "@odata.nextLink": "http://elsewhere.invalid/v1.0/x" },
  });
  const refresh = await rig.refresh(tenantId);
  expect(refresh).toMatchObject({ state: "failed", failure: { code: "graph-refused" } });
  expect(refresh.failure?.detail).toContain("foreign-next-link");
  expect(refresh.failure?.detail).toContain("http://elsewhere.invalid/v1.0/x");
});

test("pages that are linked relative to the one before are all read", async () => {
  const tenantId = rig.addTenant();
  const links = ["/v1.0/deviceManagement/managedDevices?page=2", "?page=3", undefined];
  rig.graph.odd = (_nth, path) => {
    if (!path.includes("managedDevices")) return undefined;
    const page = Number(new URL(path, rig.graph.url).searchParams.get("page") ?? 1);
    const link = links[page - 1];
    const next = link === undefined ? {} : { "@odata.nextLink": link };
    return { status: 200, body: { value: [graphDevice(page)], ...next } };
  };
  const refresh = await rig.refresh(tenantId);
  expect(refresh).toMatchObject({ state: "completed", counts: { fetched: 3 } });
});

test("a 429 waits as long as Graph says, keeps what was read, and is no failed attempt", async () => {
  const tenantId = rig.addTenant();
  rig.graph.devices = graphDevices(100);
  rig.graph.pageSize = 30;
  const { refreshId } = await rig.start(tenantId);
  const before = rig.graph.paths.length;
  rig.graph.odd = (nth) =>
    nth === before + 3 ? { status: 429, headers: { "retry-after": "17" } } : undefined;
  const outcome = await refreshesWith(rig.deps).work({ tenantId, refreshId });
  expect(outcome).toMatchObject({ kind: "again", afterSeconds: 17 });
  const early = await refreshesWith(rig.deps).work({ tenantId, refreshId });
  expect(early).toMatchObject({ kind: "again", state: "waiting" });
  rig.time.now += 17_000;
  const refresh = await rig.finish(tenantId, refreshId);
  expect(refresh).toMatchObject({ state: "completed", counts: { fetched: 100, added: 100 } });
  // Four pages of devices, one of identities, and the one that was throttled.
  expect(rig.graph.paths.length - before).toBe(6);
});

test("5xx is tried again a few times, then the refresh fails with the reason", async () => {
  const tenantId = rig.addTenant();
  rig.graph.devices = graphDevices(10);
  let faults = 3;
  rig.graph.odd = () => (faults-- > 0 ? { status: 500 } : undefined);
  expect((await rig.refresh(tenantId)).state).toBe("completed");
  faults = 1000;
  const before = rig.graph.paths.length;
  const refresh = await rig.refresh(tenantId);
  expect(refresh).toMatchObject({ state: "failed", failure: { code: "graph-unavailable" } });
  expect(refresh.failure?.detail).toContain("500");
  expect(rig.graph.paths.length - before).toBe(8);
});

test("a second start while one runs answers the running one", async () => {
  const tenantId = rig.addTenant();
  const started = await Promise.all([1, 2, 3, 4].map(() => rig.start(tenantId)));
  const again = await rig.start(tenantId);
  expect(new Set([...started, again].map(({ refreshId }) => refreshId)).size).toBe(1);
  await rig.finish(tenantId, again.refreshId);
  expect((await rig.start(tenantId)).refreshId).not.toBe(again.refreshId);
});

test("a message about a tenant that is gone is acknowledged, and marks nothing", async () => {
  const tenantId = rig.addTenant();
  const { refreshId } = await rig.start(tenantId);
  rig.tenants.delete(tenantId);
  const outcome = await refreshesWith(rig.deps).work({ tenantId, refreshId });
  expect(outcome).toEqual({ kind: "ack", state: "gone" });
  expect((await rig.deps.refreshes.get(tenantId, refreshId))?.refresh.state).toBe("running");
  expect(await rig.tables.get("OpenWork", "refresh", `${tenantId}|${refreshId}`)).toBeUndefined();
});

test("a slow pace spreads the pages, and still ends", async () => {
  const tenantId = rig.addTenant({ deviceReads: 4 });
  rig.graph.devices = graphDevices(100);
  rig.graph.pageSize = 30;
  const startedAt = rig.time.now;
  const refresh = await rig.refresh(tenantId);
  expect(refresh).toMatchObject({ state: "completed", counts: { added: 100 } });
  // Five requests at four in 20 seconds.
  expect(rig.time.now - startedAt).toBeGreaterThanOrEqual(20_000);
});

const page = { status: 200, body: "<html>no</html>" };
test.each<[string, (nth: number) => Odd | undefined]>([
  ["answers 500", () => ({ status: 500 })],
  ["answers with a page", () => page],
  ["answers 429 without end", () => ({ status: 429 })],
  [
    "links to itself",
    () => ({
      status: 200,
      body: { value: [], "@odata.nextLink": `${rig.graph.url}/v1.0/windowsAutopilot` },
    }),
  ],
  [
    "refuses with 40,000 characters",
    () => ({ status: 400, body: { error: { code: "BadRequest", message: "m".repeat(40_000) } } }),
  ],
])("a new tenant has its devices though the list of Autopilot %s", async (_name, odd) => {
  const tenantId = rig.addTenant();
  rig.graph.devices = graphDevices(20);
  rig.graph.odd = (nth, path) => (path.includes("windowsAutopilot") ? odd(nth) : undefined);
  const refresh = await rig.refresh(tenantId);
  expect(refresh).toMatchObject({ state: "completed", groupTags: { state: "notRead" } });
  expect(refresh.groupTags.detail?.length).toBeLessThan(600);
  expect((await rig.all(tenantId)).length).toBe(20);
});

test("a link that ran out begins the list anew, and what is gone meanwhile does not stay", async () => {
  const tenantId = rig.addTenant();
  rig.graph.devices = graphDevices(100);
  rig.graph.pageSize = 30;
  let expired = 0;
  rig.graph.odd = (_, path) => {
    if (!path.includes("skiptoken=60") || expired > 0) return undefined;
    expired += 1;
    rig.graph.devices = graphDevices(100, 5);
    return { status: 400, body: { error: { code: "BadRequest", message: "The token expired." } } };
  };
  const refresh = await rig.refresh(tenantId, { ...rig.deps, slicePages: 1 });
  expect(refresh).toMatchObject({ state: "completed", counts: { fetched: 95, added: 95 } });
  expect((await rig.all(tenantId)).length).toBe(95);
});

test("links that always run out end the refresh with the reason", async () => {
  const tenantId = rig.addTenant();
  rig.graph.devices = graphDevices(100);
  rig.graph.pageSize = 30;
  const error = { code: "BadRequest", message: "The token expired." };
  rig.graph.odd = (_, path) =>
    path.includes("skiptoken") ? { status: 410, body: { error } } : undefined;
  const before = rig.graph.paths.length;
  const refresh = await rig.refresh(tenantId);
  expect(refresh).toMatchObject({ state: "failed", failure: { code: "graph-refused" } });
  expect(refresh.failure?.detail).toContain("The token expired.");
  expect(rig.graph.paths.length - before).toBeLessThan(25);
});

test("a circle of links is noticed after one round", async () => {
  const tenantId = rig.addTenant();
  const before = rig.graph.paths.length;
  rig.graph.odd = () => ({
    status: 200,
    body: {
      value: [graphDevice(1)],
      "@odata.nextLink": `${rig.graph.url}/v1.0/x?page=${(rig.graph.paths.length - before) % 3}`,
    },
  });
  const refresh = await rig.refresh(tenantId);
  expect(refresh).toMatchObject({ state: "failed", failure: { code: "graph-refused" } });
  expect(refresh.failure?.detail).toContain("circle");
  expect(rig.graph.paths.length - before).toBe(4);
});

test("what Graph cannot answer in time is asked for in smaller pages", async () => {
  const tenantId = rig.addTenant();
  rig.graph.devices = graphDevices(100);
  rig.graph.pageSize = 30;
  const tops: number[] = [];
  rig.graph.odd = (_, path) => {
    const top = Number(/top=(\d+)/.exec(decodeURIComponent(path))?.[1]);
    if (!path.includes("managedDevices") || path.includes("skiptoken")) return undefined;
    tops.push(top);
    return top > 200 ? { status: 504 } : undefined;
  };
  expect(await rig.refresh(tenantId)).toMatchObject({ state: "completed", counts: { added: 100 } });
  expect(tops).toEqual([1000, 500, 250, 125]);
});

test("a list without devices is asked for twice, not believed, and believed when a person says so", async () => {
  const tenantId = rig.addTenant();
  rig.graph.devices = graphDevices(300);
  await rig.refresh(tenantId);
  for (const left of [0, 12]) {
    rig.graph.devices = graphDevices(left);
    const before = rig.graph.paths.length;
    const refresh = await rig.refresh(tenantId);
    expect(refresh).toMatchObject({ state: "failed", failure: { code: "confirmation-required" } });
    expect(refresh.failure?.detail).toContain(`confirmDevices=${left}`);
    const asked = rig.graph.paths.slice(before).filter((path) => path.includes("managedDevices"));
    expect(asked).toHaveLength(2);
    expect((await rig.all(tenantId)).length).toBe(300);
  }
  expect(await rig.refresh(tenantId, rig.deps, { devices: 13 })).toMatchObject({ state: "failed" });
  expect(await rig.refresh(tenantId, rig.deps, { devices: 12 })).toMatchObject({
    state: "completed",
  });
  expect((await rig.all(tenantId)).length).toBe(12);
});

test("a list that was empty once, and is whole the second time, is taken", async () => {
  const tenantId = rig.addTenant();
  rig.graph.devices = graphDevices(30);
  await rig.refresh(tenantId);
  let empty = 1;
  rig.graph.odd = (_, path) =>
    path.includes("managedDevices") && empty-- > 0
      ? { status: 200, body: { value: [] } }
      : undefined;
  expect(await rig.refresh(tenantId)).toMatchObject({
    state: "completed",
    counts: { unchanged: 30, removed: 0 },
  });
});

/** Identities with a group tag, of the devices below `to`. */
const tagged = (to: number) =>
  Array.from({ length: to }, (_, number) => ({ managedDeviceId: idOf(number), groupTag: "Kiosk" }));
const tagsOf = async (tenantId: string) =>
  (await rig.all(tenantId)).filter(({ groupTag }) => groupTag === "Kiosk").length;

// With two pages to a slice the list of group tags takes several slices, else it ends in the slice that began it.
test.each([
  { way: "in one slice", pageSize: 1000, slicePages: 20 },
  { way: "in many slices", pageSize: 30, slicePages: 2 },
])(
  "group tags that vanish at once are asked for twice, kept, and gone when a person says so, $way",
  async ({ pageSize, slicePages }) => {
    const tenantId = rig.addTenant();
    const deps = { ...rig.deps, slicePages };
    Object.assign(rig.graph, { devices: graphDevices(300), identities: tagged(200), pageSize });
    expect(await rig.refresh(tenantId, deps)).toMatchObject({
      groupTags: { state: "read", count: 200 },
    });
    const vanished = [
      [],
      tagged(12),
      tagged(200).map((identity) => ({ ...identity, groupTag: "" })),
      tagged(200).map((identity) => ({ ...identity, managedDeviceId: null })),
    ];
    for (const identities of vanished) {
      rig.graph.identities = identities;
      const left = identities.length === 12 ? 12 : 0;
      const before = rig.graph.paths.length;
      const refresh = await rig.refresh(tenantId, deps);
      expect(refresh).toMatchObject({ state: "completed", groupTags: { state: "notRead" } });
      expect(refresh.groupTags.detail).toContain(`confirmGroupTags=${left}`);
      const asked = rig.graph.paths
        .slice(before)
        .filter((path) => path.includes("windowsAutopilot") && !path.includes("skiptoken"));
      expect(asked).toHaveLength(2);
      expect(await tagsOf(tenantId)).toBe(200);
      expect((await rig.all(tenantId)).length).toBe(300);
    }
    rig.graph.identities = tagged(12);
    const more = await rig.refresh(tenantId, deps, { groupTags: 13 });
    expect(more).toMatchObject({ groupTags: { state: "notRead" } });
    const less = await rig.refresh(tenantId, deps, { groupTags: 12 });
    expect(less).toMatchObject({ groupTags: { state: "read", count: 12 } });
    expect(await tagsOf(tenantId)).toBe(12);
    expect(await rig.refresh(tenantId, deps)).toMatchObject({ groupTags: { state: "read" } });
  },
);

test("group tags that were gone once, and are whole the second time, are taken", async () => {
  const tenantId = rig.addTenant();
  Object.assign(rig.graph, { devices: graphDevices(300), identities: tagged(200) });
  await rig.refresh(tenantId);
  let empty = 1;
  rig.graph.odd = (_, path) =>
    path.includes("windowsAutopilot") && empty-- > 0
      ? { status: 200, body: { value: [] } }
      : undefined;
  rig.graph.identities = tagged(150);
  const refresh = await rig.refresh(tenantId);
  expect(refresh).toMatchObject({ groupTags: { state: "read", count: 150 } });
  expect(await tagsOf(tenantId)).toBe(150);
});

test("group tags are still held after refreshes that could not read them", async () => {
  const tenantId = rig.addTenant();
  Object.assign(rig.graph, { devices: graphDevices(300), identities: tagged(200) });
  await rig.refresh(tenantId);
  rig.graph.odd = (_, path) =>
    path.includes("windowsAutopilot")
      ? { status: 403, body: { error: { code: "Forbidden" } } }
      : undefined;
  await rig.refresh(tenantId);
  Object.assign(rig.graph, { identities: [], odd: () => undefined });
  expect(await rig.refresh(tenantId)).toMatchObject({ groupTags: { state: "notRead" } });
  expect(await tagsOf(tenantId)).toBe(200);
});

test("group tags that go with their devices are not missed", async () => {
  const tenantId = rig.addTenant();
  Object.assign(rig.graph, { devices: graphDevices(300), identities: tagged(200) });
  await rig.refresh(tenantId);
  Object.assign(rig.graph, { devices: graphDevices(12), identities: tagged(12) });
  const refresh = await rig.refresh(tenantId, rig.deps, { devices: 12 });
  expect(refresh).toMatchObject({ state: "completed", groupTags: { state: "read", count: 12 } });
});

test("a device that was never enrolled has no moment of it", async () => {
  const tenantId = rig.addTenant();
  rig.graph.devices = [graphDevice(1, { enrolledDateTime: "0001-01-01T00:00:00Z" })];
  await rig.refresh(tenantId);
  expect(await rig.directory.get(tenantId, idOf(1))).not.toHaveProperty("enrolledDateTime");
});
