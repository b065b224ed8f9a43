/** Restarts over the API: what is offered, what the offer's token starts, and everything that is refused. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { settleGate } from "../../../shared/fanout/care/approval-gate.ts";
import { idFor } from "../../../shared/kernel/values.ts";
import { packDeviceRun, unpackDeviceRun } from "../../../shared/provisioning/device-run.ts";
import { familyPath, offerPath } from "../../../shared/provisioning/run.ts";
import { tableNames } from "../../../shared/storage/names.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import { action, pause, type RunCalls, runCalls } from "./support/run-calls.ts";

let rig: NotifyRig;
let api: RunCalls;
beforeAll(async () => {
  rig = await startNotifyRig();
  api = runCalls(rig);
});
afterAll(() => rig.stop());

type Params = Record<string, string>;
const restart = (params: Params, body: object, headers = {}) =>
  api.call("provisioning-runs-restart", { params, body, headers });
const scan = (id: string, more = {}) => action(id, "endpointProtectionQuickScan", more);
const six = () => [
  pause("one"),
  pause("two"),
  pause("three"),
  scan("four"),
  pause("five"),
  pause("six"),
];

/** A run of ten devices of which three failed at the required action four; nothing fails any more then. */
async function threeFailed(actions = six()) {
  const tenantId = await api.tenantOf(10);
  const failing = [...(await api.failSome(tenantId, 3, "quickScan"))].toSorted();
  const templateId = await api.template(actions);
  const run = await api.start(tenantId, { templateId });
  await rig.drain();
  await api.control("PUT", "/behaviour", { tenantId, failRate: 0 });
  return { tenantId, templateId, run, failing };
}

/** Offers, confirms, and drives the new run to its end. */
async function restarted(run: Params, body: object): Promise<Params> {
  const offer = await restart(run, body);
  expect(offer.status, offer.text).toBe(200);
  const begun = await restart(run, { ...body, token: offer.body["token"] });
  expect(begun.status, begun.text).toBe(202);
  await rig.drain();
  return { tenantId: run["tenantId"] ?? "", runId: String(begun.body["runId"]) };
}

/** Everything that is written down of a run. */
async function storedOf({ tenantId = "", runId = "" }: Params) {
  const { tables } = rig.services.provision;
  const { rows } = await tables.page(tableNames.items, { partition: runId }, 1000);
  return [await tables.get(tableNames.jobs, `${tenantId}|provisioning`, runId), rows];
}

const resultsOf = async (run: Params, deviceId: string) => {
  const { body } = await api.call("provisioning-runs-device", { params: { ...run, deviceId } });
  const attempts = body["attempts"] as { actionId: string; result: string; inherited?: boolean }[];
  return attempts.map(({ actionId, result, inherited }) =>
    [actionId, result, inherited ? "inherited" : ""].join(" ").trim(),
  );
};

