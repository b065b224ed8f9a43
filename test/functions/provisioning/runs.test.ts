/** Runs over the API, on Azurite and the sandbox: from a template to the history of each device. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import { action, everything, pause, type RunCalls, runCalls } from "./support/run-calls.ts";

let rig: NotifyRig;
let call: RunCalls["call"];
let template: RunCalls["template"];
let tenantOf: RunCalls["tenantOf"];
let start: RunCalls["start"];
let read: RunCalls["read"];
let failSome: RunCalls["failSome"];
beforeAll(async () => {
  rig = await startNotifyRig();
  ({ call, template, tenantOf, start, read, failSome } = runCalls(rig));
});
afterAll(() => rig.stop());

describe("a run over the API", () => {
  it("takes the simplest template to success, and tells the way there", async () => {
    const tenantId = await tenantOf(3);
    const templateId = await template([action("scan", "endpointProtectionQuickScan")]);
    const run = await start(tenantId, { templateId });
    expect(await read(run)).toMatchObject({ total: 3, buckets: { pending: 3 } });
    await rig.drain();
    expect(await read(run)).toMatchObject({
      state: "completed",
      final: true,
      verdict: { name: { en: "Success", fr: "Succès" } },
      buckets: { pending: 0, active: 0, successful: 3, failed: 0, notAttempted: 0 },
    });
    expect(await rig.ledger(tenantId)).toMatchObject({ total: 3, doubled: 0 });
    const history = await call("provisioning-runs-history", { params: run });
    expect(history.body["value"]).toMatchObject(
      Array.from({ length: 3 }, () => ({
        actionId: "scan",
        result: "succeeded",
        verdict: { id: "success", name: { en: "Success", fr: "Succès" } },
        attempt: 1,
        graphRequestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      })),
    );
  });

  it("fails three of ten devices at the required action four of six, and says so for each", async () => {
    const tenantId = await tenantOf(10);
    const failing = await failSome(tenantId, 3, "quickScan");
    const templateId = await template([
      pause("one"),
      pause("two"),
      pause("three"),
      action("four", "endpointProtectionQuickScan"),
      pause("five"),
      pause("six"),
    ]);
    const run = await start(tenantId, { templateId });
    const sums = new Set<number>();
    for (let next = await rig.queues.take(); next; next = await rig.queues.take()) {
      await rig.handle(next);
      const { buckets } = (await read(run)) as { buckets: Record<string, number> };
      sums.add(Object.values(buckets).reduce((sum, each) => sum + each, 0));
    }
    expect(sums).toEqual(new Set([10]));
    expect(await read(run)).toMatchObject({
      state: "partlyCompleted",
      verdict: { name: { fr: "Échec" } },
      buckets: { successful: 7, failed: 3 },
    });
    const failed = await call("provisioning-runs-devices", {
      params: run,
      query: "?bucket=failed",
    });
    expect(failed.body["value"]).toMatchObject(
      [...failing].toSorted().map((deviceId) => ({
        deviceId,
        done: 3,
        of: 6,
        progress: "3 of 6, next: Do four",
        current: { id: "four", section: "systemConfiguration" },
      })),
    );
    expect(await rig.ledger(tenantId)).toMatchObject({ total: 10, doubled: 0 });
    const csv = await call("provisioning-runs-history", {
      params: run,
      headers: { accept: "text/csv" },
    });
    expect(csv.text.split("\r\n")[0]).toContain("runId,deviceId,section,actionId");
    const lines = await call("provisioning-runs-history", {
      params: run,
      headers: { accept: "application/x-ndjson" },
    });
    const results = lines.text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { result: string });
    expect(results.filter(({ result }) => result === "failed")).toHaveLength(3);
    const [deviceId = ""] = failing;
    const detail = await call("provisioning-runs-device", { params: { ...run, deviceId } });
    expect(detail.body).toMatchObject({ bucket: "failed", code: "device-reported-failure" });
    const device = await call("devices-provisioning-runs", { params: { tenantId, deviceId } });
    expect(device.body["value"]).toMatchObject([{ runId: run["runId"], bucket: "failed" }]);
  });

  it("keeps all that a script has said, and shows its beginning", async () => {
    // What a stand-in's device says depends on its id: of eighty, some say much and some little.
    const tenantId = await tenantOf(80);
    const { graph } = rig.services.refreshes.parts;
    const path = "/deviceManagement/deviceHealthScripts";
    const scripts = await graph.ask(tenantId, "beta", { method: "GET", path });
    const { value } =
      "body" in scripts ? (scripts.body as { value: { id: string }[] }) : { value: [] };
    const parameters = { remediationScriptId: value[0]?.id };
    const templateId = await template([action("script", "runScript", { parameters })]);
    const run = await start(tenantId, { templateId });
    await rig.drain();
    const history = await call("provisioning-runs-history", { params: run });
    const all = history.body["value"] as Record<"deviceId" | "outputId" | "output", string>[];
    const long = all.filter(({ outputId }) => outputId !== undefined);
    expect([long.length > 0, long.length < all.length]).toEqual([true, true]);
    const [first] = long;
    if (first === undefined) throw new Error("nothing was long");
    const { deviceId, outputId, output } = first;
    const params = { ...run, deviceId, outputId };
    const whole = await call("provisioning-runs-output", { params });
    const text = String(whole.body["output"]);
    expect([output.length, text.length > 300]).toEqual([300, true]);
    expect([text.startsWith(output.slice(0, -1)), text.split("\n").at(-1)]).toEqual([
      true,
      expect.stringMatching(/^item \d+: in order$/),
    ]);
    const other = all.find((each) => each.outputId === undefined)?.deviceId ?? "";
    const missing = await call("provisioning-runs-output", {
      params: { ...params, deviceId: other },
    });
    expect(missing.body).toMatchObject({ code: "unknown-output" });
    await rig.services.provision.jobs.removeTargets(run["runId"] ?? "");
    const gone = rig.services.provision.jobs.output(run["runId"] ?? "", outputId, deviceId);
    expect(await gone, "it goes with its run").toBeUndefined();
  });

  it("reads a run's progress in few storage reads, whatever its size", async () => {
    const tenantId = await tenantOf(250);
    const run = await start(tenantId, { templateId: await template([pause("one"), pause("two")]) });
    await rig.drain(() => rig.queues.waiting().every(({ queue }) => queue !== "fanout-plan"));
    rig.faults.reset();
    await read(run);
    expect(
      rig.faults.calls().filter((name) => name.startsWith("table")).length,
    ).toBeLessThanOrEqual(20);
    await rig.drain();
    expect(await read(run)).toMatchObject({ buckets: { successful: 250 } });
  });

  it("pauses between actions, goes on when it is resumed, and can be cancelled", async () => {
    const tenantId = await tenantOf(2);
    const run = await start(tenantId, { templateId: await template([pause("one"), pause("two")]) });
    await rig.drain(() => rig.queues.waiting()[0]?.queue !== "fanout-plan");
    expect((await call("provisioning-runs-pause", { params: run })).status).toBe(202);
    await rig.drain();
    const paused = await call("provisioning-runs-devices", { params: run });
    expect(paused.body["value"]).toMatchObject([
      { waits: { why: "paused" } },
      { waits: { why: "paused" } },
    ]);
    await call("provisioning-runs-resume", { params: run });
    await rig.drain();
    expect(await read(run)).toMatchObject({ state: "completed" });
    const late = await call("provisioning-runs-cancel", { params: run });
    expect(late.body).toMatchObject({ code: "conflict" });
    const other = await start(tenantId, { templateId: await template([pause("one")]) });
    expect((await call("provisioning-runs-cancel", { params: other })).status).toBe(202);
    await rig.drain();
    expect(await read(other)).toMatchObject({ final: true });
  });
});

describe("what is refused", () => {
  it("is a template, a version, a device and a collection that are not there, and nothing wider takes their place", async () => {
    const tenantId = await tenantOf(1);
    const templateId = await template([pause("one")]);
    const begin = async (body: object) =>
      (
        await call("provisioning-runs-start", {
          params: { tenantId },
          body: { targets: everything, ...body },
        })
      ).body["code"];
    expect(await begin({ templateId: "nothing" })).toBe("unknown-template");
    expect(await begin({ templateId, version: 7 })).toBe("unknown-template");
    expect(await begin({ templateId, targets: { deviceIds: [randomUUID()] } })).toBe(
      "unknown-device",
    );
    expect(await begin({ templateId, targets: { collectionIds: ["nothing"] } })).toBe(
      "unknown-collection",
    );
    expect(await begin({ templateId, targets: {} })).toBe("invalid-request");
    expect(await begin({ templateId: await template([]) })).toBe("invalid-request");
    const list = await call("provisioning-runs-list", { params: { tenantId } });
    expect(list.body["value"]).toEqual([]);
  });

  it("ends at once, and says so, where no device is found", async () => {
    const tenantId = await tenantOf(1);
    const templateId = await template([pause("one")]);
    const nothing = {
      rules: [{ property: "operatingSystem", operator: "equals", value: "macOS" }],
    };
    const run = await start(tenantId, { templateId, targets: nothing });
    await rig.drain();
    expect(await read(run)).toMatchObject({ final: true, total: 0, says: "matches no device" });
  });

  it("previews what would happen, and does nothing of it", async () => {
    const tenantId = await tenantOf(4);
    const templateId = await template([
      pause("one"),
      action("scan", "endpointProtectionQuickScan"),
    ]);
    const would = await call("provisioning-runs-start", {
      params: { tenantId },
      query: "?dryRun=true",
      body: { templateId, targets: everything },
    });
    expect(would.body).toMatchObject({
      total: 4,
      actions: [
        { id: "one", graphRequests: 0, refused: [] },
        { id: "scan", refused: [] },
      ],
      beginsAt: [{ why: "at once", devices: 4 }],
    });
    const list = await call("provisioning-runs-list", { params: { tenantId } });
    expect(list.body["value"]).toEqual([]);
    expect(await rig.ledger(tenantId)).toMatchObject({ total: 0 });
  });
});
