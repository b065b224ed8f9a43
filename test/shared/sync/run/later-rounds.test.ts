/** A deploy that plans anew what had moved, and ends by all of its rounds: over Azurite and the sandbox. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runSync } from "../../../../shared/sync/run/run-sync.ts";
import { reject } from "../../../../shared/sync/run/verdicts.ts";
import type { Sync } from "../../../../shared/sync/state/sync.ts";
import { type SyncRig, startSyncRig } from "../sync-rig.ts";

let rig: SyncRig;
beforeAll(async () => {
  rig = await startSyncRig();
});
afterAll(() => rig.stop());

const ada = { kind: "user", id: "ada" };
const filterType = "assignmentFilter";

/** A tenant of which a scope tag and a filter can be changed by hand. */
async function twoItems() {
  const tenantId = await rig.tenant();
  await rig.sync(tenantId);
  const tag = (await rig.inTenant(tenantId, "roleScopeTag")).find(({ id }) => id !== "0");
  const [filter] = await rig.inTenant(tenantId, filterType);
  const describedAs = (type: string, id: string | undefined) => (description: string) =>
    rig.byHand("PATCH", tenantId, `${type}/${id}`, { description });
  return {
    tenantId,
    wanted: tag?.["description"],
    key: `${String(filter?.["displayName"])} / ${String(filter?.["platform"])}`,
    describeTag: describedAs("roleScopeTag", tag?.id),
    describeFilter: describedAs(filterType, filter?.id),
    tagNow: async () =>
      (await rig.inTenant(tenantId, "roleScopeTag")).find(({ id }) => id === tag?.id)?.[
        "description"
      ],
  };
}

async function deployed(sync: Sync): Promise<Sync> {
  await rig.approve(sync);
  return rig.toRest(sync.tenantId, sync.syncId);
}

/** Approves a sync while somebody changes its filter, which is planned anew. */
async function movedMeanwhile(
  { describeFilter }: Awaited<ReturnType<typeof twoItems>>,
  sync: Sync,
  description = "more drift",
): Promise<Sync> {
  await rig.approve(sync);
  await describeFilter(description);
  const round = await rig.toRest(sync.tenantId, sync.syncId);
  expect(round).toMatchObject({ waits: { for: "approval" }, replans: 1 });
  return round;
}

/** Approves at Intune what it holds of a tenant, and lets a minute pass. */
async function approvedThere(tenantId: string): Promise<void> {
  type Held = { readonly code: string; readonly tenantId: string };
  const all = await rig.sandbox.control<{ value: Held[] }>("GET", "/held-writes");
  for (const { code } of all.body.value.filter((each) => each.tenantId === tenantId))
    await rig.sandbox.control("PUT", `/held-writes/${code}`, { status: "approved" });
  rig.pass(61_000);
  await rig.sweep();
  await rig.quiet();
}

/** A sync of which Intune holds the tag, and whose filter is planned anew. */
async function holding(description?: string) {
  const tenant = await twoItems();
  await tenant.describeTag("drift");
  await tenant.describeFilter("drift");
  await rig.behave(tenant.tenantId, { holdWrites: true });
  const round = await movedMeanwhile(tenant, await rig.sync(tenant.tenantId), description);
  expect(round).toMatchObject({ deployed: { waiting: 1 } });
  return { ...tenant, round };
}

/** Two items, and a third one that names a group which is not there. */
async function withBlocked() {
  const tenant = await twoItems();
  const target = { "@odata.type": "#microsoft.graph.groupAssignmentTarget" };
  const groupId = { $ref: "group", name: "No such group" };
  const body = { displayName: "T", assignments: [{ target: { ...target, groupId } }] };
  await rig.want(tenant.tenantId, [{ type: "roleScopeTag", key: "T", name: "T", body }]);
  await tenant.describeFilter("drift");
  return tenant;
}