describe("a restart from the last failed required action", () => {
  it("goes on there for those that are named, inherits what is behind, and leaves the old run as it was", async () => {
    const { run, failing, tenantId } = await threeFailed();
    const [one = "", two = "", third = ""] = failing;
    const before = await storedOf(run);
    const body = { mode: "lastFailedRequired", deviceIds: [one, two] };
    const offer = await restart(run, body);
    expect(offer.body).toMatchObject({
      total: 2,
      starts: [
        {
          from: { id: "four", name: "Do four", section: "systemConfiguration" },
          devices: 2,
          some: [{ deviceId: one }, { deviceId: two }],
          inherited: [{ id: "one" }, { id: "two" }, { id: "three" }],
        },
      ],
    });
    expect((await api.read(run))["latest"], "an offer starts nothing").toBeUndefined();
    const again = await restarted(run, body);
    expect(await api.read(again)).toMatchObject({
      cause: "lastFailedRequired",
      parentRunId: run["runId"],
      total: 2,
      buckets: { successful: 2, failed: 0 },
    });
    const trail = await api.call("audit-list-tenant", {
      params: { tenantId },
      query: "?operation=provisioning-runs-restart",
    });
    expect(trail.body["value"], "an offer changes nothing").toMatchObject([
      {
        object: `run/${again["runId"]}`,
        after: { restarts: run["runId"], mode: "lastFailedRequired" },
      },
    ]);
    const stands = ["one", "two", "three"].map((id) => `${id} succeeded inherited`);
    expect(await resultsOf(again, one)).toEqual([
      ...stands,
      "four succeeded",
      "five succeeded",
      "six succeeded",
    ]);
    expect(await storedOf(run)).toEqual(before);
    expect(await api.read(run)).toMatchObject({
      buckets: { successful: 7, failed: 3 },
      verdict: { id: "failed" },
      latest: { buckets: { successful: 9, failed: 1 }, verdict: { id: "failed" } },
    });
    expect(await resultsOf(run, third)).toContain("four failed");
    await restarted(run, { mode: "whole" });
    expect(await api.read(run), "a repaired device turns it green").toMatchObject({
      latest: { buckets: { successful: 10, failed: 0 }, verdict: { id: "success" } },
    });
    const { doubled } = (await rig.ledger(tenantId)) as { doubled: number };
    expect(doubled, "each restarted device was asked once more, and no other").toBe(3);
  });

  it("is refused where the template's order is another by now, and the whole one is not", async () => {
    const { run, templateId } = await threeFailed();
    const body = { mode: "lastFailedRequired" };
    const offered = await restart(run, body);
    await api.replace(templateId, six().toReversed());
    expect((await restart(run, body)).body).toMatchObject({ code: "template-changed" });
    const late = await restart(run, { ...body, token: offered.body["token"] });
    expect([late.status, late.body["code"]]).toEqual([409, "template-changed"]);
    expect((await restart(run, { mode: "whole" })).body).toMatchObject({ total: 3 });
  });

  it("takes mended parameters, and an offer from before them is void", async () => {
    const { run, templateId } = await threeFailed();
    const body = { mode: "lastFailedRequired" };
    const { token } = (await restart(run, body)).body;
    const mended = six().map((each, at) =>
      at === 4 ? { ...each, parameters: { duration: "PT2M" } } : each,
    );
    await api.replace(templateId, mended);
    const late = await restart(run, { ...body, token });
    expect([late.status, late.body["code"]]).toEqual([409, "restart-changed"]);
    expect(late.body["detail"]).toContain("the template has a newer version");
    const again = await restarted(run, body);
    expect(await api.read(again)).toMatchObject({ template: { version: 2 } });
  });

  it("is refused where only an optional action failed, and so is anything for those that succeeded", async () => {
    const { run, failing } = await threeFailed([pause("one"), scan("four", { required: false })]);
    expect(await api.read(run)).toMatchObject({ buckets: { successful: 10 } });
    const { body: page } = await api.call("provisioning-runs-devices", { params: run });
    const warned = (page["value"] as { deviceId: string; warnings: number }[]).filter(
      ({ warnings }) => warnings === 1,
    );
    expect(warned.map(({ deviceId }) => deviceId)).toEqual(failing);
    for (const [mode, code] of [
      ["lastFailedRequired", "nothing-to-restart"],
      ["whole", "nothing-to-restart"],
    ])
      expect((await restart(run, { mode })).body).toMatchObject({ status: 409, code });
    expect((await restart(run, { mode: "whole", deviceIds: failing })).body).toMatchObject({
      code: "not-restartable",
      errors: failing.map((_, at) => ({ pointer: `/deviceIds/${at}` })),
    });
  });
});

it("warns of actions that may have been done, and that it would do again", async () => {
  const tenantId = await api.tenantOf(2);
  const templateId = await api.template([scan("one"), pause("two")]);
  const run = await api.start(tenantId, { templateId, note: "only of this one" });
  await rig.drain();
  const { engine } = rig.services.provision;
  const [row] = await engine.items.range(run["runId"] ?? "", "", "~");
  if (row === undefined) throw new Error("the run has no row");
  const [first, ...rest] = row.items;
  if (first === undefined) throw new Error("the row is empty");
  const mayHaveHappened = [
    { action: { id: "one" }, devices: 1, some: [{ deviceId: first.targetId }] },
  ];
  const { step: _, ...doubtful } = { ...first, state: "unknown" as const };
  await engine.items.replace(run["runId"] ?? "", [{ ...row, items: [doubtful, ...rest] }]);
  const offer = await restart(run, { mode: "whole" });
  expect(offer.body, offer.text).toMatchObject({
    total: 1,
    mayHaveHappened,
  });
  const again = await restarted(run, { mode: "whole" });
  expect((await api.read(again))["note"], "a note is of its own run").toBeUndefined();
});

