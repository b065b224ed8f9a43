/** How jobs are let out: at most so many at once, in waves, not on when too much fails, and not while they rest. */

import { once } from "node:events";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, inject, it, test } from "vitest";
import { pause, resume } from "../../../shared/fanout/care/control.ts";
import { chunksOf } from "../../../shared/fanout/care/sweep.ts";
import { type Counts, emptyCounts } from "../../../shared/fanout/state/item.ts";
import { sumOf } from "../../../shared/fanout/state/job.ts";
import {
  bucketsOf,
  decideRollout,
  nothingReleased,
  type PlanProgress,
  Rollout,
} from "../../../shared/fanout/state/rollout.ts";
import { startEngineRig } from "../../support/engine-rig.ts";
import { deaths } from "../../support/fault-tap.ts";
import { faults, newJob, ordersOf, type PingJob, ping, server } from "./ping-kind.ts";

type Standing = Parameters<typeof decideRollout>[3];
const standing = (some: Partial<Counts>, aside = 0, back = 0): Standing => ({
  counts: { ...emptyCounts(), ...some },
  aside,
  back,
});
type Released = NonNullable<PlanProgress["released"]>;
const out = (more: Partial<Released>): Released => ({ ...nothingReleased, ...more });

describe("what the rules say of 100 items", () => {
  const inWaves = Rollout.parse({
    waves: [
      { count: 5, soak: "PT1H" },
      { percent: 20, approval: true },
    ],
  });
  test.each<[string, Rollout, Released, Partial<Counts>, object]>([
    [
      "lets all out where only failures are counted",
      { stopAfter: { failed: 3 } },
      out({}),
      { waiting: 100 },
      { kind: "release", count: 100, wave: 0 },
    ],
    [
      "lets out as many as may be under way",
      { atOnce: 10 },
      out({}),
      { waiting: 100 },
      { kind: "release", count: 10, wave: 0 },
    ],
    [
      "fills up what has ended",
      { atOnce: 10 },
      out({ count: 10 }),
      { waiting: 91, sent: 5, done: 4 },
      { kind: "release", count: 4, wave: 0 },
    ],
    [
      "waits while as many are under way",
      { atOnce: 10 },
      out({ count: 10 }),
      { waiting: 95, sent: 5 },
      { kind: "wait" },
    ],
    [
      "lets out the first wave",
      inWaves,
      out({}),
      { waiting: 100 },
      { kind: "release", count: 5, wave: 0 },
    ],
    [
      "waits for its last outcome",
      inWaves,
      out({ count: 5 }),
      { waiting: 95, sent: 1, done: 4 },
      { kind: "wait" },
    ],
    [
      "waits for the time between",
      inWaves,
      out({ count: 5 }),
      { waiting: 95, done: 5 },
      { kind: "wait", until: 3_601_000, quietSince: 1_000 },
    ],
    [
      "goes on after it",
      inWaves,
      out({ count: 5, quietSince: 1_000 - 3_600_000 }),
      { waiting: 95, done: 5 },
      { kind: "release", count: 20, wave: 1 },
    ],
    [
      "rests behind a wave that somebody must agree to",
      inWaves,
      out({ count: 25, wave: 1 }),
      { waiting: 75, done: 25 },
      { kind: "pause", wave: 1 },
    ],
    [
      "lets the rest out once they have",
      inWaves,
      out({ count: 25, wave: 1, approved: 2 }),
      { waiting: 75, done: 25 },
      { kind: "release", count: 75, wave: 2 },
    ],
    [
      "stops when more have failed",
      { stopAfter: { failed: 3 } },
      out({ count: 100 }),
      { waiting: 50, done: 46, failed: 2, unknown: 2 },
      { kind: "stop" },
    ],
    [
      "does not count who was not reached, or given up unasked",
      { stopAfter: { failed: 3 } },
      out({ count: 100 }),
      { waiting: 50, done: 40, failed: 3, offline: 3, expired: 4 },
      { kind: "wait" },
    ],
    [
      "does not stop at just so many",
      { stopAfter: { failed: 3 } },
      out({ count: 90 }),
      { waiting: 50, sent: 47, failed: 3 },
      { kind: "release", count: 10, wave: 0 },
    ],
    [
      "stops when a larger share of all has failed",
      { stopAfter: { percent: 10 } },
      out({ count: 20 }),
      { waiting: 80, done: 9, failed: 11 },
      { kind: "stop" },
    ],
    [
      "does not stop at the first failure of few that are let out at a time",
      { atOnce: 3, stopAfter: { percent: 10 } },
      out({ count: 12 }),
      { waiting: 88, done: 2, failed: 10 },
      { kind: "release", count: 3, wave: 0 },
    ],
    [
      "takes the share of what the waves up to now let out",
      { ...inWaves, stopAfter: { percent: 10 } },
      out({ count: 5 }),
      { waiting: 95, sent: 2, failed: 2, done: 1 },
      { kind: "stop" },
    ],
    [
      "is done when everything is out",
      { atOnce: 10 },
      out({ count: 100 }),
      { sent: 5, done: 95 },
      { kind: "done" },
    ],
  ])("%s", (_, rules, released, some, decision) => {
    expect(
      decideRollout(rules, { items: 100, failed: 0 }, released, standing(some), 1_000),
    ).toMatchObject(decision);
  });

  test.each<[string, Rollout, Released, Standing, object]>([
    [
      "gives the places of those that are away to others",
      { atOnce: 10 },
      out({ count: 10 }),
      standing({ waiting: 97, sent: 3 }, 7),
      { kind: "release", count: 7, wave: 0 },
    ],
    [
      "lets nobody back in while as many are under way",
      { atOnce: 3 },
      out({ count: 10 }),
      standing({ waiting: 97, sent: 3 }, 7, 5),
      { kind: "wait" },
    ],
    [
      "fills a wave up with others",
      inWaves,
      out({ count: 5 }),
      standing({ waiting: 97, done: 3 }, 2),
      { kind: "release", count: 2, wave: 0 },
    ],
    [
      "keeps whoever is back for the next wave, once this one is full",
      inWaves,
      out({ count: 7 }),
      standing({ waiting: 95, done: 5 }, 2, 2),
      { kind: "wait", until: 3_601_000 },
    ],
    [
      "waits long when all that are left are away",
      { atOnce: 10 },
      out({ count: 100 }),
      standing({ waiting: 7, done: 93 }, 7),
      { kind: "wait", until: 301_000 },
    ],
    [
      "lets at least one go in a wave whose places were taken by who was given up",
      inWaves,
      out({ count: 40, quietSince: 1_000 - 3_600_000 }),
      standing({ waiting: 60, done: 5, expired: 35 }),
      { kind: "release", count: 1, wave: 1 },
    ],
  ])("%s", (_, rules, released, now, decision) => {
    const planned = { items: 100, failed: 0 };
    expect(decideRollout(rules, planned, released, now, 1_000)).toMatchObject(decision);
  });

  test("never let more out than there is, nor more at once than they allow, whoever is away", () => {
    const upTo = fc.nat(100);
    fc.assert(
      fc.property(upTo, upTo, upTo, upTo, fc.integer({ min: 1, max: 50 }), (...drawn) => {
        const [count, ended, away, returned, atOnce] = drawn;
        const done = Math.min(count, ended);
        const aside = Math.min(count - done, away);
        const back = Math.min(aside, returned);
        const sent = count - done - aside;
        const now = standing({ waiting: 100 - count + aside, sent, done }, aside, back);
        const planned = { items: 100, failed: 0 };
        const decision = decideRollout({ atOnce }, planned, out({ count }), now, 0);
        if (decision.kind !== "release") return;
        expect(decision.count).toBeLessThanOrEqual(100 - count + back);
        expect(decision.count + sent).toBeLessThanOrEqual(Math.max(atOnce, sent));
      }),
    );
  });

  test("buckets add up to all there is, whatever the counts", () => {
    const some = fc.record(
      Object.fromEntries(Object.keys(emptyCounts()).map((state) => [state, fc.nat(1_000)])),
    ) as fc.Arbitrary<Counts>;
    fc.assert(
      fc.property(some, (given) => {
        const sum = Object.values(bucketsOf(given)).reduce((left, right) => left + right, 0);
        expect(sum).toBe(sumOf(given));
      }),
    );
  });
});

