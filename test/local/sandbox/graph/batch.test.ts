/** Batches: each part on its own, in any order, under the rules of the documentation. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  onlyIntuneWindows,
  startTestSandbox,
  type TestSandbox,
  type TestTenant,
} from "../support.ts";

type Part = {
  readonly id: string;
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body?: unknown;
};

const headers = { "Content-Type": "application/json" };
let sandbox: TestSandbox;
let tenant: TestTenant;
let ids: readonly string[];

beforeAll(async () => {
  sandbox = await startTestSandbox();
  tenant = await sandbox.tenant(onlyIntuneWindows);
  ids = (await tenant.devices(50)).map(({ id }) => id);
});
afterAll(() => sandbox.stop());

const sync = (at: number) => ({
  id: `part-${at}`,
  method: "POST",
  url: `/deviceManagement/managedDevices/${ids[at]}/syncDevice`,
  headers,
  body: {},
});

const send = (requests: readonly unknown[], of = tenant, version = "v1.0") =>
  of.graph<{ responses: readonly Part[] }>("POST", `/${version}/$batch`, { requests });

describe("a batch", () => {
  it("answers every part once, with its own status, body and request id", async () => {
    const read = {
      id: "read",
      method: "GET",
      url: `/deviceManagement/managedDevices/${ids[0]}?$select=id`,
    };
    const missing = {
      id: "missing",
      method: "GET",
      url: "/deviceManagement/managedDevices/nobody",
    };
    const { status, body } = await send([sync(0), read, missing]);
    const parts = new Map(body.responses.map((part) => [part.id, part]));
    expect(status).toBe(200);
    expect(parts.size).toBe(3);
    expect(parts.get("part-0")?.status).toBe(204);
    expect(parts.get("part-0")).not.toHaveProperty("body");
    expect(parts.get("read")).toMatchObject({ status: 200, body: { id: ids[0] } });
    expect(parts.get("missing")?.status).toBe(404);
    expect(new Set(body.responses.map((part) => part.headers["request-id"])).size).toBe(3);
  });

  it("answers in another order than asked, sooner or later", async () => {
    const requests = Array.from({ length: 20 }, (_, at) => sync(at));
    const { body } = await send(requests);
    expect(body.responses.map(({ id }) => id)).not.toEqual(requests.map(({ id }) => id));
    expect(new Set(body.responses.map(({ id }) => id)).size).toBe(20);
  });

  it("serves the actions of its own version only", async () => {
    const part = {
      ...sync(0),
      url: `/deviceManagement/managedDevices/${ids[0]}/initiateDeviceAttestation`,
    };
    expect((await send([part])).body.responses[0]?.status).toBe(400);
    expect((await send([part], tenant, "beta")).body.responses[0]?.status).toBe(204);
  });

  it.for<[string, object]>([
    ["without a body", { body: undefined }],
    ["without a content type", { headers: {} }],
    ["without headers", { headers: undefined }],
  ])("refuses a POST part %s, and the others go on", async ([, over]) => {
    const { status, body } = await send([{ ...sync(1), ...over }, sync(2)]);
    expect(status).toBe(200);
    const statuses = Object.fromEntries(body.responses.map((part) => [part.id, part.status]));
    expect(statuses).toEqual({ "part-1": 400, "part-2": 204 });
  });

  it.for<[string, () => readonly unknown[]]>([
    ["21 parts", () => Array.from({ length: 21 }, (_, at) => sync(at))],
    ["no part", () => []],
    ["an id twice", () => [sync(1), sync(1)]],
    ["no id", () => [{ ...sync(1), id: undefined }]],
    ["a number for an id", () => [{ ...sync(1), id: 1 }]],
    ["no method", () => [{ ...sync(1), method: undefined }]],
    ["a foreign address", () => [{ ...sync(1), url: "https://graph.microsoft.com/v1.0/me" }]],
    ["an unknown member", () => [{ ...sync(1), priority: 1 }]],
    ["a dependency on nothing", () => [{ ...sync(1), dependsOn: ["nobody"] }]],
    ["a part that is no object", () => [1]],
  ])("with %s is refused as a whole", async ([, requests]) => {
    const before = await sandbox.control("GET", "/ledger/summary");
    expect((await send(requests())).status).toBe(400);
    expect((await sandbox.control("GET", "/ledger/summary")).body).toEqual(before.body);
  });

  it("does not send what depends on a failure", async () => {
    const failing = { id: "first", method: "GET", url: "/deviceManagement/managedDevices/nobody" };
    const { body } = await send([failing, { ...sync(3), dependsOn: ["first"] }]);
    expect(body.responses.find(({ id }) => id === "part-3")?.status).toBe(424);
  });
});

describe("misbehaviour in a batch", () => {
  it("counts each part against the window, and throttles parts on their own", async () => {
    const fresh = await sandbox.tenant(onlyIntuneWindows);
    const own = (await fresh.devices(20)).map(({ id }) => id);
    await fresh.behave({ throttle: { limit: 15, windowSeconds: 600, retryAfter: 7 } });
    const requests = own.map((id, at) => ({
      ...sync(at),
      url: `/deviceManagement/managedDevices/${id}/syncDevice`,
    }));
    const { status, body } = await send(requests, fresh);
    const throttled = body.responses.filter((part) => part.status === 429);
    expect(status).toBe(200);
    expect(throttled.length).toBe(5);
    for (const part of throttled) expect(part.headers["Retry-After"]).toBe("7");
    const { body: summary } = await sandbox.control("GET", `/ledger/summary?tenantId=${fresh.id}`);
    expect(summary).toMatchObject({ total: 15, doubled: 0 });
  });

  it("breaks some parts and leaves the others, without effect where it breaks", async () => {
    const fresh = await sandbox.tenant(onlyIntuneWindows);
    const own = (await fresh.devices(20)).map(({ id }) => id);
    await fresh.behave({ errorRate: 0.5, seed: 3 });
    const requests = own.map((id, at) => ({
      ...sync(at),
      url: `/deviceManagement/managedDevices/${id}/syncDevice`,
    }));
    const { body } = await send(requests, fresh);
    const taken = body.responses.filter((part) => part.status === 204).length;
    expect(new Set(body.responses.map((part) => part.status))).toEqual(new Set([204, 503]));
    const { body: summary } = await sandbox.control("GET", `/ledger/summary?tenantId=${fresh.id}`);
    expect(summary["total"]).toBe(taken);
  });
});
