/** What happens between a plan, its approval and its writes: over Azurite and the sandbox. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rejectAndReset } from "../../../../shared/sync/run/undo.ts";
import { approve } from "../../../../shared/sync/run/verdicts.ts";
import type { Sync } from "../../../../shared/sync/state/sync.ts";
import { type SyncRig, startSyncRig } from "../sync-rig.ts";

let rig: SyncRig;
beforeAll(async () => {
  rig = await startSyncRig();
});
afterAll(() => rig.stop());

const ada = { kind: "user", id: "ada" };
const type = "assignmentFilter";
const body = {
  displayName: "A",
  platform: "macOS",
  rule: "(device.model -eq 'x')",
  assignmentFilterManagementType: "devices",
};
const day = 24 * 3600_000;

/** A tenant of which a filter has drifted. */
async function drifted() {
  const tenantId = await rig.tenant();
  await rig.sync(tenantId);
  const [filter] = await rig.inTenant(tenantId, type);
  const patch = (change: object) => rig.byHand("PATCH", tenantId, `${type}/${filter?.id}`, change);
  await patch({ description: "drift" });
  const now = async () =>
    (await rig.inTenant(tenantId, type)).find(({ id }) => id === filter?.id) ?? filter;
  const key = `${String(filter?.["displayName"])} / ${String(filter?.["platform"])}`;
  return { tenantId, patch, now, key };
}

async function deployed(sync: Sync): Promise<Sync> {
  await rig.approve(sync);
  return rig.toRest(sync.tenantId, sync.syncId);
}

/** Lets a worker die at its first call of a name. */
async function diesAt(call: string, when: "before" | "after", sync: Sync): Promise<void> {
  rig.faults.arm({ atCall: call, when });
  let isDead = false;
  await rig.toRest(sync.tenantId, sync.syncId, () => {
    isDead ||= rig.faults.calls().includes(call);
    return isDead;
  });
  rig.faults.revive();
  expect(await rig.items(sync)).toMatchObject([{ state: "writing" }]);
}

const kind = { "@odata.type": "#microsoft.graph.ipNamedLocation" };
const ranges = (...addresses: string[]) => ({
  ipRanges: addresses.map((cidrAddress) => ({
    "@odata.type": "#microsoft.graph.iPv4CidrRange",
    cidrAddress,
  })),
});
const location = (...addresses: string[]) => ({
  ...kind,
  displayName: "P",
  isTrusted: true,
  ...ranges(...addresses),
});