let rig: Awaited<ReturnType<typeof startEngineRig<PingJob>>>;
beforeAll(async () => {
  await once(server.listen(0, "127.0.0.1"), "listening");
  rig = await startEngineRig(faults, ping);
});
afterAll(() => server.close());

const whole = { done: 32, failed: 4, notSupported: 4 };
/** How many orders of the first step the far side was given. */
const lookedUp = (job: PingJob): number => ordersOf(job, "0").orders;

/** The job as it is, with its etag. */
async function stored({ tenantId, jobId }: PingJob) {
  const found = await rig.jobs.get(tenantId, jobId);
  if (found === undefined) throw new Error("the job is gone");
  return found;
}

describe("a job with rules", () => {
  it("reaches everybody, and never has more under way than it may", async () => {
    const job = newJob({ rollout: { atOnce: 6 } });
    await rig.start(job);
    let most = 0;
    for (let next = await rig.queues.take(); next; next = await rig.queues.take()) {
      await rig.handle(next);
      const { counts: now } = await rig.counts(job);
      const done = now.done + now.failed;
      most = Math.max(most, lookedUp(job) - done);
    }
    expect(await rig.counts(job)).toMatchObject({ state: "ended", counts: whole });
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(6);
    expect(ordersOf(job)).toEqual({ orders: 72, doubled: 0 });
  });

  it("rests behind a wave, and goes on when somebody agrees", async () => {
    const job = newJob({ rollout: Rollout.parse({ waves: [{ count: 5, approval: true }] }) });
    await rig.start(job);
    await rig.drain();
    expect(lookedUp(job)).toBe(5);
    const { job: resting, etag } = await stored(job);
    expect(resting.state).toBe("paused");
    await resume(rig.engine, rig.jobs, resting, etag);
    await rig.drain();
    expect(await rig.counts(job)).toMatchObject({ state: "ended", counts: whole });
    expect(ordersOf(job).doubled).toBe(0);
  });

  it("ends a wave in the middle of a row, and goes on behind it", async () => {
    const addresses = Array.from({ length: 330 }, (_, nth) => `a${String(nth).padStart(3, "0")}x`);
    const job = newJob({ rollout: Rollout.parse({ waves: [{ count: 130, approval: true }] }) });
    const large = { ...job, addresses: addresses.map((id) => `${job.jobId}${id}`) };
    await rig.start(large);
    await rig.drain();
    expect(lookedUp(large)).toBe(130);
    expect((await rig.counts(large)).counts).toMatchObject({ waiting: 200, done: 130 });
    const { job: resting, etag } = await stored(large);
    await resume(rig.engine, rig.jobs, resting, etag);
    await rig.drain();
    expect(await rig.counts(large)).toMatchObject({ state: "ended", counts: { done: 330 } });
    expect(ordersOf(large)).toEqual({ orders: 660, doubled: 0 });
  });

  it("stops when too much has failed, and says so; what never left is cancelled", async () => {
    const job = newJob({ rollout: { atOnce: 10, stopAfter: { failed: 0 } } });
    await rig.start(job);
    await rig.drain();
    const { job: ended } = await stored(job);
    expect(ended).toMatchObject({ state: "failed", failure: { code: "stopped-by-rollout" } });
    const { counts: at } = await rig.counts(job);
    expect(at.failed).toBeGreaterThan(0);
    expect(at.cancelled).toBeGreaterThan(0);
    expect(sumOf(at)).toBe(40);
    expect(lookedUp(job)).toBe(36 - at.cancelled);
  });

  it("sends nothing new while it rests, and everything once it goes on", async () => {
    const job = newJob();
    await rig.start(job);
    await rig.drain(() => rig.queues.waiting()[0]?.queue === "fanout-dispatch");
    const before = await stored(job);
    expect((await pause(rig.jobs, before.job, before.etag))?.state).toBe("paused");
    await rig.drain();
    expect(lookedUp(job)).toBe(0);
    const { job: resting, etag } = await stored(job);
    await resume(rig.engine, rig.jobs, resting, etag);
    await rig.drain();
    expect(await rig.counts(job)).toMatchObject({ state: "ended", counts: whole });
    expect(ordersOf(job)).toEqual({ orders: 72, doubled: 0 });
  });

  it("can be cancelled while it rests", async () => {
    const job = newJob({ rollout: Rollout.parse({ waves: [{ count: 5, approval: true }] }) });
    await rig.start(job);
    await rig.drain();
    await rig.cancel(job);
    await rig.drain();
    const { state, counts: at } = await rig.counts(job);
    expect(state).toBe("cancelled");
    expect(at.done + at.failed).toBe(5);
    expect(at.cancelled).toBe(31);
  });

  it("tells the truth at the end, at whichever call the worker dies", async () => {
    const rollout = { atOnce: 12 };
    const first = newJob({ rollout });
    faults.reset();
    await rig.start(first);
    await rig.drain();
    const calls = faults.calls().length;
    for (const { atCall, when } of deaths(calls, 4 * inject("oneCaseIn"), 3)) {
      const job = newJob({ rollout });
      await rig.start(job);
      faults.arm({ atCall, when });
      await rig.drain();
      faults.revive();
      await rig.sweep(job);
      const { state, counts: at } = await rig.counts(job);
      const where = `killed ${when} call ${atCall}: ${JSON.stringify(at)}`;
      expect({ state, sum: sumOf(at), ...ordersOf(job, "0") }, where).toMatchObject({
        state: "ended",
        sum: 40,
        doubled: 0,
      });
      expect(at.done + at.failed + at.unknown + at.notSupported, where).toBe(40);
    }
  }, 180_000);
});

