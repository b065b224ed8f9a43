/** Control: tenants, behaviour, ledger and request counts as a test or a benchmark uses them. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { onlyIntuneWindows, startTestSandbox, type TestSandbox } from "../support.ts";

const bulk = "/beta/deviceManagement/managedDevices/executeAction";
let sandbox: TestSandbox;

beforeAll(async () => {
  sandbox = await startTestSandbox();
});
afterAll(() => sandbox.stop());
beforeEach(async () => {
  await sandbox.control("DELETE", "/ledger");
  await sandbox.control("DELETE", "/requests");
  await sandbox.control("DELETE", "/behaviour");
});

const sum = (counts: unknown): number =>
  Object.values(counts as Record<string, number>).reduce((all, count) => all + count, 0);

describe("tenants", () => {
  it("are answered with their devices counted, and the counts add up", async () => {
    const { created } = await sandbox.tenant({ devices: 1_000 });
    expect(created).toMatchObject({ total: 1_000, displayName: "Contoso" });
    expect(Number(created["graph"]) + Number(created["configMgrOnly"])).toBe(1_000);
    expect(sum(created["byOperatingSystem"])).toBe(1_000);
    expect(sum(created["byManagementAgent"])).toBe(1_000);
  });

  it.for<[string, object]>([
    ["no GUID", { tenantId: "contoso" }],
    ["no name", { displayName: "" }],
    ["half a device", { devices: 0.5 }],
    ["an unknown property", { device: 5 }],
    ["an unknown share", { mix: { linux: 1 } }],
    ["a negative share", { mix: { windows: -1 } }],
    ["roles that are no texts", { roles: [1] }],
  ])("with %s are refused", async ([, over]) => {
    const plan = { tenantId: randomUUID(), displayName: "Contoso", devices: 1, ...over };
    expect((await sandbox.control("POST", "/tenants", plan)).status).toBe(400);
  });

  it("are made once", async () => {
    const { id } = await sandbox.tenant();
    const again = await sandbox.control("POST", "/tenants", { tenantId: id, displayName: "Again" });
    expect(again.status).toBe(409);
  });

  it("grow, shrink and change, and say by how much", async () => {
    const { id, graph } = await sandbox.tenant({ ...onlyIntuneWindows, devices: 100 });
    const names = async () => {
      const { body } = await graph<{ value: { id: string; deviceName: string }[] }>(
        "GET",
        "/v1.0/deviceManagement/managedDevices?$select=id,deviceName",
      );
      return new Map(body.value.map((device) => [device.id, device.deviceName]));
    };
    const before = await names();
    const answer = await sandbox.control("PATCH", `/tenants/${id}`, {
      remove: 10,
      add: 30,
      touch: 5,
    });
    expect(answer.body).toMatchObject({ total: 120, removed: 10, added: 30, touched: 5 });
    const after = await names();
    const kept = [...before.keys()].filter((device) => after.has(device));
    expect(kept.length).toBe(90);
    expect(after.size).toBe(120);
    const renamed = [...after].filter(([, name]) => name.includes("-R1"));
    expect(renamed.length).toBe(5);
  });

  it("are listed until they are deleted", async () => {
    const { id } = await sandbox.tenant();
    const listed = async (): Promise<boolean> => {
      const { body } = await sandbox.control<{ value: { tenantId: string }[] }>("GET", "/tenants");
      return body.value.some(({ tenantId }) => tenantId === id);
    };
    expect(await listed()).toBe(true);
    expect((await sandbox.control("DELETE", `/tenants/${id}`)).status).toBe(204);
    expect(await listed()).toBe(false);
    expect((await sandbox.control("DELETE", `/tenants/${id}`)).status).toBe(404);
  });

  it("show which devices are hidden, offline or failing, in pages", async () => {
    const tenant = await sandbox.tenant({ devices: 200 });
    await tenant.behave({ offlineRate: 0.5, failRate: 0.25 });
    const devices = await tenant.devices(200);
    expect(devices.filter(({ inGraph }) => inGraph).length).toBe(tenant.created["graph"]);
    expect(Math.abs(devices.filter(({ offline }) => offline).length - 100)).toBeLessThan(40);
    expect(Math.abs(devices.filter(({ failing }) => failing).length - 50)).toBeLessThan(30);
    const { body } = await sandbox.control<{ value: object[] }>(
      "GET",
      `/tenants/${tenant.id}/devices?top=5&skip=10`,
    );
    expect(body.value).toEqual(devices.slice(10, 15));
  });
});

describe("behaviour", () => {
  it("refuses what it does not know and changes nothing then", async () => {
    const answer = await sandbox.control("PUT", "/behaviour", { offlineRate: 0.5, latency: 5 });
    expect(answer.status).toBe(400);
    const { body } = await sandbox.control<{ everybody: object }>("GET", "/behaviour");
    expect(body.everybody).toMatchObject({ offlineRate: 0, latencyMs: 0 });
  });

  it("of a tenant that does not exist is 404", async () => {
    const answer = await sandbox.control("PUT", "/behaviour", {
      tenantId: randomUUID(),
      latencyMs: 5,
    });
    expect(answer.status).toBe(404);
  });
});

describe("the ledger", () => {
  it("streams one line for each effect, oldest first, and can be filtered", async () => {
    const tenant = await sandbox.tenant({ ...onlyIntuneWindows, devices: 100 });
    const deviceIds = (await tenant.devices(100)).map(({ id }) => id);
    for (const actionName of ["syncDevice", "rebootNow"]) {
      await tenant.graph(
        "POST",
        bulk,
        { actionName, deviceIds },
        { "client-request-id": actionName },
      );
    }
    const { body } = await sandbox.control<string>(
      "GET",
      `/ledger?tenantId=${tenant.id}&action=rebootNow`,
    );
    const rows = body
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(rows.map((row) => row["deviceId"])).toEqual(deviceIds);
    expect(rows[0]).toMatchObject({
      tenantId: tenant.id,
      action: "rebootNow",
      clientRequestId: "rebootNow",
      bulk: true,
    });
    const later = new Date(Date.now() + 1_000).toISOString();
    expect((await sandbox.control<string>("GET", `/ledger?since=${later}`)).body).toBe("");
    expect((await sandbox.control("GET", "/ledger?since=soon")).status).toBe(400);
  });

  it("streams many effects whole", async () => {
    const tenant = await sandbox.tenant({ ...onlyIntuneWindows, devices: 100 });
    const deviceIds = (await tenant.devices(100)).map(({ id }) => id);
    const rounds = Array.from({ length: 60 }, () =>
      tenant.graph("POST", bulk, { actionName: "syncDevice", deviceIds }),
    );
    await Promise.all(rounds);
    const { body } = await sandbox.control<string>("GET", "/ledger");
    expect(body.trim().split("\n").length).toBe(6_000);
    const summary = await sandbox.control("GET", "/ledger/summary");
    expect(summary.body).toEqual({
      total: 6_000,
      distinct: 100,
      doubled: 5_900,
      byAction: { syncDevice: { total: 6_000, distinct: 100, doubled: 5_900 } },
    });
  });

  it("keeps the effects of a deleted tenant", async () => {
    const tenant = await sandbox.tenant(onlyIntuneWindows);
    const [device] = await tenant.devices(1);
    await tenant.graph("POST", bulk, { actionName: "syncDevice", deviceIds: [device?.id] });
    await sandbox.control("DELETE", `/tenants/${tenant.id}`);
    const { body } = await sandbox.control<string>("GET", `/ledger?tenantId=${tenant.id}`);
    expect(JSON.parse(body)).toMatchObject({ deviceId: device?.id });
  });
});

it("counts requests by kind and status, batch parts apart", async () => {
  const tenant = await sandbox.tenant(onlyIntuneWindows);
  const url = "/deviceManagement/managedDevices/nobody";
  await tenant.graph("GET", "/v1.0/deviceManagement/managedDevices?$top=1");
  await tenant.graph("POST", "/v1.0/$batch", { requests: [{ id: "1", method: "GET", url }] });
  expect((await sandbox.control("GET", "/requests")).body).toEqual({
    total: 2,
    parts: 1,
    byKind: {
      "GET managedDevices": 1,
      "$batch part: GET managedDevices/{id}": 1,
      "POST $batch": 1,
    },
    byStatus: { 200: 2, 404: 1 },
  });
});

it.for([
  ["GET", "/nothing"],
  ["POST", "/ledger"],
] as const)("%s %s is unknown", async ([method, path]) => {
  expect((await sandbox.control(method, path)).status).toBe(404);
});
