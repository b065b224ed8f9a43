/** What a plan and its verdicts must not hide: over Azurite and the sandbox. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { confirm } from "../../../../shared/sync/run/verdicts.ts";
import { type SyncRig, startSyncRig } from "../sync-rig.ts";

let rig: SyncRig;
beforeAll(async () => {
  rig = await startSyncRig();
});
afterAll(() => rig.stop());

const ada = { kind: "user", id: "ada" };

describe("a policy that becomes enforced where nobody can tell whom it locks out", () => {
  const types = ["conditionalAccessPolicy"];
  /** A tenant in which somebody has switched a policy off. */
  async function switchedOff(): Promise<string> {
    const tenantId = await rig.tenant();
    await rig.sync(tenantId, { types });
    const policies = await rig.inTenant(tenantId, "conditionalAccessPolicy");
    const { id } = policies.find(({ state }) => state === "enabled") ?? { id: "" };
    await rig.byHand("PATCH", tenantId, `conditionalAccessPolicy/${id}`, { state: "disabled" });
    return tenantId;
  }

  it.each([
    ["the roles", { typeFaults: { roleAssignment: { status: 403 } } }, []],
    ["a break-glass group that is not there", {}, ["Nobody's"]],
  ])("is blocked until somebody confirms it: %s", async (_, behaviour, breakGlassGroups) => {
    const tenantId = await switchedOff();
    await rig.settle(tenantId, { breakGlassGroups });
    await rig.behave(tenantId, behaviour);
    const sync = await rig.sync(tenantId, { types });
    const { changes, blocked } = await rig.plan(sync);
    expect(changes).toEqual([]);
    expect(blocked).toMatchObject([
      { reason: "lockOut", detail: expect.stringContaining("nobody can tell") as string },
    ]);
    expect(sync.waits?.for).toBe("approval");
    const asked = { planHash: sync.plan?.hash ?? "", lockOut: true, reason: "we know" } as const;
    expect(await confirm(rig.parts, sync, asked, ada)).toMatchObject({ ok: true });
    const again = await rig.toRest(tenantId, sync.syncId);
    expect((await rig.plan(again)).changes).toMatchObject([{ action: "update" }]);
    await rig.behave(tenantId, { typeFaults: null });
  });

  it("is judged by the groups that it names, whether groups are a type of the sync or not", async () => {
    const tenantId = await switchedOff();
    await rig.settle(tenantId, { breakGlassGroups: ["Break-glass accounts"] });
    const sync = await rig.sync(tenantId, { types });
    const { changes, blocked } = await rig.plan(sync);
    expect(blocked).toEqual([]);
    expect(changes).toMatchObject([{ warnings: [] }]);
  });
});

it("a list that is empty all at once is asked for again, and not believed before a person asks for it alone", async () => {
  const tenantId = await rig.tenant();
  const [type, types] = ["assignmentFilter", ["roleScopeTag", "assignmentFilter"]] as const;
  await rig.sync(tenantId, { types: [...types] });
  const there = await rig.inTenant(tenantId, type);
  expect(there.length).toBeGreaterThan(1);
  for (const { id } of there) await rig.byHand("DELETE", tenantId, `${type}/${id}`);
  const before = await rig.manifest(tenantId, type);
  const sync = await rig.sync(tenantId, { types: [...types], mode: "plan" });
  const { changes, unread } = await rig.plan(sync);
  expect(changes).toEqual([]);
  const detail = expect.stringContaining(`asked twice, where there were ${there.length}`) as string;
  expect(unread).toMatchObject([{ type, detail }]);
  expect(await rig.manifest(tenantId, type)).toBe(before);
  const believed = await rig.plan(await rig.sync(tenantId, { types: [type], mode: "plan" }));
  expect(believed.changes).toHaveLength(there.length);
});

describe("a named location that an enforced policy leaves out", () => {
  const [types, key] = [["namedLocation"], "namedLocation"] as const;

  it("is judged by the policies that an earlier sync read, when it shrinks", async () => {
    const tenantId = await rig.tenant();
    const policies = await rig.inTenant(tenantId, "conditionalAccessPolicy");
    const { id } = policies.find(({ displayName }) => String(displayName).startsWith("CA004")) ?? {
      id: "",
    };
    await rig.byHand("PATCH", tenantId, `conditionalAccessPolicy/${id}`, { state: "enabled" });
    await rig.sync(tenantId, { types: [...types, "conditionalAccessPolicy"] });
    const places = await rig.inTenant(tenantId, key);
    const at = places.find(({ countriesAndRegions }) => countriesAndRegions !== undefined);
    // Somebody lets one more country in, which the plan takes back.
    const countriesAndRegions = ["CH", "DE", "FR"];
    await rig.byHand("PATCH", tenantId, `${key}/${at?.id}`, { countriesAndRegions });
    const { changes, blocked } = await rig.plan(await rig.sync(tenantId, { types: [...types] }));
    expect(blocked).toEqual([]);
    const [told] = changes[0]?.warnings ?? [];
    expect(told?.detail).toMatch(
      /the policy "CA004.*" is for more .* may block every administrator/,
    );
  });
});

