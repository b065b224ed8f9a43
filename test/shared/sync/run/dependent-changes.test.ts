/** Changes that need others of their plan which are not done: over Azurite and the sandbox. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { type SyncRig, startSyncRig } from "../sync-rig.ts";

let rig: SyncRig;
beforeAll(async () => {
  rig = await startSyncRig();
});
afterAll(() => rig.stop());

const types = ["roleScopeTag", "assignmentFilter"];
const filter = { type: "assignmentFilter", key: "Kiosks / macOS", name: "Kiosks" };
const body = { displayName: "Kiosks", platform: "macOS", rule: "(device.model -eq 'x')" };
const said = { ifMatch: undefined, by: { kind: "user", id: "ada" } };

/** A planned sync by which a filter stops naming a tag, and the tag goes. */
async function freeing() {
  const tenantId = await rig.tenant();
  const newTag = async (displayName: string) =>
    (await rig.byHand("POST", tenantId, "roleScopeTag", { displayName, description: "" })) as {
      readonly id: string;
    };
  const tag = await newTag("Kiosk team");
  // Of few, none is deleted without a word of its own.
  for (let more = 0; more < 10; more += 1) await newTag(`Team ${more}`);
  const made = (await rig.byHand("POST", tenantId, "assignmentFilter", {
    ...body,
    description: "",
    roleScopeTags: [tag.id],
  })) as { readonly id: string };
  await rig.settle(tenantId, { deletes: ["roleScopeTag"] });
  await rig.sync(tenantId, { types });
  const tagItem = { type: "roleScopeTag", key: "Kiosk team" };
  await rig.configuration.unwant(tenantId, tagItem, "gone", said);
  await rig.want(tenantId, [{ ...filter, body: { ...body, roleScopeTags: ["0"] } }]);
  const sync = await rig.sync(tenantId, { types });
  const isThere = async (): Promise<boolean> =>
    (await rig.inTenant(tenantId, "roleScopeTag")).some(({ id }) => id === tag.id);
  return { tenantId, sync, made, isThere };
}

it("a thing is not deleted while what was to stop naming it has failed, and is once that is done", async () => {
  const { tenantId, sync, isThere } = await freeing();
  await rig.behave(tenantId, { typeFaults: { assignmentFilter: { status: 403, on: "write" } } });
  await rig.approve(sync);
  const end = await rig.toRest(tenantId, sync.syncId);
  expect(await rig.items(end)).toMatchObject([
    { type: "assignmentFilter", state: "failed" },
    {
      type: "roleScopeTag",
      state: "skipped",
      reason: "dependencyFailed",
      detail: 'It needs assignmentFilter "Kiosks", which is not done.',
    },
  ]);
  expect(await isThere()).toBe(true);
  await rig.behave(tenantId, { typeFaults: null });
  const again = await rig.sync(tenantId, { mode: "retryFailed" });
  await rig.approve(again);
  expect(await rig.toRest(tenantId, again.syncId)).toMatchObject({ outcome: "succeeded" });
  expect(await isThere()).toBe(false);
});

it("a thing is planned anew together with what was to stop naming it and has moved", async () => {
  const { tenantId, sync, made, isThere } = await freeing();
  const path = `assignmentFilter/${made.id}`;
  await rig.byHand("PATCH", tenantId, path, { description: "moved" });
  await rig.approve(sync);
  const planned = await rig.toRest(tenantId, sync.syncId);
  expect((await rig.plan(planned)).changes).toMatchObject([
    { type: "assignmentFilter", action: "update" },
    { type: "roleScopeTag", action: "delete" },
  ]);
  expect(await isThere()).toBe(true);
  await rig.approve(planned);
  expect(await rig.toRest(tenantId, sync.syncId)).toMatchObject({ outcome: "succeeded" });
  expect(await isThere()).toBe(false);
});
