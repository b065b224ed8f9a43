/** Who reaches what in runs: devices out of reach, other tenants, a second person, and owners who have lost a right. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { runDueTasksFunction } from "../../../functions/schedules/tasks-due.queue.ts";
import { home } from "../../shared/access/entra.ts";
import { idOf } from "../../shared/devices/support/refresh-rig.ts";
import { type Answered, adminToken, type Door, openDoor } from "../access/door.ts";
import { action, everything, pause } from "./support/run-calls.ts";

const windows = 4;
let door: Door;
let tenantId = "";
beforeAll(async () => {
  door = await openDoor();
});
beforeEach(async () => {
  tenantId = await door.fleet(6);
});
afterAll(() => door.stop());

const ask = (name: string, token: string, params: object, body?: object): Promise<Answered> =>
  door.call(name, { token, params: { ...params }, ...(body === undefined ? {} : { body }) });
const call = (name: string, token: string, ids: object = {}, body?: object): Promise<Answered> =>
  ask(name, token, { tenantId, ...ids }, body);
const idFrom = ({ status, body }: Answered, name: string): string => {
  expect([201, 202], JSON.stringify(body)).toContain(status);
  return String(body[name]);
};
const inTenant = () => ({ kind: "tenants" as const, tenantIds: [tenantId] });

async function template(...types: string[]): Promise<string> {
  const actions = [pause("one"), ...types.map((type) => action(type, type))];
  const sections = [{ id: "systemConfiguration", actions }];
  const body = { name: "T", visibility: "public", sections };
  return idFrom(await ask("templates-add", adminToken, {}, body), "templateId");
}
const start = (token: string, templateId: string, targets: object = everything) =>
  call("provisioning-runs-start", token, {}, { templateId, targets });
const read = async (runId: string) =>
  (await call("provisioning-runs-get", adminToken, { runId })).body;

/** Somebody who may begin runs in the tenant, and scan the devices of a collection of two. */
async function scanner(): Promise<string> {
  const collection = { kind: "static", name: "Mine", deviceIds: [idOf(1), idOf(2)] };
  const added = await call("collections-add", adminToken, {}, collection);
  const collectionId = idFrom(added, "collectionId");
  const { token, oid } = await door.holder("osDeploymentManager", inTenant());
  const scope = { kind: "collections", collections: [{ tenantId, collectionId }] };
  const principal = { kind: "user", homeTenantId: home, id: oid };
  const role = { principal, roleId: "endpointProtectionManager", scope };
  idFrom(await ask("assignments-add", adminToken, {}, role), "assignmentId");
  return token;
}

test("a run leaves out devices that whoever asked does not reach with its actions, and counts them", async () => {
  const token = await scanner();
  const scan = await template("endpointProtectionQuickScan");
  expect((await start(adminToken, scan)).body).toMatchObject({ total: windows, hidden: 0 });
  const mine = await start(token, scan);
  // As many, whatever a rule looks for: else it would tell what the others are called.
  expect(mine.body).toMatchObject({ total: 2, hidden: 6 - 2 });
  const nobody = { rules: [{ property: "deviceName", operator: "equals", value: "NOBODY" }] };
  expect((await start(token, scan, nobody)).body).toMatchObject({ total: 0, hidden: 6 - 2 });
  await door.plan();
  const runId = idFrom(mine, "runId");
  const devices = await call("provisioning-runs-devices", token, { runId });
  expect(devices.body["value"]).toMatchObject(
    [idOf(1), idOf(2)].toSorted().map((deviceId) => ({ deviceId })),
  );
  // Named one by one they are not there; and what takes no right over devices hides none.
  const named = await start(token, scan, { deviceIds: [idOf(1), idOf(4)] });
  expect(named).toMatchObject({
    status: 404,
    body: { code: "unknown-device", errors: [{ pointer: "/targets/deviceIds/1" }] },
  });
  expect((await start(token, await template())).body).toMatchObject({ total: windows, hidden: 0 });
  expect((await start(token, await template("restart"))).status).toBe(403);
});

