/** What callers are told that they may do is what they are then allowed. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { adminToken, type Door, openDoor } from "./door.ts";

let door: Door;
let tenantId = "";
beforeAll(async () => {
  door = await openDoor();
  tenantId = await door.fleet(3);
});
afterAll(() => door.stop());

type May = Readonly<Record<"operations" | "limitedOperations" | "actions", readonly string[]>>;
async function mayOf(token: string, query = `?tenantId=${tenantId}`): Promise<May> {
  const { body } = await door.call("me-get", { token, query });
  return body["may"] as May;
}

test("who has a role in a tenant may there what the role has, and what needs none", async () => {
  const scope = { kind: "tenants", tenantIds: [tenantId] } as const;
  const { token } = await door.holder("endpointProtectionManager", scope);
  const may = await mayOf(token);
  expect(may.actions).toEqual([
    "endpointProtectionFullScan",
    "endpointProtectionQuickScan",
    "endpointProtectionDownloadDefinition",
  ]);
  expect(may.operations).toEqual(
    expect.arrayContaining(["me-get", "notifications-send", "devices-get", "tenants-list"]),
  );
  for (const refused of ["tenants-add", "tenants-change", "syncs-start", "roles-add"])
    expect(may.operations).not.toContain(refused);
  expect(may.limitedOperations).toEqual([]);
  const elsewhere = await mayOf(token, "");
  expect(elsewhere.operations).not.toContain("notifications-send");
  expect(elsewhere.actions).toEqual([]);
});

test("who has a role for a collection may it for some devices; who administers all may everything", async () => {
  const { body } = await door.call("collections-add", {
    token: adminToken,
    params: { tenantId },
    body: { kind: "static", name: "Some", deviceIds: [] },
  });
  const collections = [{ tenantId, collectionId: String(body["collectionId"]) }];
  const limited = await door.holder("infrastructureAdministrator", {
    kind: "collections",
    collections,
  });
  const may = await mayOf(limited.token);
  expect(may.limitedOperations).toEqual(
    expect.arrayContaining(["notifications-send", "devices-list"]),
  );
  expect(may.operations).not.toContain("devices-list");
  expect((await mayOf(adminToken)).operations).toEqual(
    expect.arrayContaining(["tenants-add", "notifications-send", "access-explain"]),
  );
});

test("tenants are listed with their devices where it is asked for, to who may see all of them", async () => {
  const list = async (token: string, query: string) =>
    (await door.call("tenants-list", { token, query })).body["value"] as readonly {
      readonly tenantId: string;
      readonly devices?: object;
    }[];
  const mine = async (token: string, query = "?top=1000&devices=true") =>
    (await list(token, query)).find((each) => each.tenantId === tenantId);
  const whole = { count: 3, refreshedAt: expect.stringMatching(/^20.*Z$/) };
  expect((await mine(adminToken))?.devices).toEqual(whole);
  expect(await mine(adminToken, "?top=1000")).not.toHaveProperty("devices");
  const fresh = await door.tenant();
  const { token } = await door.holder("readOnlyAnalyst", { kind: "tenants", tenantIds: [fresh] });
  expect(await list(token, "?devices=true")).toMatchObject([{ devices: { count: 0 } }]);
  const { body } = await door.call("collections-list", { token: adminToken, params: { tenantId } });
  const [some] = body["value"] as readonly { readonly collectionId: string }[];
  const limited = await door.holder("readOnlyAnalyst", {
    kind: "collections",
    collections: [{ tenantId, collectionId: some?.collectionId ?? "" }],
  });
  expect(await mine(limited.token)).not.toHaveProperty("devices");
});

type Explained = {
  readonly allowed: boolean;
  readonly besides?: string;
  readonly takes: readonly string[];
  readonly work?: string;
  readonly asked: readonly { readonly permission: string; readonly allowed: boolean }[];
};
async function explained(token: string, about: Readonly<Record<string, string>>) {
  const query = `?${new URLSearchParams({ tenantId, ...about }).toString()}`;
  return door.call("access-explain", { token, query });
}

const notify = (action: string) => ({ kind: "notification", notification: { action } });

test("what an operation begins is asked besides: named it is weighed as its handler does, and otherwise told", async () => {
  const permissions = ["tasks.manage", "devices.enforceSecurity", "sync.run"];
  const role = { name: "Scans every night", permissions };
  const { body } = await door.call("roles-add", { token: adminToken, body: role });
  const scope = { kind: "tenants", tenantIds: [tenantId] } as const;
  const { token } = await door.holder(String(body["roleId"]), scope);
  const told = async (about: Readonly<Record<string, string>>) =>
    (await explained(token, { operation: "tasks-add", ...about })).body as Explained;
  const add = async (what: object) =>
    (
      await door.call("tasks-add", {
        token,
        params: { tenantId },
        body: { displayName: "Nightly", ...what },
      })
    ).status;

  const open = await told({});
  expect(open).toMatchObject({ allowed: true, takes: ["tenantId", "work", "action"] });
  expect(open.besides).toMatch(/^What the task begins, in each of its tenants: /);
  const scan = await told({ action: "endpointProtectionQuickScan" });
  expect(scan).toMatchObject({ allowed: true, work: "notification" });
  expect(scan).not.toHaveProperty("besides");
  expect(await add(notify("endpointProtectionQuickScan"))).toBe(201);
  expect(await told({ action: "restart" })).toMatchObject({
    allowed: false,
    step: "permission",
    asked: [
      { permission: "tasks.manage", allowed: true },
      { permission: "devices.notifyResource", allowed: false },
    ],
  });
  expect(await add(notify("restart"))).toBe(403);
  expect(await told({ work: "sync" })).toMatchObject({
    allowed: true,
    takes: ["tenantId", "work", "action"],
  });
  expect(await add({ kind: "sync", sync: { mode: "plan" } })).toBe(201);
  expect(await told({ work: "provisioning" })).toMatchObject({ allowed: false });
  expect(await add({ kind: "provisioning", provisioning: { templateId: "t", version: 1 } })).toBe(
    403,
  );
});

test("a run is asked for by the types of its template's actions, and what nobody knows is refused", async () => {
  const { token } = await door.holder("osDeploymentManager", {
    kind: "tenants",
    tenantIds: [tenantId],
  });
  const ask = async (about: Readonly<Record<string, string>>) => {
    const { status, body } = await explained(token, about);
    return { status, ...body };
  };
  const begin = { operation: "provisioning-runs-start" };
  expect(await ask(begin)).toMatchObject({
    allowed: true,
    work: "provisioning",
    takes: ["tenantId", "action"],
    besides: "What the actions of the template take, for the devices that it is for.",
  });
  for (const [action, allowed] of [
    ["wait", true],
    ["runScript", false],
  ] as const) {
    const answer = await ask({ ...begin, action });
    expect(answer).toMatchObject({ allowed, work: "provisioning" });
    expect(answer).not.toHaveProperty("besides");
  }
  expect(await ask({ ...begin, action: "toString" })).toMatchObject({
    status: 400,
    errors: [{ pointer: "/query/action", detail: "no such action" }],
  });
  expect(await ask({ operation: "devices-list", work: "sync" })).toMatchObject({
    status: 400,
    errors: [{ pointer: "/query/work" }],
  });
  expect(await ask({ operation: "devices-list" })).not.toHaveProperty("besides");
  expect(await ask({ operation: "roles-add" })).toMatchObject({
    takes: [],
    besides: expect.stringMatching(/^Nobody gives what they lack/),
  });
});