it("warns as well of an optional action that a device went on without, also from the run of another restart", async () => {
  const { run } = await threeFailed([scan("one", { required: false }), pause("two"), scan("four")]);
  const { engine } = rig.services.provision;
  const [row] = await engine.items.range(run["runId"] ?? "", "", "~");
  if (row === undefined) throw new Error("the run has no row");
  const items = row.items.map((item) => ({
    ...item,
    ...(item.state === "failed"
      ? { step: 2, learned: packDeviceRun({ ...unpackDeviceRun(item.learned), doubtful: [0] }) }
      : {}),
  }));
  await engine.items.replace(run["runId"] ?? "", [{ ...row, items }]);
  const warned = { total: 3, mayHaveHappened: [{ action: { id: "one" }, devices: 3 }] };
  expect((await restart(run, { mode: "whole" })).body).toMatchObject(warned);
  await api.control("PUT", "/behaviour", { tenantId: run["tenantId"], failRate: 1 });
  const body = { mode: "lastFailedRequired" };
  expect((await restart(run, body)).body).toMatchObject({ total: 3, mayHaveHappened: [] });
  const again = await restarted(run, body);
  expect((await restart(again, { mode: "whole" })).body).toMatchObject(warned);
});

it("reads the rows of devices that are named, and not those of all others", async () => {
  const { run, failing } = await threeFailed([scan("four")]);
  const { runId = "" } = run;
  const { items } = rig.services.provision.engine;
  const [row] = await items.range(runId, "", "~");
  const [item] = row?.items ?? [];
  if (row === undefined || item === undefined) throw new Error("the run has no device");
  const job = { jobId: runId, ...row.owner };
  for (let part = 0; part < 3; part += 1) {
    const plan = await items.plan(runId);
    if (plan === undefined) throw new Error("the run has no plan");
    const others = Array.from({ length: 90 }, (_, nth) => `z${part}${nth}`).map((targetId) => ({
      lastTargetId: targetId,
      items: [{ ...item, targetId, state: "done" as const }],
      dueAt: 0,
    }));
    await items.commitPlan(job, others, plan.progress, plan.etag);
  }
  const reads = async (body: object) => {
    rig.faults.reset();
    await restart(run, body);
    return rig.faults.calls().filter((call) => call.endsWith(` ${tableNames.items}`)).length;
  };
  expect(await reads({ mode: "whole", deviceIds: failing.slice(0, 1) })).toBe(1);
  expect(await reads({ mode: "whole" })).toBe(1);
  const readRows = items.scan.bind(items);
  let rows = 0;
  items.scan = async (...all) => {
    const page = await readRows(...all);
    rows += page.rows.length;
    return page;
  };
  const many = Array.from({ length: 60 }, () => randomUUID());
  await restart(run, { mode: "whole", deviceIds: many });
  items.scan = readRows;
  expect([rows > 0, rows <= 60], `${rows} of 271 rows`).toEqual([true, true]);
});

describe("a token", () => {
  it("starts one run: it is used up, another one takes its place, and a strange one starts nothing", async () => {
    const { run, failing } = await threeFailed();
    const body = { mode: "whole" };
    const first = (await restart(run, body)).body["token"];
    const second = (await restart(run, body)).body["token"];
    const refused = { status: 409, code: "restart-not-offered" };
    expect((await restart(run, { ...body, token: first })).body).toMatchObject(refused);
    expect((await restart(run, { ...body, token: "0".repeat(64) })).body).toMatchObject(refused);
    const key = { "idempotency-key": "restart-once" };
    const begun = await restart(run, { ...body, token: second }, key);
    expect(begun.status, begun.text).toBe(202);
    const same = await restart(run, { ...body, token: second }, key);
    expect(same.body).toEqual(begun.body);
    expect((await restart(run, { ...body, token: second })).body).toMatchObject(refused);
    // While the new run has the devices, nobody else gets them.
    expect((await restart(run, body)).body).toMatchObject({ code: "nothing-to-restart" });
    expect((await restart(run, { ...body, deviceIds: failing })).body).toMatchObject({
      code: "not-restartable",
      errors: failing.map(() => ({ detail: expect.stringContaining("has it now") })),
    });
    await rig.drain();
  });

  it("is of its body alone, and void with other variables of the tenant", async () => {
    const { run, failing, tenantId } = await threeFailed();
    const deviceIds = [...failing];
    const { token } = (await restart(run, { mode: "whole", deviceIds })).body;
    const other = { mode: "fromAction", actionId: "one", deviceIds, token };
    expect((await restart(run, other)).body).toMatchObject({ code: "restart-not-offered" });
    const params = { tenantId };
    const body = { values: { site: "PAR" }, devices: {} };
    await api.call("tenant-variables-replace", { params, body });
    expect((await restart(run, { mode: "whole", deviceIds, token })).body).toMatchObject({
      code: "restart-changed",
      detail: expect.stringContaining("variables"),
    });
  });
});

