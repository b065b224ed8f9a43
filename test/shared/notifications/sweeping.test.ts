/** Lost messages, and work that no handler brings to its end: the sweeper sees to both. */
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { sweep as sweepJobs } from "../../../shared/fanout/care/sweep.ts";
import { queueNames } from "../../../shared/storage/names.ts";
import { onlyIntuneWindows } from "../../local/sandbox/support.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import { passTime } from "../../support/passing-time.ts";
import { servicesFor } from "./support/own-work.ts";
import { putRows } from "./support/put-rows.ts";
import { ageBy, packedOf, rowsOf, tally } from "./support/rig-reading.ts";

const devices = 120;
const hourMs = 3_600_000;
let rig: NotifyRig;
beforeAll(async () => {
  rig = await startNotifyRig();
});
afterAll(() => rig.stop());

const tenantOf = (count = devices) => rig.tenant({ ...onlyIntuneWindows, devices: count });
/** What the timer does every minute, for one tenant. */
function sweep(tenantId: string, more: { readonly overdueMs?: number } = {}): Promise<number> {
  const { engine, sweepGate } = servicesFor(rig, tenantId);
  return sweepJobs({ ...engine, times: { ...engine.times, ...more } }, sweepGate);
}
const waitsFor = (queue: string) => () =>
  rig.queues.waiting().some((message) => message.queue === queue);

async function expectAllDoneOnce(tenantId: string, notificationId: string, count = devices) {
  const { state, counts } = await rig.view(tenantId, notificationId);
  expect({ state, counts }).toMatchObject({
    state: "completed",
    counts: { total: count, done: count },
  });
  expect(await rig.ledger(tenantId)).toMatchObject({ total: count, doubled: 0 });
}

/** Sweeps until the notification has ended, as the timer does every minute. */
async function sweepToTheEnd(tenantId: string, notificationId: string): Promise<void> {
  // A claim lapses after ten of these, and each look behind it postpones the next.
  for (let sweeps = 0; sweeps < 40; sweeps += 1) {
    await rig.drain();
    if ((await rig.view(tenantId, notificationId)).final) return;
    passTime(600);
    await sweep(tenantId);
  }
}

describe("messages that are lost", () => {
  test.each([
    ["before planning", queueNames.fanoutPlan],
    ["before dispatching", queueNames.fanoutDispatch],
    ["before reading back", queueNames.fanoutReadBack],
  ])("%s are sent again by the sweeper", async (_, queue) => {
    const tenantId = await tenantOf();
    const notificationId = await rig.send(tenantId);
    await rig.drain(waitsFor(queue));
    rig.queues.lose();
    expect(await sweep(tenantId)).toBe(0);
    await sweepToTheEnd(tenantId, notificationId);
    await expectAllDoneOnce(tenantId, notificationId);
  });

  it("of a worker that died with its claims are sent again, and the claims looked behind", async () => {
    const tenantId = await tenantOf();
    const notificationId = await rig.send(tenantId);
    await rig.drain(waitsFor(queueNames.fanoutDispatch));
    const [message] = rig.queues.waiting();
    rig.faults.arm({ atCall: "graph.POST", when: "after" });
    await rig.handle(message!);
    rig.queues.lose();
    const states = (await packedOf(rig, notificationId)).map(({ state }) => state);
    expect(new Set(states)).toEqual(new Set(["claimed"]));
    await sweepToTheEnd(tenantId, notificationId);
    await expectAllDoneOnce(tenantId, notificationId);
  });

  it("of a cancelled notification leave nothing waiting", async () => {
    const tenantId = await tenantOf(10);
    const notificationId = await rig.send(tenantId);
    await rig.drain(waitsFor(queueNames.fanoutDispatch));
    const stored = await rig.services.notify.jobs.get(tenantId, notificationId);
    const { job, etag } = stored!;
    await rig.services.notify.jobs.replace({ ...job, state: "cancelling" }, etag);
    rig.queues.lose();
    await sweep(tenantId);
    await rig.drain();
    expect(await tally(rig, tenantId, notificationId)).toEqual({ "cancelled cancelled": 10 });
    expect((await rig.view(tenantId, notificationId)).state).toBe("cancelled");
  });
});