describe("a later round of a deploy", () => {
  it("forgets nothing that an earlier one had blocked: the end is no whole success", async () => {
    const tenant = await withBlocked();
    const sync = await rig.sync(tenant.tenantId);
    expect(sync.plan?.counts).toMatchObject({ updates: 1, blocked: 1 });
    const round = await movedMeanwhile(tenant, sync);
    expect(await deployed(round)).toMatchObject({ outcome: "partial", deployed: { done: 1 } });
    expect(await rig.status(tenant.tenantId)).toMatchObject({ status: "partiallySucceeded" });
  });

  it("forgets it where nothing is left to plan no more than else", async () => {
    const tenant = await withBlocked();
    const { tenantId, key } = tenant;
    const sync = await rig.sync(tenantId);
    await rig.approve(sync);
    await tenant.describeFilter("theirs");
    const found = (await rig.wanted(tenantId, filterType)).find((item) => item.key === key);
    const body = { ...found?.body, description: "theirs" };
    await rig.want(tenantId, [{ type: filterType, key, name: "", body }]);
    const end = await rig.toRest(tenantId, sync.syncId);
    expect(end).toMatchObject({ outcome: "partial", replans: 1 });
    expect(await rig.status(tenantId)).toMatchObject({ status: "partiallySucceeded" });
  });

  it("leaves the number of held changes, and so does a sync of one type", async () => {
    const tenant = await twoItems();
    const { tenantId } = tenant;
    await tenant.describeTag("drift");
    const first = await rig.sync(tenantId);
    await reject(rig.parts, first, { planHash: first.plan?.hash ?? "" }, ada);
    await tenant.describeFilter("drift");
    const sync = await rig.sync(tenantId, { types: [filterType] });
    expect(await rig.status(tenantId)).toMatchObject({ held: 1 });
    await deployed(await movedMeanwhile(tenant, sync));
    expect(await rig.status(tenantId)).toMatchObject({ held: 1, status: "idle" });
    await tenant.describeFilter("drift");
    const second = await rig.sync(tenantId, { types: [filterType] });
    await reject(rig.parts, second, { planHash: second.plan?.hash ?? "" }, ada);
    expect(await rig.status(tenantId)).toMatchObject({ held: 2 });
    await rig.settle(tenantId, { types: ["roleScopeTag", filterType] });
    await tenant.describeTag(tenant.wanted as string);
    await rig.sync(tenantId);
    expect(await rig.status(tenantId), "a whole one counts anew").toMatchObject({ held: 1 });
  });

  it("can be retried where its items had moved once too often", async () => {
    const tenant = await twoItems();
    const { tenantId } = tenant;
    await tenant.describeFilter("drift");
    let sync = await rig.sync(tenantId);
    for (let round = 0; sync.phase !== "done"; round += 1) {
      await rig.approve(sync);
      await tenant.describeFilter(`drift ${round}`);
      sync = await rig.toRest(tenantId, sync.syncId);
    }
    expect(sync).toMatchObject({ error: { code: "nothing-done" } });
    const again = await rig.sync(tenantId, { mode: "retryFailed" });
    expect(again.items).toEqual([{ type: filterType, key: tenant.key }]);
    expect(await deployed(again)).toMatchObject({ outcome: "succeeded" });
  });

  it("can be retried where somebody has stopped it before what had moved was written", async () => {
    const tenant = await twoItems();
    const { tenantId } = tenant;
    await tenant.describeTag("drift");
    await tenant.describeFilter("drift");
    const round = await movedMeanwhile(tenant, await rig.sync(tenantId));
    await rig.cancel(tenantId, round.syncId);
    expect(await rig.status(tenantId)).toMatchObject({ status: "partiallySucceeded" });
    const again = await rig.sync(tenantId, { mode: "retryFailed" });
    expect(again.items).toEqual([{ type: filterType, key: tenant.key }]);
    expect(await deployed(again)).toMatchObject({ outcome: "succeeded" });
  });
});