const from = (actionId: string, more = {}) => ({ mode: "fromAction", actionId, ...more });

const total = (view: unknown) =>
  Object.values(view as Record<string, number>).reduce((sum, count) => sum + count, 0);

describe("a restart that never began", () => {
  it("has no devices where the worker died before the run was written: they can be restarted", async () => {
    const { run, failing } = await threeFailed();
    const { runId = "" } = run;
    const { blobs, jobs } = rig.services.provision;
    const lost = "0".repeat(22);
    await jobs.putTargets(lost, failing);
    await blobs.put(familyPath(runId), JSON.stringify([{ runId: lost, parentRunId: runId }]));
    expect((await restart(run, { mode: "whole" })).body).toMatchObject({ total: 3 });
  });

  it("goes on with the token that its worker died over, at once", async () => {
    const { run, failing } = await threeFailed();
    const { runId = "" } = run;
    const { blobs, jobs } = rig.services.provision;
    const { token } = (await restart(run, { mode: "whole" })).body;
    const offer = JSON.parse(String(await blobs.get(offerPath(runId)))) as { at: number };
    const begun = idFor(offer.at, runId, String(token));
    await jobs.putTargets(begun, failing);
    const one = { runId: begun, parentRunId: runId, at: Date.now() };
    await blobs.put(familyPath(runId), JSON.stringify([one]));
    const again = await restart(run, { mode: "whole", token });
    expect([again.status, again.body["runId"], again.body["total"]]).toEqual([202, begun, 3]);
    await rig.drain();
  });

  it("has none where nobody agreed: buckets add up all the same; what may be done twice waits for nobody", async () => {
    const tenantId = await api.tenantOf(4);
    await api.failSome(tenantId, 2, "quickScan");
    const guarded = await api.template([scan("four"), action("five", "restart")]);
    const harmless = await api.template([scan("four")]);
    const runs = [await api.start(tenantId, { templateId: guarded })];
    await rig.drain();
    runs.push(await api.start(tenantId, { templateId: harmless }));
    await rig.drain();
    const rule = { kind: "provisioning", actions: ["restart"], tenantIds: [tenantId], moreThan: 0 };
    const ruled = await api.call("approval-rules-replace", { body: { rules: [rule] } });
    expect(ruled.status, ruled.text).toBe(200);
    const begun = async (run: Params) => {
      const { token } = (await restart(run, { mode: "whole" })).body;
      return (await restart(run, { mode: "whole", token })).body;
    };
    const [first = {}, second = {}] = runs;
    const waiting = await begun(first);
    expect(waiting).toMatchObject({ state: "pendingApproval" });
    expect(await begun(second)).not.toMatchObject({ state: "pendingApproval" });
    const params = { tenantId, runId: String(waiting["runId"]) };
    expect(total(((await api.read(first))["latest"] as { buckets: object }).buckets)).toBe(4);
    expect((await api.call("provisioning-runs-cancel", { params })).status).toBe(202);
    await rig.drain();
    expect((await api.read(first))["latest"], "nothing was restarted").toBeUndefined();
    expect((await restart(first, { mode: "whole" })).body).toMatchObject({
      total: waiting["total"],
    });
    await api.call("approval-rules-replace", { body: { rules: [] } });
  });
});

it("begins what a second person has agreed to, with its variables and where devices go on", async () => {
  const tenantId = await api.tenantOf(4);
  const [one = ""] = await api.failSome(tenantId, 2, "quickScan");
  const variables = {
    values: { note: "n", b: "{{a}}", a: 1 },
    devices: { [one]: { note: "own" } },
  };
  await api.call("tenant-variables-replace", { params: { tenantId }, body: variables });
  const templateId = await api.template([pause("one"), scan("four"), action("five", "restart")], {
    variables: { a: { value: true }, note: { description: "any" } },
  });
  const run = await api.start(tenantId, { templateId });
  await rig.drain();
  await api.control("PUT", "/behaviour", { tenantId, failRate: 0 });
  const rule = { kind: "provisioning", actions: "all", tenantIds: [tenantId], moreThan: 0 };
  await api.call("approval-rules-replace", { body: { rules: [rule] } });
  const body = { mode: "lastFailedRequired" };
  const { token } = (await restart(run, body)).body;
  const waiting = (await restart(run, { ...body, token })).body;
  await api.call("approval-rules-replace", { body: { rules: [] } });
  expect(waiting).toMatchObject({ state: "pendingApproval" });
  const again = { tenantId, runId: String(waiting["runId"]) };
  const { provision } = rig.services;
  const asked = await provision.approvals.get(tenantId, again.runId);
  if (asked === undefined) throw new Error("nobody was asked");
  await settleGate(provision, { ...asked.approval, state: "approved" });
  await rig.drain();
  const { failure, buckets, total: all } = await api.read(again);
  expect(failure).toBeUndefined();
  expect(buckets).toMatchObject({ successful: all });
});

