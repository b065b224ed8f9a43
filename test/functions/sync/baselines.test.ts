// Baselines over HTTP: copied from one tenant, tailored to others, published, and planned there like any other change.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningApp, startApp } from "../support/running-app.ts";

const [a, b, c] = [1, 2, 3].map((n) => `${n}1111111-2222-4333-8444-555555555555`) as [
  string,
  string,
  string,
];
const types = ["group", "conditionalAccessPolicy"];
const emergency = "Break-glass accounts";
const policyKey = "CA002: Strong authentication for administrators";
const names: Readonly<Record<string, string>> = { [b]: "Notfall", [c]: "Urgence" };
let app: RunningApp;

type Body = Readonly<Record<string, unknown>>;
type Answer = { readonly status: number; readonly body: Body; readonly etag: string };
async function ask(method: string, path: string, body?: unknown, etag?: string): Promise<Answer> {
  const headers = etag === undefined ? {} : { "if-match": etag };
  const sent = body === undefined ? { headers } : { body, headers };
  const answer = await app.call(method, `/api/v1${path}`, sent);
  return {
    status: answer.status,
    body: answer.body as Body,
    etag: answer.headers.get("etag") ?? "",
  };
}

async function until<T>(ready: () => Promise<T | undefined>, what: string): Promise<T> {
  for (let tries = 0; tries < 300; tries += 1) {
    const found = await ready();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${what} does not come`);
}

const rests = (tenantId: string, syncId: string): Promise<Body> =>
  until(async () => {
    const { body } = await ask("GET", `/tenants/${tenantId}/syncs/${syncId}`);
    return body["outcome"] !== undefined || body["waitsFor"] !== undefined ? body : undefined;
  }, `the end of ${syncId}`);

const firstSync = async (tenantId: string): Promise<void> => {
  await app.makeFleet(tenantId, 1);
  await ask("POST", "/tenants", { tenantId, displayName: tenantId });
  const name = names[tenantId];
  if (name !== undefined) {
    const groups = `/tenants/${tenantId}/configuration/group`;
    const { body } = await app.sandbox("GET", groups);
    const own = (body as { value: Body[] }).value.find((each) => each["displayName"] === emergency);
    await app.sandbox("PATCH", `${groups}/${String(own?.["id"])}`, { displayName: name });
  }
  const { body } = await ask("POST", `/tenants/${tenantId}/syncs`, {
    // What policies refer to has a name only where it was read; the others read it when they need it.
    types: tenantId === a ? [...types, "authenticationStrength"] : types,
  });
  expect(await rests(tenantId, String(body["syncId"]))).toMatchObject({ outcome: "succeeded" });
};

const writes = async (tenantId: string): Promise<unknown> =>
  ((await app.sandbox("GET", `/configuration-writes?tenantId=${tenantId}`)).body as Body)["total"];

type Tenant = { tenantId: string; on?: number; isBehind: boolean; publication?: Body };
const tenantsOf = async (): Promise<Map<string, Tenant>> => {
  const { body } = await ask("GET", baseline);
  return new Map((body["tenants"] as Tenant[]).map((each) => [each.tenantId, each]));
};
const settled = (tenantId: string, publishId: unknown): Promise<Body> =>
  until(async () => {
    const last = (await tenantsOf()).get(tenantId)?.publication;
    return last?.["publishId"] === publishId && last?.["state"] !== "queued" ? last : undefined;
  }, `the publication to ${tenantId}`);
const syncCount = async (tenantId: string): Promise<number> =>
  ((await ask("GET", `/tenants/${tenantId}/syncs`)).body["value"] as unknown[]).length;
const wantedPolicy = async (tenantId: string): Promise<Body> => {
  const key = encodeURIComponent(policyKey);
  const { body } = await ask(
    "GET",
    `/tenants/${tenantId}/configuration/conditionalAccessPolicy/${key}`,
  );
  return body["desired"] as Body;
};

let baseline: string;
let etag: string;
let draft: Body;

beforeAll(async () => {
  app = await startApp();
  await Promise.all([a, b, c].map(firstSync));
}, 120_000);
afterAll(() => app.stop());

describe("a baseline", () => {
  it("is copied from a tenant, with a group's name as a parameter", async () => {
    const made = await ask("POST", "/baselines", {
      name: "Sign-in",
      message: "as in our own tenant",
      parameters: [{ name: "breakGlassGroup", kind: "group", replaces: emergency }],
      from: { tenantId: a, items: [{ type: "conditionalAccessPolicy", key: policyKey }] },
    });
    expect(made.status, JSON.stringify(made.body)).toBe(201);
    baseline = `/baselines/${String(made.body["baselineId"])}`;
    const { body } = await ask("GET", `${baseline}/versions/1`);
    expect(JSON.stringify(body["items"])).toContain("{{breakGlassGroup}}");
    expect(JSON.stringify(body["items"])).not.toContain(emergency);
    draft = {
      name: "Sign-in",
      message: "next",
      parameters: body["parameters"],
      items: body["items"],
    };
    const listed = (await ask("GET", "/baselines")).body["value"] as Body[];
    expect(listed).toMatchObject([{ name: "Sign-in", newest: { version: 1, items: 1 } }]);
  });

  it.each<[string, Body, string[]]>([
    ["copied from a tenant that is not there", { from: { tenantId: randomUUID() } }, []],
    [
      "copied with an item that the tenant has not",
      { from: { tenantId: a, items: [{ type: "group", key: "Nobody" }] } },
      ["/from/items/0"],
    ],
    ["without items", {}, ["/items"]],
    [
      "with a parameter that it does not have, and one that it does not use",
      {
        parameters: [{ name: "used" }],
        items: [{ type: "roleScopeTag", key: "{{x}}", body: { displayName: "{{x}}" } }],
      },
      ["/items/0/body/displayName", "/parameters/0/name"],
    ],
    [
      "with an item twice",
      {
        items: [1, 2].map(() => ({ type: "roleScopeTag", key: "X", body: { displayName: "X" } })),
      },
      ["/items/1"],
    ],
    [
      "with an item that is not in order, and one of no type",
      {
        items: [
          { type: "roleScopeTag", key: "X", body: { displayName: "X", createdDateTime: "now" } },
          { type: "nothing", key: "X", body: {} },
        ],
      },
      ["/items/1/type"],
    ],
  ])("%s is refused whole, and nothing is made", async (_, body, pointers) => {
    const made = await ask("POST", "/baselines", { name: "Bad", message: "m", ...body });
    expect([400, 404]).toContain(made.status);
    const faults = (made.body["errors"] ?? made.body["faults"] ?? []) as Body[];
    for (const pointer of pointers)
      expect(faults.map((each) => String(each["pointer"]))).toContain(pointer);
    expect((await ask("GET", "/baselines")).body["value"]).toHaveLength(1);
  });

  it("goes to nobody where one of its tenants lacks a value", async () => {
    const values = { breakGlassGroup: names[c] };
    const put = await ask("PUT", `${baseline}/tenants/${c}`, { values });
    expect(put.status, JSON.stringify(put.body)).toBe(200);
    const before = [await syncCount(b), await syncCount(c)];
    const refused = await ask("POST", `${baseline}/publish`, { tenantIds: [c, b] });
    expect(refused.status).toBe(400);
    expect(JSON.stringify(refused.body)).toContain("/tenantIds/1");
    expect(JSON.stringify(refused.body)).toContain("breakGlassGroup");
    expect([await syncCount(b), await syncCount(c)]).toEqual(before);
    expect((await tenantsOf()).get(c)?.publication).toBeUndefined();
    const preview = await ask("GET", `${baseline}/tenants/${b}/preview`);
    expect(preview.body).toMatchObject({
      items: [],
      faults: [{ pointer: "/values/breakGlassGroup" }],
    });
  });

  it("takes no value, override or item that it does not have, and no stale etag", async () => {
    const odd = await ask("PUT", `${baseline}/tenants/${b}`, {
      values: { breakGlasGroup: "x" },
      leaveOut: [{ type: "group", key: "x" }],
    });
    expect(odd.status).toBe(400);
    expect(JSON.stringify(odd.body)).toMatch(/values\/breakGlasGroup.*leaveOut\/0/);
    const own = await ask("GET", `${baseline}/tenants/${b}`);
    const values = { breakGlassGroup: names[b] };
    const override = {
      type: "conditionalAccessPolicy",
      key: policyKey,
      pointer: "/state",
      value: "enabledForReportingButNotEnforced",
    };
    const body = { values, overrides: [override] };
    const put = await ask("PUT", `${baseline}/tenants/${b}`, body, own.etag);
    expect(put.status, JSON.stringify(put.body)).toBe(200);
    expect((await ask("PUT", `${baseline}/tenants/${b}`, body, own.etag)).status).toBe(412);
    const { body: preview } = await ask("GET", `${baseline}/tenants/${b}/preview`);
    const [item] = preview["items"] as [Body];
    expect(JSON.stringify(item["body"])).toContain(names[b] ?? "?");
    expect(item).toMatchObject({
      state: "differs",
      body: { state: "enabledForReportingButNotEnforced" },
    });
  });

  it("becomes each tenant's next plan, which waits for approval, and nothing is written", async () => {
    // The copy is the tenant's own policy: only what is changed in it makes a plan in C.
    const items = JSON.parse(JSON.stringify(draft["items"])) as { body: Record<string, unknown> }[];
    const [item] = items;
    if (item !== undefined) item.body["state"] = "disabled";
    const { etag: read } = await ask("GET", baseline);
    const replaced = await ask("PUT", baseline, { ...draft, items }, read);
    expect(replaced.body).toMatchObject({ newest: { version: 2 } });
    ({ etag } = replaced);
    expect((await ask("PUT", baseline, { ...draft, items }, read)).status).toBe(412);
    const nobody = randomUUID();
    const answer = await ask("POST", `${baseline}/publish`, { tenantIds: [b, c, nobody] });
    expect(answer.status, JSON.stringify(answer.body)).toBe(202);
    expect(answer.body["value"]).toMatchObject([
      { tenantId: b, state: "queued" },
      { tenantId: c, state: "queued" },
      { tenantId: nobody, code: "unknown-tenant" },
    ]);
    for (const tenantId of [b, c]) {
      const { syncId, state } = await settled(tenantId, answer.body["publishId"]);
      expect(state).toBe("published");
      const sync = await rests(tenantId, String(syncId));
      expect(sync, JSON.stringify(sync)).toMatchObject({
        waitsFor: "approval",
        trigger: "baseline",
      });
      const { body: plan } = await ask("GET", `/tenants/${tenantId}/syncs/${String(syncId)}/plan`);
      expect(plan["changes"]).toMatchObject([{ key: policyKey, action: "update" }]);
      expect(await writes(tenantId)).toBe(0);
      const wanted = await wantedPolicy(tenantId);
      expect(JSON.stringify(wanted)).toContain(names[tenantId] ?? "?");
    }
    expect(await wantedPolicy(b)).toMatchObject({ state: "enabledForReportingButNotEnforced" });
    expect(await wantedPolicy(c)).toMatchObject({ state: "disabled" });
    const tenants = await tenantsOf();
    expect([b, c].map((id) => tenants.get(id))).toMatchObject([
      { on: 2, isBehind: false },
      { on: 2, isBehind: false },
    ]);
  }, 60_000);

  it("makes no sync where it is published again, and keeps a tenant's override in its next version", async () => {
    const before = [await syncCount(b), await syncCount(c)];
    const again = await ask("POST", `${baseline}/publish`, {});
    for (const tenantId of [b, c])
      expect(await settled(tenantId, again.body["publishId"])).toMatchObject({
        state: "unchanged",
      });
    expect([await syncCount(b), await syncCount(c)]).toEqual(before);

    const items = JSON.parse(JSON.stringify(draft["items"])) as { body: Record<string, unknown> }[];
    const [item] = items;
    if (item !== undefined) item.body["state"] = "enabled";
    await ask("PUT", baseline, { ...draft, items }, etag);
    expect((await tenantsOf()).get(b)).toMatchObject({ on: 2, isBehind: true });
    const next = await ask("POST", `${baseline}/publish`, {});
    await Promise.all([b, c].map((tenantId) => settled(tenantId, next.body["publishId"])));
    expect(await wantedPolicy(b)).toMatchObject({ state: "enabledForReportingButNotEnforced" });
    expect(await wantedPolicy(c)).toMatchObject({ state: "enabled" });
  }, 60_000);

  it("is in the trail of each tenant, and leaves what it made wanted when it is removed", async () => {
    const { body } = await ask("GET", `/tenants/${c}/audit?operation=baselines-publish`);
    expect(body["value"]).toMatchObject([{ after: { version: 3 } }, { after: { version: 2 } }]);
    expect((await ask("DELETE", `${baseline}/tenants/${c}`)).status).toBe(204);
    expect((await tenantsOf()).has(c)).toBe(false);
    expect((await ask("DELETE", baseline)).status).toBe(204);
    expect((await ask("GET", baseline)).status).toBe(404);
    expect((await ask("GET", `${baseline}/versions/1`)).status).toBe(404);
    expect(await wantedPolicy(c)).toMatchObject({ state: "enabled" });
  });
});
