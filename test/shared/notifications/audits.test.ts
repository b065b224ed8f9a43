/** Reading back by audits: few requests, the same ends as by looking at each device, and never a wrong witness. */
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { RemoteActionAudits } from "../../../shared/devices/actions/read-back.ts";
import type { GraphAnswer } from "../../../shared/graph/answer.ts";
import type { GraphClient } from "../../../shared/graph/client.ts";
import { type ListedDevice, onlyIntuneWindows } from "../../local/sandbox/support.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import { deliveriesOf, tally } from "./support/rig-reading.ts";

let rig: NotifyRig;
beforeAll(async () => {
  rig = await startNotifyRig();
});
afterAll(() => rig.stop());

type Asked = { readonly byKind: Readonly<Record<string, number>>; readonly parts: number };
const reads = async () => {
  const { body } = await rig.sandbox.control<Asked>("GET", "/requests");
  return body;
};

/** Sends to a fleet under some behaviour; answers its end, and the reads that it took. */
async function ended(devices: number, behaviour: object, more: object = {}) {
  const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices });
  await rig.sandbox.control("PUT", "/behaviour", { tenantId, ...behaviour });
  await rig.sandbox.control("DELETE", "/requests");
  const notificationId = await rig.send(tenantId, { action: "restart", ...more });
  await rig.drain();
  const asked = await reads();
  const deliveries = await deliveriesOf(rig, tenantId, notificationId);
  const counts = await tally(rig, tenantId, notificationId);
  return { tenantId, notificationId, asked, deliveries, counts };
}

describe("reading back", () => {
  it("of 1,000 devices takes fewer than 0.05 requests a device, their parts counted", async () => {
    const { asked, counts } = await ended(1_000, {});
    expect(counts).toEqual({ done: 1_000 });
    const requests = Object.values(asked.byKind).reduce((sum, each) => sum + each, 0);
    expect(requests).toBeLessThan(50);
  });

  it("comes to the ends that single reads come to, whatever the audits do", async () => {
    const behaviours = fc.record({
      seed: fc.nat(1_000),
      failRate: fc.constantFrom(0, 0.3),
      offlineRate: fc.constantFrom(0, 0.3),
      auditLagMs: fc.constantFrom(0, 40, 400),
      auditOptions: fc.boolean(),
      audits: fc.constantFrom("shown", "refused", "empty"),
    });
    await fc.assert(
      fc.asyncProperty(behaviours, async (behaviour) => {
        const { tenantId, deliveries } = await ended(30, behaviour, { expiresAfter: "PT4S" });
        const path = `/tenants/${tenantId}/devices?top=1000&action=rebootNow`;
        const { body } = await rig.sandbox.control<{ value: ListedDevice[] }>("GET", path);
        // What single reads say in the end is what the sandbox knows of each device.
        const truth = body.value.map(
          ({ id, offline, failing }) =>
            [id, offline ? "offline" : failing ? "failed" : "done"] as const,
        );
        const found = deliveries.map(({ deviceId, state }) => [deviceId, state] as const);
        expect(new Map(found)).toEqual(new Map(truth));
      }),
      { numRuns: inject("oneCaseIn") === 1 ? 12 : 2 },
    );
  }, 120_000);

  it.each(["empty", "refused"])("does without audits that are %s", async (audits) => {
    expect((await ended(20, { audits })).counts).toEqual({ done: 20 });
  });
});

describe("the audits as second witness", () => {
  it("prove that a restart without answer and without results was made and done", async () => {
    const { tenantId, counts } = await ended(12, { lostAnswerRate: 1, emptyResultsRate: 1 });
    expect(counts).toEqual({ done: 12 });
    expect(await rig.ledger(tenantId)).toMatchObject({ total: 12, doubled: 0 });
  });
});

/** A Graph that has one page of audits. */
const graphWith = (rows: readonly object[]) => {
  const answer: GraphAnswer = { kind: "ok", status: 200, body: { value: rows } };
  return { ask: () => Promise.resolve(answer) } as unknown as GraphClient;
};
const row = (at: number, more: object = {}) => ({
  action: "rebootNow",
  actionState: "done",
  requestDateTime: new Date(at).toISOString(),
  managedDeviceId: "D1",
  initiatedByUserPrincipalName: null,
  ...more,
});
const find = async (rows: readonly object[]) => {
  const audits = new RemoteActionAudits(graphWith(rows), { now: () => 100_000 }, 0);
  return (await audits.since("t", 50_000)).find("d1", ["rebootNow"], 50_000);
};

describe("an audit", () => {
  it("of the device and the action from the mark on is ours, the newest of several", async () => {
    const rows = [row(60_000, { actionState: "failed" }), row(55_000)];
    expect(await find(rows)).toEqual({ at: 60_000, verdict: "failed" });
  });

  it.each<[string, object]>([
    ["names a person", row(55_000, { initiatedByUserPrincipalName: "ana@contoso.com" })],
    ["is of another device", row(55_000, { managedDeviceId: "d2" })],
    ["is of another action", row(55_000, { action: "quickScan" })],
    ["is older than clocks differ", row(39_999)],
    ["has no time", { ...row(0), requestDateTime: "soon" }],
    ["has another shape", { action: 7 }],
  ])("that %s is not ours", async (_, other) => {
    expect(await find([other])).toBeUndefined();
  });
});