it("adds up from any run of a family: a restart shows what its own restarts made of it", async () => {
  const { run, tenantId, failing } = await threeFailed();
  await api.control("PUT", "/behaviour", { tenantId, failRate: 1 });
  const middle = await restarted(run, { mode: "whole", deviceIds: failing });
  await api.control("PUT", "/behaviour", { tenantId, failRate: 0 });
  await restarted(middle, { mode: "whole" });
  expect(await api.read(middle)).toMatchObject({
    buckets: { failed: 3 },
    latest: { buckets: { successful: 3, failed: 0 }, verdict: { id: "success" } },
  });
  expect(await api.read(run)).toMatchObject({
    latest: { buckets: { successful: 10, failed: 0 }, verdict: { id: "success" } },
  });
});

it("of a run that too many failures have stopped picks exactly those that failed and those that were never tried", async () => {
  const tenantId = await api.tenantOf(50);
  await api.control("PUT", "/behaviour", { tenantId, failRate: 0.6 });
  const short = action("five", "wait", { parameters: { duration: "PT1S" } });
  const run = await api.start(tenantId, {
    templateId: await api.template([scan("four"), short]),
    rollout: { atOnce: 3, stopAfter: { percent: 10 } },
  });
  await rig.drain();
  const { buckets, failure } = await api.read(run);
  const { successful = 0, failed = 0, notAttempted = 0 } = buckets as Record<string, number>;
  // Ten percent of fifty is five: the sixth stops it, and what is under way is followed to its end.
  expect([failed >= 6, failed <= 8, successful + failed + notAttempted]).toEqual([true, true, 50]);
  expect(failure).toMatchObject({ code: "stopped-by-rollout" });
  const never = { params: run, query: "?bucket=notAttempted&top=100" };
  const { value } = (await api.call("provisioning-runs-devices", never)).body;
  expect(new Set((value as { done: number }[]).map(({ done }) => done))).toEqual(new Set([0]));
  await api.control("PUT", "/behaviour", { tenantId, failRate: 0 });
  const totalOf = async (include: string[]) =>
    (await restart(run, { mode: "whole", include })).body["total"];
  expect(await totalOf(["failed"])).toBe(failed);
  expect(await totalOf(["notAttempted"])).toBe(notAttempted);
  expect(await totalOf(["failed", "notAttempted"])).toBe(50 - successful);
});

describe("a restart from a chosen action", () => {
  it("is refused around the installation, asked for twice elsewhere, and needs what is before it", async () => {
    const tenantId = await api.tenantOf(4);
    const failing = await api.failSome(tenantId, 1, "quickScan");
    const templateId = await api.template([], {
      sections: [
        { id: "systemMigration", actions: [pause("keep")] },
        { id: "osInstallation", actions: [pause("image")] },
        { id: "systemConfiguration", actions: [scan("scan"), pause("last")] },
      ],
    });
    const run = await api.start(tenantId, { templateId });
    await rig.drain();
    await api.control("PUT", "/behaviour", { tenantId, failRate: 0 });
    expect((await restart(run, from("image"))).body).toMatchObject({
      status: 409,
      code: "section-not-restartable",
    });
    expect((await restart(run, from("last"))).body).toMatchObject({
      code: "not-restartable",
      errors: [{ detail: expect.stringContaining("required before it and not done: Do scan") }],
    });
    expect((await restart(run, { mode: "fromAction" })).status).toBe(400);
    const waived = await restarted(
      run,
      from("last", { waive: [{ actionId: "scan", reason: "scanned by hand" }] }),
    );
    expect(await resultsOf(waived, [...failing][0] ?? "")).toEqual([
      "keep succeeded inherited",
      "image succeeded inherited",
      "scan failed inherited",
      "last succeeded",
    ]);
    expect(await api.read(run)).toMatchObject({ latest: { verdict: { id: "success" } } });
  });
});
