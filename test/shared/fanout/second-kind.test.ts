/**
 * What the engine gives any kind of job, it must give a second one: counts that add up, duplicates that do nothing,
 * and the truth after a worker's death at any call.
 */
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, inject, it, test } from "vitest";
import { workOnChunk } from "../../../shared/fanout/engine/at-once.ts";
import { changeRows, endOf } from "../../../shared/fanout/engine/change-rows.ts";
import type { Engine } from "../../../shared/fanout/engine/engine.ts";
import type { StoredItemRow } from "../../../shared/fanout/state/item-store.ts";
import { ChunkMessage, sumOf } from "../../../shared/fanout/state/job.ts";
import { startEngineRig } from "../../support/engine-rig.ts";
import { deaths } from "../../support/fault-tap.ts";
import { passTime } from "../../support/passing-time.ts";
import { faults, newJob, ordersOf, type PingJob, ping, server } from "./ping-kind.ts";

let rig: Awaited<ReturnType<typeof startEngineRig<PingJob>>>;
beforeAll(async () => {
  await once(server.listen(0, "127.0.0.1"), "listening");
  rig = await startEngineRig(faults, ping);
});
afterAll(() => server.close());

const whole = { done: 32, failed: 4, notSupported: 4 };

describe("a second kind of job", () => {
  it("takes every item through both steps, and counts what became of each", async () => {
    const job = newJob();
    await rig.start(job);
    await rig.drain();
    expect(await rig.counts(job)).toMatchObject({ state: "ended", counts: whole });
    expect(ordersOf(job)).toEqual({ orders: 72, doubled: 0 });
  });

  it("does nothing more for messages that come twice", async () => {
    const job = newJob();
    await rig.start(job);
    while (rig.queues.waiting().length > 0) {
      for (const message of rig.queues.waiting()) await rig.handle(message);
      const next = await rig.queues.take();
      if (next) await rig.handle(next);
    }
    expect(await rig.counts(job)).toMatchObject({ state: "ended", counts: whole });
    expect(ordersOf(job).doubled).toBe(0);
  });

  it("begins no step while nothing may leave, follows what has left, and says why the rest waits", async () => {
    const job = newJob();
    const rest = { code: "draining", detail: "not now" } as const;
    let looks = 0;
    // Its second step; a slow worker comes to it without a message between.
    Object.assign(rig.engine, {
      rests: () => Promise.resolve((looks += 1) === 2 ? rest : undefined),
    });
    await rig.start(job);
    await rig.drain(() => looks === 2 && rig.queues.waiting()[0]?.queue === "fanout-dispatch");
    expect(ordersOf(job).orders).toBe(36);
    const rows = await rig.engine.items.page(job.jobId, { top: 10 });
    const waiting = rows.flatMap(({ items }) => items).filter(({ state }) => state === "waiting");
    expect(waiting).toHaveLength(36);
    expect(waiting.every(({ step, code }) => step === 1 && code === "draining")).toBe(true);
    await rig.drain();
    expect(await rig.counts(job)).toMatchObject({ state: "ended", counts: whole });
    expect(ordersOf(job)).toEqual({ orders: 72, doubled: 0 });
  });

  it("settles what waits of a job that is cancelled", async () => {
    const job = newJob();
    await rig.start(job);
    await rig.drain(() => rig.queues.waiting()[0]?.queue === "fanout-dispatch");
    await rig.cancel(job);
    await rig.drain();
    expect(await rig.counts(job)).toMatchObject({ state: "cancelled", counts: { cancelled: 36 } });
    expect(ordersOf(job).orders).toBe(0);
  });

  it("tells the truth at the end, at whichever call the worker dies", async () => {
    const first = newJob();
    faults.reset();
    await rig.start(first);
    await rig.drain();
    const calls = faults.calls().length;
    for (const { atCall, when } of deaths(calls, inject("oneCaseIn"), 3)) {
      const job = newJob();
      await rig.start(job);
      faults.arm({ atCall, when });
      await rig.drain();
      faults.revive();
      const { state, counts } = await rig.counts(job);
      const { orders, doubled } = ordersOf(job);
      const where = `killed ${when} call ${atCall}: ${JSON.stringify(counts)}`;
      expect({ state, sum: sumOf(counts), doubled }, where).toEqual({
        state: "ended",
        sum: 40,
        doubled: 0,
      });
      // All went together: either each was told of both steps, or nobody can tell, and nobody is asked again.
      expect(counts, where).toMatchObject(orders === 72 ? whole : { unknown: 36, done: 0 });
    }
  }, 180_000);
});