test("a run with a guarded action waits for the second person whom a rule asks for, and goes on then", async () => {
  const rule = { kind: "provisioning", actions: ["restart"], tenantIds: [tenantId], moreThan: 0 };
  const ruled = await ask("approval-rules-replace", adminToken, {}, { rules: [rule] });
  expect(ruled.status, JSON.stringify(ruled.body)).toBe(200);
  const ana = await door.holder("infrastructureAdministrator", inTenant());
  const ben = await door.holder("infrastructureAdministrator", inTenant());
  const held = await start(ana.token, await template("restart"));
  expect(held.body).toMatchObject({ state: "pendingApproval", total: windows });
  const runId = idFrom(held, "runId");
  await door.plan();
  expect(await read(runId)).toMatchObject({ buckets: { pending: windows }, final: false });
  const approval = { approvalId: runId };
  const asked = await call("approvals-get", ben.token, approval);
  expect(asked.body).toMatchObject({ subject: { kind: "provisioning", count: windows } });
  const digest = { digest: asked.body["digest"] };
  const own = await call("approvals-approve", ana.token, approval, digest);
  expect([own.status, (await read(runId))["state"]]).toEqual([403, "pendingApproval"]);
  const agreed = await call("approvals-approve", ben.token, approval, digest);
  expect(agreed.status, JSON.stringify(agreed.body)).toBe(200);
  expect(await read(runId)).toMatchObject({ state: "planning" });
  // What may be done twice without harm waits for nobody.
  expect(
    (await start(ana.token, await template("checkConditionalAccessCompliance"))).body,
  ).toMatchObject({
    state: "planning",
  });
});

test("a run of another tenant is unknown, whatever is asked of it", async () => {
  const runId = idFrom(await start(adminToken, await template()), "runId");
  await door.plan();
  const before = await read(runId);
  const other = await door.tenant();
  for (const [name, more, body] of [
    ["provisioning-runs-get"],
    ["provisioning-runs-devices"],
    ["provisioning-runs-device", { deviceId: idOf(0) }],
    ["provisioning-runs-history"],
    ["provisioning-runs-pause"],
    ["provisioning-runs-resume"],
    ["provisioning-runs-cancel"],
    ["provisioning-runs-restart", {}, { mode: "whole" }],
  ] as const) {
    const ids = { tenantId: other, runId, ...more };
    const { status, body: said } = await call(name, adminToken, ids, body);
    expect([name, status, said["code"]]).toEqual([name, 404, "unknown-run"]);
  }
  const runs = await call("provisioning-runs-list", adminToken, { tenantId: other });
  expect(runs.body["value"]).toEqual([]);
  expect(await read(runId), "nothing has come of it").toEqual(before);
});

test("a task begins nothing for an owner who has lost the right to, and says so", async () => {
  const ana = await door.holder("operationsAdministrator", inTenant());
  const body = {
    kind: "provisioning",
    displayName: "Laptops",
    provisioning: { templateId: await template(), version: 1, targets: everything },
    schedule: { kind: "now" },
  };
  const made = await call("tasks-add", ana.token, {}, body);
  const taskId = idFrom(made, "taskId");
  const { assignmentId } = ana;
  expect((await ask("assignments-remove", adminToken, { assignmentId })).status).toBe(204);
  const { lookedAtNext } = made.body["next"] as { lookedAtNext: string };
  const places = [{ tenantId, taskId, dueAt: Date.parse(lookedAtNext) }];
  await door.deliver(runDueTasksFunction, { places });
  const runs = await call("tasks-runs", adminToken, { taskId });
  expect(runs.body["value"]).toMatchObject([{ outcome: "failed", code: "forbidden" }]);
  const begun = await call("provisioning-runs-list", adminToken);
  expect(begun.body["value"]).toEqual([]);
});
