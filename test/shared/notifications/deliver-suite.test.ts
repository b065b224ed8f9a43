/** The shared delivery suite: what every queue handler must survive, for dispatching, which acts on devices. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { queueNames } from "../../../shared/storage/names.ts";
import { keepTenantMs } from "../../../shared/tenants/tenants.ts";
import { onlyIntuneWindows } from "../../local/sandbox/support.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import { passTime } from "../../support/passing-time.ts";
import type { Waiting } from "../../support/test-queues.ts";

const devices = 25;
let rig: NotifyRig;
let tenantId: string;

beforeAll(async () => {
  rig = await startNotifyRig();
});
afterAll(() => rig.stop());
beforeEach(async () => {
  tenantId = await rig.tenant({ ...onlyIntuneWindows, devices });
});

const isDispatch = ({ queue }: Waiting): boolean => queue === queueNames.fanoutDispatch;

/** Sends restarts and plans them; answers the message that is about to be dispatched. */
async function planned(body: Record<string, unknown> = {}): Promise<[string, Waiting]> {
  const notificationId = await rig.send(tenantId, body);
  await rig.drain(() => rig.queues.waiting().some(isDispatch));
  const message = rig.queues.waiting().find(isDispatch);
  if (message === undefined) throw new Error("nothing was planned");
  rig.queues.lose();
  return [notificationId, message];
}

async function expectAllDoneOnce(notificationId: string): Promise<void> {
  const { state, counts } = await rig.view(tenantId, notificationId);
  expect({ state, counts }).toMatchObject({
    state: "completed",
    counts: { total: devices, done: devices },
  });
  expect(await rig.ledger(tenantId)).toMatchObject({ total: devices, doubled: 0 });
}

describe("dispatching a restart", () => {
  it("reaches every device when the message is fresh", async () => {
    const [notificationId, message] = await planned();
    rig.queues.put(message);
    await rig.drain();
    await expectAllDoneOnce(notificationId);
  });

  it("does nothing more for a duplicate that comes afterwards", async () => {
    const [notificationId, message] = await planned();
    await rig.handle(message);
    await rig.handle(message);
    await rig.drain();
    await rig.handle(message);
    await expectAllDoneOnce(notificationId);
  });

  it("acts once when duplicates run at the same time", async () => {
    const [notificationId, message] = await planned();
    await Promise.all([rig.handle(message), rig.handle(message), rig.handle(message)]);
    await rig.drain();
    await expectAllDoneOnce(notificationId);
  });

  it("leaves to a person what a worker had claimed that died before it asked Graph", async () => {
    const [notificationId, message] = await planned();
    await dieAt(message, "graph.POST", "before");
    await rig.drain();
    // Nothing shows whether it had asked: a restart is not sent again on the strength of that.
    const { state, counts } = await rig.view(tenantId, notificationId);
    expect({ state, counts }).toMatchObject({ state: "unknown", counts: { unknown: devices } });
    expect((await rig.ledger(tenantId)).total).toBe(0);
  });

  it("does not ask again where a worker died after Graph had taken it", async () => {
    const [notificationId, message] = await planned();
    await dieAt(message, "graph.POST", "after");
    expect((await rig.ledger(tenantId)).total).toBe(devices);
    await rig.drain();
    await expectAllDoneOnce(notificationId);
  });

  it("waits when the message is early", async () => {
    await rig.sandbox.control("PUT", "/behaviour", {
      tenantId,
      throttle: { limit: 0, windowSeconds: 60, retryAfter: 30 },
    });
    const [notificationId, message] = await planned();
    await rig.handle(message);
    expect(rig.queues.waiting()[0]?.visibleAt).toBeGreaterThan(Date.now() + 25_000);
    await rig.handle(message);
    const { counts } = await rig.view(tenantId, notificationId);
    expect(counts).toMatchObject({ total: devices, waiting: devices });
    const requests = await rig.sandbox.control<{ total: number }>("GET", "/requests");
    await rig.handle(message);
    expect((await rig.sandbox.control("GET", "/requests")).body).toEqual(requests.body);
    rig.queues.lose();
  });

  it("sends nothing when the message is late, and says so", async () => {
    const [notificationId, message] = await planned({ expiresAfter: "PT1S" });
    passTime(1_100);
    await rig.handle(message);
    const { state, counts } = await rig.view(tenantId, notificationId);
    expect({ state, counts }).toMatchObject({
      state: "failed",
      counts: { total: devices, expired: devices },
    });
    expect((await rig.ledger(tenantId)).total).toBe(0);
  });

  it("leaves a message for a tenant that is gone without a trace", async () => {
    const [, message] = await planned();
    const stored = await rig.services.tenantStore.get(tenantId);
    await rig.services.tenantStore.remove(tenantId, stored?.etag ?? "");
    // As long as readers remember a tenant.
    passTime(keepTenantMs + 100);
    await rig.handle(message);
    expect(rig.queues.waiting()).toEqual([]);
    expect((await rig.ledger(tenantId)).total).toBe(0);
  });
});

/** Kills the worker at its first call of a name. */
async function dieAt(message: Waiting, name: string, when: "before" | "after"): Promise<void> {
  rig.faults.arm({ atCall: name, when });
  await rig.handle(message);
  expect(rig.faults.calls()).toContain(name);
  expect(rig.faults.isDead()).toBe(false);
}