describe("a later round beside a write that Intune holds", () => {
  it("may be superseded, and the write is made once it is approved there", async () => {
    const { tenantId, round, wanted, tagNow } = await holding();
    await rig.sync(tenantId);
    expect(await rig.syncOf(tenantId, round.syncId)).toMatchObject({ outcome: "superseded" });
    await approvedThere(tenantId);
    expect(await tagNow()).toBe(wanted);
    const tag = (await rig.items(round)).find(({ type }) => type === "roleScopeTag");
    expect(tag).toMatchObject({ state: "done" });
    expect(await rig.open(tenantId)).not.toContain(round.syncId);
  });

  it("waits, and the write is made meanwhile; both are in the snapshot in the end", async () => {
    const { tenantId, round, wanted, tagNow, key } = await holding();
    await approvedThere(tenantId);
    expect(await tagNow()).toBe(wanted);
    expect(await rig.syncOf(tenantId, round.syncId)).toMatchObject({
      waits: { for: "approval" },
      deployed: { done: 1, waiting: 0 },
    });
    expect(await rig.status(tenantId)).toMatchObject({ status: "pendingApproval" });
    await rig.behave(tenantId, { holdWrites: null });
    expect(await deployed(round)).toMatchObject({
      outcome: "succeeded",
      deployed: { done: 2, waiting: 0, failed: 0 },
    });
    expect(await rig.status(tenantId)).toMatchObject({ status: "idle" });
    const described = async (type: string) => {
      const { items } = await rig.parts.revisions.content(
        tenantId,
        type,
        await rig.manifest(tenantId, type),
      );
      return items.map(({ body, key: own }) => [own, body["description"] ?? ""]);
    };
    expect(await described(filterType)).toContainEqual([key, ""]);
    expect(await described("roleScopeTag")).toContainEqual([expect.any(String), wanted]);
    expect(await rig.writes(tenantId)).toMatchObject({ total: 2, doubled: 0 });
  });

  it("leaves nothing behind where the round before had found nothing left to do", async () => {
    const tenant = await twoItems();
    const { tenantId, key } = tenant;
    await tenant.describeTag("drift");
    await tenant.describeFilter("drift");
    await rig.behave(tenantId, { holdWrites: true });
    const sync = await rig.sync(tenantId);
    await rig.approve(sync);
    await tenant.describeFilter("theirs");
    const found = (await rig.wanted(tenantId, filterType)).find((item) => item.key === key);
    const body = { ...found?.body, description: "theirs" };
    await rig.want(tenantId, [{ type: filterType, key, name: "", body }]);
    const end = await rig.toRest(tenantId, sync.syncId);
    expect(end).toMatchObject({ outcome: "partial", replans: 1, deployed: { waiting: 1 } });
    await approvedThere(tenantId);
    expect(await rig.syncOf(tenantId, sync.syncId)).toMatchObject({ outcome: "succeeded" });
    expect(await rig.status(tenantId)).toMatchObject({ status: "idle" });
  });

  it("has not been made where it was cancelled, whatever is approved there", async () => {
    const { tenantId, round, wanted, tagNow } = await holding();
    await rig.cancel(tenantId, round.syncId);
    await approvedThere(tenantId);
    expect(await tagNow()).toBe(wanted);
    expect(await rig.syncOf(tenantId, round.syncId)).toMatchObject({ outcome: "partial" });
    expect(await rig.status(tenantId)).toMatchObject({ status: "partiallySucceeded" });
  });

  it("is made by one of two workers that look after it at once", async () => {
    const { tenantId, round, wanted, tagNow } = await holding();
    const { graph } = rig.parts;
    const write = graph.write.bind(graph);
    let sent = 0;
    graph.write = async (...args) => {
      sent += 1;
      // The sweeper comes again while the first one sends.
      if (sent === 1) await runSync(rig.parts, round);
      return write(...args);
    };
    await approvedThere(tenantId).finally(() => Object.assign(graph, { write }));
    expect(sent).toBe(1);
    expect(await tagNow()).toBe(wanted);
    await approvedThere(tenantId);
    expect(await rig.syncOf(tenantId, round.syncId)).toMatchObject({
      deployed: { done: 1, waiting: 0 },
    });
    expect(await rig.writes(tenantId)).toMatchObject({ total: 1, doubled: 0 });
  });

  // The order of rows is that of their ids, which are hashes: one of these words has the older row behind the newer.
  it.each(["more drift", "another", "third"])(
    "is what the snapshot shows, whichever row comes first (%s)",
    async (description) => {
      const { tenantId, round, key } = await holding(description);
      await rig.behave(tenantId, { holdWrites: null });
      expect(await deployed(round)).toMatchObject({ deployed: { done: 1, waiting: 1 } });
      await approvedThere(tenantId);
      expect(await rig.status(tenantId)).toMatchObject({ status: "idle" });
      const manifest = await rig.manifest(tenantId, filterType);
      const { items } = await rig.parts.revisions.content(tenantId, filterType, manifest);
      const { body } = items.find((item) => item.key === key) ?? {};
      expect(body?.["description"] ?? "").toBe("");
    },
  );
});
