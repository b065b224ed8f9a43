/** What provisioning promises of days, nights and deaths, over the API: what waits for a week, what the clock jumps over, what dies half-way. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import { passTime } from "../../support/passing-time.ts";
import { action, everything, pause, type RunCalls, runCalls } from "./support/run-calls.ts";

let rig: NotifyRig;
let api: RunCalls;
beforeAll(async () => {
  rig = await startNotifyRig();
  api = runCalls(rig);
});
afterAll(() => rig.stop());

type Params = Record<string, string>;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Comes to a moment, and lets everything happen that is due by then. */
async function until(at: number): Promise<void> {
  passTime(at - Date.now());
  // What follows at once is due by then, too.
  const soon = Date.now() + 2_000;
  await rig.drain(() => (rig.queues.waiting()[0]?.visibleAt ?? Number.POSITIVE_INFINITY) > soon);
}

const devicesOf = async (params: Params) =>
  (await api.call("provisioning-runs-devices", { params })).body["value"] as Params[];

async function historyOf(params: Params) {
  const headers = { accept: "application/x-ndjson" };
  const { text } = await api.call("provisioning-runs-history", { params, headers });
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as { deviceId: string; result: string });
}

/** A task of a template, and what became of its times, the latest first. */
async function taskOf(actions: object[], more: object) {
  const tenantId = await api.tenantOf(1);
  const templateId = await api.template(actions);
  const provisioning = { templateId, version: 1, targets: everything, offline: { after: "P60D" } };
  const body = { kind: "provisioning", displayName: "Nightly", provisioning, ...more };
  const made = await api.call("tasks-add", { params: { tenantId }, body });
  expect(made.status, made.text).toBe(201);
  const params = { tenantId, taskId: String(made.body["taskId"]) };
  const times = async () => (await api.call("tasks-runs", { params })).body["value"] as Params[];
  return { tenantId, next: made.body["next"] as Params, times };
}

it("waits a week for a device that is off: one that is back on the third day runs, the other is given up on the seventh", async () => {
  const tenantId = await api.tenantOf(2);
  passTime(dayMs);
  const scan = await api.template([action("scan", "endpointProtectionQuickScan")]);
  const offline = { mode: "wait", after: "P1D", expiresAfter: "P7D" };
  const began = Date.now();
  const run = await api.start(tenantId, { templateId: scan, offline });
  await until(began + 3 * dayMs);
  const off = { bucket: "pending", waits: { why: "offline" } };
  expect(await devicesOf(run)).toMatchObject([off, off]);
  await api.control("PATCH", `/tenants/${tenantId}`, { touch: 1 });
  await until(began + 3 * dayMs + hourMs);
  expect(await api.read(run)).toMatchObject({ buckets: { successful: 1, pending: 1 } });
  await until(began + 6.9 * dayMs);
  expect(await api.read(run)).toMatchObject({ buckets: { pending: 1 } });
  await until(began + 7.1 * dayMs);
  expect(await api.read(run)).toMatchObject({ final: true, buckets: { failed: 1 } });
  const ended = await devicesOf(run);
  expect(ended.find(({ bucket }) => bucket === "failed")).toMatchObject({
    state: "expired",
    code: "device-offline",
  });
});

it("does one thing once, whatever is delivered twice and wherever the host is killed in the middle of it", async () => {
  const tenantId = await api.tenantOf(1);
  const templateId = await api.template([action("back", "restart"), pause("two")]);
  const run = await api.start(tenantId, { templateId });
  const delivered = new Set<string>();
  let isDead = false;
  for (let next = await rig.queues.take(); next; next = await rig.queues.take()) {
    if (!delivered.has(next.queue)) rig.queues.put({ ...next, visibleAt: Date.now() + 5 });
    delivered.add(next.queue);
    if (!isDead) rig.faults.arm({ atCall: "graph.POST", when: "after" });
    await rig.handle(next);
    isDead ||= rig.faults.calls().includes("graph.POST");
    rig.faults.revive();
  }
  expect(isDead, "it died behind what it had asked for").toBe(true);
  expect(await rig.ledger(tenantId)).toMatchObject({ total: 1, doubled: 0 });
  expect(await api.read(run)).toMatchObject({ final: true, buckets: { active: 0, successful: 1 } });
  const results = (await historyOf(run)).map(({ result }) => result);
  expect(results).toEqual(["succeeded", "succeeded"]);
});

