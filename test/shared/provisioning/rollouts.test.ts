/** Runs that are let out by rules while devices are offline: who waits aside keeps nobody from going, and comes back by the rules. */
import { beforeAll, describe, expect, inject, it } from "vitest";
import { sumOf } from "../../../shared/fanout/state/job.ts";
import { Rollout } from "../../../shared/fanout/state/rollout.ts";
import { deviceRunView, runView } from "../../../shared/provisioning/read-runs.ts";
import type { Run } from "../../../shared/provisioning/run.ts";
import type { RunParts } from "../../../shared/provisioning/start-run.ts";
import { dayMs, startRunRig } from "./support/run-rig.ts";

let rig: Awaited<ReturnType<typeof startRunRig>>;
let parts: RunParts;
beforeAll(async () => {
  rig = await startRunRig(50);
  parts = { engine: rig.engine, jobs: rig.jobs, tables: rig.tables } as unknown as RunParts;
});

const silent = { lastSyncDateTime: "2026-01-01T00:00:00Z" };
const bucketsOf = async (run: Run) => (await runView(parts, await rig.read(run))).buckets;
const sorted = (left: readonly string[], right: readonly string[]) =>
  [...left, ...right].toSorted();

/** Handles messages until the next one is for later than `until`; tells the most that were under way at once. */
async function most(run: Run, ids: readonly string[], until = Number.POSITIVE_INFINITY) {
  let highest = 0;
  for (let next = await rig.queues.take(); next; next = await rig.queues.take()) {
    await rig.handle(next);
    const { successful, failed, notAttempted, pending, active } = await bucketsOf(run);
    expect(successful + failed + notAttempted + pending + active).toBe(ids.length);
    highest = Math.max(highest, active);
    if ((rig.queues.waiting()[0]?.visibleAt ?? 0) > until) break;
  }
  return highest;
}

describe("devices that nobody has seen", () => {
  it("take no place among those that may be under way, and come back by the same rule", async () => {
    const [away, there] = [rig.fleet(6, silent), rig.fleet(4)];
    const ids = sorted(away, there);
    const run = await rig.run(ids, [{}, {}], { rollout: { atOnce: 2 } });
    const early = await most(run, ids, run.createdAt + 600_000);
    expect(await bucketsOf(run)).toMatchObject({ successful: 4, pending: 6, active: 0 });
    for (const id of away) rig.seen.set(id, Date.now());
    const late = await most(run, ids);
    expect(await bucketsOf(run)).toMatchObject({ successful: 10 });
    expect(Math.max(early, late)).toBeGreaterThan(0);
    expect(Math.max(early, late)).toBeLessThanOrEqual(2);
    expect(rig.timesOf(`${run.jobId}-1`, ids)).toEqual(ids.map(() => 1));
  });

  it("leave their places in a wave to others, and hold no wave up", async () => {
    const [away, there] = [rig.fleet(10, silent), rig.fleet(10)];
    const ids = sorted(away, there);
    const rollout = Rollout.parse({ waves: [{ count: 4, soak: "PT1H" }] });
    const run = await rig.run(ids, [{}], { rollout });
    await most(run, ids, run.createdAt + 600_000);
    expect(await bucketsOf(run)).toMatchObject({ successful: 4, active: 0 });
    await most(run, ids, run.createdAt + 5_400_000);
    expect(await bucketsOf(run)).toMatchObject({ successful: 10, active: 0 });
    for (const id of away) rig.seen.set(id, Date.now());
    await rig.drain();
    expect(await bucketsOf(run)).toMatchObject({ successful: 20 });
  });

  it("say that they wait for others, once they are back and it is not their turn", async () => {
    const [away, there] = [rig.fleet(2, silent), rig.fleet(1)];
    const ids = sorted(away, there);
    const run = await rig.run(ids, [{}], { rollout: { atOnce: 1, stopAfter: { failed: 9 } } });
    await most(run, ids, run.createdAt + 600_000);
    for (const id of away) rig.seen.set(id, Date.now() + 60_000);
    const waits = new Set<string | undefined>();
    for (let next = await rig.queues.take(); next; next = await rig.queues.take()) {
      await rig.handle(next);
      const whole = await rig.read(run);
      for (const item of await rig.itemsOf(run))
        waits.add(deviceRunView(whole, item, undefined, Date.now()).waits?.why);
    }
    expect(waits).toEqual(new Set([undefined, "offline", "concurrency", "turn"]));
    expect(await bucketsOf(run)).toMatchObject({ successful: 3 });
  });

  it("do not stop a run whose failures are counted, when they are given up or fail unasked", async () => {
    for (const mode of ["wait", "fail"] as const) {
      const [away, there] = [rig.fleet(3, silent), rig.fleet(3)];
      const offline = { mode, afterMs: dayMs, waitMs: 600_000 };
      const rollout = { atOnce: 1, stopAfter: { failed: 0 } };
      const run = await rig.run(sorted(away, there), [{}], { offline, rollout });
      await rig.drain();
      expect(await bucketsOf(run), mode).toMatchObject({ successful: 3, failed: 3 });
    }
  });

  it("end with the run's own time, or when they are given up, and let it end", async () => {
    const away = rig.fleet(3, silent);
    const offline = { mode: "wait", afterMs: dayMs, waitMs: 600_000 } as const;
    const run = await rig.run(away, [{}], { rollout: { atOnce: 1 }, offline });
    await rig.drain();
    expect(await rig.itemsOf(run)).toMatchObject(away.map(() => ({ state: "expired" })));
    expect(await rig.read(run)).toMatchObject({ state: "ended" });
  });

  it("are told of truthfully, whichever call the worker dies at", async () => {
    const begin = async () => {
      const [away, there] = [rig.fleet(2, silent), rig.fleet(2)];
      const run = await rig.run(sorted(away, there), [{}], { rollout: { atOnce: 1 } });
      return { run, away, ids: sorted(away, there) };
    };
    const comeBack = async ({ run, away }: Awaited<ReturnType<typeof begin>>) => {
      await rig.drain(() => (rig.queues.waiting()[0]?.visibleAt ?? 0) > run.createdAt + 1_200_000);
      for (const id of away) rig.seen.set(id, Date.now());
      await rig.drain(() => (rig.queues.waiting()[0]?.visibleAt ?? 0) > Date.now() + 3_600_000);
    };
    rig.faults.reset();
    const undisturbed = await begin();
    await comeBack(undisturbed);
    expect((await rig.counts(undisturbed.run)).counts.done).toBe(4);
    const calls = rig.faults.calls().length;
    // Dying before a call is dying after the one before it.
    for (let atCall = 3; atCall <= calls; atCall += 4 * inject("oneCaseIn")) {
      const begun = await begin();
      rig.faults.arm({ atCall, when: "after" });
      await comeBack(begun);
      rig.faults.revive();
      // Long before the run's own end: the sweeper comes every minute.
      await rig.sweep(begun.run);
      const { state, counts } = await rig.counts(begun.run);
      const where = `killed after call ${atCall}: ${JSON.stringify(counts)}`;
      expect({ state, sum: sumOf(counts), done: counts.done }, where).toEqual({
        state: "ended",
        sum: 4,
        done: 4,
      });
    }
  }, 180_000);
});
