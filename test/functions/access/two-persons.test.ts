/** Notifications that take a second person, over HTTP: held, approved, rejected, expired, and bound to what was asked. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sweepGate } from "../../../shared/fanout/care/approval-gate.ts";
import { idOf } from "../../shared/devices/support/refresh-rig.ts";
import { adminToken, type Door, openDoor } from "./door.ts";

const everything = { kind: "everything" } as const;
let door: Door;
let tenantId = "";
type Holder = Awaited<ReturnType<Door["holder"]>>;
let [ana, bo]: Holder[] = [];
beforeAll(async () => {
  door = await openDoor();
  tenantId = await door.fleet(4);
  ana = await door.holder("infrastructureAdministrator", everything);
  bo = await door.holder("infrastructureAdministrator", everything);
  const rule = { kind: "notification", actions: ["restart"], tenantIds: [tenantId], moreThan: 2 };
  const rules = { rules: [rule] };
  await door.call("approval-rules-replace", { token: adminToken, body: rules });
});
afterAll(() => door.stop());

const ask = (deviceIds: string[] | undefined, headers = {}) =>
  door.call("notifications-send", {
    token: ana?.token,
    params: { tenantId },
    headers,
    body: {
      action: "restart",
      target: deviceIds ? { kind: "devices", deviceIds } : { kind: "tenant" },
    },
  });
const approval = async (approvalId: string) =>
  (await door.call("approvals-get", { token: bo?.token, params: { tenantId, approvalId } })).body;
const decide = async (
  verdict: "approve" | "reject",
  who: Pick<Holder, "token"> | undefined,
  approvalId: string,
  body?: object,
) => {
  const { digest } = await approval(approvalId);
  return door.call(`approvals-${verdict}`, {
    token: who?.token,
    params: { tenantId, approvalId },
    body: body ?? { digest },
  });
};
const held = async (): Promise<string> => String((await ask(undefined)).body["notificationId"]);
const shown = async (notificationId: string) =>
  (
    await door.call("notifications-get", {
      token: ana?.token,
      params: { tenantId, notificationId },
    })
  ).body;
const plans = async (notificationId: string): Promise<number> => {
  let found = 0;
  for (let next = await door.queues.take(); next; next = await door.queues.take())
    if (JSON.stringify(next.message).includes(notificationId)) found += 1;
  return found;
};

test("few devices take one person, many wait for a second one", async () => {
  expect((await ask([idOf(0)])).body).toMatchObject({
    state: "planning",
    requestedBy: { kind: "user", id: ana?.oid },
  });
  const waiting = await ask(undefined);
  expect(waiting).toMatchObject({ status: 202, body: { state: "pendingApproval" } });
  const notificationId = String(waiting.body["notificationId"]);
  expect(await plans(notificationId)).toBe(0);
  const { body } = await door.call("approvals-get", {
    token: bo?.token,
    params: { tenantId, approvalId: notificationId },
  });
  expect(body).toMatchObject({ subject: { summary: "restart on 4 device(s)" } });
});

test("whoever asked cannot approve; somebody else can, and it begins", async () => {
  const notificationId = await held();
  expect((await decide("approve", ana, notificationId)).status).toBe(403);
  expect(await shown(notificationId)).toMatchObject({ state: "pendingApproval" });
  expect((await decide("approve", bo, notificationId)).status).toBe(200);
  expect(await shown(notificationId)).toMatchObject({ state: "planning" });
  expect(await plans(notificationId)).toBe(1);
  expect(door.events.at(-1)).toMatchObject({
    operation: "approvals-approve",
    approver: bo?.oid,
    object: `notification/${notificationId}`,
  });
});

test("what waits stands in the list of all tenants, for those alone whose roles reach its tenant", async () => {
  const notificationId = await held();
  const elsewhere = { kind: "tenants", tenantIds: [randomUUID()] } as const;
  const there = { kind: "tenants", tenantIds: [tenantId] } as const;
  const listed = async (who: { readonly token: string } | undefined): Promise<unknown[]> => {
    const { body } = await door.call("approvals-everywhere", { token: who?.token });
    return (body["value"] as { readonly approvalId: string }[]).map(({ approvalId }) => approvalId);
  };
  const [near, far] = [
    await door.holder("infrastructureAdministrator", there),
    await door.holder("infrastructureAdministrator", elsewhere),
  ];
  expect(await listed(near)).toContain(notificationId);
  expect(await listed(far)).toEqual([]);
  await decide("reject", bo, notificationId);
  expect(await listed(near)).not.toContain(notificationId);
});

test("what was rejected has ended, and stays so", async () => {
  const notificationId = await held();
  expect((await decide("reject", bo, notificationId)).status).toBe(200);
  expect(await shown(notificationId)).toMatchObject({
    state: "rejected",
    failure: { code: "rejected", detail: "the second person rejected it" },
  });
  expect((await decide("approve", bo, notificationId)).status).toBe(409);
  expect(await plans(notificationId)).toBe(0);
});

test("what waits can be cancelled, and an approval after that begins nothing", async () => {
  const notificationId = await held();
  const params = { tenantId, notificationId };
  expect((await door.call("notifications-cancel", { token: ana?.token, params })).status).toBe(202);
  await door.queues.take();
  await decide("approve", bo, notificationId);
  expect(await shown(notificationId)).toMatchObject({ state: "cancelled" });
});

test("the sweeper ends what nobody decided on, and finishes a verdict that was cut short", async () => {
  const { notify } = door.services;
  const [late, cut] = [await held(), await held()];
  const read = async (id: string) => {
    const found = await notify.jobs.get(tenantId, id);
    if (found === undefined) throw new Error(`no notification ${id}`);
    return found.job;
  };
  await sweepGate(notify, await read(late));
  expect(await shown(late)).toMatchObject({ state: "pendingApproval" });
  const aDayLater = { now: () => Date.now() + 25 * 3600 * 1000 };
  await sweepGate({ ...notify, engine: { ...notify.engine, clock: aDayLater } }, await read(late));
  expect(await shown(late)).toMatchObject({ failure: { code: "not-approved" } });
  expect(await approval(late)).toMatchObject({ state: "expired" });
  const { body } = await door.call("audit-list-tenant", {
    token: adminToken,
    params: { tenantId },
    // The trail is looked through from the month that it is, and the next may have begun a day later.
    query: `?operation=approvals-expire&to=${new Date(aDayLater.now()).toISOString()}`,
  });
  expect(body["value"]).toMatchObject([
    {
      actor: { kind: "system" },
      object: `notification/${late}`,
      before: { state: "pendingApproval" },
      after: { state: "expired" },
    },
  ]);
  const stored = await notify.approvals.get(tenantId, cut);
  if (stored === undefined) throw new Error("not held");
  await notify.approvals.replace({ ...stored.approval, state: "approved" }, stored.etag);
  await sweepGate(notify, await read(cut));
  expect(await shown(cut)).toMatchObject({ state: "planning" });
  expect(await plans(cut)).toBe(1);
});

test("the same request again is held once", async () => {
  const key = { "idempotency-key": randomUUID() };
  const [one, other] = [await ask(undefined, key), await ask(undefined, key)];
  expect(other.body["notificationId"]).toBe(one.body["notificationId"]);
});

/** A tenant of its own, so that what other tests have sent does not count. */
async function apart(devices: number) {
  const own = await door.fleet(devices);
  const rule = { kind: "notification", actions: "all", tenantIds: [own], moreThan: 10 };
  const keepOthers = { kind: "notification", actions: ["restart"], tenantIds: [tenantId] };
  const rules = [rule, { ...keepOthers, moreThan: 2 }];
  await door.call("approval-rules-replace", { token: adminToken, body: { rules } });
  const send = (body: object, who = ana) =>
    door.call("notifications-send", { token: who?.token, params: { tenantId: own }, body });
  const restart = (from: number, to: number) => {
    const deviceIds = Array.from({ length: to - from }, (_, at) => idOf(from + at));
    return send({ action: "restart", target: { kind: "devices", deviceIds } });
  };
  const get = async (approvalId: string) =>
    (await door.call("approvals-get", { token: bo?.token, params: { tenantId: own, approvalId } }))
      .body;
  const approve = async (approvalId: string, token = bo?.token, body?: object) =>
    door.call("approvals-approve", {
      token,
      params: { tenantId: own, approvalId },
      body: body ?? { digest: (await get(approvalId))["digest"] },
    });
  const read = async (notificationId: string) =>
    (
      await door.call("notifications-get", {
        token: adminToken,
        params: { tenantId: own, notificationId },
      })
    ).body;
  return { tenantId: own, send, restart, get, approve, read };
}

