/** Tasks that begin runs, over the API: from the time of a task to its run, and what keeps it from one. */
import { randomUUID } from "node:crypto";
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

type Ids = { tenantId: string; taskId: string; templateId: string };

/** A task of a new template, made and given its targets as people do; it waits for its time. */
async function prepared(actions = [pause("one")], more: object = {}): Promise<Ids> {
  const tenantId = await api.tenantOf(3);
  const templateId = await api.template(actions);
  const made = await api.call("templates-schedule", { params: { templateId }, body: { tenantId } });
  expect(made.body).toMatchObject({ state: "waiting", waitsFor: ["target", "schedule"] });
  const taskId = String(made.body["taskId"]);
  const aimed = await api.call("tasks-replace", {
    params: { tenantId, taskId },
    body: {
      kind: "provisioning",
      displayName: "Laptops",
      provisioning: { templateId, version: 1, targets: everything, offline: { after: "P60D" } },
      ...more,
    },
  });
  expect(aimed.body, aimed.text).toMatchObject({ state: "waiting", waitsFor: ["schedule"] });
  return { tenantId, taskId, templateId };
}
const schedule = ({ tenantId, taskId }: Ids, headers = {}) =>
  api.call("tasks-schedule", {
    params: { tenantId, taskId },
    headers,
    body: { schedule: { kind: "now" } },
  });

/** What became of the times of a task, and the runs of its tenant. */
async function outcome({ tenantId, taskId }: Ids) {
  const { body } = await api.call("tasks-runs", { params: { tenantId, taskId } });
  const runs = await api.call("provisioning-runs-list", { params: { tenantId } });
  return [body["value"], runs.body["value"]];
}

/** A window that opened a minute ago, as it does every day. */
const windowsOf = (minutes: number) => {
  const start = new Date(Date.now() - 60_000).toISOString().slice(0, 16);
  const opens = { kind: "recurring", rule: "FREQ=DAILY", start, timeZone: "UTC" };
  return [{ opens, minutes }];
};

it("begins a run at its time, once, which names the task and keeps its windows; a restart of it does so, too", async () => {
  const within = { windows: windowsOf(180), longestRun: "PT2H", cutoff: "PT1M" };
  const ids = await prepared([action("scan", "endpointProtectionQuickScan")], within);
  const { tenantId, taskId } = ids;
  const failing = await api.failSome(tenantId, 1, "quickScan");
  await api.tick(tenantId);
  expect(await outcome(ids), "nothing before it has a time").toEqual([[], []]);
  expect((await schedule(ids)).body).toMatchObject({ state: "scheduled" });
  passTime(60_000);
  await api.tick(tenantId);
  await api.tick(tenantId);
  const { body } = await api.call("tasks-get", { params: { tenantId, taskId } });
  const { runId } = body["lastRun"] as { runId: string };
  const run = { tenantId, runId };
  expect(body).toMatchObject({ state: "done" });
  expect(await outcome(ids)).toMatchObject([
    [{ runId, outcome: "started" }],
    [{ runId, taskId, cause: "schedule", total: 3, template: { version: 1 } }],
  ]);
  expect(await api.read(run)).toMatchObject({ taskId, buckets: { successful: 2, failed: 1 } });
  const taken = { total: 3, buckets: { successful: 2, failed: 1 } };
  expect(body["result"]).toMatchObject({
    ...taken,
    verdict: { name: { fr: "Échec" } },
    runs: [runId],
  });
  await api.control("PUT", "/behaviour", { tenantId, failRate: 0 });
  const restart = (token?: unknown) =>
    api.call("provisioning-runs-restart", { params: run, body: { mode: "whole", token } });
  const again = await restart((await restart()).body["token"]);
  await rig.drain();
  for (const id of [runId, String(again.body["runId"])])
    expect((await rig.services.provision.jobs.get(tenantId, id))?.job).toMatchObject({
      windows: { longestRunMs: 7_200_000, cutoffMs: 60_000 },
      content: { windows: within.windows },
    });
  expect(await api.read({ tenantId, runId: String(again.body["runId"]) })).toMatchObject({
    taskId,
    total: failing.size,
    buckets: { successful: 1 },
  });
  expect(await api.read(run)).toMatchObject({ latest: { verdict: { id: "success" } } });
  const green = await api.call("tasks-get", { params: { tenantId, taskId } });
  const runs = [runId, again.body["runId"]];
  expect(green.body["result"], "a repaired device turns the task green").toMatchObject({
    verdict: { id: "success", name: { fr: "Succès" } },
    buckets: { successful: 3, failed: 0 },
    runs,
  });
  await api.start(tenantId, { templateId: ids.templateId });
  await rig.drain();
  const query = `?taskId=${taskId}`;
  const own = await api.call("provisioning-runs-list", { params: { tenantId }, query });
  expect(own.body["value"]).toMatchObject(runs.toReversed().map((id) => ({ runId: id, taskId })));
});