it("goes on by a message's own return, without the sweeper, where the worker died behind what it wrote", async () => {
  const tenantId = await api.tenantOf(3);
  const short = action("one", "wait", { parameters: { duration: "PT8S" } });
  const run = await api.start(tenantId, {
    templateId: await api.template([short]),
    rollout: { atOnce: 2 },
  });
  const late = Date.now() + 40_000;
  for (
    let next = await rig.queues.take();
    next && Date.now() < late;
    next = await rig.queues.take()
  ) {
    const isDispatch = next.queue === "fanout-dispatch" && next.isRedelivered === undefined;
    if (isDispatch) rig.faults.arm({ atCall: "queue.send fanout-dispatch", when: "before" });
    await rig.handle(next);
    rig.faults.revive();
  }
  expect(await api.read(run)).toMatchObject({ final: true, buckets: { successful: 3 } });
});

it("waits where Intune wants a second administrator, and does it once when they have agreed", async () => {
  const tenantId = await api.tenantOf(1);
  await api.control("PUT", "/behaviour", { tenantId, holdWrites: true });
  const fresh = action("fresh", "freshStart", { parameters: { keepUserData: true } });
  const sections = [{ id: "osInstallation", actions: [fresh] }];
  const run = await api.start(tenantId, { templateId: await api.template([], { sections }) });
  await until(Date.now());
  expect(await devicesOf(run)).toMatchObject([
    { bucket: "active", waits: { why: "waits-for-approval-at-intune" } },
  ]);
  await until(Date.now() + 2 * hourMs);
  expect(await api.read(run), "its own time does not run meanwhile").toMatchObject({
    final: false,
  });
  const { body } = await api.control<{ value: { code: string }[] }>("GET", "/held-writes");
  expect(body.value).toHaveLength(1);
  await api.control("PUT", `/held-writes/${body.value[0]?.code}`, { status: "approved" });
  await rig.drain();
  expect(await api.read(run)).toMatchObject({ verdict: { id: "success" } });
  expect(await rig.ledger(tenantId)).toMatchObject({ total: 1, doubled: 0 });
});

it.each([
  ["forbid", ["started", "missed overlap", "started"]],
  ["queue", ["started", "started"]],
  ["allow", ["started", "started", "started"]],
])("comes to a time while the run before is under way: %s", async (overlap, outcomes) => {
  const schedule = { kind: "everyMinutes", minutes: 60, from: new Date().toISOString() };
  const long = [action("long", "wait", { parameters: { duration: "PT90M" } })];
  const task = await taskOf(long, { schedule, overlap, startLateUpTo: "PT59M" });
  const first = Date.parse(task.next["at"] ?? "");
  const began: number[] = [];
  for (let minutes = 0; minutes <= 125; minutes += 5) {
    await until(first + minutes * 60_000);
    await api.tellDue(task.tenantId);
    await until(Date.now());
    const times = await task.times();
    if (times.filter(({ outcome }) => outcome === "started").length > began.length)
      began.push(minutes);
  }
  const times = (await task.times()).toReversed();
  const told = times.map(({ outcome, code = "" }) => `${outcome} ${code}`.trim());
  expect(told.slice(0, outcomes.length)).toEqual(outcomes);
  const [, second = 0] = began;
  expect(second - (second % 20)).toBe({ forbid: 120, queue: 80, allow: 60 }[overlap]);
  await rig.drain();
});

/** The last Sunday of a month of next year, on which clocks in Paris are changed. */
function changeOf(month: number): Date {
  const last = new Date(Date.UTC(new Date().getUTCFullYear() + 1, month, 31));
  return new Date(last.getTime() - last.getUTCDay() * dayMs);
}

it.each([
  ["jumps over: once, at the first moment behind it, and says moved", 2, "01:00", true],
  ["shows twice: once, the first time", 9, "00:30", false],
])("runs a task at a local time that the clock %s", async (_, month, at, moved) => {
  const night = changeOf(month).toISOString().slice(0, 10);
  const eve = new Date(changeOf(month).getTime() - dayMs).toISOString().slice(0, 10);
  const schedule = {
    kind: "recurring",
    rule: "FREQ=DAILY;COUNT=3",
    start: `${eve}T02:30`,
    timeZone: "Europe/Paris",
  };
  const task = await taskOf([pause("one")], { schedule });
  const begin = Date.parse(`${eve}T00:00:00Z`);
  passTime(begin - Date.now());
  await api.control("PATCH", `/tenants/${task.tenantId}`, { touch: 1 });
  for (let hours = 0; hours <= 73; hours += 0.5) {
    passTime(begin + hours * hourMs + 1_000 - Date.now());
    await api.tick(task.tenantId);
  }
  const times = (await task.times()).toReversed();
  expect(times.map(({ outcome }) => outcome)).toEqual(["started", "started", "started"]);
  expect(times[1]).toMatchObject({
    occurrence: { name: `${night}T02:30[Europe/Paris]`, at: `${night}T${at}:00.000Z`, moved },
  });
  const runs = await api.call("provisioning-runs-list", { params: { tenantId: task.tenantId } });
  expect(runs.body["value"]).toHaveLength(3);
});