it("lets an outcome that comes late for one step never count for the next", async () => {
  const job = newJob();
  await rig.start(job);
  await rig.drain(() => rig.queues.waiting()[0]?.queue === "fanout-dispatch");
  rig.queues.lose();
  const read = () => rig.engine.items.range(job.jobId, "", "~");
  const waiting = await read();
  const [id] = waiting.flatMap(({ items }) => items.filter(({ state }) => state === "waiting"));
  const move = async (rows: readonly StoredItemRow[], event: "claim" | "finish") =>
    changeRows(
      rig.engine,
      { kind: ping, job, rows },
      { transitions: new Map([[id?.targetId ?? "", { event }]]), now: Date.now() },
    );
  const claimed = await move(waiting, "claim");
  await move(claimed, "finish");
  await move(await read(), "claim");
  // A second worker tells of the first step what the first one has told already.
  const [late] = (await move(claimed, "finish")).flatMap(({ items }) =>
    items.filter(({ targetId }) => targetId === id?.targetId),
  );
  expect(late).toMatchObject({ state: "claimed", step: 1, attempts: 1 });
});

/** Takes a job to where what its first step did has been read back, with the calls that this took. */
async function throughFirstStep(job: PingJob): Promise<void> {
  faults.reset();
  await rig.start(job);
  await rig.drain(() => rig.queues.waiting()[0]?.queue === "fanout-read-back");
  faults.reset();
  const next = await rig.queues.take();
  if (next) await rig.handle(next);
}
const wasAsked = (): boolean => faults.calls().includes("far.PUT");

describe("the end of a step", () => {
  it("is written together with the claim of the next", async () => {
    const job = newJob();
    await throughFirstStep(job);
    const calls = faults.calls();
    const between = calls.slice(calls.indexOf("far.PUT"), calls.indexOf("far.POST"));
    expect(between.filter((call) => call === "table.transact Items")).toHaveLength(1);
    await rig.drain();
    expect(await rig.counts(job)).toMatchObject({ state: "ended", counts: whole });
    expect(ordersOf(job)).toEqual({ orders: 72, doubled: 0 });
  });

  it("is written where there is no time left for the next, which goes by message", async () => {
    const job = newJob();
    const { clock } = rig.engine;
    Object.assign(rig.engine, { clock: { now: () => clock.now() + (wasAsked() ? 6_000 : 0) } });
    await throughFirstStep(job);
    Object.assign(rig.engine, { clock });
    expect(rig.queues.waiting().map(({ queue }) => queue)).toEqual(["fanout-dispatch"]);
    const rows = await rig.engine.items.page(job.jobId, { top: 10 });
    const begun = rows.flatMap(({ items }) => items).filter(({ step }) => step === 1);
    expect(begun).toHaveLength(36);
    await rig.drain();
    expect(await rig.counts(job)).toMatchObject({ state: "ended", counts: whole });
    expect(ordersOf(job)).toEqual({ orders: 72, doubled: 0 });
  });
});

it("has its rules asked nothing while its tenant is paused, and goes on when that is over", async () => {
  const job = newJob({ rollout: { atOnce: 6 }, expiresAt: Date.now() + 3_600_000 });
  await rig.start(job);
  const { rests } = rig.engine;
  const rest = { code: "tenant-paused", detail: "not now" } as const;
  Object.assign(rig.engine, { rests: () => Promise.resolve(rest) });
  const takes = (messages: number) => {
    let taken = 0;
    return rig.drain(() => (taken += 1) > messages);
  };
  // Planned, and asked for the first time.
  await takes(2);
  faults.reset();
  const began = Date.now();
  await takes(4);
  expect(faults.calls().filter((call) => call.startsWith("table.page"))).toEqual([]);
  expect(Date.now() - began).toBeGreaterThan(100_000);
  expect(rig.queues.waiting()).toHaveLength(1);
  Object.assign(rig.engine, { rests });
  await rig.drain();
  expect(await rig.counts(job)).toMatchObject({ state: "ended", counts: whole });
  expect(ordersOf(job)).toEqual({ orders: 72, doubled: 0 });
});

it("says of what has done a step already, and is stopped, that its next step never left", async () => {
  const job = newJob();
  await rig.start(job);
  await rig.drain(() => rig.queues.waiting()[0]?.queue === "fanout-read-back");
  // Nothing may leave: so it is stopped between its steps.
  const { rests } = rig.engine;
  const rest = { code: "draining", detail: "not now" } as const;
  Object.assign(rig.engine, { rests: () => Promise.resolve(rest) });
  await rig.drain(() => rig.queues.waiting()[0]?.queue === "fanout-dispatch");
  Object.assign(rig.engine, { rests });
  await rig.cancel(job);
  await rig.drain();
  const items = (await rig.engine.items.range(job.jobId, "", "~")).flatMap((row) => row.items);
  const stopped = items.filter(({ state }) => state === "cancelled");
  expect(stopped.length).toBe(36);
  expect(new Set(stopped.map(({ detail }) => detail))).toEqual(
    new Set(["cancelled before its next step left"]),
  );
});

