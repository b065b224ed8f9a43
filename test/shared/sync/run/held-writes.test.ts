/** Writes that Intune holds for a second administrator: over Azurite and the sandbox. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type SyncRig, startSyncRig } from "../sync-rig.ts";

let rig: SyncRig;
beforeAll(async () => {
  rig = await startSyncRig();
});
afterAll(() => rig.stop());

type Held = { readonly code: string; readonly tenantId: string };

/** A sync whose only write is held, and a way to decide it there. */
async function holding() {
  const types = ["roleScopeTag"];
  const tenantId = await rig.tenant();
  await rig.sync(tenantId, { types });
  const tag = (await rig.inTenant(tenantId, "roleScopeTag")).find(({ id }) => id !== "0");
  const wanted = tag?.["description"];
  await rig.byHand("PATCH", tenantId, `roleScopeTag/${tag?.id}`, { description: "drift" });
  await rig.behave(tenantId, { holdWrites: true });
  const sync = await rig.sync(tenantId, { types });
  await rig.approve(sync);
  const end = await rig.toRest(tenantId, sync.syncId);
  expect(end).toMatchObject({ outcome: "partial", deployed: { waiting: 1, failed: 0 } });
  expect(await rig.status(tenantId)).toMatchObject({ status: "partiallySucceeded" });
  const decide = async (status: string): Promise<void> => {
    const all = await rig.sandbox.control<{ value: Held[] }>("GET", "/held-writes");
    const mine = all.body.value.filter((each) => each.tenantId === tenantId);
    expect(mine).toHaveLength(1);
    await rig.sandbox.control("PUT", `/held-writes/${mine[0]?.code}`, { status });
  };
  const minuteLater = async (): Promise<void> => {
    rig.pass(61_000);
    await rig.sweep();
    await rig.quiet();
  };
  const description = async (): Promise<unknown> =>
    (await rig.inTenant(tenantId, "roleScopeTag")).find(({ id }) => id === tag?.id)?.[
      "description"
    ];
  return { tenantId, sync: end, wanted, decide, minuteLater, description };
}

