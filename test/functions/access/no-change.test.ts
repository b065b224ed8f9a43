/** What the trail says where nothing changed: of questions, of the same request again, and of failures. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { appOnly, client, home, robot, sign } from "../../shared/access/entra.ts";
import { adminToken, type Door, openDoor, timesNow } from "./door.ts";

let door: Door;
let tenantId = "";
beforeAll(async () => {
  door = await openDoor();
  tenantId = await door.fleet(2);
});
afterAll(() => door.stop());

const call = (name: string, more: object) =>
  door.call(name, { token: adminToken, params: { tenantId }, ...more });
const rule = { property: "operatingSystem", operator: "equals", value: "Windows" };
const scan = { action: "endpointProtectionQuickScan", target: { kind: "tenant" } };

test("asking what would happen, and what a rule finds, is no event", async () => {
  const before = door.events.length;
  const dry = await call("notifications-send", { query: "?dryRun=true", body: scan });
  const preview = await call("collections-preview", { body: { rule } });
  expect([dry.status, preview.status]).toEqual([200, 200]);
  expect(door.events).toHaveLength(before);
});

test("the same request again is an event of its own kind: it changed nothing", async () => {
  const headers = { "idempotency-key": randomUUID() };
  const before = door.events.length;
  await call("notifications-send", { body: scan, headers });
  await call("notifications-send", { body: scan, headers });
  const [first, again] = door.events.slice(before);
  expect(first).toMatchObject({
    outcome: "allowed",
    object: expect.stringMatching(/^notification\//),
  });
  expect(first).not.toHaveProperty("step");
  expect(again).toMatchObject({ outcome: "allowed", step: "replayed" });
});

test("a change that failed is an event with what was wanted, and the reason", async () => {
  const body = { displayName: "Fabrikam" };
  const headers = { "if-match": "garbage" };
  expect((await call("tenants-change", { body, headers })).status).toBe(412);
  expect(door.events.at(-1)).toMatchObject({
    outcome: "failed",
    step: "precondition-failed",
    after: body,
  });
  expect(door.events.at(-1)).not.toHaveProperty("before");
});

test("what an app did is found by its object id and by its client id", async () => {
  const principal = { kind: "app", homeTenantId: home, id: client };
  const scope = { kind: "everything" };
  const body = { principal, roleId: "infrastructureAdministrator", scope };
  await door.call("assignments-add", { token: adminToken, body });
  const claims = { ...appOnly(door.directory.issuer), ...timesNow() };
  const token = await sign(claims, door.key, "one");
  await call("tenants-change", { token, body: { displayName: "Fabrikam" } });
  for (const actor of [robot, client]) {
    const { body: page } = await call("audit-list-tenant", { query: `?actor=${actor}` });
    expect(page["value"]).toMatchObject([
      { operation: "tenants-change", actor: { kind: "app", id: robot, appId: client } },
    ]);
  }
});

test("what a query asks is not in the trail, only that two were the same", async () => {
  const query = "OS | where Caption contains 'Project Nightfall'";
  const body = { action: "startCMPivot", parameters: { query }, target: { kind: "tenant" } };
  const sent = await call("notifications-send", { body });
  expect(sent.status).toBe(202);
  const { body: page } = await call("audit-list-tenant", { query: "?top=1" });
  const [event] = page["value"] as { after: { parameters: { query: string } } }[];
  expect(event?.after.parameters.query).toMatch(/^\[\d+ characters, sha256 [0-9a-f]{16}\]$/);
  expect(JSON.stringify(page)).not.toContain("Nightfall");
});
