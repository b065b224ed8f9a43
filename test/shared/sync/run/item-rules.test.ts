/** What people decide about items: it is checked whole, the next plan goes by it, and a reset or an undo ends it. */
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { newestFirstId } from "../../../../shared/kernel/values.ts";
import type { PlainItem } from "../../../../shared/sync/configuration.ts";
import { readItemRules, replaceItemRules, ruleFaults } from "../../../../shared/sync/item-rules.ts";
import type { JsonObject } from "../../../../shared/sync/items/json.ts";
import { rulesOf } from "../../../../shared/sync/plan/compare.ts";
import { noRules } from "../../../../shared/sync/plan/plan.ts";
import { rejectAndReset, undoSync } from "../../../../shared/sync/run/undo.ts";
import type { Sync } from "../../../../shared/sync/state/sync.ts";
import { ref, typeWith } from "../plan/situations.ts";
import { type SyncRig, smallTypes, startSyncRig } from "../sync-rig.ts";

const type = typeWith();
const desired = {
  displayName: "A",
  n: 1,
  conditions: { users: { includeGroups: [ref("group", "Pilot", "p")] } },
  settings: [{ instance: { definitionId: "one", value: 1 } }],
  ordered: ["x", "y"],
};
const actual = { ...desired, n: 2, extra: true };
const rules = rulesOf(noRules, type.key, "A");

const override = (pointer: string, value: unknown) => ({ overrides: [{ pointer, value }] });

describe("rules that do not fit their item are refused by their places", () => {
  const groups = "/conditions/users/includeGroups";
  test.each([
    ["a property that the item has", override("/n", 3), []],
    ["a property that only the tenant has", override("/extra", false), []],
    ["one that is empty on both sides", override("/description", "ours"), []],
    ["a new element that is called so", override(`${groups}/Other`, ref("group", "Other")), []],
    ["an element with a key", override("/settings/one/instance/value", 2), []],
    ["a place in an ordered list", override("/ordered/1", "z"), []],
    ["a property that it has not", override("/m", 3), ["/overrides/0/pointer"]],
    ["what is below no object", override("/n/m", 3), ["/overrides/0/pointer"]],
    [
      "an element of another name",
      override(`${groups}/Other`, ref("group", "Third")),
      ["/overrides/0/pointer"],
    ],
    ["no place of an ordered list", override("/ordered/last", "z"), ["/overrides/0/pointer"]],
    ["the whole item", override("", {}), ["/overrides/0/pointer"]],
    [
      "a bare id in place of a reference",
      override(groups, ["0f0f0f0f-1111-4222-8333-666666666666"]),
      ["/overrides/0/value"],
    ],
    ["another name", override("/displayName", "B"), ["/overrides/0/value"]],
    ["no name", override("/displayName", ""), ["/overrides/0/value"]],
    [
      "a second override of the same place",
      {
        overrides: [
          { pointer: "/n", value: 3 },
          { pointer: "/n", value: 4 },
        ],
      },
      ["/overrides/1/pointer"],
    ],
    ["a difference that both sides know", { deviations: [{ pointer: "/n", accepted: 2 }] }, []],
    ["the whole item", { deviations: [{ pointer: "" }] }, []],
    ["an element by its name", { deviations: [{ pointer: `${groups}/Pilot` }] }, []],
    ["no place of either side", { deviations: [{ pointer: "/m" }] }, ["/deviations/0/pointer"]],
    [
      "a time that is over",
      { deviations: [{ pointer: "/n", until: "1999-01-01T00:00:00Z" }] },
      ["/deviations/0/until"],
    ],
  ])("%s", (_, given, faults) => {
    const { deviations = [], overrides = [] } = given as Partial<Parameters<typeof ruleFaults>[2]>;
    const found = ruleFaults(
      type,
      { desired, actual },
      { deviations: deviations.map((each) => ({ ...each, reason: "r" })), overrides },
      rules,
      Date.now(),
    );
    expect(found.map(({ pointer }) => pointer)).toEqual(faults);
  });

  test("a deviation whose time is over stays where it was, and is no fault", () => {
    const old = { pointer: "/gone", accepted: 2, until: "1999-01-01T00:00:00Z" };
    const before = { ...rules, deviations: [{ type: type.key, key: "A", reason: "q", ...old }] };
    const given = { deviations: [{ ...old, reason: "r" }], overrides: [] };
    expect(ruleFaults(type, { desired, actual }, given, before, Date.now())).toEqual([]);
  });
});

let rig: SyncRig;
beforeAll(async () => {
  rig = await startSyncRig();
});
afterAll(() => rig.stop());

const by = { kind: "user", id: "ada" };
const day = 24 * 3600_000;