it("says beforehand what its run would do, before it is kept and after", async () => {
  const { tenantId, templateId } = await prepared([action("scan", "endpointProtectionQuickScan")]);
  const body = {
    kind: "provisioning",
    displayName: "Laptops",
    provisioning: { templateId, version: 1, targets: everything, offline: { after: "P60D" } },
    schedule: { kind: "now" },
  };
  const shown = await api.call("tasks-preview", { params: { tenantId }, body });
  expect(shown.body, shown.text).toMatchObject({
    provisioning: {
      total: 3,
      template: { templateId, version: 1 },
      actions: [{ id: "scan" }],
      beginsAt: [{ why: "at once" }],
    },
  });
  const [open] = windowsOf(180);
  const start = new Date(Date.now() + 3_600_000).toISOString().slice(0, 16);
  const windows = [{ ...open, opens: { ...open?.opens, start } }];
  const later = await api.call("tasks-preview", {
    params: { tenantId },
    body: { ...body, windows },
  });
  expect(later.body, "the task's windows count").toMatchObject({
    provisioning: { beginsAt: [{ why: "window", at: `${start}:00.000Z`, devices: 3 }] },
  });
});

it("is refused with windows that its run does not fit into, and so is a run with those of its tenant", async () => {
  const { tenantId, taskId, templateId } = await prepared();
  const provisioning = { templateId, version: 1, targets: everything };
  const body = { kind: "provisioning", displayName: "Laptops", provisioning };
  const replaced = (minutes: number) =>
    api.call("tasks-replace", {
      params: { tenantId, taskId },
      body: { ...body, windows: windowsOf(minutes) },
    });
  // A run takes up to an hour, if nothing else is said.
  const tight = { status: 400, errors: [{ pointer: "/windows" }] };
  expect((await replaced(60)).body).toMatchObject(tight);
  expect((await replaced(90)).status).toBe(200);
  const windows = windowsOf(45).map((window) => ({ ...window, displayName: "Nightly" }));
  const params = { tenantId };
  await api.call("windows-replace", { params, body: { windows } });
  const begun = await api.call("provisioning-runs-start", { params, body: provisioning });
  expect(begun.body).toMatchObject({ status: 400, errors: [{ pointer: "/windows/longestRun" }] });
  const fits = { ...provisioning, windows: { longestRun: "PT30M" } };
  const query = "?dryRun=true";
  expect((await api.call("provisioning-runs-start", { params, query, body: fits })).status).toBe(
    200,
  );
});

it("begins the version that it names, however the template has gone on", async () => {
  const ids = await prepared();
  await api.replace(ids.templateId, [pause("one"), pause("two")]);
  await schedule(ids);
  await api.tick(ids.tenantId);
  expect((await outcome(ids))[1]).toMatchObject([{ template: { version: 1 }, actions: 1 }]);
});

