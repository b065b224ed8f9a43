/** Reading back by audits: few requests, the same ends as by looking at each device, and never a wrong witness. */
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { RemoteActionAudits } from "../../../shared/devices/actions/audits.ts";
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

/** A Graph whose list of audits is paged by two, newest first, and its clock; each page takes a second, until one fails. */
function pagedGraph() {
  const state = {
    now: 10_000_000,
    requests: 0,
    failsAt: Number.NaN,
    rows: [] as ReturnType<typeof row>[],
  };
  const page = async (from: number, skip: number): Promise<GraphAnswer> => {
    state.requests += 1;
    await Promise.resolve();
    state.now += 1_000;
    if (state.requests === state.failsAt) return { kind: "busy", why: "too many" };
    const all = state.rows
      .filter(({ requestDateTime }) => Date.parse(requestDateTime) >= from)
      .toSorted((left, right) => right.requestDateTime.localeCompare(left.requestDateTime));
    const link = skip + 2 < all.length ? { "@odata.nextLink": `${from} ${skip + 2}` } : {};
    return { kind: "ok", status: 200, body: { value: all.slice(skip, skip + 2), ...link } };
  };
  const graph = {
    ask: (_tenant: string, _version: string, { path }: { path: string }) =>
      page(Date.parse(/ge%20([^&]*)/.exec(path)?.[1] ?? ""), 0),
    follow: (_tenant: string, link: string) => {
      const [from = 0, skip = 0] = link.split(" ").map(Number);
      return page(from, skip);
    },
  } as unknown as GraphClient;
  return { state, audits: new RemoteActionAudits(graph, { now: () => state.now }, 0) };
}
const minute = 60_000;
const devicesAt = (count: number, at: number, more: object = {}) =>
  Array.from({ length: count }, (_, i) => row(at + i, { managedDeviceId: `d${i}`, ...more }));

describe("a tenant's book of audits", () => {
  it("is read again only as far back as something in it may have changed", async () => {
    const { state, audits } = pagedGraph();
    const begun = state.now;
    state.rows = [
      ...devicesAt(40, begun),
      row(begun + 10 * minute, { managedDeviceId: "late", actionState: "pending" }),
    ];
    state.now = begun + 11 * minute;
    expect((await audits.since("t", begun)).requests).toBe(21);
    const [last] = state.rows.slice(-1);
    state.rows = [...state.rows.slice(0, -1), { ...row(0), ...last, actionState: "done" }];
    state.now += minute;
    const again = await audits.since("t", begun);
    expect(again.requests).toBe(1);
    expect(again.find("late", ["rebootNow"], begun)?.verdict).toBe("done");
    expect(again.find("d0", ["rebootNow"], begun)?.verdict).toBe("done");
  });

  it("is read again only as long as what is a little older has news, and nothing of it is pending", async () => {
    const { state, audits } = pagedGraph();
    const begun = state.now;
    const again = async (more: readonly ReturnType<typeof row>[]) => {
      state.rows = [...state.rows, ...more];
      state.now += 100;
      return audits.since("t", begun);
    };
    state.now = begun + 30_000;
    state.rows = devicesAt(40, begun + 1_000);
    expect((await audits.since("t", begun)).requests).toBe(20);
    expect((await again([row(begun + 1_041, { managedDeviceId: "new" })])).requests).toBe(2);
    const late = await again([row(begun + 1_040, { managedDeviceId: "late" })]);
    expect(late.find("late", ["rebootNow"], begun)?.verdict).toBe("done");
    expect(late.requests).toBe(2);
    await again([row(begun + 1_050, { managedDeviceId: "open", actionState: "pending" })]);
    expect((await again([])).requests).toBeGreaterThan(20);
  });

  it("looks once a minute for audits that were listed late", async () => {
    const { state, audits } = pagedGraph();
    const begun = state.now;
    state.rows = devicesAt(20, begun + 3 * minute);
    state.now = begun + 4 * minute;
    await audits.since("t", begun);
    state.rows = [...state.rows, row(begun + 2 * minute, { managedDeviceId: "late" })];
    const late = async () => (await audits.since("t", begun)).find("late", ["rebootNow"], begun);
    state.now += 5_000;
    expect(await late()).toBeUndefined();
    state.now += minute;
    expect((await late())?.verdict).toBe("done");
  });

  it("misses none that is listed up to five minutes late, however often it is read", async () => {
    const { state, audits } = pagedGraph();
    const begun = state.now;
    const readAfter = async (seconds: number) => {
      state.now = begun + seconds * 1_000;
      return (await audits.since("t", begun)).find("late", ["rebootNow"], begun)?.verdict;
    };
    await readAfter(0);
    state.rows = [row(begun + 4 * minute)];
    await readAfter(298);
    state.rows = [...state.rows, row(begun + 2_000, { managedDeviceId: "late" })];
    await readAfter(340);
    expect(await readAfter(360)).toBe("done");
  });

  it("leaves no gap behind a reading that broke off after its newest page", async () => {
    const { state, audits } = pagedGraph();
    const begun = state.now;
    state.rows = devicesAt(2, begun);
    await audits.since("t", begun);
    state.now = begun + 20_000;
    state.rows = [
      ...state.rows,
      ...[5, 10, 15, 20].map((at) => row(begun + at * 1_000, { managedDeviceId: `at${at}` })),
    ];
    state.failsAt = state.requests + 2;
    await audits.since("t", begun);
    state.failsAt = Number.NaN;
    state.now += 5_000;
    const list = await audits.since("t", begun);
    const found = [5, 10, 15, 20].map((at) => list.find(`at${at}`, ["rebootNow"], begun)?.verdict);
    expect(found).toEqual(["done", "done", "done", "done"]);
  });

  it("goes further back where somebody asks for more, and stays so for those who ask for less", async () => {
    const { state, audits } = pagedGraph();
    const begun = state.now;
    state.rows = [...devicesAt(20, begun), ...devicesAt(20, begun + 20 * minute)];
    state.now = begun + 21 * minute;
    expect((await audits.since("t", begun + 20 * minute)).requests).toBe(10);
    expect((await audits.since("t", begun)).requests).toBe(20);
    expect((await audits.since("t", begun + 20 * minute)).requests).toBe(1);
  });

  it("is read once for all that wait for it, however far back each asks", async () => {
    const { state, audits } = pagedGraph();
    const begun = state.now;
    state.rows = devicesAt(20, begun);
    state.now = begun + minute;
    const sinces = Array.from({ length: 24 }, (_, i) => begun + i);
    const lists = await Promise.all(sinces.map((since) => audits.since("t", since)));
    expect(lists.map((list) => list.find("d19", ["rebootNow"], begun)?.verdict)).toEqual(
      sinces.map(() => "done"),
    );
    expect(state.requests).toBe(10);
  });

  it("ends a reading that takes longer than a minute where it is", async () => {
    const { state, audits } = pagedGraph();
    state.rows = devicesAt(300, state.now);
    expect((await audits.since("t", state.now)).requests).toBe(60);
    expect(state.requests).toBe(60);
  });
});
