/** Taking back what a sync did, however it ended, and whatever else it did: over Azurite and the sandbox. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newestFirstId } from "../../../../shared/kernel/values.ts";
import { comparison } from "../../../../shared/sync/comparison.ts";
import { replaceItemRules } from "../../../../shared/sync/item-rules.ts";
import { startSync } from "../../../../shared/sync/run/start-sync.ts";
import { rejectAndReset, undoSync } from "../../../../shared/sync/run/undo.ts";
import { reject } from "../../../../shared/sync/run/verdicts.ts";
import type { Sync } from "../../../../shared/sync/state/sync.ts";
import { type SyncRig, startSyncRig } from "../sync-rig.ts";

let rig: SyncRig;
beforeAll(async () => {
  rig = await startSyncRig();
});
afterAll(() => rig.stop());

const ada = { kind: "user", id: "ada" };
const type = "assignmentFilter";
const filter = (displayName: string) => ({
  type,
  key: `${displayName} / macOS`,
  name: displayName,
  body: {
    displayName,
    platform: "macOS",
    rule: "(device.model -eq 'x')",
    assignmentFilterManagementType: "devices",
  },
});
const names = async (tenantId: string): Promise<unknown[]> =>
  (await rig.inTenant(tenantId, type))
    .map(({ displayName }) => displayName)
    .toSorted((a, b) => String(a).localeCompare(String(b)));

/** A tenant, with the first of its filters. */
async function withFilter() {
  const tenantId = await rig.tenant();
  await rig.sync(tenantId);
  const before = await names(tenantId);
  const [first] = await rig.inTenant(tenantId, type);
  const patch = (body: object) => rig.byHand("PATCH", tenantId, `${type}/${first?.id}`, body);
  const now = async () =>
    (await rig.inTenant(tenantId, type)).find(({ id }) => id === first?.id) ?? first;
  const key = `${String(first?.["displayName"])} / ${String(first?.["platform"])}`;
  return { tenantId, before, patch, now, key };
}

/** Lets a sync go on until one of its changes is done. */
async function untilOneIsDone(sync: Sync): Promise<void> {
  const { tenantId, syncId } = sync;
  let isDone = false;
  const replaceItem = rig.parts.store.replaceItem.bind(rig.parts.store);
  rig.parts.store.replaceItem = async (...args) => {
    if (isDone) return undefined;
    const etag = await replaceItem(...args);
    isDone = args[2].value.state === "done";
    return etag;
  };
  try {
    await rig.toRest(tenantId, syncId, () => isDone);
  } finally {
    rig.parts.store.replaceItem = replaceItem;
  }
  expect((await rig.items(sync)).filter(({ state }) => state === "done")).toHaveLength(1);
}

/** Approves a plan, and deploys it. */
async function deployed(sync: Sync): Promise<Sync> {
  await rig.approve(sync);
  return rig.toRest(sync.tenantId, sync.syncId);
}

/** A sync that has created one item, and plans anew another one, which had moved. */
async function inSecondRound() {
  const tenant = await withFilter();
  const { tenantId, patch } = tenant;
  await patch({ description: "drift" });
  await rig.want(tenantId, [filter("A")]);
  const sync = await rig.sync(tenantId);
  await rig.approve(sync);
  await patch({ description: "more drift" });
  const again = await rig.toRest(tenantId, sync.syncId);
  expect(again).toMatchObject({ waits: { for: "approval" }, deployed: { done: 1 }, replans: 1 });
  return { ...tenant, sync: again, asked: { planHash: again.plan?.hash ?? "" } };
}

