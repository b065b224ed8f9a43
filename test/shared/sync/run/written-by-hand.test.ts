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
    // One of several names is its item only by chance.
    const isOther = names.length > 1 && item.ok && item.value.view.differs;
    expect(isOther || (item.ok && !item.value.view.differs)).toBe(true);
  });
});

const differs = async (tenantId: string) => {
  const item = await rig.configuration.item(tenantId, type, key);
  return item.ok && item.value.view.differs;
};

describe("an item that is written without what the service fills in", () => {
  it("is done when it is there, and is no difference, in strict mode too", async () => {
    const tenantId = await fresh();
    await want(tenantId, own);
    expect(await deployed(tenantId)).toMatchObject({ outcome: "succeeded" });
    expect(await rig.sync(tenantId)).toMatchObject({
      outcome: "succeeded",
      plan: { counts: nothing },
    });
    expect(await differs(tenantId)).toBe(false);
    const [again] = (await rig.wanted(tenantId, type)).filter((item) => item.key === key);
    expect(again?.body).toEqual(own);
  });

  it("is a difference where what was filled in becomes something else, and goes back to it", async () => {
    const tenantId = await fresh();
    await want(tenantId, own);
    await deployed(tenantId);
    const there = async () =>
      (await rig.inTenant(tenantId, type)).find(({ displayName }) => displayName === "By hand");
    const { id } = (await there()) ?? { id: "" };
    const drift = { assignmentFilterManagementType: "apps" };
    await rig.byHand("PATCH", tenantId, `${type}/${id}`, drift);
    const sync = await rig.sync(tenantId);
    expect((await rig.plan(sync)).changes).toMatchObject([
      {
        properties: [
          { pointer: "/assignmentFilterManagementType", before: "apps", after: "devices" },
        ],
      },
    ]);
    await rig.approve(sync);
    expect(await rig.toRest(tenantId, sync.syncId)).toMatchObject({ outcome: "succeeded" });
    expect(await there()).toMatchObject({ assignmentFilterManagementType: "devices" });
    // Whoever edits something else does not have to name it.
    await want(tenantId, { ...own, description: "edited" });
    const edited = await rig.sync(tenantId);
    expect((await rig.plan(edited)).changes).toMatchObject([
      { properties: [{ pointer: "/description" }] },
    ]);
    // And whoever names it is heard.
    await want(tenantId, { ...own, assignmentFilterManagementType: "apps" });
    const named = await rig.sync(tenantId);
    expect((await rig.plan(named)).changes).toMatchObject([
      { properties: [{ pointer: "/assignmentFilterManagementType", after: "apps" }] },
    ]);
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

describe("an item that nobody wants any more", () => {
  const by = { kind: "user", id: "ada" };
  const unwant = (tenantId: string, ifMatch?: string, message = "gone") =>
    rig.configuration.unwant(tenantId, { type, key }, message, { ifMatch, by });
  const whole = { ...own, assignmentFilterManagementType: "devices" };

  /** A tenant in which the item was found, beside others, and wanted since. */
  async function found(): Promise<string> {
    const tenantId = await rig.tenant();
    await rig.byHand("POST", tenantId, type, whole);
    for (let each = 0; each < 4; each += 1)
      await rig.byHand("POST", tenantId, type, { ...whole, displayName: `Other ${each}` });
    await rig.sync(tenantId);
    return tenantId;
  }

  it("is left alone where deletions are off, and is in the history with who said so and why", async () => {
    const tenantId = await found();
    const item = await rig.configuration.item(tenantId, type, key);
    expect(await unwant(tenantId, '"other"')).toMatchObject({
      failure: { code: "precondition-failed" },
    });
    expect(await unwant(tenantId, item.ok ? item.value.etag : "")).toMatchObject({ ok: true });
    expect(await unwant(tenantId)).toMatchObject({ failure: { code: "unknown-configuration" } });
    const sync = await rig.sync(tenantId);
    expect(sync).toMatchObject({ outcome: "succeeded", plan: { counts: { unmanaged: 1 } } });
    const after = await rig.configuration.item(tenantId, type, key);
    expect(after.ok && after.value.view).toMatchObject({
      inDesired: false,
      inTenant: true,
      history: [{ by, message: "gone" }, {}],
    });
    expect(after.ok && after.value.view.history[0]).not.toHaveProperty("hash");
  });

  it("is deleted by an approved plan where deletions are on, and comes back with the undo", async () => {
    const tenantId = await found();
    await rig.settle(tenantId, { deletes: [type] });
    await unwant(tenantId);
    const sync = await rig.sync(tenantId);
    expect((await rig.plan(sync)).changes).toMatchObject([{ action: "delete", key }]);
    await rig.approve(sync);
    expect(await rig.toRest(tenantId, sync.syncId)).toMatchObject({ outcome: "succeeded" });
    const names = async () =>
      (await rig.inTenant(tenantId, type)).map(({ displayName }) => displayName);
    expect(await names()).not.toContain(own.displayName);
    const undone = await rig.undo(sync);
    await rig.approve(undone);
    await rig.toRest(tenantId, undone.syncId);
    expect(await names()).toContain(own.displayName);
  });
});
