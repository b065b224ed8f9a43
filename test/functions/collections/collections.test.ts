import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { versionOfRow } from "../../../shared/http/unchanged.ts";
import { graphDevices, idOf } from "../../shared/devices/support/refresh-rig.ts";
import { type Api, openApi } from "../devices/support/api.ts";

const windows = { property: "operatingSystem", operator: "equals", value: "Windows" };
let api: Api;
let base: string;
beforeAll(async () => {
  api = await openApi();
  const tenant = await api.addTenant();
  base = tenant.base;
  api.graph.devices = graphDevices(300);
  const started = await api.call("refreshes-start", `${base}/devices/refresh`);
  await api.deliver({
    v: 1,
    tenantId: tenant.tenantId,
    refreshId: started.body["refreshId"],
  });
});
afterAll(() => api.graph.stop());

test("a collection is added, read, replaced under its etag, listed and removed", async () => {
  const body = { kind: "rule", name: "Windows", rule: windows };
  const added = await api.call("collections-add", `${base}/collections`, body);
  expect(added).toMatchObject({ status: 201, body });
  const location = added.headers["location"] ?? "";
  const read = await api.call("collections-get", location);
  expect(read).toMatchObject({ status: 200, body });
  expect(versionOfRow(read.headers["etag"] ?? "")).toBe(added.headers["etag"]);

  const replacement = { kind: "static", name: "Two", deviceIds: [idOf(1), idOf(2)] };
  const stale = { "if-match": 'W/"stale"' };
  expect(await api.call("collections-replace", location, replacement, stale)).toMatchObject({
    status: 412,
  });
  const current = { "if-match": read.headers["etag"] ?? "" };
  expect(await api.call("collections-replace", location, replacement, current)).toMatchObject({
    status: 200,
    body: replacement,
  });
  const list = await api.call("collections-list", `${base}/collections`);
  expect(list.body["value"]).toMatchObject([{ kind: "static", name: "Two", deviceIdCount: 2 }]);
  expect(await api.call("collections-remove", location)).toMatchObject({ status: 204 });
  expect(await api.call("collections-get", location)).toMatchObject({
    status: 404,
    body: { code: "unknown-collection" },
  });
});

test("the same idempotency key adds one collection", async () => {
  const body = { kind: "rule", name: "Once", rule: windows };
  const key = { "idempotency-key": randomUUID() };
  const first = await api.call("collections-add", `${base}/collections`, body, key);
  const second = await api.call("collections-add", `${base}/collections`, body, key);
  expect(second.headers["location"]).toBe(first.headers["location"]);
});

test("members come in pages, each with the count", async () => {
  const body = { kind: "rule", name: "Windows", rule: windows };
  const added = await api.call("collections-add", `${base}/collections`, body);
  const ids: string[] = [];
  let path: string | undefined = `${added.headers["location"]}/members?top=60`;
  while (path !== undefined) {
    const page = await api.call("collections-members", path);
    expect(page).toMatchObject({ status: 200, body: { count: 200, countComplete: true } });
    ids.push(...(page.body["value"] as { deviceId: string }[]).map(({ deviceId }) => deviceId));
    path = page.body["nextLink"] as string | undefined;
  }
  expect(new Set(ids).size).toBe(200);
});

test("a preview counts without keeping anything", async () => {
  const path = `${base}/collections/preview`;
  const preview = await api.call("collections-preview", path, { rule: windows });
  expect(preview).toMatchObject({ status: 200, body: { count: 200, countComplete: true } });
  expect(preview.body["sample"]).toHaveLength(20);
});

test.each([
  [
    { kind: "rule", name: "x", rule: { and: [windows, { property: "x" }] } },
    "/rule/and/1/property",
  ],
  [{ kind: "rule", name: "x" }, "/rule"],
  [{ kind: "static", name: "x", deviceIds: [idOf(1), "5"] }, "/deviceIds/1"],
  [{ kind: "static", name: "x", deviceIds: [idOf(1), idOf(4000)] }, "/deviceIds/1"],
  [{ kind: "static", name: "", deviceIds: [] }, "/name"],
  [{ kind: "other", name: "x" }, "/kind"],
  [{ kind: "static", name: "x", deviceIds: [], rule: windows }, "/rule"],
])("the fault of %j is at %s", async (body, pointer) => {
  const refused = await api.call("collections-add", `${base}/collections`, body);
  expect(refused).toMatchObject({
    status: 400,
    body: { code: "invalid-request", errors: [{ pointer }] },
  });
});

test.each([
  ["collections-add", "/collections", { kind: "rule", name: "x", rule: windows }],
  ["collections-list", "/collections", undefined],
  ["collections-get", "/collections/x", undefined],
  ["collections-replace", "/collections/x", { kind: "rule", name: "x", rule: windows }],
  ["collections-remove", "/collections/x", undefined],
  ["collections-members", "/collections/x/members", undefined],
  ["collections-preview", "/collections/preview", { rule: windows }],
])("%s of a tenant that is not here is refused", async (name, path, body) => {
  expect(await api.call(name, `/api/v1/tenants/${randomUUID()}${path}`, body)).toMatchObject({
    status: 404,
    body: { code: "unknown-tenant" },
  });
});
