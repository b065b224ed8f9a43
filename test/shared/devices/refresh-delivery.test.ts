/** The refresh as deliveries of its messages: twice, at once, late, and with workers that die. */
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import type { Refresh } from "../../../shared/devices/refresh/refresh.ts";
import { refreshesWith } from "../../../shared/devices/refresh/work.ts";
import { deaths } from "../../support/fault-tap.ts";
import {
  Cut,
  type CutAt,
  graphDevice,
  graphDevices,
  openRig,
  type Rig,
} from "./support/refresh-rig.ts";

type RefreshIds = Parameters<ReturnType<typeof refreshesWith>["work"]>[0];

let rig: Rig;
beforeAll(async () => {
  rig = await openRig();
});
afterAll(() => rig.graph.stop());

const counted = ({ state, counts }: Refresh) => ({
  state,
  added: counts.added,
  changed: counts.changed,
  removed: counts.removed,
  unchanged: counts.unchanged,
});

/** A tenant with a directory, and a Graph in which devices came, changed and went since. */
async function changedTenant(pageSize: number, layout: "kept" | "grown"): Promise<RefreshIds> {
  const tenantId = rig.addTenant();
  rig.graph.pageSize = 1000;
  rig.graph.devices = graphDevices(140);
  await rig.refresh(tenantId);
  rig.graph.pageSize = pageSize;
  rig.graph.devices = [
    ...graphDevices(layout === "kept" ? 150 : 450, 20),
    graphDevice(1, { deviceName: "renamed" }),
  ];
  const { refreshId } = await rig.start(tenantId);
  return { tenantId, refreshId };
}

const deps = () => ({ ...rig.deps, slicePages: 3 });

/** Delivers until the end, cut once at the given call; answers how many calls there were. */
async function runWithCut(ids: RefreshIds, at: CutAt | undefined): Promise<number> {
  rig.cutAt(at);
  for (let delivery = 0; delivery < 50; delivery += 1) {
    try {
      const outcome = await refreshesWith(deps()).work(ids);
      if (outcome.kind === "ack") return rig.calls.length;
      rig.time.now += outcome.afterSeconds * 1000;
    } catch (error) {
      if (!(error instanceof Cut)) throw error;
      // The process died: another one gets the message when the lease has run out.
      rig.cutAt(undefined);
      rig.time.now += rig.deps.leaseMs;
    }
  }
  throw new Error("the refresh does not end");
}

test.each([
  { name: "in one slice", pageSize: 1000, layout: "kept" },
  { name: "in many slices", pageSize: 60, layout: "kept" },
  { name: "into a new layout", pageSize: 60, layout: "grown" },
] as const)(
  "a crash before or after any call of a refresh $name changes nothing of its outcome",
  async ({ pageSize, layout }) => {
    const clean = await changedTenant(pageSize, layout);
    const calls = await runWithCut(clean, undefined);
    const expected = await rig.deps.refreshes.get(clean.tenantId, clean.refreshId);
    const directory = await rig.all(clean.tenantId);
    expect(calls).toBeGreaterThan(15);
    for (const { atCall: nth, when } of deaths(calls, 2 * inject("oneCaseIn"))) {
      const ids = await changedTenant(pageSize, layout);
      await runWithCut(ids, { nth, when });
      rig.cutAt(undefined);
      const stored = await rig.deps.refreshes.get(ids.tenantId, ids.refreshId);
      // One comparison of everything, so that a failure says where the cut was.
      expect({
        cut: { when, nth },
        refresh: stored && counted(stored.refresh),
        devices: await rig.all(ids.tenantId),
        active: await rig.deps.refreshes.active(ids.tenantId),
      }).toEqual({
        cut: { when, nth },
        refresh: expected && counted(expected.refresh),
        devices: directory,
        active: undefined,
      });
    }
  },
  90_000,
);

const broken = (): Promise<never> => Promise.reject(new Error("the disk is full"));

test.each(["devices", "merge"] as const)(
  "a refresh that never gets past %s ends with the latest reason",
  async (stage) => {
    const ids = await changedTenant(60, "kept");
    rig.tenants.set(ids.tenantId, {});
    const failing =
      stage === "merge"
        ? { writer: { read: broken } as unknown as typeof rig.deps.writer }
        : { throttle: { reserve: broken, defer: broken } };
    for (let delivery = 0; delivery < 60; delivery += 1) {
      const outcome = await refreshesWith({ ...deps(), ...failing })
        .work(ids)
        .catch(() => undefined);
      if (outcome?.kind === "ack") break;
      rig.time.now += (outcome?.afterSeconds ?? 0) * 1000;
    }
    const stored = await rig.deps.refreshes.get(ids.tenantId, ids.refreshId);
    expect(stored?.refresh).toMatchObject({ state: "failed", stage: { kind: stage } });
    expect(stored?.refresh.failure?.detail).toContain("the disk is full");
  },
);

test("a refresh whose worker is killed each time ends, and says that nobody could say why", async () => {
  const ids = await changedTenant(60, "kept");
  const hanging = {
    ...deps(),
    graph: { ...rig.deps.graph, ask: () => new Promise<never>(() => {}) },
  };
  for (let delivery = 0; delivery < 10; delivery += 1) {
    void refreshesWith(hanging).work(ids);
    await new Promise((resolve) => setTimeout(resolve, 100));
    rig.time.now += rig.deps.leaseMs;
  }
  const stored = await rig.deps.refreshes.get(ids.tenantId, ids.refreshId);
  expect(stored?.refresh).toMatchObject({ state: "failed" });
  expect(stored?.refresh.failure?.detail).toContain("killed");
});