it("asks at a pace about items for which its kind makes no call", async () => {
  const idle = await startEngineRig(faults, { ...ping, calls: () => [] });
  await idle.start(newJob());
  await idle.drain(() => idle.queues.waiting()[0]?.queue === "fanout-dispatch");
  const next = await idle.queues.take();
  faults.reset();
  if (next) await idle.handle(next);
  expect(faults.calls().length).toBeGreaterThan(3);
  expect(faults.calls().length).toBeLessThan(20);
  expect(idle.queues.waiting()[0]).toMatchObject({ queue: "fanout-dispatch" });
});

test.each([
  ["cancelling", 0, "cancelled before it left"],
  ["cancelling", 1, "cancelled before its next step left"],
  ["failing", 0, "it did not answer before it left"],
  ["failing", 1, "it did not answer before its next step left"],
  ["running", 0, "its time ended before it left; it waited for its turn"],
  ["running", 1, "its time ended before its next step left; it waited for its turn"],
] as const)("of a job that is %s, an item at step %i ends with '%s'", (state, step, detail) => {
  const job = newJob({ state, expiresAt: 1 });
  const item = {
    targetId: "a",
    name: "a",
    state: "waiting",
    route: 0,
    at: 0,
    attempts: 0,
  } as const;
  expect(endOf(ping, job, { ...item, step }, 2)?.details?.detail).toBe(detail);
});

describe("a row whose worker died, in a job with rules", () => {
  type Shown = "unreadable" | "nothing";
  /** A job of one row of which a worker has died in a call, and who works on it then; answers what waits afterwards. */
  async function workedOn(shown: Shown, claimMs: number, passing: number) {
    const rollout = { stopAfter: { failed: 40 } };
    await rig.start(newJob({ rollout, expiresAt: Date.now() + 3_600_000 }));
    await rig.drain(() => rig.queues.waiting()[0]?.queue === "fanout-dispatch");
    const readBack: typeof ping.readBack = (_, items) =>
      Promise.resolve(
        new Map(items.map(({ targetId }) => [targetId, { kind: shown, awake: true }])),
      );
    const kind = { ...ping, execute: () => Promise.reject(new Error("died")), readBack };
    const kinds = new Map([["ping", { kind, jobs: rig.jobs }]]) as unknown as Engine["kinds"];
    const engine = { ...rig.engine, kinds, times: { ...rig.engine.times, claimMs } };
    const next = async (isRedelivered: boolean) => {
      const message = rig.queues.waiting()[0]?.message;
      rig.queues.lose();
      const { v: _, ...chunk } = message ?? {};
      const first = { does: "dispatch", message: ChunkMessage.parse(chunk), at: 0 } as const;
      const outcome = await workOnChunk(engine, first, { isRedelivered }).catch(() => "died");
      if (outcome === "died") await rig.queues.send("fanout-dispatch", chunk);
    };
    await next(false);
    passTime(passing);
    await next(true);
    const [left] = rig.queues.waiting();
    passTime((left?.visibleAt ?? 0) - Date.now());
    await next(false);
    const { length } = rig.queues.waiting();
    rig.queues.lose();
    return length;
  }

  it.each<[string, Shown, number, number]>([
    ["it cannot be read back", "unreadable", 120_000, 120_000],
    ["no trace of it is to be seen", "nothing", 120_000, 120_000],
    ["its claim holds beyond the job's end", "nothing", 7_200_000, 0],
  ])("keeps its message while %s", async (_, shown, claimMs, passing) => {
    expect(await workedOn(shown, claimMs, passing)).toBe(1);
  });
});

it("sends nothing that comes due in the middle of a pass before it was asked whether it may", async () => {
  const job = newJob({ expiresAt: Date.now() + 3_600_000 });
  await rig.start(job);
  await rig.drain(() => rig.queues.waiting()[0]?.queue === "fanout-dispatch");
  const unasked: string[] = [];
  let time = Date.now();
  const kind: typeof ping = {
    ...ping,
    // Each is held until another time, a little later than its neighbour before.
    holds: (_, items) => {
      const why = { code: "held", detail: "it has to wait" };
      const held = items.map(
        ({ targetId }, nth) => [targetId, { ...why, until: time + 1_000 + nth * 7 }] as const,
      );
      return Promise.resolve(new Map(held));
    },
    execute: (_, { targetIds }) => {
      unasked.push(...targetIds);
      return Promise.resolve(new Map());
    },
  };
  const kinds = new Map([["ping", { kind, jobs: rig.jobs }]]) as unknown as Engine["kinds"];
  // Each look at the clock takes a while.
  const engine = { ...rig.engine, kinds, clock: { now: () => (time += 5) } };
  for (let pass = 0; pass < 5; pass += 1) {
    const next = rig.queues.waiting()[0];
    rig.queues.lose();
    time = Math.max(time, next?.visibleAt ?? 0);
    const { v: _, ...chunk } = next?.message ?? {};
    const first = { does: "dispatch", message: ChunkMessage.parse(chunk), at: 0 } as const;
    await workOnChunk(engine, first);
  }
  rig.queues.lose();
  expect(unasked).toEqual([]);
});
