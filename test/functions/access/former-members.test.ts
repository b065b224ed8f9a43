/** What is shown of older notifications to who is limited to a collection, after somebody has left it. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { closeWaiting } from "../../../shared/fanout/engine/change-rows.ts";
import { notificationShape } from "../../../shared/notifications/kind.ts";
import { viewFor } from "../../../shared/notifications/read-notifications.ts";
import { idOf } from "../../shared/devices/support/refresh-rig.ts";
import { adminToken, type Door, openDoor } from "./door.ts";

let door: Door;
let tenantId = "";
let mine = "";
let token = "";
beforeAll(async () => {
  door = await openDoor();
  tenantId = await door.fleet(6);
  mine = await collection([1, 2, 4]);
  const scope = { kind: "collections", collections: [{ tenantId, collectionId: mine }] } as const;
  ({ token } = await door.holder("infrastructureAdministrator", scope));
});
beforeEach(() => members(1, 2, 4));
afterAll(() => door.stop());

const bodyOf = (numbers: readonly number[]) => ({
  kind: "static",
  name: "Mine",
  deviceIds: numbers.map((each) => idOf(each)),
});

async function collection(numbers: number[]): Promise<string> {
  const sent = { token: adminToken, params: { tenantId }, body: bodyOf(numbers) };
  return String((await door.call("collections-add", sent)).body["collectionId"]);
}

async function members(...numbers: number[]): Promise<void> {
  const params = { tenantId, collectionId: mine };
  const sent = { token: adminToken, params, body: bodyOf(numbers) };
  expect((await door.call("collections-replace", sent)).status).toBe(200);
}

type Target = Readonly<Record<string, unknown>>;

async function send(target: Target, as = adminToken): Promise<string> {
  const body = { action: "restart", target };
  const sent = await door.call("notifications-send", { token: as, params: { tenantId }, body });
  await door.plan();
  return String(sent.body["notificationId"]);
}

const ask = async (name: string, notificationId: string, as = token, query = "", body?: object) => {
  const sent = { token: as, params: { tenantId, notificationId }, query };
  return (await door.call(name, body === undefined ? sent : { ...sent, body })).body;
};

/** Cancels it whole, so that it has ended. */
async function end(notificationId: string): Promise<void> {
  await ask("notifications-cancel", notificationId, adminToken);
  await closeWaiting(door.services.engine, {
    kind: notificationShape.id,
    tenantId,
    jobId: notificationId,
  });
}

const targets: readonly (readonly [string, () => Target, () => string])[] = [
  [
    "a list by an administrator",
    () => ({ kind: "collection", collectionId: mine }),
    () => adminToken,
  ],
  ["the tenant, narrowed", () => ({ kind: "tenant" }), () => token],
  ["devices", () => ({ kind: "devices", deviceIds: [1, 2, 4].map((n) => idOf(n)) }), () => token],
];

describe.each(targets)("of a notification for %s", (_name, target, as) => {
  test("counts and states are of today's members, while it is sent and at its end", async () => {
    const id = await send(target(), as());
    await members(2);
    expect(await ask("notifications-get", id)).toMatchObject({ counts: { total: 1, waiting: 1 } });
    expect(await ask("notifications-get", id, adminToken)).toMatchObject({ counts: { total: 3 } });
    await end(id);
    expect(await ask("notifications-get", id)).toMatchObject({
      state: "cancelled",
      counts: { total: 1, cancelled: 1 },
    });
    expect(JSON.stringify(await ask("notifications-get", id))).not.toContain('"count":3');
    const list = await door.call("notifications-list", { token, params: { tenantId } });
    const listed = (list.body["value"] as { notificationId: string }[]).find(
      (each) => each.notificationId === id,
    );
    expect(listed).toMatchObject({ counts: { total: 1, cancelled: 1 } });
  });

  test("a page has no next one for the sake of hidden devices, and the word says nothing of them", async () => {
    const id = await send(target(), as());
    await members(2);
    const page = await ask("notifications-deliveries", id, token, "?top=1");
    expect((page["value"] as unknown[]).length).toBe(1);
    expect(page["nextLink"]).toBeUndefined();
    await end(id);
    await members();
    expect(await ask("notifications-get", id)).toMatchObject({ counts: { total: 0 } });
    expect(await ask("notifications-deliveries", id)).toEqual({ value: [] });
  });

  test("a retry knows of today's members only", async () => {
    const id = await send(target(), as());
    await end(id);
    await members(2);
    const only = { only: ["cancelled"] };
    const retry = await ask("notifications-retry", id, token, "", only);
    expect(retry).toMatchObject({ counts: { total: 1 } });
    await members();
    expect(await ask("notifications-retry", id, token, "", only)).toMatchObject({
      code: "nothing-to-retry",
    });
  });
});

const rules = (them: object[]) =>
  door.call("approval-rules-replace", { token: adminToken, body: { rules: them } });

test("what is left while it waits for a second person is of today's members, too", async () => {
  const rule = { kind: "notification", actions: "all", tenantIds: [tenantId], moreThan: 0 };
  await rules([rule]);
  const id = await send({ kind: "collection", collectionId: mine }, token);
  await rules([]);
  await members(2);
  expect(await ask("notifications-get", id)).toMatchObject({
    state: "pendingApproval",
    counts: { total: 1, waiting: 1 },
  });
});

test("where there are too many to look at, counts are left out and the word says that it has ended", async () => {
  const id = await send({ kind: "collection", collectionId: mine });
  const { notify, collections } = door.services;
  const limits = { kind: "collections", collectionIds: [mine] } as const;
  const reach = await collections.reachOf(tenantId, limits);
  const seen = async (devices: number) => {
    const found = await notify.jobs.get(tenantId, id);
    if (found === undefined) throw new Error("not sent");
    return viewFor(notify, found.job, reach, { devices });
  };
  expect(await seen(3)).toMatchObject({ counts: { total: 3 } });
  const open = await seen(2);
  expect(open).toMatchObject({ state: "running", countsLeftOut: expect.stringContaining("more") });
  expect(open.counts).toBeUndefined();
  expect(open.progress).toEqual({ planned: true });
  await end(id);
  expect((await seen(2)).state).toBe("cancelled");
});
