/** Runs over the engine, with made-up actions: what templates promise holds whatever becomes of devices and workers. */
import { beforeAll, describe, expect, inject, it, onTestFinished } from "vitest";
import type { Approval } from "../../../shared/access/approvals/approval.ts";
import { settleGate } from "../../../shared/fanout/care/approval-gate.ts";
import { sumOf } from "../../../shared/fanout/state/job.ts";
import { systemClock } from "../../../shared/kernel/clock.ts";
import { digest } from "../../../shared/kernel/values.ts";
import { unpackDeviceRun } from "../../../shared/provisioning/device-run.ts";
import {
  deviceRunView,
  history,
  readDeviceRun,
  runView,
} from "../../../shared/provisioning/read-runs.ts";
import { type Run, RunJobs } from "../../../shared/provisioning/run.ts";
import type { RunParts } from "../../../shared/provisioning/start-run.ts";
import { openStorage } from "../../../shared/storage/storage.ts";
import { storageConnectionString } from "../../support/azurite.ts";
import { deaths } from "../../support/fault-tap.ts";
import { passTime } from "../../support/passing-time.ts";
import { dayMs, startRunRig } from "./support/run-rig.ts";

let rig: Awaited<ReturnType<typeof startRunRig>>;
let parts: RunParts;
beforeAll(async () => {
  rig = await startRunRig();
  parts = { engine: rig.engine, jobs: rig.jobs, tables: rig.tables } as unknown as RunParts;
});

const six = [{}, {}, {}, {}, {}, {}];
const bucketsOf = async (run: Run) => (await runView(parts, await rig.read(run))).buckets;
async function attemptsOf(run: Run) {
  const found = [];
  for await (const attempt of history(parts, await rig.read(run))) found.push(attempt);
  return found;
}