describe("an item that was being written when its worker died", () => {
  it.each([
    ["elsewhere", { rule: "(device.model -eq 'somebody else')" }],
    ["to another value", { description: "somebody else" }],
  ])("is planned anew where it has moved %s since, and not overwritten", async (_, change) => {
    const { tenantId, patch, now } = await drifted();
    const sync = await rig.sync(tenantId);
    await rig.approve(sync);
    await diesAt("graph.PATCH", "before", sync);
    await patch(change);
    const end = await rig.toRest(tenantId, sync.syncId);
    expect(end).toMatchObject({ waits: { for: "approval" }, replans: 1 });
    expect(await now()).toMatchObject(change);
    expect(await deployed(end)).toMatchObject({ outcome: "succeeded" });
  });

  it("is not deleted where somebody has changed it since", async () => {
    const { tenantId } = await drifted();
    await rig.want(tenantId, [{ type, key: "A / macOS", name: "A", body }]);
    const undone = await rig.undo(await deployed(await rig.sync(tenantId)), { types: [type] });
    const { changes } = await rig.plan(undone);
    const [{ changeId, id } = { changeId: "", id: "" }] = changes.filter(
      ({ action }) => action === "delete",
    );
    const chosen = { planHash: undone.plan?.hash ?? "", changes: [changeId] };
    expect(await approve(rig.parts, undone, chosen, ada)).toMatchObject({ ok: true });
    await diesAt("graph.DELETE", "before", undone);
    const description = "in use now";
    await rig.byHand("PATCH", tenantId, `${type}/${id}`, { description });
    const end = await rig.toRest(tenantId, undone.syncId);
    expect(await rig.inTenant(tenantId, type)).toContainEqual(
      expect.objectContaining({ id, description }),
    );
    expect(end).toMatchObject({ waits: { for: "approval" }, replans: 1 });
  });

  it("is deleted where its own first request alone had changed it", async () => {
    const tenantId = await rig.tenant();
    const types = ["namedLocation"];
    await rig.sync(tenantId, { types });
    const place = {
      "@odata.type": "#microsoft.graph.ipNamedLocation",
      displayName: "P",
      isTrusted: true,
      ipRanges: [{ "@odata.type": "#microsoft.graph.iPv4CidrRange", cidrAddress: "192.0.2.0/24" }],
    };
    const key = "P / ipNamedLocation";
    await rig.want(tenantId, [{ type: "namedLocation", key, name: "P", body: place }]);
    const undone = await rig.undo(await deployed(await rig.sync(tenantId, { types })), { types });
    await rig.approve(undone);
    await diesAt("graph.DELETE", "before", undone);
    expect(await rig.inTenant(tenantId, "namedLocation")).toContainEqual(
      expect.objectContaining({ displayName: "P", isTrusted: false }),
    );
    expect(await rig.toRest(tenantId, undone.syncId)).toMatchObject({ outcome: "succeeded" });
  });

  it("is not written over one that somebody has made meanwhile", async () => {
    const { tenantId } = await drifted();
    await rig.want(tenantId, [{ type, key: "A / macOS", name: "A", body }]);
    const planned = await rig.sync(tenantId);
    const { changes } = await rig.plan(planned);
    const [{ changeId } = { changeId: "" }] = changes.filter(({ action }) => action === "create");
    const chosen = { planHash: planned.plan?.hash ?? "", changes: [changeId] };
    expect(await approve(rig.parts, planned, chosen, ada)).toMatchObject({ ok: true });
    await diesAt("graph.POST", "before", planned);
    const theirs = { ...body, rule: "(device.model -eq 'theirs')" };
    await rig.byHand("POST", tenantId, type, theirs);
    const end = await rig.toRest(tenantId, planned.syncId);
    expect(await rig.inTenant(tenantId, type)).toContainEqual(expect.objectContaining(theirs));
    expect(end).toMatchObject({ waits: { for: "approval" }, replans: 1 });
  });

  it("is not written over one that somebody has made meanwhile, where a type has requests of its own", async () => {
    const tenantId = await rig.tenant();
    const types = ["namedLocation"];
    await rig.sync(tenantId, { types });
    const wanted = { key: "P / ipNamedLocation", name: "P", body: location("192.0.2.0/24") };
    await rig.want(tenantId, [{ type: "namedLocation", ...wanted }]);
    const planned = await rig.sync(tenantId, { types });
    await rig.approve(planned);
    await diesAt("graph.POST", "before", planned);
    const theirs = location("198.51.100.0/24");
    await rig.byHand("POST", tenantId, "namedLocation", theirs);
    const end = await rig.toRest(tenantId, planned.syncId);
    expect(await rig.inTenant(tenantId, "namedLocation")).toContainEqual(
      expect.objectContaining(theirs),
    );
    expect(end).toMatchObject({ waits: { for: "approval" }, replans: 1 });
  });

  it("is planned anew where somebody has taken something of it away that no write of ours has", async () => {
    const tenantId = await rig.tenant();
    const types = ["namedLocation"];
    const [one, two, three] = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/25"] as const;
    await rig.byHand("POST", tenantId, "namedLocation", location(one, two));
    await rig.sync(tenantId, { types });
    const now = async () =>
      (await rig.inTenant(tenantId, "namedLocation")).find((each) => each["displayName"] === "P");
    const id = (await now())?.id;
    const patch = (...addresses: string[]) =>
      rig.byHand("PATCH", tenantId, `namedLocation/${id}`, { ...kind, ...ranges(...addresses) });
    await patch(one, two, three);
    const sync = await rig.sync(tenantId, { types });
    await rig.approve(sync);
    await diesAt("graph.PATCH", "before", sync);
    await patch(two, three);
    const end = await rig.toRest(tenantId, sync.syncId);
    expect(await now()).toMatchObject(ranges(two, three));
    expect(end).toMatchObject({ waits: { for: "approval" }, replans: 1 });
  });

  it("is ended where its own write had taken away what it was to make anew", async () => {
    const tenantId = await rig.tenant();
    const types = ["authenticationStrength"];
    await rig.sync(tenantId, { types });
    const fido = "#microsoft.graph.fido2CombinationConfiguration";
    const keyed = (model: string) => ({
      "@odata.type": fido,
      appliesToCombinations: ["fido2"],
      allowedAAGUIDs: [model],
    });
    const [one, two, three] = ["1", "2", "3"].map(
      (digit) => `${digit.repeat(8)}-0000-4000-8000-000000000000`,
    ) as [string, string, string];
    const strength = (models: readonly string[]) => ({
      type: "authenticationStrength",
      key: "Ours",
      name: "Ours",
      body: {
        displayName: "Ours",
        allowedCombinations: ["fido2"],
        combinationConfigurations: models.map(keyed),
      },
    });
    await rig.want(tenantId, [strength([one, two])]);
    await deployed(await rig.sync(tenantId, { types }));
    await rig.want(tenantId, [strength([one, three])]);
    const sync = await rig.sync(tenantId, { types });
    await rig.approve(sync);
    await diesAt("graph.POST", "before", sync);
    expect(await rig.toRest(tenantId, sync.syncId)).toMatchObject({
      outcome: "succeeded",
      deployed: { done: 1 },
    });
  });

  it("is deleted, though the tenant still shows it and says that it is gone", async () => {
    const { tenantId } = await drifted();
    await rig.want(tenantId, [{ type, key: "A / macOS", name: "A", body }]);
    const undone = await rig.undo(await deployed(await rig.sync(tenantId)), { types: [type] });
    const { changes } = await rig.plan(undone);
    const [{ changeId } = { changeId: "" }] = changes.filter(({ action }) => action === "delete");
    const chosen = { planHash: undone.plan?.hash ?? "", changes: [changeId] };
    expect(await approve(rig.parts, undone, chosen, ada)).toMatchObject({ ok: true });
    await rig.behave(tenantId, { consistencyMs: 3_000 });
    await diesAt("graph.DELETE", "after", undone);
    const row = await rig.parts.store.sync(tenantId, undone.syncId);
    if (row === undefined) throw new Error("it is gone");
    // Whoever comes next comes at once.
    await rig.parts.store.replaceSync({ value: { ...row.value, leaseUntil: 0 }, etag: row.etag });
    expect(await rig.toRest(tenantId, undone.syncId)).toMatchObject({ outcome: "succeeded" });
    expect(await rig.items(undone)).toMatchObject([{ state: "done" }]);
  });
});