/** A tenant that was read once, and its first filter. */
async function tenantWithFilter() {
  const tenantId = await rig.tenant();
  await rig.sync(tenantId);
  const [filter] = await rig.inTenant(tenantId, "assignmentFilter");
  const key = `${String(filter?.["displayName"])} / ${String(filter?.["platform"])}`;
  const drift = (change: JsonObject) =>
    rig.byHand("PATCH", tenantId, `assignmentFilter/${filter?.id}`, change);
  return { tenantId, name: { type: "assignmentFilter", key }, drift };
}

/** One whose filter was renamed in the tenant, and is wanted as it is called since. */
async function tenantWithRenamed() {
  const { tenantId, name, drift } = await tenantWithFilter();
  await drift({ displayName: "Renamed" });
  const sync = await rig.sync(tenantId);
  const asked = { planHash: sync.plan?.hash ?? "" };
  expect(await rejectAndReset(rig.parts, sync, asked, by)).toMatchObject({ ok: true });
  return { tenantId, name, drift };
}
type Tenant = Awaited<ReturnType<typeof tenantWithFilter>>;

async function decide(
  { tenantId, name }: Tenant,
  given: Record<string, unknown>,
  ifMatch?: string,
) {
  const body = { mode: "strict" as const, deviations: [], overrides: [], message: "m", ...given };
  return replaceItemRules(rig.parts, tenantId, name, body, { ifMatch, by });
}
const described = async ({ tenantId }: Tenant): Promise<unknown> =>
  (await rig.inTenant(tenantId, "assignmentFilter"))[0]?.["description"];
const shown = async ({ tenantId, name }: Tenant) => {
  const found = await readItemRules(rig.parts, tenantId, name);
  if (!found.ok) throw new Error(found.failure.detail);
  return found.value;
};
const undo = async ({ tenantId }: Tenant, { syncId }: Sync): Promise<Sync> => {
  const asked = { syncId: newestFirstId(Date.now()), types: smallTypes, by };
  const undone = await undoSync(rig.parts, { tenantId, syncId }, asked);
  if (!undone.ok) throw new Error(undone.failure.detail);
  return rig.toRest(tenantId, undone.value.syncId);
};