it("is an error where its template was deleted meanwhile, and no other takes its place", async () => {
  const ids = await prepared();
  await api.template([pause("one")]);
  const { templateId } = ids;
  const gone = await api.call("templates-remove", { params: { templateId } });
  expect(gone.status, gone.text).toBe(204);
  await schedule(ids);
  await api.tick(ids.tenantId);
  expect(await outcome(ids)).toMatchObject([[{ outcome: "failed", code: "unknown-template" }], []]);
});

it("is an error where a collection that it names is gone, and nothing wider takes its place", async () => {
  const ids = await prepared();
  const { tenantId, taskId, templateId } = ids;
  const targets = { ...everything, collectionIds: [randomUUID()] };
  await api.call("tasks-replace", {
    params: { tenantId, taskId },
    body: {
      kind: "provisioning",
      displayName: "Laptops",
      provisioning: { templateId, version: 1, targets },
      schedule: { kind: "now" },
    },
  });
  await api.tick(tenantId);
  expect(await outcome(ids)).toMatchObject([
    [{ outcome: "failed", code: "unknown-collection" }],
    [],
  ]);
});

it("is for those of its targets alone that its runs have left undone, where it says so, and its preview counts them so: a restart counts, too", async () => {
  const ids = await prepared([action("scan", "endpointProtectionQuickScan")]);
  const { tenantId, taskId, templateId } = ids;
  const [failing = ""] = await api.failSome(tenantId, 2, "quickScan");
  const again = async (only: string) => {
    const provisioning = {
      templateId,
      version: 1,
      targets: everything,
      offline: { after: "P60D" },
    };
    const body = {
      kind: "provisioning",
      displayName: "Laptops",
      provisioning: { ...provisioning, only },
      schedule: { kind: "now" },
    };
    const query = `?taskId=${taskId}`;
    const seen = await api.call("tasks-preview", { params: { tenantId }, query, body });
    const put = await api.call("tasks-replace", { params: { tenantId, taskId }, body });
    expect(put.status, put.text).toBe(200);
    passTime(60_000);
    await api.tick(tenantId);
    const [, runs] = (await outcome(ids)) as [unknown, { runId: string; total: number }[]];
    const { runId, total } = runs[0] ?? { runId: "", total: -1 };
    expect(seen.body, seen.text).toMatchObject({ provisioning: { total } });
    return { runId, total };
  };
  const first = await again("failed");
  expect(first.total, "none has failed yet").toBe(0);
  expect((await again("notAttempted")).total).toBe(3);
  await api.control("PUT", "/behaviour", { tenantId, failRate: 0 });
  const body = { mode: "whole", deviceIds: [failing] };
  const [, runs] = (await outcome(ids)) as [unknown, { runId: string }[]];
  const params = { tenantId, runId: runs[0]?.runId ?? "" };
  const restart = (token?: unknown) =>
    api.call("provisioning-runs-restart", { params, body: { ...body, token } });
  await restart((await restart()).body["token"]);
  await rig.drain();
  const { runId, total } = await again("notSucceeded");
  expect(total, "one failed, and was not restarted").toBe(1);
  expect(await api.read({ tenantId, runId })).toMatchObject({ buckets: { successful: 1 } });
  expect((await again("notSucceeded")).total).toBe(0);
  // A task that is not kept yet has left nothing undone that failed; one that is not there is not taken for such a one.
  const preview = (query: string) => {
    const what = { templateId, version: 1, targets: everything, only: "failed" };
    const another = { kind: "provisioning", displayName: "Another", provisioning: what };
    return api.call("tasks-preview", { params: { tenantId }, query, body: another });
  };
  expect((await preview("")).body).toMatchObject({ provisioning: { total: 0 } });
  const nobodys = await preview(`?taskId=${randomUUID()}`);
  expect(nobodys.body).toMatchObject({ status: 404, code: "unknown-task" });
});