describe("a job that rests", () => {
  it("ends with its time, also when its messages are lost", async () => {
    const job = newJob({ expiresAt: Date.now() + 2_500 });
    await rig.start(job);
    await rig.drain(() => rig.queues.waiting()[0]?.queue === "fanout-read-back");
    const { job: open, etag } = await stored(job);
    await pause(rig.jobs, open, etag);
    rig.queues.lose();
    await rig.sweep(job);
    const { state, counts: at } = await rig.counts(job);
    expect({ state, sum: sumOf(at) }).toEqual({ state: "ended", sum: 40 });
    expect(ordersOf(job).doubled).toBe(0);
  });

  it("sends no message when it is resumed twice, nor when it never rested", async () => {
    const job = newJob();
    await rig.start(job);
    await rig.drain(() => rig.queues.waiting()[0]?.queue === "fanout-dispatch");
    const { job: open, etag } = await stored(job);
    const before = rig.queues.waiting().length;
    expect((await resume(rig.engine, rig.jobs, open, etag))?.state).toBe("running");
    expect(rig.queues.waiting()).toHaveLength(before);
    rig.queues.lose();
  });
});

describe("a worker that dies while somebody resumes, or while the rules pause or stop", () => {
  const inWaves = Rollout.parse({ waves: [{ count: 5, approval: true }] });

  it("has changed nothing, or everything, at whichever call of resuming it dies", async () => {
    const resting = async (): Promise<PingJob> => {
      const job = newJob({ rollout: inWaves });
      await rig.start(job);
      await rig.drain();
      return job;
    };
    const asked = async (job: PingJob) => {
      const { job: now, etag } = await stored(job);
      return now.state === "paused" ? resume(rig.engine, rig.jobs, now, etag) : now;
    };
    const first = await resting();
    faults.reset();
    await asked(first);
    const calls = faults.calls().length;
    rig.queues.lose();
    for (const { atCall, when } of deaths(calls, inject("oneCaseIn"))) {
      const job = await resting();
      faults.arm({ atCall, when });
      await asked(job).catch(() => undefined);
      faults.revive();
      // Whoever got no answer asks again.
      await asked(job);
      await rig.drain();
      await rig.sweep(job);
      const { state, counts: at } = await rig.counts(job);
      const where = `killed ${when} call ${atCall} of ${calls}`;
      expect({ state, counts: at }, where).toMatchObject({ state: "ended", counts: whole });
      expect(ordersOf(job), where).toEqual({ orders: 72, doubled: 0 });
    }
  }, 120_000);

  it.each<[string, Rollout, string]>([
    ["pause", inWaves, "paused"],
    ["stop", { atOnce: 10, stopAfter: { failed: 0 } }, "failed"],
  ])(
    "comes to the same %s",
    async (_, rollout, end) => {
      const first = newJob({ rollout });
      faults.reset();
      await rig.start(first);
      await rig.drain();
      const calls = faults.calls().length;
      for (const { atCall, when } of deaths(calls, 2 * inject("oneCaseIn"), 3)) {
        const job = newJob({ rollout });
        await rig.start(job);
        faults.arm({ atCall, when });
        await rig.drain();
        faults.revive();
        if ((await stored(job)).job.state !== end) await rig.sweep(job);
        const { state, counts: at } = await rig.counts(job);
        const where = `killed ${when} call ${atCall} of ${calls}: ${JSON.stringify(at)}`;
        // A wave of which nobody can tell what came of it has ended, too; a doubt is a failure to be counted.
        expect([end, "ended"], where).toContain(state);
        expect({ sum: sumOf(at), doubled: ordersOf(job).doubled }, where).toEqual({
          sum: 40,
          doubled: 0,
        });
        const most = state === "paused" ? 5 : 36;
        expect(lookedUp(job), where).toBeLessThanOrEqual(most);
      }
    },
    240_000,
  );
});

