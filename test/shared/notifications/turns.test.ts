/** Reservations of planned chunks: none is lost to a planner that was too slow, and none is made twice. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defer, freshThrottle, latestMs, rateOf, reserve } from "../../../shared/graph/throttle.ts";
import { queueNames } from "../../../shared/storage/names.ts";
import { onlyIntuneWindows } from "../../local/sandbox/support.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import { setPace } from "./support/rig-reading.ts";

let rig: NotifyRig;
beforeAll(async () => {
  rig = await startNotifyRig();
});
afterAll(() => rig.stop());

const requests = 150;
const { intervalMs } = rateOf("deviceActions", requests)!;

/** A notification to a paced tenant, and the message that asks for its planning. */
async function toPlan(devices: number) {
  const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices });
  await setPace(rig, tenantId, requests);
  const notificationId = await rig.send(tenantId, { expiresAfter: "PT1H" });
  const [message] = rig.queues.waiting();
  rig.queues.lose();
  return { tenantId, notificationId, message: message! };
}

/** Handles plan messages until none is left; answers the chunks to dispatch in the order of their reservations. */
async function planAll() {
  type Planned = { from: string; at: number; reserved: number };
  const chunks = new Map<string, Planned>();
  for (;;) {
    const waiting = rig.queues.waiting();
    rig.queues.lose();
    for (const { queue, message } of waiting)
      if (queue === queueNames.fanoutDispatch)
        chunks.set(String(message["from"]), message as Planned);
    const plans = waiting.filter(({ queue }) => queue === queueNames.fanoutPlan);
    if (plans.length === 0) return [...chunks.values()].toSorted((a, b) => a.at - b.at);
    for (const each of plans) await rig.handle(each);
  }
}

describe("planners at the same step", () => {
  it("get the same reservations, so that no time of the tenant's throttle is lost", async () => {
    const { tenantId, message } = await toPlan(9_000);
    await Promise.all([rig.handle(message), rig.handle(message)]);
    const chunks = await planAll();
    const ends = chunks.map(({ at, reserved }) => at + reserved * intervalMs);
    const gaps = chunks.slice(1).map(({ at }, nth) => Math.round(at - ends[nth]!));
    expect(chunks.length).toBeGreaterThan(8);
    expect(gaps.filter((gap) => gap !== 0)).toEqual([]);
    const { nextFree } = await rig.services.throttle.read(tenantId, "deviceActions");
    expect(nextFree).toBeCloseTo(ends.at(-1)!, 0);
  });
});

describe("a planner that dies with its reservation", () => {
  it("is followed by one that gets the same reservations", async () => {
    const { tenantId, message } = await toPlan(300);
    rig.faults.reset();
    await rig.handle(message);
    const calls = [...rig.faults.calls()];
    rig.queues.lose();
    const other = await toPlan(300);
    rig.faults.arm({ atCall: calls.indexOf("table.transact Items") + 1, when: "before" });
    await rig.handle(other.message);
    const reserved = await rig.services.throttle.read(other.tenantId, "deviceActions");
    expect(reserved.nextFree).toBeGreaterThan(0);
    rig.queues.put({ ...other.message, visibleAt: 0 });
    const chunks = await planAll();
    expect(chunks).toHaveLength(1);
    expect(await rig.services.throttle.read(other.tenantId, "deviceActions")).toEqual(reserved);
    expect(tenantId).not.toBe(other.tenantId);
  });
});

describe("a plan message too many, after planning has ended", () => {
  it("sends nothing again, not even messages", async () => {
    const { tenantId, notificationId, message } = await toPlan(120);
    await rig.handle(message);
    expect(rig.queues.waiting()).toHaveLength(1);
    rig.faults.reset();
    await rig.handle(message);
    expect(rig.faults.calls().filter((call) => call.startsWith("queue."))).toEqual([]);
    expect(rig.queues.waiting()).toHaveLength(1);
    rig.queues.lose();
    expect((await rig.view(tenantId, notificationId)).state).toBe("running");
  });
});

describe("a reservation with a name", () => {
  const rate = rateOf("deviceActions", requests)!;
  const first = reserve(freshThrottle, 10, 1_000, rate, "n 0");

  it("is made once, also after the door was closed", () => {
    expect(reserve(first.state, 10, 1_500, rate, "n 0")).toEqual(first);
    const closed = defer(first.state, 31_000, 1_000);
    const again = reserve(closed, 10, 1_500, rate, "n 0");
    expect(again.startAt).toBe(first.startAt + 30_000);
    expect(again.state).toEqual(closed);
  });

  it.each<[string, Parameters<typeof reserve>]>([
    ["another name", [first.state, 10, 1_000, rate, "n 1"]],
    ["none", [first.state, 10, 1_000, rate]],
    ["another cost", [first.state, 11, 1_000, rate, "n 0"]],
    ["it much too late", [first.state, 10, 1_001 + latestMs, rate, "n 0"]],
    ["it behind somebody else", [reserve(first.state, 1, 1_000, rate).state, 10, 0, rate, "n 0"]],
  ])("is another one for %s", (_, given) => {
    expect(reserve(...given).state.nextFree).toBeGreaterThan(given[0].nextFree);
  });
});
