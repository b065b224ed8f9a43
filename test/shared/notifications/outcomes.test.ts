/** What Graph answers, device by device, on real HTTP: refused bulk, mixed batches, throttling, pace. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rowsPerChunk } from "../../../shared/fanout/engine/engine.ts";
import { queueNames } from "../../../shared/storage/names.ts";
import { onlyCoManaged, onlyIntuneWindows } from "../../local/sandbox/support.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import type { Waiting } from "../../support/test-queues.ts";
import { deliveriesOf, effectsOn, packedOf, setPace, tally } from "./support/rig-reading.ts";

let rig: NotifyRig;
beforeAll(async () => {
  rig = await startNotifyRig();
});
afterAll(() => rig.stop());

const behave = (tenantId: string, settings: object) =>
  rig.sandbox.control("PUT", "/behaviour", { tenantId, ...settings });
const requests = async () =>
  (
    await rig.sandbox.control<{ total: number; parts: number; byKind: Record<string, number> }>(
      "GET",
      "/requests",
    )
  ).body;

describe("an action that Intune holds for a second administrator", () => {
  it("fails with that reason on every device, and reaches none", async () => {
    const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices: 7 });
    await behave(tenantId, { holdWrites: true });
    const notificationId = await rig.send(tenantId);
    await rig.drain();
    expect(await tally(rig, tenantId, notificationId)).toEqual({
      "failed approval-needed-at-intune": 7,
    });
    expect(await rig.ledger(tenantId)).toMatchObject({ total: 0 });
  });
});

describe("a bulk request", () => {
  it("that is refused is asked device by device, and each gets its own answer", async () => {
    const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices: 45 });
    await behave(tenantId, { rejectBulk: true });
    const notificationId = await rig.send(tenantId);
    await rig.sandbox.control("DELETE", "/requests");
    await rig.drain();
    expect(await tally(rig, tenantId, notificationId)).toEqual({ done: 45 });
    expect(await rig.ledger(tenantId)).toMatchObject({ total: 45, doubled: 0 });
    const { byKind } = await requests();
    expect(byKind["POST $batch"]).toBeGreaterThanOrEqual(3);
    const attempts = (await deliveriesOf(rig, tenantId, notificationId)).map(
      (each) => each.attempts,
    );
    expect(new Set(attempts)).toEqual(new Set([2]));
  });

  it("that the tenant may not make is made once, not for every chunk", async () => {
    // Claims of a test are so short that a chunk of single requests would take dozens of passes.
    const { times } = rig.services.engine;
    const { claimMs, askMs } = times;
    Object.assign(times, { claimMs: 30_000, askMs: 3_000 });
    // One row more than a chunk.
    const devices = rowsPerChunk * 100 + 50;
    const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices });
    await behave(tenantId, { rejectBulk: 403 });
    const notificationId = await rig.send(tenantId);
    await rig.sandbox.control("DELETE", "/requests");
    await rig.drain();
    expect(await tally(rig, tenantId, notificationId)).toEqual({ done: devices });
    expect(await rig.ledger(tenantId)).toMatchObject({ total: devices, doubled: 0 });
    const bulk = Object.entries((await requests()).byKind).find(([kind]) =>
      /bulk|execute/i.test(kind),
    );
    expect(bulk?.[1]).toBeLessThanOrEqual(rowsPerChunk);
    Object.assign(times, { claimMs, askMs });
  }, 60_000);

  it("ends each device by its own reason", async () => {
    const tenantId = await rig.tenant({
      mix: { windows: 2, Android: 1, intuneOnly: 1 },
      devices: 120,
    });
    const removed = await rig.sandbox.control<{ removed: number }>(
      "PATCH",
      `/tenants/${tenantId}`,
      { remove: 9 },
    );
    expect(removed.body.removed).toBe(9);
    await behave(tenantId, { notSupportedRate: 0.2, failRate: 0.3, offlineRate: 0.2 });
    const notificationId = await rig.send(tenantId, { expiresAfter: "PT3S" });
    await rig.drain();
    const ends = await tally(rig, tenantId, notificationId);
    expect(Object.keys(ends).toSorted()).toEqual([
      "done",
      "failed device-not-found",
      "failed device-reported-failure",
      "notSupported not-supported-by-device",
      "notSupported platform-not-supported",
      "offline device-offline",
    ]);
    expect(Object.values(ends).reduce((sum, each) => sum + each, 0)).toBe(120);
  });
});

const isDeliver = ({ queue }: Waiting): boolean => queue === queueNames.fanoutDispatch;

describe("a batch", () => {
  it("is judged part by part: what was throttled is asked again, and nothing else", async () => {
    const tenantId = await rig.tenant({ ...onlyCoManaged, devices: 40 });
    await behave(tenantId, { throttle: { limit: 25, windowSeconds: 30, retryAfter: 1 } });
    const notificationId = await rig.send(tenantId, { action: "wakeUp" });
    await rig.drain(() => rig.queues.waiting().some(isDeliver));
    await rig.drain(
      () =>
        !rig.queues.waiting().some(isDeliver) ||
        rig.queues.waiting().some(({ visibleAt }) => visibleAt > Date.now() + 500),
    );
    const { counts } = await rig.view(tenantId, notificationId);
    expect(counts).toMatchObject({ total: 40, waiting: 15, sent: 25 });
    expect((await rig.ledger(tenantId)).total).toBe(25);
    await behave(tenantId, { throttle: null });
    await rig.drain();
    expect(await tally(rig, tenantId, notificationId)).toEqual({ done: 40 });
    expect(await rig.ledger(tenantId)).toMatchObject({ total: 40, doubled: 0 });
    const attempts = (await deliveriesOf(rig, tenantId, notificationId)).map(
      (each) => each.attempts,
    );
    expect(attempts.filter((each) => each === 2)).toHaveLength(15);
  });
});

describe("a tenant that Graph throttles", () => {
  it("closes its door for everybody, and keeps what was reserved", async () => {
    const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices: 150 });
    await setPace(rig, tenantId, 100);
    await behave(tenantId, { throttle: { limit: 0, windowSeconds: 60, retryAfter: 40 } });
    await rig.send(tenantId);
    await rig.drain(() =>
      rig.queues.waiting().some(({ queue }) => queue === queueNames.fanoutDispatch),
    );
    const [message] = rig.queues.waiting();
    if (message === undefined) throw new Error("nothing to deliver");
    rig.queues.lose();
    await rig.handle(message);
    const state = await rig.services.throttle.read(tenantId, "deviceActions");
    expect(state.closedUntil).toBeGreaterThan(Date.now() + 38_000);
    const [again] = rig.queues.waiting();
    expect(again?.message).toMatchObject({ reserved: 2 });
    expect(again?.visibleAt).toBeGreaterThan(Date.now() + 38_000);
    const other = await rig.send(tenantId);
    await rig.handle({
      queue: queueNames.fanoutPlan,
      message: { v: 1, kind: "notification", tenantId, jobId: other },
      visibleAt: 0,
      attempts: 0,
    });
    const turns = rig.queues.waiting().filter(({ queue }) => queue === queueNames.fanoutDispatch);
    expect(turns.every(({ visibleAt }) => visibleAt > Date.now() + 38_000)).toBe(true);
    rig.queues.lose();
  });
});

describe("a tenant's pace", () => {
  it("holds in every window, though bulk is refused and notifications overlap", async () => {
    const tenantId = await rig.tenant({ ...onlyCoManaged, devices: 7 });
    await setPace(rig, tenantId, 48, 40);
    const sent = await Promise.all(
      ["a", "b"].map((note) => rig.send(tenantId, { action: "wakeUp", note })),
    );
    await rig.drain();
    for (const id of sent) expect(await tally(rig, tenantId, id)).toEqual({ done: 7 });
    const times = (await effectsOn(rig, tenantId)).map(({ time }) => Date.parse(time));
    expect(times).toHaveLength(14);
    // 6 at once and one each 488 ms: what any 2 s may hold of a budget of 48 in 20 s.
    const inAny2s = times.map((from) => times.filter((at) => from <= at && at < from + 2_000));
    expect(Math.max(...inAny2s.map(({ length }) => length))).toBeLessThanOrEqual(11);
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(3_000);
  }, 40_000);

  it("is not overrun by what comes late after an outage", async () => {
    const tenantId = await rig.tenant({ ...onlyCoManaged, devices: 9 });
    await setPace(rig, tenantId, 24);
    const ids = await Promise.all([1, 2, 3].map(() => rig.send(tenantId, { action: "wakeUp" })));
    await rig.drain(() =>
      rig.queues.waiting().every(({ queue }) => queue === queueNames.fanoutDispatch),
    );
    const late = rig.queues.waiting();
    rig.queues.lose();
    for (const message of late) {
      const at = Number(message.message["at"]) - 60_000;
      await rig.handle({ ...message, visibleAt: 0, message: { ...message.message, at } });
    }
    const claimed = (await Promise.all(ids.map((id) => packedOf(rig, id)))).flat();
    const left = claimed.filter(({ state }) => state !== "waiting");
    expect(left.length).toBeLessThanOrEqual(3);
    rig.queues.lose();
  });
});
