/** Tasks on real storage, with a clock that the test moves: what runs, once, and what is told of the rest. */
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { sweepFunction } from "../../../functions/fanout/sweep.timer.ts";
import { bootstrapCaller } from "../../../shared/access/sign-in/caller.ts";
import { newestFirstId } from "../../../shared/kernel/values.ts";
import type { TaskDraft, Viewer } from "../../../shared/schedules/manage-tasks.ts";
import { runDue, type TaskParts, tellDue } from "../../../shared/schedules/run-tasks.ts";
import { runIdOf, stateOf, type Task } from "../../../shared/schedules/state/task.ts";
import { TaskStore } from "../../../shared/schedules/state/task-store.ts";
import { onlyIntuneWindows } from "../../local/sandbox/support.ts";
import { type NotifyRig, rigAdminToken, startNotifyRig } from "../../support/notify-rig.ts";
import { passTime } from "../../support/passing-time.ts";
import { servicesFor } from "../notifications/support/own-work.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

let rig: NotifyRig;
let tenantId: string;
beforeAll(async () => {
  rig = await startNotifyRig();
  tenantId = await rig.tenant({ ...onlyIntuneWindows, devices: 3 });
}, 60_000);
afterAll(() => rig.stop());

/** The bootstrap administrator, as the guard knows them. */
async function viewer(): Promise<Viewer> {
  const from = { address: "test", rate: "read" } as const;
  const who = await rig.services.guard.authenticate(`Bearer ${rigAdminToken}`, from);
  if (who.kind === "refused") throw new Error(who.failure.detail);
  return { standing: who.standing, administers: true };
}

const draft = (more: Partial<TaskDraft> = {}): TaskDraft => ({
  displayName: "Nightly restart",
  kind: "notification",
  what: { action: "restart", target: { kind: "tenant" }, allowApproximate: false },
  whole: true,
  schedule: { kind: "everyMinutes", minutes: 60, from: Date.now() },
  startLateUpToMs: hourMs,
  overlap: "forbid",
  windows: [],
  longestRunMs: 0,
  cutoffMs: 0,
  enabled: true,
  isPublic: false,
  ...more,
});

async function add(more: Partial<TaskDraft> = {}): Promise<Task> {
  const ids = { tenantId, taskId: newestFirstId(Date.now()) };
  const added = await rig.services.tasks.add(ids, draft(more), await viewer());
  if (!added.ok) throw new Error(added.failure.detail);
  return added.value.value;
}

/** The due index as far as it is about this file's tenant: files share their storage. */
class OwnTasks extends TaskStore {
  override async due(now: number, top: number, token?: string) {
    const page = await super.due(now, top, token);
    return { ...page, places: page.places.filter((place) => place.tenantId === tenantId) };
  }
}
const own = (): TaskParts => ({
  ...rig.services.scheduling,
  store: new OwnTasks(rig.services.storage.tables),
});

/** What the minute's timer and its messages do. */
async function tick(): Promise<void> {
  await tellDue(own(), () => true);
  await rig.drain();
}

const taskOf = async ({ taskId }: Task): Promise<Task | undefined> =>
  (await rig.services.scheduling.store.get(tenantId, taskId))?.value;
const runsOf = async (task: Task) =>
  (await rig.services.scheduling.store.runs(task, 100)).items.map(
    ({ outcome, code, more, runId }) => ({ outcome, code, more, runId }),
  );
const outcomes = async (task: Task) =>
  (await runsOf(task)).map(({ outcome, code }) => code ?? outcome);