it("what is named by a type that a sync does not read, or could not read, is not deleted by it", async () => {
  const tenantId = await rig.tenant();
  const type = "assignmentFilter";
  const types = [type, "deviceConfiguration"];
  await rig.sync(tenantId, { types });
  const holders = JSON.stringify(await rig.inTenant(tenantId, "deviceConfiguration"));
  const filters = await rig.inTenant(tenantId, type);
  const named = filters.find(({ id }) => holders.includes(id));
  const key = `${String(named?.["displayName"])} / ${String(named?.["platform"])}`;
  await rig.settle(tenantId, { deletes: [type] });
  const said = { ifMatch: undefined, by: ada };
  expect(await rig.configuration.unwant(tenantId, { type, key }, "gone", said)).toMatchObject({
    ok: true,
  });
  const detail = expect.stringContaining("still names it") as string;
  for (const [own, behaviour] of [
    [[type], {}],
    [types, { typeFaults: { deviceConfiguration: { status: 403 } } }],
  ] as const) {
    await rig.behave(tenantId, behaviour);
    const plan = await rig.plan(await rig.sync(tenantId, { types: [...own], mode: "plan" }));
    expect(plan.changes).toEqual([]);
    expect(plan.blocked).toMatchObject([{ key, reason: "deleteBlockedByGuard", detail }]);
    expect(plan.blocked[0]?.confirm).toBeUndefined();
  }
});

it("a partner whose people may be synchronised all at once differs from what is wanted", async () => {
  const tenantId = await rig.tenant();
  const [type, types] = ["crossTenantAccessPartner", ["crossTenantAccessPartner"]] as const;
  const partner = "0f0f0f0f-1111-4222-8333-666666666666";
  const allowed = (isSyncAllowed: boolean) => ({
    identitySynchronization: { tenantId: partner, userSyncInbound: { isSyncAllowed } },
  });
  await rig.byHand("POST", tenantId, type, { tenantId: partner, ...allowed(false) });
  await rig.sync(tenantId, { types: [...types] });
  await rig.byHand("PATCH", tenantId, `${type}/${partner}`, allowed(true));
  const { blocked } = await rig.plan(await rig.sync(tenantId, { types: [...types], mode: "plan" }));
  const pointer = "/identitySynchronization/userSyncInbound/isSyncAllowed";
  expect(blocked).toMatchObject([
    { key: partner, properties: [{ pointer, before: true, after: false }] },
  ]);
});

const filterKey = (name: unknown) => `${String(name)} / windows10AndLater`;

it("a type of which somebody wanted something before it was read keeps what is found of it, too", async () => {
  const tenantId = await rig.tenant();
  const [type, types] = ["assignmentFilter", ["assignmentFilter"]] as const;
  await rig.sync(tenantId, { types: ["roleScopeTag"] });
  const there = await rig.inTenant(tenantId, type);
  const own = { displayName: "Own", platform: "windows10AndLater", rule: "x" };
  const [first] = there;
  const edited = { ...own, displayName: String(first?.["displayName"]) };
  await rig.want(
    tenantId,
    [own, edited].map((body) => {
      return { type, key: filterKey(body.displayName), name: body.displayName, body };
    }),
  );
  const { plan } = await rig.sync(tenantId, { types: [...types], mode: "plan" });
  expect(plan?.counts).toMatchObject({ creates: 1, updates: 1, unmanaged: 0 });
  const wanted = (await rig.wanted(tenantId, type)).map((item) => item.key);
  const names = ["Own", ...there.map(({ displayName }) => displayName)];
  expect(wanted.toSorted()).toEqual(names.map(filterKey).toSorted());
});

it("what a sync has found for the first time is in the history as its doing, also where its plan waits", async () => {
  const tenantId = await rig.tenant();
  await rig.sync(tenantId, { types: ["roleScopeTag"] });
  const tags = await rig.inTenant(tenantId, "roleScopeTag");
  const tag = tags.find(({ isBuiltIn }) => isBuiltIn !== true);
  await rig.byHand("PATCH", tenantId, `roleScopeTag/${tag?.id}`, { description: "By hand" });
  const sync = await rig.sync(tenantId, { types: ["roleScopeTag", "assignmentFilter"] });
  expect(sync.waits?.for).toBe("approval");
  const body = { displayName: "Own" };
  await rig.want(tenantId, [{ type: "roleScopeTag", key: "Own", name: "Own", body }]);
  const [filter] = await rig.inTenant(tenantId, "assignmentFilter");
  const key = filterKey(filter?.["displayName"]);
  const shown = await rig.configuration.item(tenantId, "assignmentFilter", key);
  expect(shown.ok && shown.value.view.history).toMatchObject([
    { by: { kind: "system" }, message: "As the sync found it" },
  ]);
});

it("an item that was read in part is wanted when it is found whole, unless somebody had it found whole before and wants it no more", async () => {
  const [tenantId, type] = [await rig.tenant(), "configurationPolicy"];
  const types = [type];
  const inPart = async () => {
    const items = await rig.configuration.items(tenantId, type);
    return items.ok
      ? items.value.flatMap(({ key, flaw }) => (flaw === undefined ? [] : [key]))
      : [];
  };
  const wanted = async () => (await rig.wanted(tenantId, type)).map(({ key }) => key);
  await rig.behave(tenantId, { missingSettings: 2 });
  await rig.sync(tenantId, { types });
  const [key = ""] = await inPart();
  // Also where it is read in part again and again.
  await rig.sync(tenantId, { types });
  expect(await wanted()).not.toContain(key);
  await rig.behave(tenantId, { missingSettings: null });
  await rig.sync(tenantId, { types });
  expect(await wanted()).toContain(key);
  await rig.behave(tenantId, { missingSettings: 2 });
  await rig.sync(tenantId, { types });
  expect(await inPart()).toContain(key);
  const said = { ifMatch: undefined, by: ada };
  await rig.configuration.unwant(tenantId, { type, key }, "gone", said);
  await rig.behave(tenantId, { missingSettings: null });
  expect(await rig.sync(tenantId, { types })).toMatchObject({ plan: { counts: { unmanaged: 1 } } });
  expect(await wanted()).not.toContain(key);
});
