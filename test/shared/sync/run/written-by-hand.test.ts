/** What people write down as it comes to them, and what the service makes of it: over Azurite and the sandbox. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { JsonObject } from "../../../../shared/sync/items/json.ts";
import type { Sync } from "../../../../shared/sync/state/sync.ts";
import { type SyncRig, smallTypes, startSyncRig } from "../sync-rig.ts";

let rig: SyncRig;
beforeAll(async () => {
  rig = await startSyncRig();
});
afterAll(() => rig.stop());

const type = "assignmentFilter";
const own = { displayName: "By hand", platform: "macOS", rule: "(device.model -eq 'x')" };
const key = "By hand / macOS";
const want = (tenantId: string, body: JsonObject) =>
  rig.want(tenantId, [{ type, key, name: "By hand", body }]);
const nothing = { creates: 0, updates: 0, deletes: 0, blocked: 0 };

async function fresh(): Promise<string> {
  const tenantId = await rig.tenant();
  await rig.sync(tenantId);
  return tenantId;
}

/** Plans, approves and deploys all of it. */
async function deployed(tenantId: string): Promise<Sync> {
  const sync = await rig.sync(tenantId);
  await rig.approve(sync);
  return rig.toRest(tenantId, sync.syncId);
}

describe("the default scope tag by its name", () => {
  it.each([
    ["alone", ["Default"]],
    ["beside another one", ["Default", "Branch offices"]],
  ])("reads back as it was written: %s", async (_, names) => {
    const tenantId = await fresh();
    const tags = names.map((name): JsonObject => ({ $ref: "roleScopeTag", name }));
    const whole = { ...own, assignmentFilterManagementType: "devices", roleScopeTags: tags };
    await want(tenantId, whole);
    expect(await deployed(tenantId)).toMatchObject({ outcome: "succeeded" });
    expect(await rig.sync(tenantId)).toMatchObject({
      outcome: "succeeded",
      plan: { counts: nothing },
    });
    const item = await rig.configuration.item(tenantId, type, key);
    if (names.length === 1) expect(item.ok && item.value.view.differs).toBe(false);
  });
});

describe("a type that Graph shows to people only", () => {
  it("is not asked for by the app, and the others are read", async () => {
    const tenantId = await rig.tenant();
    const types = ["termsOfUse", ...smallTypes];
    const sync = await rig.sync(tenantId, { types });
    expect(sync).toMatchObject({
      outcome: "partial",
      skipped: [{ type: "termsOfUse", reason: "delegatedRequired" }],
    });
    const read = await rig.parts.store.types(tenantId, sync.syncId);
    expect([...read.keys()].toSorted()).toEqual(smallTypes.toSorted());
  });
});