describe("stopping", () => {
  it("does not count who had failed before anything was sent", () => {
    const rules = { stopAfter: { failed: 0, percent: 1 } };
    const planned = { items: 100, failed: 3 };
    const some = standing({ waiting: 100, failed: 3 });
    expect(decideRollout(rules, planned, out({}), some, 0)).toMatchObject({ kind: "release" });
  });

  it("is thought of until nothing waits any more", () => {
    const rules = { stopAfter: { failed: 1 } };
    const planned = { items: 100, failed: 0 };
    const all = out({ count: 100 });
    const said = (some: Partial<Counts>) =>
      decideRollout(rules, planned, all, standing(some), 0).kind;
    expect(said({ waiting: 60, sent: 40 })).toBe("wait");
    expect(said({ waiting: 20, sent: 20, failed: 2, done: 58 })).toBe("stop");
    expect(said({ sent: 100 })).toBe("done");
  });
});

const rowOf = (id: string, waiting: number) =>
  ({ lastTargetId: id, live: 1, waiting, dueAt: 0, requeuedAt: 0, failures: 0 }) as const;

test("a message never reaches across rows that need none", () => {
  const rows = [rowOf("a", 1), rowOf("b", 0), rowOf("c", 1), rowOf("d", 1)];
  const chunks = chunksOf(rows, ({ waiting }) => waiting > 0);
  expect(chunks.map(({ from, to }) => [from, to])).toEqual([
    ["a", "a"],
    ["c", "d"],
  ]);
});