describe("a run", () => {
  it("fails three of ten devices at a required action, and says at which; buckets add up all along", async () => {
    const ids = rig.fleet(10);
    const broken = new Set(ids.slice(0, 3));
    const run = await rig.run(ids, six);
    rig.behaviours.set(`${run.jobId}-4`, (id) => (broken.has(id) ? "fails" : "done"));
    const sums = new Set<number>();
    const total = ({
      pending,
      active,
      successful,
      failed,
      notAttempted,
    }: Awaited<ReturnType<typeof bucketsOf>>) =>
      pending + active + successful + failed + notAttempted;
    for (let next = await rig.queues.take(); next; next = await rig.queues.take()) {
      await rig.handle(next);
      sums.add(total(await bucketsOf(run)));
    }
    expect(sums).toEqual(new Set([10]));
    expect(await bucketsOf(run)).toMatchObject({ successful: 7, failed: 3 });
    const [first] = ids;
    const detail = await readDeviceRun(parts, await rig.read(run), first ?? "");
    expect(detail).toMatchObject({
      value: {
        bucket: "failed",
        done: 3,
        of: 6,
        progress: "3 of 6, next: Action 4",
        current: { id: "a4", type: "do" },
        // Also those that it has not come to.
        actions: Array.from({ length: 6 }, (_, at) => ({ id: `a${at + 1}`, required: true })),
        verdict: { name: { fr: "Échec" } },
        code: "broken",
      },
    });
    const attempts = await attemptsOf(run);
    expect(attempts.filter(({ deviceId }) => deviceId === first)).toMatchObject([
      { actionId: "a1", attempt: 1, result: "succeeded", graphRequestId: "r-1" },
      { actionId: "a2", result: "succeeded", output: `${run.jobId}-2 done` },
      { actionId: "a3", result: "succeeded" },
      { actionId: "a4", result: "failed", code: "broken", section: "systemConfiguration" },
    ]);
    expect(attempts).toHaveLength(3 * 4 + 7 * 6);
    expect(rig.timesOf(`${run.jobId}-5`, ids)).toEqual(ids.map((id) => (broken.has(id) ? 0 : 1)));
  });

  it("goes on with a warning where an optional action fails", async () => {
    const ids = rig.fleet(2);
    const run = await rig.run(ids, [{}, { required: false }, {}]);
    rig.behaviours.set(`${run.jobId}-2`, (id) => (id === ids[0] ? "fails" : "done"));
    await rig.drain();
    const items = await rig.itemsOf(run);
    const whole = await rig.read(run);
    const views = items.map((item) => deviceRunView(whole, item, undefined, Date.now()));
    expect(views).toMatchObject([
      { bucket: "successful", warnings: 1, done: 3 },
      { bucket: "successful", warnings: 0, done: 3 },
    ]);
    const [, second] = (await attemptsOf(run)).filter(({ deviceId }) => deviceId === ids[0]);
    expect(second).toMatchObject({ result: "failedOptional", code: "broken" });
  });

  it("tries again as often as the template says, after its delay, and no oftener", async () => {
    const ids = rig.fleet(2);
    const retry = { max: 2, delaySeconds: 600, on: "transient" };
    const run = await rig.run(ids, [{ retry }, {}]);
    rig.behaviours.set(`${run.jobId}-1`, (id, times) =>
      id === ids[0] && times === 3 ? "done" : "fails",
    );
    await rig.drain();
    expect(await bucketsOf(run)).toMatchObject({ successful: 1, failed: 1 });
    expect(rig.timesOf(`${run.jobId}-1`, ids)).toEqual([3, 3]);
    const first = (await attemptsOf(run)).filter(({ deviceId }) => deviceId === ids[0]);
    expect(first.map(({ result }) => result)).toEqual(["again", "again", "succeeded", "succeeded"]);
    expect(
      Date.parse(first[2]?.startedAt ?? "") - Date.parse(first[0]?.endedAt ?? ""),
    ).toBeGreaterThan(1_200_000);
  });

  it("ends what gets no answer in time: failed, or for a person to decide where it must not be done twice", async () => {
    const [ids, others] = [rig.fleet(1), rig.fleet(1)];
    const plain = await rig.run(ids, [{ timeoutSeconds: 900 }, {}]);
    const guarded = await rig.run(others, [
      { type: "once", timeoutSeconds: 900, retry: { max: 3, on: "any" } },
      {},
    ]);
    for (const { jobId } of [plain, guarded]) rig.behaviours.set(`${jobId}-1`, () => "silent");
    await rig.drain();
    expect(await rig.itemsOf(plain)).toMatchObject([{ state: "failed", code: "timed-out" }]);
    expect(await rig.itemsOf(guarded)).toMatchObject([{ state: "unknown", code: "timed-out" }]);
    expect(rig.timesOf(`${guarded.jobId}-1`, others)).toEqual([1]);
    await rig.sweep(guarded);
    expect(rig.timesOf(`${guarded.jobId}-1`, others)).toEqual([1]);
  });

  it("goes on behind what is optional, must not be done twice and got no answer, and remembers it", async () => {
    const run = await rig.run(rig.fleet(1), [
      {},
      { type: "once", required: false, timeoutSeconds: 900 },
      {},
    ]);
    rig.behaviours.set(`${run.jobId}-2`, () => "silent");
    rig.behaviours.set(`${run.jobId}-3`, () => "fails");
    await rig.drain();
    const [item] = await rig.itemsOf(run);
    expect(item).toMatchObject({ state: "failed", step: 2 });
    expect(unpackDeviceRun(item?.learned)).toMatchObject({ warnings: 1, doubtful: [1] });
  });

  it("is gone, and has no device, once retention has begun to take it", async () => {
    const run = await rig.run(rig.fleet(1), [{}]);
    await rig.drain();
    await rig.jobs.removeTargets(run.jobId);
    const connection = { kind: "connectionString", value: storageConnectionString() } as const;
    const elsewhere = new RunJobs(await openStorage(connection, systemClock));
    expect(await elsewhere.get(run.tenantId, run.jobId)).toBeUndefined();
  });

  it("gives each attempt a time of its own", async () => {
    const ids = rig.fleet(1);
    const retry = { max: 1, delaySeconds: 600, on: "transient" };
    const run = await rig.run(ids, [{ timeoutSeconds: 900, retry }]);
    let looks = 0;
    rig.behaviours.set(`${run.jobId}-1`, (_, times) => {
      if (times === 2) looks += 1;
      return looks > 2 ? "done" : "silent";
    });
    await rig.drain();
    expect(rig.timesOf(`${run.jobId}-1`, ids)).toEqual([2]);
    expect(await rig.itemsOf(run)).toMatchObject([{ state: "done" }]);
  });

  it("leaves out an action whose condition does not hold, and says so", async () => {
    const ids = rig.fleet(1);
    const when = { property: "deviceName", operator: "startsWith", value: "MAC" };
    const run = await rig.run(ids, [{ when }, {}]);
    await rig.drain();
    expect(await attemptsOf(run)).toMatchObject([
      { actionId: "a1", result: "skipped", code: "skipped-condition" },
      { actionId: "a2", result: "succeeded" },
    ]);
    expect(rig.timesOf(`${run.jobId}-1`, ids)).toEqual([0]);
  });

  it("knows of a device what the directory knew when the run began, where conditions ask for it", async () => {
    const [kiosk = "", other = ""] = [...rig.fleet(1, { groupTag: "kiosk" }), ...rig.fleet(1)];
    const tag = { property: "groupTag", operator: "equals", value: "Kiosk" };
    const compliant = { property: "complianceState", operator: "equals", value: "compliant" };
    const run = await rig.run([kiosk, other].toSorted(), [
      { when: { all: [tag, compliant] } },
      { when: { any: [tag, compliant] } },
    ]);
    await rig.drain();
    expect(rig.timesOf(`${run.jobId}-1`, [kiosk, other])).toEqual([1, 0]);
    expect(rig.timesOf(`${run.jobId}-2`, [kiosk, other])).toEqual([1, 1]);
  });

  it("fails a device to which an action has no route", async () => {
    const ids = rig.fleet(1, { operatingSystem: "macOS" });
    const run = await rig.run(ids, [{}]);
    await rig.drain();
    expect(await rig.itemsOf(run)).toMatchObject([{ state: "failed", code: "no-route" }]);
  });

  it("ends at once where it matches no device, and says so", async () => {
    const run = await rig.run([], [{}]);
    await rig.drain();
    const view = await runView(parts, await rig.read(run));
    expect(view).toMatchObject({
      final: true,
      total: 0,
      says: "matches no device",
      state: "nothingToSend",
    });
  });
});