describe("what is decided about an item", () => {
  it("hides an accepted difference until its time is over, and no other one", async () => {
    const tenant = await tenantWithFilter();
    await tenant.drift({ description: "theirs" });
    const until = new Date(Date.now() + 2 * day).toISOString();
    const deviation = { pointer: "/description", accepted: "theirs", reason: "agreed", until };
    expect(await decide(tenant, { deviations: [deviation] })).toMatchObject({ ok: true });
    expect(await rig.sync(tenant.tenantId)).toMatchObject({ outcome: "succeeded" });
    rig.pass(3 * day);
    expect((await shown(tenant)).view.deviations).toMatchObject([{ isOver: true }]);
    expect(await rig.sync(tenant.tenantId)).toMatchObject({ waits: { for: "approval" } });
  });

  it("is of the very thing that was accepted, and of no other one that is called alike", async () => {
    const tenant = await tenantWithFilter();
    const { tenantId } = tenant;
    const [filter] = await rig.inTenant(tenantId, "assignmentFilter");
    const tagged = async () => {
      const body = { displayName: "Pilot" };
      const tag = (await rig.byHand("POST", tenantId, "roleScopeTag", body)) as { id: string };
      const roleScopeTags = [tag.id];
      await rig.byHand("PATCH", tenantId, `assignmentFilter/${filter?.id}`, { roleScopeTags });
      return tag.id;
    };
    const first = await tagged();
    const sync = await rig.sync(tenantId);
    const [change] = (await rig.plan(sync)).changes;
    const { pointer = "", before: accepted } = change?.properties[0] ?? {};
    const deviation = { pointer, accepted, reason: "agreed" };
    expect(await decide(tenant, { deviations: [deviation] })).toMatchObject({ ok: true });
    expect(await rig.sync(tenantId)).toMatchObject({ outcome: "succeeded" });
    // The service would give the number of the last one again.
    expect(await tagged()).not.toBe(first);
    await rig.byHand("DELETE", tenantId, `roleScopeTag/${first}`);
    expect(await rig.sync(tenantId)).toMatchObject({ waits: { for: "approval" } });
    // Writing down the same once more accepts nothing else.
    expect(await decide(tenant, { deviations: [deviation] })).toMatchObject({ ok: true });
    expect(await rig.sync(tenantId)).toMatchObject({ waits: { for: "approval" } });
    await decide(tenant, { deviations: [] });
    expect(await decide(tenant, { deviations: [deviation] })).toMatchObject({ ok: true });
    expect(await rig.sync(tenantId)).toMatchObject({ outcome: "succeeded" });
  });

  it("is refused where it was read in another state, or fits nothing, and nothing changes", async () => {
    const tenant = await tenantWithFilter();
    const { etag } = await shown(tenant);
    expect(await decide(tenant, { mode: "subset" }, etag)).toMatchObject({ ok: true });
    const late = await decide(tenant, { mode: "strict" }, etag);
    expect(late).toMatchObject({ failure: { code: "precondition-failed" } });
    const wrong = await decide(tenant, { overrides: [{ pointer: "/m", value: 1 }] });
    expect(wrong).toMatchObject({ failure: { code: "invalid-request" } });
    expect((await shown(tenant)).view).toMatchObject({ mode: "subset", overrides: [] });
    const nobody = { ...tenant, name: { ...tenant.name, key: "Nobody" } };
    expect(await decide(nobody, {})).toMatchObject({ failure: { code: "unknown-configuration" } });
    const stranger = { ...tenant, name: { type: "nothing", key: "Nobody" } };
    expect(await decide(stranger, {})).toMatchObject({
      failure: { code: "unknown-configuration" },
    });
  });

  it("has a value of this tenant's deployed, references by name included, until an undo takes it back", async () => {
    const tenant = await tenantWithFilter();
    const tags = ["0", ref("roleScopeTag", "Branch offices")];
    const overrides = [
      { pointer: "/description", value: "this tenant's" },
      { pointer: "/roleScopeTags", value: tags },
    ];
    expect(await decide(tenant, { mode: "subset", overrides })).toMatchObject({ ok: true });
    const sync = await rig.sync(tenant.tenantId);
    expect((await rig.plan(sync)).changes).toMatchObject([
      { properties: [{ pointer: "/description" }, { pointer: "/roleScopeTags" }] },
    ]);
    await rig.approve(sync);
    const deployed = await rig.toRest(tenant.tenantId, sync.syncId);
    expect(deployed, JSON.stringify(await rig.items(deployed))).toMatchObject({
      outcome: "succeeded",
    });
    expect(await described(tenant)).toBe("this tenant's");
    expect(await rig.sync(tenant.tenantId)).toMatchObject({ outcome: "succeeded" });
    const undone = await undo(tenant, deployed);
    await rig.approve(undone);
    expect(await rig.toRest(tenant.tenantId, undone.syncId)).toMatchObject({
      outcome: "succeeded",
    });
    expect((await described(tenant)) ?? "").toBe("");
    expect((await shown(tenant)).view.overrides).toEqual([]);
    expect(await rig.sync(tenant.tenantId)).toMatchObject({ outcome: "succeeded" });
  });

  it("goes with a reset, so that the next plan asks for nothing, and comes back with its undo", async () => {
    const tenant = await tenantWithFilter();
    const overrides = [{ pointer: "/description", value: "this tenant's" }];
    expect(await decide(tenant, { overrides })).toMatchObject({ ok: true });
    const sync = await rig.sync(tenant.tenantId);
    const { tenantId, syncId, plan } = sync;
    const asked = { planHash: plan?.hash ?? "" };
    const reset = await rejectAndReset(rig.parts, { tenantId, syncId }, asked, by);
    expect(reset).toMatchObject({ ok: true });
    expect((await shown(tenant)).view.overrides).toEqual([]);
    expect(await undo(tenant, sync)).toMatchObject({ waits: { for: "approval" } });
    expect((await shown(tenant)).view.overrides).toEqual(overrides);
  });

  it("goes with a reset of more items than a row has room for by name, and comes back with its undo", async () => {
    const tenantId = await rig.tenant();
    await rig.sync(tenantId);
    const tag = "roleScopeTag";
    const items = Array.from({ length: 1500 }, (_, nth) => {
      const displayName = `Étiquette ${nth} ${"é".repeat(60)}`;
      return { type: tag, key: displayName, name: displayName, body: { displayName } };
    });
    await rig.want(tenantId, items);
    const wanted = async () => (await rig.wanted(tenantId, tag)).length;
    const before = await wanted();
    const sync = await rig.sync(tenantId);
    expect(sync.plan?.counts).toMatchObject({ creates: items.length });
    const asked = { planHash: sync.plan?.hash ?? "" };
    expect(await rejectAndReset(rig.parts, sync, asked, by)).toMatchObject({ ok: true });
    expect(await wanted()).toBe(before - items.length);
    const undone = await rig.undo(sync);
    expect(undone).toMatchObject({ waits: { for: "approval" }, undoes: sync.syncId });
    expect(await wanted()).toBe(before);
    expect((await rig.plan(undone)).changes).toHaveLength(items.length);
  }, 60_000);

  it("stands in the history of an item that was reset, with who did it and why", async () => {
    const tenant = await tenantWithFilter();
    await tenant.drift({ description: "theirs" });
    const sync = await rig.sync(tenant.tenantId);
    const said = { planHash: sync.plan?.hash ?? "", comment: "theirs is better" };
    expect(await rejectAndReset(rig.parts, sync, said, by)).toMatchObject({ ok: true });
    const { name } = tenant;
    const item = await rig.configuration.item(tenant.tenantId, name.type, name.key);
    expect(item.ok && item.value.view.history[0]).toMatchObject({
      by,
      message: said.comment,
      properties: [{ pointer: "/description", after: "theirs" }],
    });
  });

  it("leaves an item under its key that was renamed in the tenant, to be edited, and taken in from an export", async () => {
    const { tenantId, name } = await tenantWithRenamed();
    const exported: PlainItem[] = [];
    for await (const each of rig.configuration.plain(tenantId)) exported.push(each);
    const own = exported.find(({ key }) => key === name.key);
    expect(own?.body).toMatchObject({ displayName: "Renamed" });
    const said = { ifMatch: undefined, by };
    const edit = (body: JsonObject) =>
      rig.configuration.edit(tenantId, name, { body, message: "edited" }, said);
    const edited = { ...own?.body, description: "edited" };
    expect(await edit(edited)).toMatchObject({ ok: true });
    const { changes } = await rig.plan(await rig.sync(tenantId, { mode: "plan" }));
    expect(changes).toMatchObject([
      { action: "update", key: name.key, properties: [{ pointer: "/description" }] },
    ]);
    const back = { message: "back", by };
    expect(await rig.configuration.take(tenantId, exported, back)).toMatchObject({ ok: true });
    const again = await rig.sync(tenantId, { mode: "plan" });
    expect(again.plan?.counts).toMatchObject({ creates: 0, updates: 0, blocked: 0 });
    // What it was never called names another item.
    expect(await edit({ ...edited, displayName: "Another" })).toMatchObject({ ok: false });
  });

  it("leaves an item under its key that was renamed in the tenant, when it is written and read back", async () => {
    const { tenantId, name, drift } = await tenantWithRenamed();
    const keysOf = async () => {
      const listed = await rig.configuration.items(tenantId, name.type);
      return listed.ok ? listed.value.map(({ key, differs }) => [key, differs]) : undefined;
    };
    const before = await keysOf();
    await drift({ description: "theirs" });
    const sync = await rig.sync(tenantId);
    await rig.approve(sync);
    expect(await rig.toRest(tenantId, sync.syncId)).toMatchObject({ deployed: { done: 1 } });
    expect(await keysOf()).toEqual(before);
  });

  it("names nobody in a history for what was so before its first revision", async () => {
    const { tenantId, name } = await tenantWithFilter();
    const historyOf = async () => {
      const item = await rig.configuration.item(tenantId, name.type, name.key);
      return item.ok ? item.value.view.history.map(({ message }) => message) : undefined;
    };
    const made = await historyOf();
    const editOthers = async (times: number) => {
      for (let nth = 0; nth < times; nth += 1) {
        const body = { displayName: "Other", description: newestFirstId(Date.now()) };
        await rig.want(tenantId, [{ type: "roleScopeTag", key: "Other", name: "Other", body }]);
      }
    };
    await editOthers(49);
    expect(await historyOf()).toEqual(made);
    await editOthers(2);
    expect([made?.length, await historyOf()]).toEqual([1, []]);
  });

  it("goes with a reset alone: what was wanted of other items since the plan stays", async () => {
    const tenant = await tenantWithFilter();
    const { tenantId } = tenant;
    await tenant.drift({ description: "theirs" });
    const { syncId, plan } = await rig.sync(tenantId);
    const tag = { displayName: "Since", description: "" };
    await rig.want(tenantId, [{ type: "roleScopeTag", key: "Since", name: "Since", body: tag }]);
    const asked = { planHash: plan?.hash ?? "" };
    expect(await rejectAndReset(rig.parts, { tenantId, syncId }, asked, by)).toMatchObject({
      ok: true,
    });
    const wanted = await rig.wanted(tenantId, "roleScopeTag");
    expect(wanted.map(({ key }) => key)).toContain("Since");
  });

  it("compares only what the wanted item names, where it is a subset", async () => {
    const tenant = await tenantWithFilter();
    await tenant.drift({ description: "theirs" });
    await decide(tenant, { mode: "subset" });
    expect(await rig.sync(tenant.tenantId)).toMatchObject({ outcome: "succeeded" });
    await decide(tenant, { mode: "strict" });
    expect(await rig.sync(tenant.tenantId)).toMatchObject({ waits: { for: "approval" } });
  });
});
