import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sweepHeld } from "../../../shared/notifications/send-notification.ts";
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
const decide = (verdict: "approve" | "reject", who: Holder | undefined, approvalId: string) =>
  door.call(`approvals-${verdict}`, {
    token: who?.token,
    params: { tenantId, approvalId },
    body: {},
  });
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
    const found = await notify.notifications.get(tenantId, id);
    if (found === undefined) throw new Error(`no notification ${id}`);
    return found.notification;
  };
  await sweepHeld(notify, await read(late));
  expect(await shown(late)).toMatchObject({ state: "pendingApproval" });
  const aDayLater = { now: () => Date.now() + 25 * 3600 * 1000 };
  await sweepHeld({ ...notify, clock: aDayLater }, await read(late));
  expect(await shown(late)).toMatchObject({ failure: { code: "not-approved" } });
  const stored = await notify.approvals.get(tenantId, cut);
  if (stored === undefined) throw new Error("not held");
  await notify.approvals.replace({ ...stored.approval, state: "approved" }, stored.etag);
  await sweepHeld(notify, await read(cut));
  expect(await shown(cut)).toMatchObject({ state: "planning" });
  expect(await plans(cut)).toBe(1);
});

test("the same request again is held once", async () => {
  const key = { "idempotency-key": randomUUID() };
  const [one, other] = [await ask(undefined, key), await ask(undefined, key)];
  expect(other.body["notificationId"]).toBe(one.body["notificationId"]);
});