describe("an item that was written and cannot be read back", () => {
  it.each([
    ["for a while is read once that is over", 20, { state: "done" }],
    [
      "for minutes has an outcome that nobody knows",
      2_000,
      { state: "failed", reason: "outcomeUnknown" },
    ],
  ])("%s", async (_, times, end) => {
    const { tenantId, now } = await drifted();
    const sync = await rig.sync(tenantId);
    await rig.approve(sync);
    const { graph } = rig.parts;
    const [write, read] = [graph.write.bind(graph), graph.read.bind(graph)];
    let left = 0;
    graph.write = async (...args) => {
      left = times;
      return write(...args);
    };
    graph.read = async (...args) =>
      left-- > 0 ? { kind: "unclear", why: "a gateway is away" } : read(...args);
    await rig.toRest(tenantId, sync.syncId).finally(() => Object.assign(graph, { write, read }));
    expect((await now())?.["description"] ?? "").toBe("");
    expect(await rig.items(sync)).toMatchObject([end]);
  });
});

describe("a plan", () => {
  it("is not approved any more when its time is over, though nobody has ended it yet", async () => {
    const { tenantId, now } = await drifted();
    const sync = await rig.sync(tenantId);
    rig.pass(8 * day);
    const asked = { planHash: sync.plan?.hash ?? "" };
    expect(await approve(rig.parts, sync, asked, ada)).toMatchObject({
      failure: { code: "conflict" },
    });
    expect(await rejectAndReset(rig.parts, sync, asked, ada)).toMatchObject({ ok: false });
    await rig.sweep();
    await rig.quiet();
    expect(await rig.syncOf(tenantId, sync.syncId)).toMatchObject({ outcome: "expired" });
    expect(await now()).toMatchObject({ description: "drift" });
  });

  it("deletes nothing that a type names which the sync is not about, or could not read", async () => {
    const tenantId = await rig.tenant();
    const types = ["roleScopeTag", "deviceConfiguration"];
    for (const name of ["A", "B", "C", "D", "E"])
      await rig.byHand("POST", tenantId, "roleScopeTag", { displayName: name });
    const tag = (await rig.inTenant(tenantId, "roleScopeTag")).find(
      ({ displayName }) => displayName === "A",
    );
    const [holder] = await rig.inTenant(tenantId, "deviceConfiguration");
    const named = { roleScopeTagIds: [tag?.id] };
    await rig.byHand("PATCH", tenantId, `deviceConfiguration/${holder?.id}`, named);
    await rig.sync(tenantId, { types });
    await rig.settle(tenantId, { deletes: ["roleScopeTag"] });
    const name = { type: "roleScopeTag", key: "A" };
    const by = { ifMatch: undefined, by: ada };
    expect(await rig.configuration.unwant(tenantId, name, "m", by)).toMatchObject({ ok: true });
    const blocked = {
      reason: "deleteBlockedByGuard",
      detail: expect.stringMatching(/names it|name it/),
    };
    const part = await rig.sync(tenantId, { types: ["roleScopeTag"], mode: "plan" });
    expect(await rig.plan(part)).toMatchObject({ changes: [], blocked: [blocked] });
    await rig.behave(tenantId, { typeFaults: { deviceConfiguration: { status: 403 } } });
    const unread = await rig.sync(tenantId, { types, mode: "plan" });
    expect(await rig.plan(unread)).toMatchObject({ changes: [], blocked: [blocked] });
  });
});

describe("a reset", () => {
  it("is taken back to what was wanted right before it, and not when it was planned", async () => {
    const { tenantId, key } = await drifted();
    const sync = await rig.sync(tenantId);
    const wanted = async () =>
      (await rig.wanted(tenantId, type)).find((item) => item.key === key)?.body ?? {};
    const edited = { ...(await wanted()), description: "edited since" };
    await rig.want(tenantId, [{ type, key, name: "", body: edited }]);
    const asked = { planHash: sync.plan?.hash ?? "" };
    expect(await rejectAndReset(rig.parts, sync, asked, ada)).toMatchObject({ ok: true });
    expect(await wanted()).toMatchObject({ description: "drift" });
    await rig.undo(sync);
    expect(await wanted()).toMatchObject({ description: "edited since" });
  });
});
