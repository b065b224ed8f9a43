/** What people write down as it comes to them, and what the service makes of it: over Azurite and the sandbox. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { replaceItemRules } from "../../../../shared/sync/item-rules.ts";
import type { JsonObject } from "../../../../shared/sync/items/json.ts";
import { beginCode } from "../../../../shared/sync/run/authentication.ts";
import type { Sync } from "../../../../shared/sync/state/sync.ts";
import { typeCode } from "../../../local/sandbox/sign-in/person.ts";
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
async function deployed(tenantId: string, types = smallTypes): Promise<Sync> {
  const sync = await rig.sync(tenantId, { types });
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

const compliant = (rule: JsonObject, action: JsonObject): JsonObject => ({
  "@odata.type": "#microsoft.graph.windows10CompliancePolicy",
  displayName: "By hand",
  scheduledActionsForRule: [
    {
      ...rule,
      scheduledActionConfigurations: [{ actionType: "block", gracePeriodHours: 12, ...action }],
    },
  ],
});

describe("what happens to devices that do not comply", () => {
  const compliance = "deviceCompliancePolicy";

  it.each([
    ["as short as can be", {}, {}],
    ["as samples have it", { ruleName: "PasswordRequired" }, { notificationTemplateId: "" }],
  ])("reads back as it was written, created and changed: %s", async (_, rule, action) => {
    const types = [compliance];
    const tenantId = await rig.tenant();
    await rig.sync(tenantId, { types });
    for (const gracePeriodHours of [12, 24]) {
      await rig.want(tenantId, [
        {
          type: compliance,
          key: "By hand / windows10CompliancePolicy",
          name: "By hand",
          body: compliant(rule, { ...action, gracePeriodHours }),
        },
      ]);
      expect(await deployed(tenantId, types)).toMatchObject({ outcome: "succeeded" });
      expect(await rig.sync(tenantId, { types })).toMatchObject({
        outcome: "succeeded",
        plan: { counts: nothing },
      });
    }
  });
});

const typesRead = async (sync: Sync): Promise<string[]> =>
  [...(await rig.parts.store.types(sync)).keys()].toSorted();

describe("a type that Graph shows to people only", () => {
  const types = ["termsOfUse", ...smallTypes];

  it("is left out where nobody is to be waited for, and the others are read", async () => {
    const tenantId = await rig.tenant();
    const sync = await rig.sync(tenantId, { types, onMissingUser: "continueWithoutUser" });
    expect(sync).toMatchObject({
      outcome: "partial",
      skipped: [{ type: "termsOfUse", reason: "delegatedRequired" }],
    });
    expect(await typesRead(sync)).toEqual(smallTypes.toSorted());
  });

  it("is waited for before anything is read, by a sign-in that also keeps what was agreed to before", async () => {
    const tenantId = await rig.tenant();
    // Whoever has signed in for something else has not agreed to this.
    await rig.signInto(tenantId);
    const sync = await rig.sync(tenantId, { types });
    expect(sync).toMatchObject({ phase: "export", waits: { for: "user" } });
    expect(await rig.status(tenantId)).toMatchObject({ status: "pendingAuthentication" });
    expect(await typesRead(sync)).toEqual([]);
    await rig.sandbox.control("POST", `/tenants/${tenantId}/consent`, {
      grantScopes: ["Agreement.Read.All"],
    });
    const begun = await beginCode(rig.signInFor, sync, { kind: "user", id: "ada" });
    const { userCode = "" } = (begun.ok && begun.value.code) || {};
    await typeCode(rig.sandbox, { user_code: userCode, user: "operator@contoso.example" });
    rig.pass(6_000);
    for (let handled = 0; handled < 9; handled += 1) {
      const message = await rig.queues.take();
      if (message !== undefined) await rig.handle(message);
    }
    const ended = await rig.toRest(tenantId, sync.syncId);
    expect(ended).toMatchObject({ outcome: "succeeded", skipped: [] });
    expect(await typesRead(ended)).toEqual(types.toSorted());
    expect((await rig.signIn.agreed(tenantId)).toSorted()).toEqual([
      "Agreement.Read.All",
      "RoleManagementPolicy.ReadWrite.Directory",
    ]);
  });

  it("gives a policy that names its items their names", async () => {
    const tenantId = await rig.tenant();
    const terms = { displayName: "For guests", isViewingBeforeAcceptanceRequired: true };
    const { id } = (await rig.byHand("POST", tenantId, "termsOfUse", terms)) as { id: string };
    await rig.byHand("POST", tenantId, "conditionalAccessPolicy", {
      displayName: "Guests accept the terms",
      state: "disabled",
      conditions: {
        users: { includeUsers: ["GuestsOrExternalUsers"] },
        applications: { includeApplications: ["All"] },
      },
      grantControls: { operator: "OR", builtInControls: [], termsOfUse: [id] },
    });
    await rig.signInto(tenantId, ["Agreement.Read.All"]);
    const sync = await rig.sync(tenantId, { types: ["termsOfUse", "conditionalAccessPolicy"] });
    expect(sync).toMatchObject({ outcome: "succeeded" });
    const policies = await rig.wanted(tenantId, "conditionalAccessPolicy");
    const policy = policies.find(({ name }) => name === "Guests accept the terms");
    expect(policy?.body["grantControls"]).toMatchObject({
      termsOfUse: [{ $ref: "termsOfUse", name: "For guests" }],
    });
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

  it("takes all that was decided about it along, so that whoever wants it again begins anew", async () => {
    const tenantId = await rig.tenant();
    await rig.sync(tenantId);
    await want(tenantId, own);
    await deployed(tenantId);
    const body = { mode: "subset" as const, deviations: [], overrides: [], message: "m" };
    const said = { ifMatch: undefined, by };
    const decided = await replaceItemRules(rig.parts, tenantId, { type, key }, body, said);
    expect(decided).toMatchObject({ ok: true, value: { view: { mode: "subset" } } });
    await unwant(tenantId);
    await want(tenantId, own);
    const item = await rig.configuration.item(tenantId, type, key);
    expect(item.ok && item.value.view).toMatchObject({ mode: "strict", differs: false });
    expect(item.ok && item.value.view).not.toHaveProperty("decided");
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
