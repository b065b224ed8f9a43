/** A single sync that is paused and resumed over the API, on Azurite and the sandbox, in time that passes at once. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type SyncEvent,
  type SyncStatus,
  syncLifecycle,
} from "../../../shared/sync/state/lifecycle.ts";
import { type SyncRig, startSyncRig } from "../../shared/sync/sync-rig.ts";
import { type RunCalls, runCalls } from "../provisioning/support/run-calls.ts";

let rig: SyncRig;
let call: RunCalls["call"];
beforeAll(async () => {
  rig = await startSyncRig();
  ({ call } = runCalls(rig.below));
});
afterAll(() => rig.stop());

const day = 24 * 3600_000;
type Ids = { readonly tenantId: string; readonly syncId: string };
const say = async (what: string, params: Ids) => {
  const { status, body } = await call(`syncs-${what}`, { params });
  return { ...body, status } as Readonly<Record<string, unknown>>;
};
const names = async (tenantId: string) =>
  (await rig.inTenant(tenantId, "assignmentFilter")).slice(0, 2);
const drifted = async (tenantId: string): Promise<number> =>
  (await names(tenantId)).filter(({ description }) => description === "drift").length;
/** What the list of tenants shows. */
const shown = (tenantId: string) => rig.parts.store.shown(tenantId, tenantId);
const total = async (tenantId: string): Promise<number> => (await rig.writes(tenantId)).total;

/** A tenant whose approved plan changes two filters. */
async function approved(): Promise<Ids> {
  const tenantId = await rig.tenant();
  await rig.sync(tenantId);
  for (const { id } of await names(tenantId))
    await rig.byHand("PATCH", tenantId, `assignmentFilter/${id}`, { description: "drift" });
  const sync = await rig.sync(tenantId);
  await rig.approve(sync);
  return { tenantId, syncId: sync.syncId };
}

/** Pauses it while its first item is being written. */
async function pausedBetweenWrites(ids: Ids): Promise<unknown> {
  const { writer } = rig.parts;
  let paused: unknown;
  const goOn: typeof writer.goOn = async (...asked) => {
    paused ??= await say("pause", ids);
    return Object.getPrototypeOf(writer).goOn.apply(writer, asked);
  };
  Object.assign(writer, { goOn });
  await rig.quiet();
  Reflect.deleteProperty(writer, "goOn");
  return paused;
}