const waitsOf = async (run: Run) => {
  const whole = await rig.read(run);
  return (await rig.itemsOf(run)).map(
    (item) => deviceRunView(whole, item, undefined, Date.now()).waits?.why,
  );
};

/** Does all that is due, up to some minutes after. */
const untilLate = (at: number) =>
  rig.drain(() => (rig.queues.waiting()[0]?.visibleAt ?? 0) > at + 600_000);

describe("a device that nobody has seen", () => {
  const long = { lastSyncDateTime: "2026-01-01T00:00:00Z" };

  it("is waited for, and begins on the third of seven days", async () => {
    const [id = ""] = rig.fleet(1, long);
    const run = await rig.run([id], [{}]);
    await untilLate(run.createdAt);
    passTime(3 * dayMs);
    await untilLate(run.createdAt + 3 * dayMs);
    expect(await waitsOf(run)).toEqual(["offline"]);
    expect(await bucketsOf(run)).toMatchObject({ pending: 1, active: 0 });
    rig.seen.set(id, Date.now());
    await rig.drain();
    expect(await bucketsOf(run)).toMatchObject({ successful: 1 });
  });

  it("is waited for from when a second person agreed, however late that was", async () => {
    const [id = ""] = rig.fleet(1, long);
    const [hour, state] = [3_600_000, "pendingApproval"] as const;
    const offline = { mode: "wait", afterMs: dayMs, waitMs: 2 * hour } as const;
    const run = await rig.run([id], [{}], { offline, state });
    await rig.drain();
    passTime(6 * hour);
    const { tenantId, jobId } = run;
    const approved = { tenantId, subject: { kind: "provisioning", id: jobId }, state: "approved" };
    await settleGate(parts, {
      ...approved,
      digest: digest("{}", JSON.stringify([id])),
    } as unknown as Approval);
    await rig.drain(() => (rig.queues.waiting()[0]?.visibleAt ?? 0) > run.createdAt + 7 * hour);
    expect(await waitsOf(run)).toEqual(["offline"]);
    await rig.drain();
    expect(await rig.itemsOf(run)).toMatchObject([{ state: "expired" }]);
  });

  it("is given up after seven days, skipped, or failed, as the run says", async () => {
    const [first, second, third] = [rig.fleet(1, long), rig.fleet(1, long), rig.fleet(1, long)];
    const runs: Run[] = [];
    for (const [ids, mode] of [
      [first, "wait"],
      [second, "skip"],
      [third, "fail"],
    ] as const) {
      const offline = { mode, afterMs: dayMs, waitMs: 7 * dayMs };
      runs.push(await rig.run(ids, [{}], { offline }));
    }
    await untilLate(Date.now());
    passTime(6.99 * dayMs);
    await untilLate(Date.now());
    expect(await waitsOf(runs[0] as Run)).toEqual(["offline"]);
    await rig.drain();
    const states = [];
    for (const run of runs) states.push(...(await rig.itemsOf(run)).map(({ state }) => state));
    expect(states).toEqual(["expired", "notSupported", "offline"]);
    expect(await attemptsOf(runs[0] as Run)).toMatchObject([
      { attempt: 0, result: "expired", code: "device-offline" },
    ]);
  });
});