describe("an undo", () => {
  it("takes away what was created by a deploy that was given up", async () => {
    const { tenantId, before } = await withFilter();
    await rig.want(tenantId, [filter("A"), filter("B")]);
    const sync = await rig.sync(tenantId);
    await rig.approve(sync);
    await untilOneIsDone(sync);
    const row = await rig.parts.store.sync(tenantId, sync.syncId);
    if (row === undefined) throw new Error("it is gone");
    const lost = { ...row.value, losses: 3, leaseUntil: 0 };
    await rig.parts.store.replaceSync({ value: lost, etag: row.etag });
    expect(await rig.toRest(tenantId, sync.syncId)).toMatchObject({
      outcome: "failed",
      error: { code: "worker-lost" },
    });
    expect(await names(tenantId)).toHaveLength(before.length + 1);
    const undone = await rig.undo(sync);
    expect((await rig.plan(undone)).changes).toMatchObject([{ action: "delete" }]);
    expect(await deployed(undone)).toMatchObject({ outcome: "succeeded" });
    expect(await names(tenantId)).toEqual(before);
  });

  it("takes away what was created where a later step of it was refused", async () => {
    const tenantId = await rig.tenant();
    const types = ["roleScopeTag"];
    await rig.sync(tenantId, { types });
    const before = (await rig.inTenant(tenantId, "roleScopeTag")).length;
    const target = { "@odata.type": "#microsoft.graph.groupAssignmentTarget" };
    const group = { $ref: "group", name: "Pilot devices" };
    const body = { displayName: "T", assignments: [{ target: { ...target, groupId: group } }] };
    await rig.want(tenantId, [{ type: "roleScopeTag", key: "T", name: "T", body }]);
    const sync = await rig.sync(tenantId, { types });
    await rig.approve(sync);
    const write = rig.parts.graph.write.bind(rig.parts.graph);
    // From the first request that has made it on, the service refuses.
    rig.parts.graph.write = async (...args) => {
      const answer = await write(...args);
      await rig.behave(tenantId, { typeFaults: { roleScopeTag: { status: 403, on: "write" } } });
      return answer;
    };
    await rig.toRest(tenantId, sync.syncId);
    rig.parts.graph.write = write;
    await rig.behave(tenantId, { typeFaults: null });
    const [item] = await rig.items(sync);
    expect(item).toMatchObject({ state: "failed" });
    expect(await rig.inTenant(tenantId, "roleScopeTag")).toHaveLength(before + 1);
    const undone = await rig.undo(sync, { types });
    await deployed(undone);
    expect(await rig.inTenant(tenantId, "roleScopeTag")).toHaveLength(before);
  });

  it("takes back the first round where the second one was rejected", async () => {
    const { tenantId, before, sync, asked } = await inSecondRound();
    expect(await reject(rig.parts, sync, asked, ada)).toMatchObject({ ok: true });
    await deployed(await rig.undo(sync));
    expect(await names(tenantId)).toEqual(before);
  });

  it("takes back the first round, and the reset of the second", async () => {
    const { tenantId, before, sync, asked, now } = await inSecondRound();
    expect(await rejectAndReset(rig.parts, sync, asked, ada)).toMatchObject({ ok: true });
    expect(await rig.sync(tenantId)).toMatchObject({ outcome: "succeeded" });
    const undone = await rig.undo(sync);
    const actions = (await rig.plan(undone)).changes.map(({ action }) => action);
    expect(actions).toEqual(["update", "delete"]);
    await deployed(undone);
    expect(await names(tenantId)).toEqual(before);
    expect((await now())?.["description"] ?? "").toBe("");
  });

  it("finds what a cancelled second round had written before, and the end says that some was written", async () => {
    const { tenantId, before, sync } = await inSecondRound();
    await rig.cancel(tenantId, sync.syncId);
    expect(await rig.toRest(tenantId, sync.syncId)).toMatchObject({
      outcome: "partial",
      remark: "Cancelled after some of it was written.",
    });
    expect(await rig.status(tenantId)).toMatchObject({ status: "partiallySucceeded" });
    await deployed(await rig.undo(sync));
    expect(await names(tenantId)).toEqual(before);
  });

  it("waits for its approval through a night, which would take nothing away, and gives way to a person", async () => {
    const { tenantId, before } = await withFilter();
    await rig.want(tenantId, [filter("A")]);
    const undone = await rig.undo(await deployed(await rig.sync(tenantId)));
    expect(await rig.start(tenantId, { trigger: "schedule" })).toMatchObject({
      failure: { code: "conflict" },
    });
    expect(await deployed(undone)).toMatchObject({ outcome: "succeeded" });
    expect(await names(tenantId)).toEqual(before);
    await rig.want(tenantId, [filter("B")]);
    const again = await rig.undo(await deployed(await rig.sync(tenantId)));
    await rig.sync(tenantId);
    expect(await rig.syncOf(tenantId, again.syncId)).toMatchObject({ outcome: "superseded" });
  });

  it("that loses a race against another sync has changed nothing of what is wanted", async () => {
    const { tenantId, patch } = await withFilter();
    await patch({ description: "drift" });
    const done = await deployed(await rig.sync(tenantId));
    const { desired, rules } = await rig.status(tenantId);
    const open = rig.parts.store.open.bind(rig.parts.store);
    // Just before the undo starts its own.
    rig.parts.store.open = async (...args) => {
      rig.parts.store.open = open;
      await rig.start(tenantId);
      await open.apply(rig.parts.store, args);
    };
    const asked = { syncId: newestFirstId(Date.now()), types: done.types, by: ada };
    const undone = await undoSync(rig.parts, done, asked);
    expect(undone).toMatchObject({ failure: { code: "conflict" } });
    expect(await rig.status(tenantId)).toMatchObject({ desired, rules });
    await rig.toRest(tenantId, (await rig.status(tenantId)).active ?? "");
  });
});