describe("a task whose time has come", () => {
  it("begins its notification once, under an id of its own, and waits for its next time", async () => {
    const task = await add();
    await tick();
    expect(await runsOf(task)).toEqual([]);
    passTime(hourMs);
    await tick();
    await tick();
    const [run] = await runsOf(task);
    expect(run).toMatchObject({ outcome: "started" });
    expect(run?.runId).toBe(runIdOf(task, task.next?.occurrence as never));
    const view = await rig.view(tenantId, run?.runId ?? "");
    expect(view).toMatchObject({
      counts: { total: 3 },
      requestedBy: { name: bootstrapCaller.name },
    });
    const after = (await taskOf(task)) as Task;
    expect(after.next?.occurrence.at).toBe((task.next?.occurrence.at ?? 0) + hourMs);
    expect(after.last?.runId).toBe(run?.runId);
    await rig.services.tasks.remove(task, await viewer(), undefined);
    expect(await taskOf(task)).toBeUndefined();
  });

  it("is left alone by retention, and so is one that waits for its target: only old runs go", async () => {
    const what = { action: "restart", allowApproximate: false };
    const waiting = await add({ what, whole: false, schedule: { kind: "none" } });
    const task = await add({ schedule: { kind: "at", at: Date.now() + minuteMs } });
    passTime(2 * minuteMs);
    await tick();
    expect(await outcomes(task)).toEqual(["started"]);
    const { store } = rig.services.scheduling;
    await store.expireRuns(tenantId, Date.now() - hourMs, () => true);
    expect(await outcomes(task)).toEqual(["started"]);
    await store.expireRuns(tenantId, Date.now() + hourMs, () => true);
    expect(await outcomes(task)).toEqual([]);
    expect((await taskOf(task))?.last).toBeDefined();
    expect(stateOf((await taskOf(waiting)) as Task)).toBe("waiting");
  });

  it("runs once however many were missed, and tells of each", async () => {
    const task = await add({
      schedule: { kind: "everyMinutes", minutes: 10, from: Date.now() + minuteMs },
    });
    passTime(45 * minuteMs);
    await tick();
    expect(await outcomes(task)).toEqual([
      "started",
      "superseded",
      "superseded",
      "superseded",
      "superseded",
    ]);
    await rig.services.tasks.remove(task, await viewer(), undefined);
  });

  it("does not run too late, and says so", async () => {
    const task = await add({ schedule: { kind: "at", at: Date.now() + minuteMs } });
    passTime(2 * hourMs);
    await tick();
    expect(await outcomes(task)).toEqual(["too-late"]);
    const after = (await taskOf(task)) as Task;
    expect([stateOf(after), after.next]).toEqual(["done", undefined]);
  });

  it("counts what it does not tell one by one", async () => {
    const task = await add({
      schedule: { kind: "everyMinutes", minutes: 5, from: Date.now() + minuteMs },
    });
    passTime(12 * hourMs);
    await tick();
    const runs = await runsOf(task);
    const told = runs.reduce((sum, { more = 0 }) => sum + more, 0);
    expect([runs.length, told + runs.length]).toEqual([51, 12 * 12]);
    await rig.services.tasks.remove(task, await viewer(), undefined);
  });

  it("waits for its window, and is missed when none opens in time", async () => {
    const open = new Date(Date.now() + 30 * minuteMs).toISOString().slice(0, 16);
    const opens = { kind: "recurring", rule: "FREQ=DAILY", start: open, timeZone: "UTC" } as const;
    const windows = [{ opens, minutes: 60 }];
    const patient = await add({ schedule: { kind: "at", at: Date.now() + minuteMs }, windows });
    const hasty = await add({
      schedule: { kind: "at", at: Date.now() + minuteMs },
      windows,
      startLateUpToMs: 10 * minuteMs,
    });
    passTime(2 * minuteMs);
    await tick();
    expect(await outcomes(hasty)).toEqual(["outside-windows"]);
    expect(await outcomes(patient)).toEqual([]);
    passTime(30 * minuteMs);
    await tick();
    expect(await outcomes(patient)).toEqual(["started"]);
  });

  it.each([
    ["forbid", ["overlap", "started"]],
    ["queue", ["started"]],
    ["allow", ["started", "started"]],
  ] as const)("while the run before is under way: %s", async (overlap, expected) => {
    const task = await add({
      schedule: { kind: "everyMinutes", minutes: 60, from: Date.now() + minuteMs },
      overlap,
      startLateUpToMs: 30 * minuteMs,
    });
    const { scheduling } = rig.services;
    const still = {
      ...scheduling,
      starters: {
        ...scheduling.starters,
        notification: {
          ...scheduling.starters.notification,
          stateOf: () => Promise.resolve("underWay" as const),
        },
      },
    };
    for (let round = 0; round < 2; round += 1) {
      passTime(round === 0 ? 2 * minuteMs : hourMs);
      const place = {
        tenantId,
        taskId: task.taskId,
        dueAt: (await taskOf(task))?.next?.dueAt ?? 0,
      };
      await runDue(still, place);
    }
    expect(await outcomes(task)).toEqual(expected);
    // What waits is asked for again within the minute; what does not, at its next time.
    const soon = ((await taskOf(task))?.next?.dueAt ?? 0) - Date.now();
    expect([soon > 0, soon <= minuteMs]).toEqual([true, overlap === "queue"]);
    await rig.services.tasks.remove(task, await viewer(), undefined);
    await rig.drain();
  });
});

// To die right after a call is to die right before the next one.
describe("a worker that dies anywhere", () => {
  it.each([
    ["before the first call", "before"],
    ["after a call", "after"],
  ] as const)(
    "%s: leaves one run and one notification, and nothing in the index",
    async (_, when) => {
      for (let atCall = 1; atCall > 0; ) {
        const { total } = await rig.ledger(tenantId);
        const task = await add({ schedule: { kind: "at", at: Date.now() + minuteMs } });
        passTime(2 * minuteMs);
        rig.faults.arm({ atCall, when });
        await tellDue(own(), () => true).catch(() => undefined);
        const early = rig.faults.isDead();
        if (early) rig.faults.revive();
        await rig.drain();
        const calls = rig.faults.calls().length;
        rig.faults.revive();
        await tick();
        // What died before the notification's first message is the sweeper's, as with any other.
        passTime(10 * minuteMs);
        await sweepFunction.handle({ services: servicesFor(rig, tenantId), log: () => undefined });
        await rig.drain();
        expect(await outcomes(task), `call ${atCall}`).toEqual(["started"]);
        expect(stateOf((await taskOf(task)) as Task)).toBe("done");
        expect((await own().store.due(Date.now(), 10)).places).toEqual([]);
        // A restart of which nobody knows whether it left is not sent again: it ends as unknown, for a person.
        const sent = (await rig.ledger(tenantId)).total - total;
        const { counts } = await rig.view(tenantId, runIdOf(task, task.next?.occurrence as never));
        expect([sent, (counts as Record<string, number>)["unknown"]], `call ${atCall}`).toEqual(
          sent === 3 ? [3, 0] : [0, 3],
        );
        atCall = when === "before" || calls < atCall ? 0 : atCall + inject("oneCaseIn");
      }
    },
    120_000,
  );
});

