/**
 * What rests, asked for over the API: a drained installation, and a tenant that is paused. On a storage of its own, since
 * draining is for everybody who shares one.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Azurite, startAzurite } from "../../../local/start/azurite.ts";
import { restMs } from "../../../shared/work/drain.ts";
import { hashOf } from "../../shared/registration/lists.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import { action, type RunCalls, runCalls } from "../provisioning/support/run-calls.ts";

let azurite: Azurite;
let rig: NotifyRig;
let api: RunCalls;
beforeAll(async () => {
  azurite = await startAzurite({});
  const storage = { kind: "connectionString", value: azurite.connectionString } as const;
  rig = await startNotifyRig(undefined, undefined, () => ({ storage }));
  api = runCalls(rig);
});
afterAll(async () => {
  await rig.stop();
  await azurite.stop();
});

type Params = Record<string, string>;

/** Asks for work, and answers by what it is found. */
async function begin(name: string, id: string, tenantId: string, body: object): Promise<Params> {
  const begun = await api.call(name, { params: { tenantId }, body });
  expect(begun.status, begun.text).toBe(202);
  return { tenantId, [id]: String(begun.body[id]) };
}
const notify = (tenantId: string, actionId: string) =>
  begin("notifications-send", "notificationId", tenantId, {
    action: actionId,
    target: { kind: "tenant" },
    expiresAfter: "P1D",
  });
const register = (tenantId: string, count: number, prefix: string) =>
  begin("registrations-submit", "registrationId", tenantId, {
    devices: Array.from({ length: count }, (_, at) => {
      const serialNumber = `${prefix}${String(at).padStart(4, "0")}`;
      return { serialNumber, hardwareHash: hashOf(serialNumber) };
    }),
  });
const sync = (tenantId: string) =>
  begin("syncs-start", "syncId", tenantId, { mode: "plan", types: ["roleScopeTag"] });
const read = async (name: string, params: Params) => (await api.call(name, { params })).body;
const drain = async (draining: boolean) => {
  const answer = await api.call("drain-set", { body: { draining } });
  expect(answer.status, answer.text).toBe(200);
  return answer.body;
};
/** Lets so many rounds of what rests go by. */
async function rounds(count: number): Promise<void> {
  const end = Date.now() + count * restMs;
  await rig.drain(() => Date.now() > end);
}
/** Handles messages until something is so. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) {
    const next = await rig.queues.take();
    if (next === undefined) throw new Error("nothing is left to do, and it is not so");
    await rig.handle(next);
  }
}
/** What the tenant's devices were asked for, and how many devices were handed in. */
async function left(tenantId: string) {
  const registrations = `/registrations?tenantId=${tenantId}`;
  const { body } = await rig.sandbox.control<{ total: number; doubled: number }>(
    "GET",
    registrations,
  );
  const { total, doubled } = await rig.ledger(tenantId);
  return { asked: total, askedTwice: doubled, handedIn: body.total, handedInTwice: body.doubled };
}
const reasonsOf = async (name: string, params: Params) => {
  const { value } = (await read(name, params)) as {
    value: { code?: string; waits?: { why?: string } }[];
  };
  return new Set(value.map(({ code, waits }) => code ?? waits?.why));
};

