/** Tasks for many tenants: a linked job in each, and one summary that adds up. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runDueTasksFunction } from "../../../functions/schedules/tasks-due.queue.ts";
import type { Scope } from "../../../shared/access/roles/decide.ts";
import { adminToken, type Door, openDoor } from "../access/door.ts";

let door: Door;
let own: string;
let other: string;
let third: string;
beforeAll(async () => {
  door = await openDoor();
  [own, other, third] = [await door.fleet(2), await door.fleet(3), await door.fleet(1)];
});
afterAll(() => door.stop());

const inTenants = (...tenantIds: string[]): Scope => ({ kind: "tenants", tenantIds });
const scan = { action: "endpointProtectionQuickScan", target: { kind: "tenant" } };
const body = (tenants: unknown, more: object = {}) => ({
  kind: "notification",
  displayName: "Scan everywhere",
  notification: scan,
  tenants,
  schedule: { kind: "now" },
  ...more,
});
const call = (name: string, token: string, ids: object = {}, more: object = {}) =>
  door.call(name, { token, params: { tenantId: own, ...ids }, ...more });

/** Runs a task now; answers what it came to for somebody. */
async function run(taskId: string, token = adminToken) {
  const { body: task } = await call("tasks-get", adminToken, { taskId });
  const { lookedAtNext } = task["next"] as { lookedAtNext: string };
  const places = [{ tenantId: own, taskId, dueAt: Date.parse(lookedAtNext) }];
  const tools = { services: door.services, log: () => undefined };
  for (let again = 0; again < 2; again += 1)
    await runDueTasksFunction.handle({ places } as never, tools);
  const { body: runs } = await call("tasks-runs", adminToken, { taskId });
  const [newest] = runs["value"] as { runId: string; outcome: string }[];
  const { runId = "" } = newest ?? {};
  const { body: summary } = await call("tasks-run-tenants", token, { taskId, runId });
  return { outcome: newest?.outcome, ...summary } as Record<string, unknown>;
}

it("begins a linked notification in each tenant that it names, once, and adds up", async () => {
  const window = {
    displayName: "Never now",
    minutes: 1,
    opens: { kind: "recurring", rule: "FREQ=YEARLY", start: "2026-01-01T00:00", timeZone: "UTC" },
  };
  const params = { tenantId: third };
  await door.call("windows-replace", { token: adminToken, params, body: { windows: [window] } });
  const made = await call("tasks-add", adminToken, {}, { body: body([own, other, third]) });
  const summary = await run(String(made.body["taskId"]));
  expect(summary).toMatchObject({
    outcome: "started",
    counts: { total: 3, started: 2, missed: 1, failed: 0 },
  });
  const value = summary["value"] as { tenantId: string; runId: string; code?: string }[];
  expect(value.find(({ tenantId }) => tenantId === third)?.code).toBe("outside-windows");
  for (const tenantId of [own, other]) {
    const notificationId = value.find((each) => each.tenantId === tenantId)?.runId ?? "";
    const sent = await door.call("notifications-get", {
      token: adminToken,
      params: { tenantId, notificationId },
    });
    expect(sent.body).toMatchObject({ action: scan.action });
  }
  await door.call("windows-replace", { token: adminToken, params, body: { windows: [] } });
});

it("begins a linked run of a template in each, of the devices that its rules find there", async () => {
  const actions = [{ id: "one", name: "Wait", type: "wait", parameters: { duration: "PT1M" } }];
  const sections = [{ id: "systemConfiguration", actions }];
  const template = { name: "Everywhere", visibility: "public", sections };
  const added = await door.call("templates-add", { token: adminToken, body: template });
  const rules = [{ property: "operatingSystem", operator: "notEquals", value: "macOS" }];
  const provisioning = { templateId: added.body["templateId"], version: 1, targets: { rules } };
  const everywhere = { kind: "provisioning", displayName: "Run", provisioning };
  const made = await call(
    "tasks-add",
    adminToken,
    {},
    { body: { ...everywhere, tenants: [own, other], schedule: { kind: "now" } } },
  );
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  const { taskId } = made.body;
  const summary = await run(String(taskId));
  expect(summary).toMatchObject({ outcome: "started", counts: { total: 2, started: 2 } });
  for (const { tenantId, runId } of summary["value"] as { tenantId: string; runId: string }[]) {
    const params = { tenantId, runId };
    const { body: begun } = await door.call("provisioning-runs-get", { token: adminToken, params });
    const total = tenantId === own ? 2 : 3;
    expect(begun).toMatchObject({ taskId, total, cause: "schedule" });
  }
});

it("follows the scope of its owner from run to run, and shows each viewer what is theirs", async () => {
  const ana = await door.holder("operationsAdministrator", inTenants(own));
  const made = await call(
    "tasks-add",
    ana.token,
    {},
    { body: body("all", { public: true, overlap: "allow" }) },
  );
  const taskId = String(made.body["taskId"]);
  expect(await run(taskId)).toMatchObject({ counts: { total: 1, started: 1 } });
  const { assignmentId } = ana;
  const { body: assignment } = await door.call("assignments-get", {
    token: adminToken,
    params: { assignmentId },
  });
  await door.call("assignments-replace", {
    token: adminToken,
    params: { assignmentId },
    body: {
      principal: assignment["principal"],
      roleId: "operationsAdministrator",
      scope: inTenants(own, other),
    },
  });
  await call("tasks-schedule", ana.token, { taskId }, { body: { schedule: { kind: "now" } } });
  const viewer = await door.holder("readOnlyAnalyst", inTenants(own));
  expect(await run(taskId, viewer.token)).toMatchObject({
    counts: { total: 1, started: 1, missed: 0, failed: 0 },
    hidden: 1,
    value: [{ tenantId: own }],
  });
});

it("is refused for a tenant that is not there for whoever makes it, and for devices of one tenant", async () => {
  const ana = await door.holder("operationsAdministrator", inTenants(own));
  for (const tenants of [
    [own, other],
    [own, randomUUID()],
  ]) {
    const refused = await call("tasks-add", ana.token, {}, { body: body(tenants) });
    expect([refused.status, refused.body["code"]]).toEqual([404, "unknown-tenant"]);
  }
  const target = { kind: "collection", collectionId: "c1" };
  const refused = await call(
    "tasks-add",
    adminToken,
    {},
    {
      body: body("all", { notification: { ...scan, target } }),
    },
  );
  expect(JSON.stringify(refused.body["errors"])).toContain('"/notification/target"');
  const provisioning = {
    templateId: "t".repeat(22),
    version: 1,
    targets: { deviceIds: [randomUUID()], rules: [] },
  };
  const everywhere = { kind: "provisioning", displayName: "Run", tenants: "all", provisioning };
  const devices = await call("tasks-add", adminToken, {}, { body: everywhere });
  expect(devices.body["errors"]).toMatchObject([{ pointer: "/provisioning/targets/deviceIds" }]);
});