test("concurrent deliveries of one message do its work once", async () => {
  const ids = await changedTenant(60, "kept");
  const before = rig.graph.paths.length;
  const outcomes = await Promise.all([1, 2, 3, 4].map(() => refreshesWith(deps()).work(ids)));
  expect(outcomes.filter(({ kind }) => kind === "ack").length).toBe(1);
  // Three pages of devices, one of identities.
  expect(rig.graph.paths.length - before).toBe(4);
  const refresh = await rig.finish(ids.tenantId, ids.refreshId);
  expect(counted(refresh)).toEqual({
    state: "completed",
    added: 10,
    changed: 1,
    removed: 19,
    unchanged: 120,
  });
});

test("a late duplicate finds the refresh settled and touches nothing", async () => {
  const ids = await changedTenant(60, "kept");
  await rig.finish(ids.tenantId, ids.refreshId);
  const before = rig.graph.paths.length;
  expect(await refreshesWith(deps()).work(ids)).toEqual({ kind: "ack", state: "completed" });
  expect(rig.graph.paths.length).toBe(before);
});

test("a worker that lost its lease does not overwrite what its successor wrote", async () => {
  const ids = await changedTenant(60, "kept");
  const held = Promise.withResolvers<void>();
  // The first worker hangs in its first request, and comes back after the second has finished.
  const slowGraph: typeof rig.deps.graph = {
    ask: async (...request) => {
      const answer = await rig.deps.graph.ask(...request);
      await held.promise;
      return answer;
    },
    follow: (...request) => rig.deps.graph.follow(...request),
  };
  const slow = refreshesWith({ ...deps(), graph: slowGraph }).work(ids);
  await new Promise((resolve) => setTimeout(resolve, 200));
  rig.time.now += rig.deps.leaseMs;
  const refresh = await rig.finish(ids.tenantId, ids.refreshId, deps());
  const directory = await rig.all(ids.tenantId);
  held.resolve();
  expect(await slow).toMatchObject({ kind: "again", state: "lost" });
  expect(await rig.all(ids.tenantId)).toEqual(directory);
  const after = await rig.deps.refreshes.get(ids.tenantId, ids.refreshId);
  expect(after?.refresh.counts).toEqual(refresh.counts);
});

test("a worker that lost its lease does not spoil the pages that its successor kept", async () => {
  const ids = await changedTenant(60, "kept");
  const held = Promise.withResolvers<void>();
  const slowGraph: typeof rig.deps.graph = {
    ask: (...request) => rig.deps.graph.ask(...request),
    follow: async (...request) => {
      const answer = await rig.deps.graph.follow(...request);
      await held.promise;
      return answer;
    },
  };
  const slow = refreshesWith({ ...rig.deps, slicePages: 2, graph: slowGraph }).work(ids);
  await new Promise((resolve) => setTimeout(resolve, 200));
  rig.time.now += rig.deps.leaseMs;
  // Meanwhile Graph lists the devices in another order: the same slice holds others now.
  rig.graph.devices.reverse();
  const before = rig.graph.paths.length;
  rig.graph.odd = (nth) => (nth === before + 3 ? { status: 429 } : undefined);
  const outcome = await refreshesWith({ ...rig.deps, slicePages: 2 }).work(ids);
  held.resolve();
  expect([outcome.kind, await slow]).toMatchObject(["again", { state: "lost" }]);
  rig.time.now += 600_000;
  const refresh = await rig.finish(ids.tenantId, ids.refreshId, { ...rig.deps, slicePages: 2 });
  expect(refresh).toMatchObject({ state: "completed", counts: { added: 10, removed: 19 } });
  expect((await rig.all(ids.tenantId)).length).toBe(131);
});

test("a refresh without a sign of life gets another message when somebody starts again", async () => {
  const { tenantId } = await changedTenant(60, "kept");
  const sent = () => rig.calls.filter((call) => call.startsWith("queue.send")).length;
  rig.cutAt(undefined);
  await rig.start(tenantId);
  expect(sent()).toBe(0);
  rig.time.now += 3 * rig.deps.leaseMs;
  await rig.start(tenantId);
  expect(sent()).toBe(1);
});

test("the sweeper wakes a silent refresh, lets one at work alone, and has an ended one tidied", async () => {
  const ids = await changedTenant(60, "kept");
  expect(await refreshesWith(rig.deps).wake(ids)).toBe("alive");
  rig.time.now += 3 * rig.deps.leaseMs;
  expect(await refreshesWith(rig.deps).wake(ids)).toBe("woken");
  const listed = () => rig.tables.get("OpenWork", "refresh", `${ids.tenantId}|${ids.refreshId}`);
  expect((await listed())?.columns).toMatchObject(ids);
  await rig.finish(ids.tenantId, ids.refreshId);
  expect(await listed()).toBeUndefined();
  expect(await refreshesWith(rig.deps).wake(ids)).toBe("woken");
});