describe("an item that moves in what its subset leaves open", () => {
  it("is planned anew, and written then, though it is the same change", async () => {
    const { tenantId, patch, now, key } = await withFilter();
    const given = { mode: "subset" as const, deviations: [], overrides: [], message: "m" };
    const [wanted] = (await rig.wanted(tenantId, type)).filter((item) => item.key === key);
    const { rule: _, ...body } = wanted?.body ?? {};
    await rig.want(tenantId, [{ type, key, name: "", body: { ...body, description: "ours" } }]);
    const name = { type, key };
    await replaceItemRules(rig.parts, tenantId, name, given, { ifMatch: undefined, by: ada });
    const sync = await rig.sync(tenantId);
    const [first] = (await rig.plan(sync)).changes;
    await rig.approve(sync);
    await patch({ rule: "(device.model -eq 'moved')" });
    const again = await rig.toRest(tenantId, sync.syncId);
    expect(again).toMatchObject({ waits: { for: "approval" }, replans: 1 });
    expect((await rig.plan(again)).changes[0]?.changeId).toBe(first?.changeId);
    expect(await deployed(again)).toMatchObject({ outcome: "succeeded", deployed: { done: 1 } });
    expect(await now()).toMatchObject({
      description: "ours",
      rule: "(device.model -eq 'moved')",
    });
  });
});

describe("the very same start again", () => {
  it("is answered with what it has started, though that has ended in an error", async () => {
    const tenantId = await rig.tenant();
    await rig.behave(tenantId, { typeFaults: { assignmentFilter: { status: 403 } } });
    const asked = rig.newSync(tenantId, { types: [type] });
    expect(await startSync(rig.parts, asked)).toMatchObject({ ok: true });
    await rig.toRest(tenantId, asked.syncId);
    await rig.behave(tenantId, { typeFaults: null });
    expect(await rig.status(tenantId)).toMatchObject({ status: "newError" });
    const again = await startSync(rig.parts, asked);
    expect(again).toMatchObject({ ok: true, value: { syncId: asked.syncId, outcome: "failed" } });
    expect(await rig.status(tenantId)).toMatchObject({ status: "newError" });
    expect(await rig.syncCount(tenantId)).toBe(1);
  });
});

describe("a start for items that are not there", () => {
  it("is refused by their places, once anybody can tell, and nothing is started", async () => {
    const tenantId = await rig.tenant();
    const items = [
      { type: "roleScopeTag", key: "Default" },
      { type: "roleScopeTag", key: "Nowhere" },
    ];
    const first = await rig.sync(tenantId, { items });
    expect(first, "nothing was read before").toMatchObject({ outcome: "succeeded" });
    expect(await rig.start(tenantId, { items })).toMatchObject({
      failure: { code: "invalid-request", faults: [{ pointer: "/items/1/key" }] },
    });
    expect(await rig.syncCount(tenantId)).toBe(1);
    expect(await rig.sync(tenantId, { items: items.slice(0, 1) })).toMatchObject({
      outcome: "succeeded",
    });
  });
});

describe("two moments beside each other", () => {
  it("tell what was changed, added and removed between them, either way round, and nothing of what is as it was", async () => {
    const tenantId = await rig.tenant();
    const first = await rig.sync(tenantId);
    const [changed, removed] = await rig.inTenant(tenantId, type);
    await rig.byHand("PATCH", tenantId, `${type}/${changed?.id}`, { description: "drift" });
    await rig.byHand("DELETE", tenantId, `${type}/${removed?.id}`);
    await rig.byHand("POST", tenantId, type, filter("New").body);
    const second = await rig.sync(tenantId);
    const there = await comparison(rig.parts, first, second);
    if (!there.ok) throw new Error(there.failure.detail);
    const { counts, items, unread, complete } = there.value;
    expect({ counts, unread, complete }).toEqual({
      counts: { added: 1, removed: 1, changed: 1 },
      unread: [],
      complete: true,
    });
    const found = items.find(({ state }) => state === "changed");
    expect(found).toMatchObject({
      name: changed?.["displayName"],
      properties: [{ pointer: "/description", after: "drift" }],
    });
    expect(await comparison(rig.parts, second, first)).toMatchObject({
      value: { counts: { added: 1, removed: 1, changed: 1 } },
    });
    expect(await comparison(rig.parts, second, second)).toMatchObject({ value: { items: [] } });
  });
});