it("does not let what costs nothing wait for its turn at the throttle with what does", async () => {
  const ids = rig.fleet(2);
  const hour = 3_600_000;
  const when = { property: "deviceName", operator: "equals", value: "PC-0" };
  const run = await rig.run(ids, [{ when }, { when }]);
  await rig.drain(() => rig.queues.waiting()[0]?.queue === "fanout-dispatch");
  const { throttle } = rig.engine;
  onTestFinished(() => void Object.assign(rig.engine, { throttle }));
  const opensAt = Date.now() + hour;
  const closed = {
    rateOf: () => Promise.resolve({ intervalMs: 1, burst: 10 }),
    reserve: () => Promise.resolve({ startAt: Math.max(Date.now(), opensAt), shiftMs: 0 }),
    read: () => Promise.resolve({ shiftMs: 0, closedUntil: 0, nextFree: 0 }),
    whenDue: ({ at }: { at: number }) => Math.max(at, opensAt),
  };
  Object.assign(rig.engine, { throttle: closed });
  await rig.drain(() => (rig.queues.waiting()[0]?.visibleAt ?? 0) > opensAt - hour / 2);
  expect(await rig.itemsOf(run)).toMatchObject([
    { state: "waiting", attempts: 0 },
    { state: "done", step: 1 },
  ]);
  await rig.drain();
  expect(rig.timesOf(`${run.jobId}-2`, ids)).toEqual([1, 0]);
  expect(await bucketsOf(run)).toMatchObject({ successful: 2 });
});

