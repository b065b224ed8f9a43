/** Letting a notification out bit by bit, over the whole way of a request: rules, buckets, pause, resume, and who may. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { plan } from "../../../shared/fanout/engine/plan.ts";
import { notificationShape } from "../../../shared/notifications/kind.ts";
import { type Answered, adminToken, type Door, openDoor } from "../access/door.ts";

const devices = 30;
let door: Door;
let tenantId: string;
beforeAll(async () => {
  door = await openDoor();
  tenantId = await door.fleet(devices);
});
afterAll(() => door.stop());

const send = (rollout: unknown): Promise<Answered> => {
  const body = { action: "restart", target: { kind: "tenant" }, rollout };
  return door.call("notifications-send", { token: adminToken, params: { tenantId }, body });
};

const act = (name: string, notificationId: string, token = adminToken): Promise<Answered> =>
  door.call(name, { token, params: { tenantId, notificationId } });

/** Sends with rules, and plans it as the queue function would. */
async function planned(rollout: unknown): Promise<string> {
  const sent = await send(rollout);
  expect(sent.status).toBe(202);
  const notificationId = String(sent.body["notificationId"]);
  await plan(door.services.engine, { kind: notificationShape.id, tenantId, jobId: notificationId });
  return notificationId;
}

describe("rules for letting out", () => {
  it.each<[string, unknown, string]>([
    ["names no rule", {}, "/rollout"],
    [
      "takes a wave by count or by share, and not both",
      { waves: [{ count: 1, percent: 5 }] },
      "/rollout/waves/0",
    ],
    ["knows no other rule", { faster: true }, "/rollout/faster"],
    ["lets out at least one at once", { atOnce: 0 }, "/rollout/atOnce"],
    ["takes durations only", { waves: [{ count: 1, soak: "soon" }] }, "/rollout/waves/0/soak"],
  ])("a request that breaks them is refused whole: it %s", async (_, rollout, pointer) => {
    const { status, body } = await send(rollout);
    expect(status).toBe(400);
    expect(body["errors"]).toContainEqual(expect.objectContaining({ pointer }));
  });

  it("are shown, and buckets say that nothing has left yet", async () => {
    const id = await planned({ atOnce: 3, waves: [{ count: 5 }] });
    const { body } = await act("notifications-get", id);
    expect(body).toMatchObject({
      state: "running",
      rollout: { atOnce: 3 },
      counts: { total: devices, waiting: 10, notSupported: 20 },
      buckets: { pending: 10, active: 0, successful: 0, failed: 0, notAttempted: 20 },
    });
    expect(body["progress"]).not.toHaveProperty("expectedEnd");
  });
});

describe("a notification that rests", () => {
  it("says so, and goes on when it is resumed; twice is once", async () => {
    const id = await planned({ atOnce: 3 });
    for (const _ of [1, 2])
      expect(await act("notifications-pause", id)).toMatchObject({
        status: 202,
        body: { state: "paused", final: false },
      });
    for (const _ of [1, 2])
      expect(await act("notifications-resume", id)).toMatchObject({
        status: 202,
        body: { state: "running" },
      });
  });

  it("can be cancelled, and then neither rests nor goes on", async () => {
    const id = await planned({ atOnce: 3 });
    await act("notifications-pause", id);
    expect((await act("notifications-cancel", id)).body).toMatchObject({ state: "cancelling" });
    expect((await act("notifications-pause", id)).status).toBe(409);
    expect((await act("notifications-resume", id)).status).toBe(409);
  });

  it("is not found by who asks for another tenant's", async () => {
    const id = await planned({ atOnce: 3 });
    const other = await door.fleet(1);
    const params = { tenantId: other, notificationId: id };
    const answer = await door.call("notifications-pause", { token: adminToken, params });
    expect(answer).toMatchObject({ status: 404, body: { code: "unknown-notification" } });
  });
});