describe("a sync that is paused", () => {
  it("ends the item that it writes and begins none, keeps its place, and goes on when it is resumed", async () => {
    const ids = await approved();
    const { tenantId } = ids;
    expect(await pausedBetweenWrites(ids)).toMatchObject({ status: 202 });
    expect([await drifted(tenantId), await total(tenantId)]).toEqual([1, 1]);
    // Nothing comes back for it, and the sweeper leaves it alone.
    rig.pass(day);
    await rig.sweep();
    await rig.quiet();
    expect(await total(tenantId)).toBe(1);
    expect((await call("syncs-get", { params: ids })).body).toMatchObject({
      status: "inProgress",
      resting: { code: "paused" },
      paused: { by: { kind: "bootstrap" }, until: expect.any(String) },
    });
    const listed = await call("tenants-list", { query: "?syncStatus=inProgress&top=200" });
    const rows = listed.body["value"] as { tenantId: string; sync: unknown }[];
    expect(rows.find((row) => row.tenantId === tenantId)?.sync).toMatchObject({
      status: "inProgress",
      paused: (await say("get", ids))["paused"],
    });
    const other = await call("syncs-start", { params: { tenantId }, body: { mode: "plan" } });
    expect(other.body).toMatchObject({ status: 409, code: "conflict" });
    const again = await say("pause", ids);
    expect(again).toMatchObject({ status: 202, paused: (await say("get", ids))["paused"] });

    expect(await say("resume", ids)).toMatchObject({ status: 202 });
    expect(await say("get", ids)).not.toHaveProperty("paused");
    expect((await shown(tenantId)).get(tenantId)).not.toHaveProperty("paused");
    await rig.quiet();
    expect(await say("get", ids)).toMatchObject({ outcome: "succeeded", deployed: { done: 2 } });
    expect([await drifted(tenantId), await rig.writes(tenantId)]).toMatchObject([
      0,
      { total: 2, doubled: 0 },
    ]);
  });

  it("reads nothing, and is read whole when it is resumed", async () => {
    const tenantId = await rig.tenant();
    const begun = await rig.start(tenantId);
    if (!begun.ok) throw new Error(begun.failure.detail);
    const ids = { tenantId, syncId: begun.value.syncId };
    expect(await say("pause", ids)).toMatchObject({ status: 202, phase: "preflight" });
    rig.below.faults.reset();
    await rig.quiet();
    expect(rig.below.faults.calls().filter((name) => name.startsWith("graph"))).toEqual([]);
    await say("resume", ids);
    await rig.quiet();
    expect(await say("get", ids)).toMatchObject({ outcome: "succeeded" });
  });

  it("in the middle of a long type spends nothing of that type's time", async () => {
    const tenantId = await rig.tenant({ items: 200 });
    const policies = (fault: object | null) =>
      rig.behave(tenantId, { typeFaults: fault && { configurationPolicy: fault } });
    await policies({ status: 429, later: true });
    const begun = await rig.start(tenantId, { types: ["configurationPolicy"] });
    if (!begun.ok) throw new Error(begun.failure.detail);
    const ids = { tenantId, syncId: begun.value.syncId };
    const read = () => rig.parts.store.type(tenantId, ids.syncId, "configurationPolicy");
    let slices = 0;
    await rig.toRest(tenantId, ids.syncId, () => {
      slices += 1;
      return slices > 4;
    });
    expect((await read())?.value.state).toBe("reading");
    await say("pause", ids);
    rig.pass(day);
    await rig.quiet();
    await say("resume", ids);
    await rig.toRest(tenantId, ids.syncId, () => {
      slices += 1;
      return slices > 8;
    });
    expect((await read())?.value.state).toBe("reading");
    await policies(null);
    await rig.quiet();
    expect(await say("get", ids)).toMatchObject({ outcome: "succeeded" });
  });

  it("and resumed again and again in the middle of a phase goes on at once, and is not given up", async () => {
    const tenantId = await rig.tenant();
    const begun = await rig.start(tenantId);
    if (!begun.ok) throw new Error(begun.failure.detail);
    const ids = { tenantId, syncId: begun.value.syncId };
    const { preflight, claimMs, clock } = rig.parts;
    let times = 0;
    Object.assign(rig.parts, {
      preflight: async (...asked: Parameters<typeof preflight>) => {
        times += 1;
        for (const what of times < 5 ? ["pause", "resume"] : []) await say(what, ids);
        return preflight(...asked);
      },
    });
    const before = clock.now();
    await rig.quiet();
    Object.assign(rig.parts, { preflight });
    expect(await say("get", ids)).toMatchObject({ outcome: "succeeded" });
    expect([times, clock.now() - before < claimMs]).toEqual([5, true]);
  });

  it("may be cancelled, which leaves the rest undone", async () => {
    const ids = await approved();
    await pausedBetweenWrites(ids);
    expect(await say("cancel", ids)).toMatchObject({ status: 202 });
    await rig.quiet();
    expect((await shown(ids.tenantId)).get(ids.tenantId)).not.toHaveProperty("paused");
    expect(await say("get", ids)).toMatchObject({
      outcome: "partial",
      deployed: { done: 1, skipped: 1 },
    });
    expect(await total(ids.tenantId)).toBe(1);
  });

  it("is cancelled when nobody has resumed it within a week, and says so", async () => {
    const ids = await approved();
    await pausedBetweenWrites(ids);
    rig.pass(7 * day + 60_000);
    await rig.sweep();
    await rig.quiet();
    expect(await say("get", ids)).toMatchObject({
      outcome: "partial",
      deployed: { done: 1, skipped: 1 },
      remark: expect.stringContaining("Nobody resumed it"),
    });
    const unwritten = await approved();
    const fresh = await rig.tenant();
    const begun = await rig.start(fresh);
    if (!begun.ok) throw new Error(begun.failure.detail);
    const unread = { tenantId: fresh, syncId: begun.value.syncId };
    await Promise.all([say("pause", unread), say("pause", unwritten)]);
    rig.pass(7 * day + 60_000);
    // Nothing of theirs may leave, and they end all the same.
    const { rests } = rig.parts;
    const rest = { code: "tenant-paused", detail: "not now" } as const;
    Object.assign(rig.parts, { rests: () => Promise.resolve(rest) });
    await rig.sweep();
    await rig.quiet();
    Object.assign(rig.parts, { rests });
    const ends = [await say("get", unread), await say("get", unwritten)];
    const end = {
      outcome: "cancelled",
      remark: "Cancelled before anything was written.\nNobody resumed it within seven days.",
    };
    expect(ends).toMatchObject([end, end]);
    expect(await total(unwritten.tenantId)).toBe(0);
  });

  it("is in the trail with who has paused and resumed it", async () => {
    const tenantId = await rig.tenant();
    const begun = await rig.start(tenantId);
    if (!begun.ok) throw new Error(begun.failure.detail);
    const ids = { tenantId, syncId: begun.value.syncId };
    await say("pause", ids);
    await say("resume", ids);
    const { body } = await call("audit-list-tenant", { params: { tenantId }, query: "?top=2" });
    expect(body["value"]).toMatchObject([
      { operation: "syncs-resume", before: { paused: true }, after: { paused: false } },
      { operation: "syncs-pause", before: { paused: false }, after: { paused: true } },
    ]);
  });
});

describe("pausing and resuming", () => {
  const statuses = Object.keys(syncLifecycle) as SyncStatus[];
  const events = ["pause", "resume"] as const satisfies readonly SyncEvent[];
  const pairs = statuses.flatMap((status) => events.map((event) => [status, event] as const));

  it.each(pairs)("in %s, %s is answered as the lifecycle has it", async (status, event) => {
    const tenantId = await rig.tenant();
    const begun = await rig.start(tenantId);
    if (!begun.ok) throw new Error(begun.failure.detail);
    const ids = { tenantId, syncId: begun.value.syncId };
    const { store, clock } = rig.parts;
    const { value, etag } = await store.tenant(tenantId, clock.now());
    await store.change({ value: { ...value, status }, etag });
    const isAllowed = syncLifecycle[status][event] !== undefined;
    const answer = await say(event, ids);
    expect([status, answer["code"]]).toEqual([status, isAllowed ? undefined : "conflict"]);
    const { value: after } = await store.tenant(tenantId, clock.now());
    expect(after.status).toBe(status);
    const sync = await rig.syncOf(tenantId, ids.syncId);
    expect(Boolean(sync.paused)).toBe(isAllowed && event === "pause");
  });
});
