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