describe("an approval binds what was approved", () => {
  test("the approver sees action, parameters, target and count, and signs exactly that", async () => {
    const own = await apart(12);
    const query = "Device | where Name like 'PC%'";
    const asked = await own.send({
      action: "startCMPivot",
      parameters: { query },
      target: { kind: "tenant" },
    });
    const id = String(asked.body["notificationId"]);
    const seen = await own.get(id);
    expect(seen).toMatchObject({
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      subject: {
        action: "startCMPivot",
        parameters: { query },
        target: { kind: "tenant" },
        count: 12,
      },
    });
    expect((await own.approve(id, bo?.token, {})).status).toBe(400);
    expect((await own.approve(id, bo?.token, { digest: "0".repeat(64) })).status).toBe(409);
    expect(await own.read(id)).toMatchObject({ state: "pendingApproval" });
    expect((await own.approve(id)).status).toBe(200);
    expect(await own.read(id)).toMatchObject({ state: "planning" });
  });

  test("devices that join the tenant or a list after the asking are not restarted", async () => {
    const own = await apart(12);
    const collection = await door.call("collections-add", {
      token: adminToken,
      params: { tenantId: own.tenantId },
      body: {
        kind: "static",
        name: "Some",
        deviceIds: Array.from({ length: 12 }, (_, n) => idOf(n)),
      },
    });
    expect(collection.status).toBe(201);
    const { collectionId } = collection.body;
    const targets = [{ kind: "tenant" }, { kind: "collection", collectionId }];
    const ids: string[] = [];
    for (const target of targets) {
      const { body } = await own.send({ action: "restart", target });
      expect(body["state"]).toBe("pendingApproval");
      ids.push(String(body["notificationId"]));
    }
    // The tenant grows, and the list too.
    await door.grow(own.tenantId, 20);
    await door.call("collections-replace", {
      token: adminToken,
      params: { tenantId: own.tenantId, collectionId: String(collectionId) },
      body: {
        kind: "static",
        name: "Some",
        deviceIds: Array.from({ length: 20 }, (_, n) => idOf(n)),
      },
    });
    for (const id of ids) {
      expect((await own.approve(id)).status).toBe(200);
      await door.plan();
      expect(await own.read(id)).toMatchObject({ counts: { total: 12 } });
    }
  });

  test("whose role is gone by the release has sent nothing, and is told why", async () => {
    const own = await apart(12);
    const cy = await door.holder("infrastructureAdministrator", everything);
    const asked = await own.send({ action: "restart", target: { kind: "tenant" } }, cy);
    const id = String(asked.body["notificationId"]);
    await door.call("assignments-remove", {
      token: adminToken,
      params: { assignmentId: cy.assignmentId },
    });
    expect((await own.approve(id)).status).toBe(200);
    expect(await own.read(id)).toMatchObject({
      state: "rejected",
      failure: { code: "requester-lost-rights" },
    });
  });

  test("the bootstrap token is no second person, unless a rule says so", async () => {
    const own = await apart(12);
    const asked = await own.send({ action: "restart", target: { kind: "tenant" } });
    const id = String(asked.body["notificationId"]);
    expect((await own.approve(id, adminToken)).status).toBe(403);
    const rule = { kind: "notification", actions: "all", tenantIds: [own.tenantId], moreThan: 1 };
    const rules = [{ ...rule, approvers: ["user", "bootstrap"] }];
    await door.call("approval-rules-replace", { token: adminToken, body: { rules } });
    const again = await own.send({ action: "restart", target: { kind: "tenant" } });
    expect((await own.approve(String(again.body["notificationId"]), adminToken)).status).toBe(200);
  });

  test("many small requests are one large one, also at the same instant", async () => {
    const own = await apart(60);
    const tens = [0, 10, 20, 30, 40, 50].map((from) => own.restart(from, from + 10));
    const states = (await Promise.all(tens)).map(({ body }) => body["state"]);
    expect(states.filter((state) => state === "planning")).toHaveLength(1);
    expect(states.filter((state) => state === "pendingApproval")).toHaveLength(5);
    // Another person, and another action, are counted apart.
    const other = { kind: "devices", deviceIds: [idOf(0)] };
    expect((await own.send({ action: "restart", target: other }, bo)).body["state"]).toBe(
      "planning",
    );
    expect((await own.send({ action: "wakeUp", target: other })).body["state"]).toBe("planning");
  });

  test.each([
    ["notification", "reboot"],
    ["sync", "everything"],
    // It protects nothing: what may be done twice waits for nobody.
    ["provisioning", "endpointProtectionQuickScan"],
  ])("a rule of kind %s that names the unknown action %s is refused", async (kind, action) => {
    const rule = { kind, actions: ["restart", action], tenantIds: "all", moreThan: 0 };
    const refused = await door.call("approval-rules-replace", {
      token: adminToken,
      body: { rules: [rule] },
    });
    expect(refused.status).toBe(400);
    expect(JSON.stringify(refused.body["errors"])).toContain("/rules/0/actions/1");
  });
});