describe("a write that Intune holds", () => {
  it("waits as long as nobody approves it, and is made by itself once somebody has", async () => {
    const { tenantId, sync, wanted, decide, minuteLater, description } = await holding();
    await minuteLater();
    expect(await rig.items(sync)).toMatchObject([{ state: "waitingForIntuneApproval" }]);
    expect(await description()).toBe("drift");
    await decide("approved");
    await minuteLater();
    expect(await description()).toBe(wanted);
    expect(await rig.items(sync)).toMatchObject([{ state: "done" }]);
    expect(await rig.syncOf(tenantId, sync.syncId)).toMatchObject({
      outcome: "succeeded",
      deployed: { done: 1, waiting: 0, failed: 0 },
    });
    expect(await rig.status(tenantId)).toMatchObject({ status: "idle" });
    expect(await rig.open(tenantId)).toEqual([]);
    expect(await rig.writes(tenantId)).toMatchObject({ total: 1, doubled: 0 });
  });

  it("is asked for once: a later sync waits for the same request, and both are done with it", async () => {
    const { tenantId, sync, wanted, decide, minuteLater, description } = await holding();
    const later = await rig.sync(tenantId, { types: ["roleScopeTag"] });
    await rig.approve(later);
    const end = await rig.toRest(tenantId, later.syncId);
    expect(end).toMatchObject({ outcome: "partial", deployed: { waiting: 1, failed: 0 } });
    const [{ approvalCode } = {}] = await rig.items(sync);
    expect(await rig.items(later)).toMatchObject([
      { state: "waitingForIntuneApproval", approvalCode },
    ]);
    await decide("approved");
    await minuteLater();
    await minuteLater();
    expect(await description()).toBe(wanted);
    for (const each of [sync, later])
      expect(await rig.items(each)).toMatchObject([{ state: "done" }]);
    expect(await rig.status(tenantId)).toMatchObject({ status: "idle" });
    expect(await rig.open(tenantId)).toEqual([]);
    expect(await rig.writes(tenantId)).toMatchObject({ total: 1, doubled: 0 });
  });

  it("is failed for a later sync too where it was rejected there", async () => {
    const { tenantId, decide, minuteLater } = await holding();
    const later = await rig.sync(tenantId, { types: ["roleScopeTag"] });
    await rig.approve(later);
    await rig.toRest(tenantId, later.syncId);
    await decide("rejected");
    await minuteLater();
    expect(await rig.items(later)).toMatchObject([
      { state: "failed", reason: "intuneApprovalRejected" },
    ]);
    expect(await rig.status(tenantId)).toMatchObject({ status: "newError" });
  });

  it("is asked for once where what was made of it takes a while to be seen", async () => {
    const { tenantId, sync, wanted, decide, minuteLater, description } = await holding();
    const later = await rig.sync(tenantId, { types: ["roleScopeTag"] });
    await rig.approve(later);
    await rig.toRest(tenantId, later.syncId);
    await rig.behave(tenantId, { consistencyMs: 90_000 });
    await decide("approved");
    for (let minute = 0; minute < 4; minute += 1) await minuteLater();
    expect(await description()).toBe(wanted);
    for (const each of [sync, later])
      expect(await rig.items(each)).toMatchObject([{ state: "done" }]);
    expect(await rig.status(tenantId)).toMatchObject({ status: "idle" });
    expect(await rig.writes(tenantId)).toMatchObject({ total: 1, doubled: 0 });
  });

  it("is asked for by the later sync itself where the first one could not make it", async () => {
    const { tenantId, sync, wanted, decide, minuteLater, description } = await holding();
    const later = await rig.sync(tenantId, { types: ["roleScopeTag"] });
    await rig.approve(later);
    await rig.toRest(tenantId, later.syncId);
    await decide("approved");
    const { graph } = rig.parts;
    const write = graph.write.bind(graph);
    const refused = { kind: "refused", status: 400, reason: "invalid", code: "", words: "no" };
    graph.write = () => Promise.resolve(refused as never);
    await minuteLater().finally(() => Object.assign(graph, { write }));
    expect(await rig.items(sync)).toMatchObject([{ state: "failed" }]);
    await rig.behave(tenantId, { holdWrites: null });
    await minuteLater();
    await minuteLater();
    expect(await rig.items(later)).toMatchObject([{ state: "done" }]);
    expect(await description()).toBe(wanted);
    expect(await rig.status(tenantId)).toMatchObject({ status: "idle" });
    expect(await rig.open(tenantId)).toEqual([]);
  });

  it.each([
    { status: "rejected", reason: "intuneApprovalRejected" },
    { status: "cancelled", reason: "intuneApprovalRejected" },
    { status: "expired", reason: "intuneApprovalExpired" },
  ])(
    "has failed where it was $status there, and can be tried again",
    async ({ status, reason }) => {
      const { tenantId, sync, decide, minuteLater, description } = await holding();
      await decide(status);
      await minuteLater();
      expect(await rig.items(sync)).toMatchObject([{ state: "failed", reason }]);
      expect(await rig.status(tenantId)).toMatchObject({
        status: "newError",
        error: { code: "nothing-done", cause: expect.stringContaining(reason) as string },
      });
      expect(await rig.open(tenantId)).toEqual([]);
      expect(await description()).toBe("drift");
      await rig.behave(tenantId, { holdWrites: null });
      const again = await rig.sync(tenantId, { mode: "retryFailed" });
      await rig.approve(again);
      expect(await rig.toRest(tenantId, again.syncId)).toMatchObject({ outcome: "succeeded" });
      expect(await rig.status(tenantId)).toMatchObject({ status: "idle" });
    },
  );
});
