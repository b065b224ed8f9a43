/** What holds between the asking for a second person and the release, asked over the whole way of a request. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { closeWaiting } from "../../../shared/fanout/engine/change-rows.ts";
import { notificationShape } from "../../../shared/notifications/kind.ts";
import { appOnly, home, sign } from "../../shared/access/entra.ts";
import { idOf } from "../../shared/devices/support/refresh-rig.ts";
import { type Answered, adminToken, type Door, openDoor, timesNow } from "./door.ts";

const everything = { kind: "everything" } as const;
const devices = 24;
let door: Door;
let tenantId = "";
let approver = "";
beforeAll(async () => {
  door = await openDoor();
  ({ token: approver } = await door.holder("infrastructureAdministrator", everything));
});
beforeEach(async () => {
  tenantId = await door.fleet(devices);
  await rules({ moreThan: 4 });
});
afterAll(() => door.stop());

/** The only rule there is. */
async function rules(rule: object): Promise<void> {
  const whole = { kind: "notification", actions: "all", tenantIds: [tenantId], ...rule };
  const sent = { token: adminToken, body: { rules: [whole] } };
  expect((await door.call("approval-rules-replace", sent)).status).toBe(200);
}

const from = (first: number, end: number): string[] =>
  Array.from({ length: end - first }, (_, at) => idOf(first + at));

async function collection(body: object): Promise<string> {
  const sent = { token: adminToken, params: { tenantId }, body };
  const added = await door.call("collections-add", sent);
  expect(added.status).toBe(201);
  return String(added.body["collectionId"]);
}

const staticOf = (deviceIds: readonly string[]) => ({ kind: "static", name: "Some", deviceIds });

const replace = (collectionId: string, body: object): Promise<Answered> =>
  door.call("collections-replace", {
    token: adminToken,
    params: { tenantId, collectionId },
    body,
  });

const call = (name: string, token: string, ids: object = {}, body?: object): Promise<Answered> =>
  door.call(name, {
    token,
    params: { tenantId, ...ids },
    ...(body === undefined ? {} : { body }),
  });

const send = (token: string, target: object): Promise<Answered> =>
  call("notifications-send", token, {}, { action: "restart", target });

/** Sends what is held, and answers its id. */
async function held(token: string, target: object): Promise<string> {
  const { body } = await send(token, target);
  expect(body).toMatchObject({ state: "pendingApproval" });
  return String(body["notificationId"]);
}

async function approve(approvalId: string, token = approver): Promise<Answered> {
  const { body } = await call("approvals-get", token, { approvalId });
  return call("approvals-approve", token, { approvalId }, { digest: body["digest"] });
}

const read = async (notificationId: string) =>
  (await call("notifications-get", adminToken, { notificationId })).body;

const receivers = async (notificationId: string): Promise<string[]> => {
  const { body } = await call("notifications-deliveries", adminToken, { notificationId });
  return (body["value"] as { deviceId: string }[]).map(({ deviceId }) => deviceId);
};

const lostRights = { state: "rejected", failure: { code: "requester-lost-rights" } };

describe("a requester whose scope is narrowed between asking and release", () => {
  test("from everything to a collection has nothing sent, also not to what is left", async () => {
    const { token, oid, assignmentId } = await door.holder(
      "infrastructureAdministrator",
      everything,
    );
    const id = await held(token, { kind: "tenant" });
    const collectionId = await collection(staticOf(from(0, 5)));
    const params = { assignmentId };
    const removed = await door.call("assignments-remove", { token: adminToken, params });
    expect(removed.status).toBe(204);
    const principal = { kind: "user", homeTenantId: home, id: oid };
    const scope = { kind: "collections", collections: [{ tenantId, collectionId }] };
    const given = { principal, roleId: "infrastructureAdministrator", scope };
    const added = await door.call("assignments-add", { token: adminToken, body: given });
    expect(added.status).toBe(201);
    expect((await approve(id)).status).toBe(200);
    expect(await read(id)).toMatchObject(lostRights);
    await door.plan();
    expect(await receivers(id)).toEqual([]);
  });

  test.each([
    ["loses one of its members", () => staticOf(from(0, 5)), "rejected"],
    ["gains members", () => staticOf(from(0, 9)), "planning"],
  ])("and whose collection %s is judged by every device: %s", async (_name, after, state) => {
    const collectionId = await collection(staticOf(from(0, 6)));
    const scope = { kind: "collections", collections: [{ tenantId, collectionId }] } as const;
    const { token } = await door.holder("infrastructureAdministrator", scope);
    const id = await held(token, { kind: "tenant" });
    expect((await replace(collectionId, after())).status).toBe(200);
    expect((await approve(id)).status).toBe(200);
    expect(await read(id)).toMatchObject(state === "rejected" ? lostRights : { state });
    await door.plan();
    expect(await receivers(id)).toEqual(state === "rejected" ? [] : from(0, 6).toSorted());
  });
});

