/** Where a deploy that failed ends, by how much of it failed: over Azurite and the sandbox. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { type SyncRig, smallTypes, startSyncRig } from "../sync-rig.ts";

let rig: SyncRig;
beforeAll(async () => {
  rig = await startSyncRig();
});
afterAll(() => rig.stop());

const forbidden = { status: 403, on: "write" };

/** A deploy of one change of each small type, of which the named ones are refused. */
async function refused(types: readonly string[]) {
  const tenantId = await rig.tenant();
  await rig.sync(tenantId);
  for (const type of smallTypes) {
    const item = (await rig.inTenant(tenantId, type)).find(({ id }) => id !== "0");
    await rig.byHand("PATCH", tenantId, `${type}/${item?.id}`, { description: "drift" });
  }
  const typeFaults = Object.fromEntries(types.map((type) => [type, forbidden]));
  await rig.behave(tenantId, { typeFaults });
  const sync = await rig.sync(tenantId);
  await rig.approve(sync);
  const end = await rig.toRest(tenantId, sync.syncId);
  await rig.behave(tenantId, { typeFaults: null });
  return { tenantId, end };
}

it("a deploy of which some was done has partially succeeded", async () => {
  const { tenantId, end } = await refused(["assignmentFilter"]);
  expect(end).toMatchObject({ outcome: "partial", deployed: { done: 1, failed: 1 } });
  expect(await rig.status(tenantId)).toMatchObject({ status: "partiallySucceeded" });
});

it("a deploy of which nothing was done is an error that says why, and what failed can be retried", async () => {
  const { tenantId, end } = await refused(smallTypes);
  const requests = (await rig.items(end)).map(({ requestId }) => requestId);
  const types = end.error?.cause.split("\n").map((words) => words.split(" ")[0]);
  expect(end).toMatchObject({
    outcome: "failed",
    deployed: { done: 0, failed: 2 },
    error: { code: "nothing-done" },
  });
  expect(new Set(end.error?.requestIds)).toEqual(new Set(requests));
  expect(new Set(types)).toEqual(new Set(smallTypes));
  const { status, error } = await rig.status(tenantId);
  expect({ status, error }).toEqual({ status: "newError", error: end.error });
  const again = await rig.sync(tenantId, { mode: "retryFailed" });
  expect(again.items).toHaveLength(2);
  await rig.approve(again);
  expect(await rig.toRest(tenantId, again.syncId)).toMatchObject({ outcome: "succeeded" });
  expect(await rig.status(tenantId)).toMatchObject({ status: "idle" });
});