describe("a device that another run has", () => {
  it("waits for that one's end, says for which, and then goes; the device knows both", async () => {
    const ids = rig.fleet(3);
    const first = await rig.run(ids, [{}, {}]);
    await rig.drain(() => rig.queues.waiting().some(({ queue }) => queue === "fanout-read-back"));
    const second = await rig.run(ids, [{}]);
    const isHeld = async () =>
      (await rig.itemsOf(second)).every(({ code }) => code === "other-run");
    for (let next = await rig.queues.take(); next; next = await rig.queues.take()) {
      await rig.handle(next);
      if ((await rig.itemsOf(second)).length > 0 && (await isHeld())) break;
    }
    const [held] = await rig.itemsOf(second);
    expect(held).toMatchObject({
      state: "waiting",
      attempts: 0,
      detail: `run ${first.jobId} has the device`,
    });
    await rig.drain();
    expect(await bucketsOf(first)).toMatchObject({ successful: 3 });
    expect(await bucketsOf(second)).toMatchObject({ successful: 3 });
    const ends = (await attemptsOf(first)).map(({ endedAt }) => endedAt).toSorted();
    const begins = (await attemptsOf(second)).map(({ startedAt }) => startedAt ?? "");
    expect(begins.every((begin) => begin >= (ends.at(-1) ?? "~"))).toBe(true);
  });
});

describe("maintenance windows", () => {
  it("are asked right before a device begins, and say when the next one opens", async () => {
    const ids = rig.fleet(1);
    const from = Date.now();
    rig.maintenance.value = {
      windows: [],
      exclusions: [{ displayName: "freeze", from: from - 1_000, to: from + 7_200_000 }],
    };
    const run = await rig.run(ids, [{}]);
    await rig.drain(() => (rig.queues.waiting()[0]?.visibleAt ?? 0) > from + 3_600_000);
    const whole = await rig.read(run);
    const [item] = await rig.itemsOf(run);
    expect(item && deviceRunView(whole, item, undefined, Date.now()).waits).toMatchObject({
      why: "window",
    });
    await rig.drain();
    rig.maintenance.value = { windows: [], exclusions: [] };
    expect(await bucketsOf(run)).toMatchObject({ successful: 1 });
    const [attempt] = await attemptsOf(run);
    expect(Date.parse(attempt?.startedAt ?? "")).toBeGreaterThanOrEqual(from + 7_200_000);
  });

  it("of the task that began it hold a device that comes too late for tonight until tomorrow", async () => {
    const [id = ""] = rig.fleet(1, { lastSyncDateTime: "2026-01-01T00:00:00Z" });
    const from = Math.floor(Date.now() / 60_000) * 60_000;
    const start = new Date(from).toISOString().slice(0, 16);
    const opens = { kind: "recurring", rule: "FREQ=DAILY", start, timeZone: "UTC" } as const;
    const run = await rig.run([id], [{}], { content: { windows: [{ opens, minutes: 120 }] } });
    await untilLate(from);
    passTime(70 * 60_000);
    rig.seen.set(id, Date.now());
    await untilLate(Date.now());
    expect(await waitsOf(run)).toEqual(["window"]);
    await rig.drain();
    const [attempt] = await attemptsOf(run);
    expect(Date.parse(attempt?.startedAt ?? "")).toBeGreaterThanOrEqual(from + dayMs);
  });
});

it("tells the truth at the end, with one effect and one attempt, at whichever call the worker dies", async () => {
  const actions = [{}, { type: "once" }, {}];
  rig.faults.reset();
  await rig.run(rig.fleet(4), actions);
  await rig.drain();
  const calls = rig.faults.calls().length;
  for (const { atCall, when } of deaths(calls, inject("oneCaseIn"), 3)) {
    const ids = rig.fleet(4);
    const run = await rig.run(ids, actions);
    rig.faults.arm({ atCall, when });
    await rig.drain();
    rig.faults.revive();
    await rig.sweep(run);
    const { state, counts } = await rig.counts(run);
    const where = `killed ${when} call ${atCall}: ${JSON.stringify(counts)}`;
    expect({ state, sum: sumOf(counts) }, where).toEqual({ state: "ended", sum: 4 });
    expect(counts.done + counts.unknown, where).toBe(4);
    expect(Math.max(...rig.timesOf(`${run.jobId}-2`, ids)), where).toBeLessThanOrEqual(1);
    const names = (await attemptsOf(run)).map(
      (each) => `${each.deviceId} ${each.actionId} ${each.attempt}`,
    );
    expect(new Set(names).size, where).toBe(names.length);
  }
}, 180_000);
