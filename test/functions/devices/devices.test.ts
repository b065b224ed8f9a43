import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { graphDevices, idOf } from "../../shared/devices/support/refresh-rig.ts";
import { passTime } from "../../support/passing-time.ts";
import { type Api, openApi } from "./support/api.ts";

let api: Api;
let tenantId: string;
let base: string;
beforeAll(async () => {
  api = await openApi();
  ({ tenantId, base } = await api.addTenant());
  api.graph.devices = graphDevices(500);
  const started = await api.call("refreshes-start", `${base}/devices/refresh`);
  await api.deliver({ v: 1, tenantId, refreshId: started.body["refreshId"] });
});
afterAll(() => api.graph.stop());

test("a refresh is accepted, found at its location, done by its message, and listed", async () => {
  const started = await api.call("refreshes-start", `${base}/devices/refresh`);
  expect(started).toMatchObject({ status: 202, body: { state: "running" } });
  const location = started.headers["location"] ?? "";
  expect(await api.call("refreshes-get", location)).toMatchObject({
    status: 200,
    body: { state: "running", counts: { fetched: 0 } },
  });
  const second = await api.call("refreshes-start", `${base}/devices/refresh`);
  expect(second.headers["location"]).toBe(location);
  await api.deliver({ v: 1, tenantId, refreshId: started.body["refreshId"] });
  expect(await api.call("refreshes-get", location)).toMatchObject({
    body: { state: "completed", counts: { fetched: 500, unchanged: 500 } },
  });
  const list = await api.call("refreshes-list", `${base}/refreshes`);
  expect(list.body["value"]).toMatchObject([{ refreshId: started.body["refreshId"] }, {}]);
});

test("following nextLink shows every device once", async () => {
  const ids: string[] = [];
  let path: string | undefined = `${base}/devices?top=70`;
  while (path !== undefined) {
    const page = await api.call("devices-list", path);
    expect(page.status).toBe(200);
    const value = page.body["value"] as { deviceId: string }[];
    ids.push(...value.map(({ deviceId }) => deviceId));
    path = page.body["nextLink"] as string | undefined;
  }
  expect(ids).toEqual(
    graphDevices(500)
      .map(({ id }) => id)
      .toSorted(),
  );
});

test("a filter goes into the link, and its token fits no other filter", async () => {
  const page = await api.call("devices-list", `${base}/devices?top=10&management=coManaged`);
  const next = new URL(String(page.body["nextLink"]));
  expect(next.searchParams.get("management")).toBe("coManaged");
  next.searchParams.set("management", "intune");
  expect(await api.call("devices-list", next.toString())).toMatchObject({
    status: 400,
    body: { code: "bad-page-token" },
  });
});

test.each([
  ["top=0", "/query/top"],
  ["colour=red", "/query/colour"],
  ["lastSyncBefore=yesterday", "/query/lastSyncBefore"],
  ["management=cloud", "/query/management"],
])("the query %s is refused at %s", async (query, pointer) => {
  expect(await api.call("devices-list", `${base}/devices?${query}`)).toMatchObject({
    status: 400,
    body: { code: "invalid-request", errors: [{ pointer }] },
  });
});

test("a device is shown; an unknown one, and one of no tenant, is not found", async () => {
  const known = await api.call("devices-get", `${base}/devices/${idOf(5).toUpperCase()}`);
  expect(known).toMatchObject({ status: 200, body: { deviceId: idOf(5), name: "PC-5" } });
  expect(await api.call("devices-get", `${base}/devices/${idOf(9999)}`)).toMatchObject({
    status: 404,
    body: { code: "unknown-device" },
  });
  expect(await api.call("devices-get", `${base}/devices/5`)).toMatchObject({ status: 400 });
});

test.each([
  ["devices-list", "/devices"],
  ["devices-get", `/devices/${idOf(1)}`],
  ["refreshes-start", "/devices/refresh"],
  ["refreshes-list", "/refreshes"],
  ["refreshes-get", "/refreshes/x"],
])("%s of a tenant that is not here is refused", async (name, path) => {
  expect(await api.call(name, `/api/v1/tenants/${randomUUID()}${path}`)).toMatchObject({
    status: 404,
    body: { code: "unknown-tenant" },
  });
});

test("a refresh that is not there is not found", async () => {
  expect(await api.call("refreshes-get", `${base}/refreshes/none`)).toMatchObject({
    status: 404,
    body: { code: "unknown-refresh" },
  });
});

test.each([
  ["confirmDevices", { devices: [] as object[] }, { state: "completed", counts: { removed: 200 } }],
  [
    "confirmGroupTags",
    { identities: [] as object[] },
    { state: "completed", groupTags: { state: "read", count: 0 } },
  ],
])("%s is shown by the refresh that it began, and does what it says", async (name, gone, end) => {
  const { tenantId: tenant, base: place } = await api.addTenant();
  const start = (query = "") => api.call("refreshes-start", `${place}/devices/refresh${query}`);
  const ended = async (query = "") => {
    const { headers, body } = await start(query);
    const { refreshId } = body;
    for (let view = body; ; view = (await api.call("refreshes-get", headers["location"]!)).body) {
      if (view["final"] === true) return view;
      await api.deliver({ v: 1, tenantId: tenant, refreshId });
      passTime(60_000);
    }
  };
  const identities = graphDevices(200).map(({ id }) => ({
    managedDeviceId: id,
    groupTag: "Kiosk",
  }));
  const whole = { devices: graphDevices(200), identities };
  const before = { devices: api.graph.devices, identities: api.graph.identities };
  try {
    Object.assign(api.graph, whole);
    expect(await ended()).not.toHaveProperty(name);
    Object.assign(api.graph, gone);
    expect(JSON.stringify(await ended())).toContain(`${name}=0`);
    const begun = await start(`?${name}=0`);
    expect(begun).toMatchObject({ status: 202, body: { [name]: 0, state: "running" } });
    // Asked again it is that one; one that knows nothing of it would not do.
    const again = await start(`?${name}=0`);
    expect(again).toMatchObject({ status: 202, body: { refreshId: begun.body["refreshId"] } });
    expect(await start(`?${name}=1`)).toMatchObject({ status: 409, body: { code: "conflict" } });
    expect(await ended(`?${name}=0`)).toMatchObject({ [name]: 0, ...end });
    const list = await api.call("refreshes-list", `${place}/refreshes`);
    expect(list.body["value"]).toMatchObject([{ [name]: 0 }, {}, {}]);
  } finally {
    Object.assign(api.graph, before);
  }
});