describe("a thousand rows whose messages were lost", () => {
  it("get new ones in one sweep, with few messages and requests, and not again at once", async () => {
    const tenantId = await tenantOf(1);
    const notificationId = await rig.send(tenantId, { expiresAfter: "PT1H" });
    rig.queues.lose();
    await putRows(rig, notificationId, 1_000, Date.now() - 60_000);
    rig.faults.reset();
    const sent = await sweep(tenantId, { overdueMs: 30_000 });
    const calls = rig.faults.calls().filter((call) => !call.startsWith("queue."));
    expect(sent).toBeGreaterThanOrEqual(125);
    expect(sent).toBeLessThanOrEqual(127);
    expect(calls.length).toBeLessThan(30);
    const named = rig.queues
      .waiting()
      .map(({ message }) => message as { from: string; to: string });
    const rows = await rowsOf(rig, notificationId);
    const missed = rows.filter(
      ({ lastTargetId: id }) => !named.some(({ from, to }) => from <= id && id <= to),
    );
    expect(missed).toEqual([]);
    rig.queues.lose();
    await sweep(tenantId, { overdueMs: 30_000 });
    // Its planning, whose message was lost too, may be asked for again; its rows may not.
    expect(rig.queues.waiting().filter(({ message }) => "from" in message)).toEqual([]);
    expect(rows.map(({ dueAt }) => dueAt)).toEqual(rows.map(() => rows[0]!.dueAt));
    await rig.services.notify.jobs.close(notificationId);
  });
});

describe("what no handler ever brings to its end", () => {
  it("is ended where people see it, long after its time", async () => {
    const tenantId = await tenantOf(20);
    const notificationId = await rig.send(tenantId);
    await rig.drain(waitsFor(queueNames.fanoutReadBack));
    rig.queues.lose();
    await ageBy(rig, tenantId, notificationId, 3 * hourMs);
    expect(await sweep(tenantId)).toBe(1);
    rig.queues.lose();
    passTime(1_100);
    await sweep(tenantId);
    expect(await tally(rig, tenantId, notificationId)).toEqual({ "unknown no-answer": 20 });
    expect((await rig.view(tenantId, notificationId)).state).toBe("unknown");
  });

  it("is waited for while anything of it moves, or holds a turn, however late it is", async () => {
    const tenantId = await tenantOf(20);
    const notificationId = await rig.send(tenantId);
    await rig.drain(waitsFor(queueNames.fanoutReadBack));
    rig.queues.lose();
    await ageBy(rig, tenantId, notificationId, 3 * hourMs);
    const [row] = await rowsOf(rig, notificationId);
    const recent = [{ ...row!, dueAt: row!.dueAt + 2.5 * hourMs }];
    await rig.services.engine.items.replace(notificationId, recent);
    expect(await sweep(tenantId)).toBe(1);
    passTime(1_100);
    expect(await sweep(tenantId)).toBe(1);
    expect(await tally(rig, tenantId, notificationId)).toEqual({ sent: 20 });
    await rig.drain();
    expect(await tally(rig, tenantId, notificationId)).toEqual({ done: 20 });
  });

  it("is ended whole by one sweep, however many rows it has", async () => {
    const tenantId = await tenantOf(1);
    const notificationId = await rig.send(tenantId);
    rig.queues.lose();
    await putRows(rig, notificationId, 500, Date.now() - 3 * hourMs);
    await ageBy(rig, tenantId, notificationId, 3 * hourMs);
    await sweep(tenantId);
    rig.queues.lose();
    passTime(1_100);
    await sweep(tenantId);
    const { state, counts } = await rig.view(tenantId, notificationId);
    expect({ state, counts }).toMatchObject({ state: "unknown", counts: { unknown: 500 } });
  });

  it("is failed when it could not even be planned", async () => {
    const tenantId = await tenantOf(20);
    const notificationId = await rig.send(tenantId);
    rig.queues.lose();
    await ageBy(rig, tenantId, notificationId, 3 * hourMs);
    await sweep(tenantId);
    const { state, failure } = await rig.view(tenantId, notificationId);
    expect({ state, failure }).toEqual({
      state: "failed",
      failure: { code: "planning-failed", detail: expect.stringContaining("planned") },
    });
    await sweep(tenantId);
    const { open } = await rig.services.notify.jobs.open(1000);
    expect(open.map(({ jobId }) => jobId)).not.toContain(notificationId);
  });
});