describe("an installation that is drained", () => {
  it("follows what has left, takes what is asked for and lets none of it leave; resumed, nothing is lost", async () => {
    const tenantId = await api.tenantOf(4);
    const templateId = await api.template([action("scan", "endpointProtectionQuickScan")]);
    expect(await read("drain-get", {})).toMatchObject({ draining: false, drained: false });
    // Its worker dies with a call whose answer nobody has.
    const first = await notify(tenantId, "restart");
    rig.faults.arm({ atCall: "graph.POST", when: "after" });
    await rig.drain(() => rig.faults.calls().includes("graph.POST"));
    expect((await left(tenantId)).asked).toBe(4);
    expect(await drain(true)).toMatchObject({
      draining: true,
      drained: false,
      left: { calls: 4 },
      open: { jobs: 1 },
    });

    const others = {
      "notifications-get": await notify(tenantId, "endpointProtectionDownloadDefinition"),
      "provisioning-runs-get": await api.start(tenantId, { templateId }),
      "registrations-get": await register(tenantId, 3, "D"),
      "syncs-get": await sync(tenantId),
      "refreshes-get": await begin("refreshes-start", "refreshId", tenantId, {}),
    };
    await rounds(3);
    expect(await read("notifications-get", first)).toMatchObject({ state: "completed" });
    expect(await left(tenantId)).toMatchObject({ asked: 4, handedIn: 0 });
    expect(await read("drain-get", {})).toMatchObject({
      drained: true,
      left: { calls: 0, syncs: 0, refreshes: 0 },
      open: { jobs: 3, syncs: 1, refreshes: 1 },
    });
    const { since } = await drain(true);
    expect(since, "asking twice is once").toBe((await read("drain-get", {}))["since"]);
    const why = new Set(["draining"]);
    expect(await reasonsOf("notifications-deliveries", others["notifications-get"])).toEqual(why);
    expect(await reasonsOf("provisioning-runs-devices", others["provisioning-runs-get"])).toEqual(
      why,
    );
    expect(await reasonsOf("registrations-devices", others["registrations-get"])).toEqual(why);
    expect(await read("syncs-get", others["syncs-get"])).toMatchObject({
      resting: { code: "draining" },
    });

    expect(await drain(false)).toMatchObject({ draining: false, drained: false });
    await rig.drain();
    const ends = Object.entries(others).map(([name, params]) => read(name, params));
    expect(await Promise.all(ends)).toMatchObject([
      { state: "completed" },
      { state: "completed" },
      { state: "finished" },
      { outcome: "succeeded" },
      { state: "completed" },
    ]);
    const once = { askedTwice: 0, handedInTwice: 0 };
    expect(await left(tenantId)).toEqual({ asked: 12, handedIn: 3, ...once });
    expect(await read("drain-get", {})).toMatchObject({
      open: { jobs: 0, syncs: 0, refreshes: 0 },
    });
    const trail = (await api.call("audit-list", { query: "?top=20" })).body["value"];
    const changes = (trail as { operation: string; before: object; after: object }[]).filter(
      ({ operation }) => operation === "drain-set",
    );
    expect(changes.map(({ before, after }) => [before, after])).toEqual([
      [{ draining: true }, { draining: false }],
      [{ draining: true }, { draining: true }],
      [{ draining: false }, { draining: true }],
    ]);
  });
});

describe("a tenant that is paused", () => {
  it("lets a run and registrations under way rest; resumed, every device is asked for once", async () => {
    const tenantId = await api.tenantOf(6);
    const templateId = await api.template([
      action("scan", "endpointProtectionQuickScan"),
      action("restart", "restart"),
    ]);
    const handedIn = await register(tenantId, 5, "P");
    await until(async () => (await left(tenantId)).handedIn > 0);
    const run = await api.start(tenantId, { templateId });
    await until(async () => (await left(tenantId)).asked > 0);
    const begun = { asked: 6, handedIn: 5, askedTwice: 0, handedInTwice: 0 };
    expect(await left(tenantId)).toEqual(begun);
    const next = await register(tenantId, 4, "Q");
    const pause = (paused: boolean) =>
      api.call("tenants-change", {
        params: { tenantId },
        body: { paused, pauseReason: paused ? why : undefined },
      });
    const why = "Their migration runs.";
    expect(await pause(true)).toMatchObject({
      status: 200,
      body: { pausedAt: expect.any(String), pauseReason: why },
    });

    await rounds(8);
    expect(await left(tenantId)).toEqual(begun);
    // What had left was read back, and what was handed in is registered.
    expect((await read("provisioning-runs-history", run))["value"]).toMatchObject(
      Array.from({ length: 6 }, () => ({ actionId: "scan", result: "succeeded" })),
    );
    expect(await read("registrations-get", handedIn)).toMatchObject({ counts: { registered: 5 } });
    expect(await read("registrations-get", next)).toMatchObject({ counts: { waiting: 4 } });
    expect(await reasonsOf("registrations-devices", next)).toEqual(new Set(["tenant-paused"]));
    expect(await reasonsOf("provisioning-runs-devices", run)).toEqual(new Set(["tenant-paused"]));

    const resumed = await pause(false);
    expect(resumed).toMatchObject({ status: 200, body: { tenantId } });
    expect(resumed.body).not.toHaveProperty("pauseReason");
    await rig.drain();
    expect(await read("provisioning-runs-get", run)).toMatchObject({ buckets: { successful: 6 } });
    expect(await read("registrations-get", next)).toMatchObject({ counts: { registered: 4 } });
    expect(await left(tenantId)).toEqual({ ...begun, asked: 12, handedIn: 9 });
  });
});
