/** What a sync is asked for, and what else goes by it: types, the plan that waits, what a retry is for; and what its log tells. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { reject } from "../../../../shared/sync/run/verdicts.ts";
import { logLines } from "../../../../shared/sync/views.ts";
import { type SyncRig, smallTypes, startSyncRig } from "../sync-rig.ts";

let rig: SyncRig;
beforeAll(async () => {
  rig = await startSyncRig();
});
afterAll(() => rig.stop());

/** A tenant in which somebody has changed an item of each small type by hand. */
async function drifted(): Promise<string> {
  const tenantId = await rig.tenant();
  await rig.settle(tenantId, { types: smallTypes });
  await rig.sync(tenantId);
  for (const type of smallTypes) {
    const item = (await rig.inTenant(tenantId, type)).find(({ id }) => id !== "0");
    await rig.byHand("PATCH", tenantId, `${type}/${item?.id}`, { description: "drift" });
  }
  return tenantId;
}

it("a type that is named twice is read, planned and written once", async () => {
  const tenantId = await drifted();
  const sync = await rig.sync(tenantId, { types: ["roleScopeTag", "roleScopeTag"] });
  expect((await rig.plan(sync)).changes).toHaveLength(1);
  await rig.approve(sync);
  expect(await rig.toRest(tenantId, sync.syncId)).toMatchObject({
    outcome: "succeeded",
    deployed: { done: 1 },
  });
});

it.each(["exportOnly", "plan"] as const)(
  "a plan that waits stays where a night or a task is only to %s",
  async (mode) => {
    const tenantId = await drifted();
    const sync = await rig.sync(tenantId);
    const refused = { ok: false, failure: { code: "conflict" } };
    expect(await rig.start(tenantId, { mode, trigger: "schedule" })).toMatchObject(refused);
    await rig.settle(tenantId, { nightly: { enabled: true, mode } });
    const { nextAt = 0 } = await rig.status(tenantId);
    rig.pass(nextAt - Date.now() + 1_000);
    await rig.startDue();
    await rig.quiet();
    const { status, active, nextAt: later } = await rig.status(tenantId);
    await rig.settle(tenantId, { nightly: { enabled: false } });
    expect({ status, active }).toEqual({ status: "pendingApproval", active: sync.syncId });
    expect(later, "the night is left out").toBe(nextAt + 24 * 3600_000);
    await rig.approve(sync);
    expect(await rig.toRest(tenantId, sync.syncId)).toMatchObject({ outcome: "succeeded" });
  },
);

it("a retry is of the types that are named alone, and of all that was left where none is", async () => {
  const tenantId = await drifted();
  const forbidden = { status: 403, on: "write" };
  const typeFaults = Object.fromEntries(smallTypes.map((type) => [type, forbidden]));
  await rig.behave(tenantId, { typeFaults });
  const sync = await rig.sync(tenantId);
  await rig.approve(sync);
  await rig.toRest(tenantId, sync.syncId);
  await rig.behave(tenantId, { typeFaults: null });
  const none = await rig.start(tenantId, { mode: "retryFailed", types: ["namedLocation"] });
  expect(none).toMatchObject({ ok: false, failure: { code: "nothing-to-retry" } });
  const one = await rig.sync(tenantId, { mode: "retryFailed", types: ["roleScopeTag"] });
  expect(one.items?.map(({ type }) => type)).toEqual(["roleScopeTag"]);
  const all = await rig.sync(tenantId, { mode: "retryFailed" });
  expect(new Set(all.items?.map(({ type }) => type))).toEqual(new Set(smallTypes));
});

/** Lines of a sync's log. */
async function logOf(syncId: string, tenantId: string) {
  const sync = await rig.syncOf(tenantId, syncId);
  const types = [...(await rig.parts.store.types(sync)).values()];
  const lines = [...logLines(sync, types, await rig.items(sync))];
  return lines.map((line) => JSON.parse(line) as { at: string; event: string; error?: object });
}

it("a log is in the order of time, tells when the plan was made, and why it failed", async () => {
  const tenantId = await drifted();
  const forbidden = { status: 403, on: "write" };
  const typeFaults = Object.fromEntries(smallTypes.map((type) => [type, forbidden]));
  await rig.behave(tenantId, { typeFaults });
  const { syncId, waits, ...sync } = await rig.sync(tenantId);
  rig.pass(60_000);
  await rig.approve({ ...sync, syncId });
  const { error } = await rig.toRest(tenantId, syncId);
  const lines = await logOf(syncId, tenantId);
  const times = lines.map(({ at }) => at);
  expect(times).toEqual(times.toSorted());
  const [planned] = lines.filter(({ event }) => event === "sync.planned");
  expect(Date.parse(planned?.at ?? "")).toBeLessThanOrEqual(waits?.since ?? 0);
  expect(Date.parse(planned?.at ?? "")).toBeGreaterThan(sync.startedAt);
  expect(error).toMatchObject({ code: "nothing-done" });
  expect(lines.at(-1)).toMatchObject({ event: "sync.finished", error });
});

it("what somebody says when they reject a plan is the sync's remark", async () => {
  const tenantId = await drifted();
  const sync = await rig.sync(tenantId);
  const planHash = sync.plan?.hash ?? "";
  const said = { planHash, comment: "Not before the audit." };
  expect(await reject(rig.parts, sync, said, { kind: "user", id: "ada" })).toMatchObject({
    ok: true,
    value: { outcome: "rejected", remark: said.comment },
  });
});