const minutely = () =>
  ({ kind: "everyMinutes", minutes: 30, from: Date.now() + minuteMs }) as const;
const once = () => ({ kind: "at", at: Date.now() + minuteMs }) as const;
const far = { kind: "at", at: Date.parse("2999-01-01T00:00Z") } as const;

async function dieAt(task: Task, atCall: number, when: "before" | "after"): Promise<number> {
  passTime(2 * minuteMs);
  const dueAt = task.next?.dueAt ?? 0;
  rig.faults.arm({ atCall, when });
  await runDue(own(), { tenantId, taskId: task.taskId, dueAt }).catch(() => undefined);
  const calls = rig.faults.calls().length;
  rig.faults.revive();
  return calls;
}

describe("a worker that dies, and whose message comes back much later", () => {
  it.each([
    ["too late", once, false],
    ["after its next times", minutely, false],
    ["after the task was changed", once, true],
  ] as const)(
    "%s: leaves no run as starting, and says started of what began, and of nothing else",
    async (_, schedule, isChanged) => {
      for (const when of ["before", "after"] as const) {
        for (let atCall = 1; atCall > 0; ) {
          const task = await add({ schedule: schedule() });
          const calls = await dieAt(task, atCall, when);
          if (isChanged) await rig.services.tasks.schedule(task, far, await viewer(), undefined);
          for (let round = 0; round < 3; round += 1) {
            passTime(round === 0 ? 2 * hourMs : 7 * minuteMs);
            await tick();
          }
          const runs = await runsOf(task);
          const jobs = await Promise.all(
            runs.map(({ runId }) => rig.services.notify.jobs.get(tenantId, runId)),
          );
          expect(
            runs.map(({ outcome }) => outcome),
            `call ${atCall} ${when}`,
          ).toEqual(jobs.map((job) => (job === undefined ? "missed" : "started")));
          const { places } = await own().store.due(Date.now(), 10);
          expect(places.filter(({ taskId }) => taskId === task.taskId)).toEqual([]);
          await rig.services.tasks.remove(task, await viewer(), undefined);
          const isLast = when === "before" || calls < atCall;
          atCall = isLast ? 0 : atCall + Math.min(4, inject("oneCaseIn"));
        }
      }
    },
    120_000,
  );
});

describe("what should have begun and did not", () => {
  const quarterMs = 15 * minuteMs;

  it("is counted as overdue where a message was lost, until one comes", async () => {
    const task = await add({ schedule: once() });
    passTime(2 * minuteMs);
    const losing = { ...own(), queues: { send: () => Promise.resolve() } };
    expect(await tellDue(losing as unknown as TaskParts, () => true)).toEqual({
      due: 1,
      overdue: 0,
    });
    passTime(quarterMs);
    expect(await tellDue(own(), () => true)).toEqual({ due: 1, overdue: 1 });
    await rig.drain();
    expect(await tellDue(own(), () => true)).toEqual({ due: 0, overdue: 0 });
    expect(await outcomes(task)).toEqual(["started"]);
  });

  it("is counted as overdue where a run stays starting, also when its task was changed", async () => {
    const tasks = [await add({ schedule: once() }), await add({ schedule: once() })] as const;
    for (const task of tasks) {
      const insert = "table.insert Tasks";
      passTime(2 * minuteMs);
      rig.faults.arm({ atCall: insert, when: "after" });
      const place = { tenantId, taskId: task.taskId, dueAt: task.next?.dueAt ?? 0 };
      await runDue(own(), place).catch(() => undefined);
      rig.faults.revive();
      expect(await outcomes(task)).toEqual(["starting"]);
    }
    await rig.services.tasks.schedule(tasks[1], far, await viewer(), undefined);
    passTime(quarterMs);
    expect(await tellDue(own(), () => true)).toEqual({ due: 2, overdue: 2 });
    await rig.drain();
    expect(await outcomes(tasks[0])).toEqual(["started"]);
    expect(await outcomes(tasks[1])).toEqual(["changed"]);
    expect(await tellDue(own(), () => true)).toEqual({ due: 0, overdue: 0 });
  });
});