test("a rule that finds more devices at the release sends to those that were approved", async () => {
  const windows = {
    kind: "rule",
    name: "Windows",
    rule: { property: "operatingSystem", operator: "equals", value: "Windows" },
  };
  const collectionId = await collection(windows);
  const { token } = await door.holder("infrastructureAdministrator", everything);
  const id = await held(token, { kind: "collection", collectionId });
  const { body } = await call("approvals-get", approver, { approvalId: id });
  expect(body).toMatchObject({ subject: { count: 16 } });
  await door.grow(tenantId, 2 * devices);
  expect((await approve(id)).status).toBe(200);
  await door.plan();
  expect(await read(id)).toMatchObject({ counts: { total: 16 } });
  for (const deviceId of await receivers(id)) expect(from(0, devices)).toContain(deviceId);
});

test("retries count together with what was sent before, and are held beyond the rule", async () => {
  const { token } = await door.holder("infrastructureAdministrator", everything);
  const first = await send(token, { kind: "devices", deviceIds: from(0, 3) });
  expect(first.body["state"]).toBe("planning");
  const notificationId = String(first.body["notificationId"]);
  await door.plan();
  await call("notifications-cancel", adminToken, { notificationId });
  await closeWaiting(door.services.engine, {
    kind: notificationShape.id,
    tenantId,
    jobId: notificationId,
  });
  const retry = (as: string) =>
    call("notifications-retry", as, { notificationId }, { only: ["cancelled", "notSupported"] });
  expect((await retry(token)).body).toMatchObject({ state: "pendingApproval" });
  // Somebody else has not sent anything yet, and once is all that they may.
  const { token: other } = await door.holder("infrastructureAdministrator", everything);
  expect((await retry(other)).body).toMatchObject({ state: "planning" });
  expect((await retry(other)).body).toMatchObject({ state: "pendingApproval" });
});

/** An app with every right. */
async function app(): Promise<string> {
  const oid = randomUUID();
  const claims = { ...appOnly(door.directory.issuer), ...timesNow(), oid, sub: oid };
  const token = await sign({ ...claims, azp: randomUUID() }, door.key, "one");
  const principal = { kind: "app", homeTenantId: home, id: oid };
  const given = { principal, roleId: "infrastructureAdministrator", scope: everything };
  const added = await door.call("assignments-add", { token: adminToken, body: given });
  expect(added.status).toBe(201);
  return token;
}

describe("an app as the second person", () => {
  test("is refused, unless the rule names apps", async () => {
    const { token } = await door.holder("infrastructureAdministrator", everything);
    const robot = await app();
    const id = await held(token, { kind: "tenant" });
    expect(await approve(id, robot)).toMatchObject({ status: 403, body: { code: "forbidden" } });
    expect(await read(id)).toMatchObject({ state: "pendingApproval" });
    await rules({ moreThan: 4, approvers: ["user", "app"] });
    // What was asked for under the old rule stays under it.
    expect((await approve(id, robot)).status).toBe(403);
    const named = await held(token, { kind: "tenant" });
    expect((await approve(named, robot)).status).toBe(200);
    expect(await read(named)).toMatchObject({ state: "planning" });
  });

  test("cannot approve what it asked for itself, though the rule names apps", async () => {
    await rules({ moreThan: 4, approvers: ["app"] });
    const robot = await app();
    const id = await held(robot, { kind: "tenant" });
    expect((await approve(id, robot)).status).toBe(403);
    expect((await approve(id, await app())).status).toBe(200);
  });
});
