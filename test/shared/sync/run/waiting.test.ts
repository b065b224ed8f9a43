/** Syncs that wait for somebody, that somebody stops, or that read only a part: over Azurite and the sandbox. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { ApprovalPolicy } from "../../../../shared/access/approvals/approval.ts";
import { NewSyncBody } from "../../../../shared/sync/contract.ts";
import { replaceItemRules } from "../../../../shared/sync/item-rules.ts";
import { tokensIn } from "../../../../shared/sync/plan/shape.ts";
import { startSync } from "../../../../shared/sync/run/start-sync.ts";
import { approve, confirm, editorsOfPlan, reject } from "../../../../shared/sync/run/verdicts.ts";
import type { Sync, Who } from "../../../../shared/sync/state/sync.ts";
import { viewOf } from "../../../../shared/sync/views.ts";
import { type SyncRig, startSyncRig } from "../sync-rig.ts";

let rig: SyncRig;
beforeAll(async () => {
  rig = await startSyncRig();
});
afterAll(() => rig.stop());

const minute = 60_000;
const day = 24 * 60 * minute;

/** A tenant with changes of two filters to plan. */
async function drifted(): Promise<string> {
  const tenantId = await rig.tenant();
  await rig.sync(tenantId);
  for (const { id } of (await rig.inTenant(tenantId, "assignmentFilter")).slice(0, 2))
    await rig.byHand("PATCH", tenantId, `assignmentFilter/${id}`, { description: "drift" });
  return tenantId;
}
const total = async (tenantId: string): Promise<number> => (await rig.writes(tenantId)).total;

/** Lets a worker die at its first call of a name, and answers the sync as it is then. */
async function diesAt(call: string, sync: Pick<Sync, "tenantId" | "syncId">): Promise<Sync> {
  rig.faults.arm({ atCall: call, when: "before" });
  let isDead = false;
  await rig.toRest(sync.tenantId, sync.syncId, () => {
    isDead ||= rig.faults.calls().includes(call);
    return isDead;
  });
  rig.faults.revive();
  return rig.syncOf(sync.tenantId, sync.syncId);
}

describe("a plan that waits for approval", () => {
  it.each([
    ["seven days", {}, 7],
    ["as many days as the tenant's settings say", { approvalDays: 2 }, 2],
  ])("ends after %s, keeps what is wanted, and has written nothing", async (_, change, days) => {
    const tenantId = await drifted();
    await rig.settle(tenantId, change);
    const sync = await rig.sync(tenantId);
    expect(sync.waits?.for).toBe("approval");
    rig.pass(days * day - minute);
    await rig.sweep();
    await rig.quiet();
    expect(await rig.status(tenantId)).toMatchObject({ status: "pendingApproval" });
    rig.pass(2 * minute);
    await rig.sweep();
    await rig.quiet();
    expect(await rig.syncOf(tenantId, sync.syncId)).toMatchObject({ outcome: "expired" });
    expect(await rig.status(tenantId)).toMatchObject({ status: "idle" });
    expect(await total(tenantId)).toBe(0);
    expect((await rig.sync(tenantId)).plan?.hash).toBeDefined();
  });

  it("gives way to a new sync, and cannot be approved any more", async () => {
    const tenantId = await drifted();
    const old = await rig.sync(tenantId);
    const next = await rig.sync(tenantId);
    expect(await rig.syncOf(tenantId, old.syncId)).toMatchObject({ outcome: "superseded" });
    expect(await rig.status(tenantId)).toMatchObject({
      status: "pendingApproval",
      active: next.syncId,
    });
    await expect(rig.approve(old)).rejects.toThrow(/does not wait/);
    await rig.cancel(tenantId, next.syncId);
    expect(await rig.status(tenantId)).toMatchObject({ status: "idle" });
    expect(await total(tenantId)).toBe(0);
  });
});

describe("a sync that somebody stops", () => {
  it("before it began ends at once, and a tenant that was never read is so again", async () => {
    const tenantId = await rig.tenant();
    const started = await rig.start(tenantId);
    if (!started.ok) throw new Error(started.failure.detail);
    const { syncId } = started.value;
    await rig.cancel(tenantId, syncId);
    expect(await rig.toRest(tenantId, syncId)).toMatchObject({ outcome: "cancelled" });
    expect(await rig.status(tenantId)).toMatchObject({ status: "notRun" });
  });

  it("while it reads ends, and the status is the one before", async () => {
    const tenantId = await drifted();
    const started = await rig.start(tenantId);
    if (!started.ok) throw new Error(started.failure.detail);
    expect(await diesAt("graph.POST", started.value)).toMatchObject({ phase: "export" });
    await rig.cancel(tenantId, started.value.syncId);
    expect(await rig.toRest(tenantId, started.value.syncId)).toMatchObject({
      outcome: "cancelled",
    });
    expect(await rig.status(tenantId)).toMatchObject({ status: "idle" });
  });

  it("while a worker has it ends when that one lets go, and not with its claim", async () => {
    const tenantId = await drifted();
    await rig.behave(tenantId, { latencyMs: 50 });
    const started = await rig.start(tenantId);
    if (!started.ok) throw new Error(started.failure.detail);
    const { syncId } = started.value;
    const stop = async (): Promise<number> => {
      await vi.waitUntil(async () => (await rig.syncOf(tenantId, syncId)).phase === "export");
      await rig.cancel(tenantId, syncId);
      return (await rig.syncOf(tenantId, syncId)).leaseUntil;
    };
    const [end, claimedUntil] = await Promise.all([rig.toRest(tenantId, syncId), stop()]);
    expect(end).toMatchObject({ outcome: "cancelled" });
    expect(end.finishedAt).toBeLessThan(claimedUntil);
  });

  it("under a deploy before its first write has been cancelled, and nothing was written", async () => {
    const tenantId = await drifted();
    const sync = await rig.sync(tenantId);
    await rig.approve(sync);
    expect(await diesAt("graph.GET", sync)).toMatchObject({ phase: "deploy" });
    await rig.cancel(tenantId, sync.syncId);
    expect(await rig.toRest(tenantId, sync.syncId)).toMatchObject({ outcome: "cancelled" });
    expect(await rig.status(tenantId)).toMatchObject({ status: "idle" });
    expect(await total(tenantId)).toBe(0);
  });

  it("under a deploy finishes the item at work, skips the others, and a retry makes those", async () => {
    const tenantId = await drifted();
    const sync = await rig.sync(tenantId);
    await rig.approve(sync);
    await diesAt("graph.PATCH", sync);
    await rig.cancel(tenantId, sync.syncId);
    const end = await rig.toRest(tenantId, sync.syncId);
    expect(end).toMatchObject({ outcome: "partial", deployed: { done: 1, skipped: 1 } });
    expect(await rig.status(tenantId)).toMatchObject({ status: "partiallySucceeded" });
    const again = await rig.sync(tenantId, { mode: "retryFailed" });
    expect(again.items).toHaveLength(1);
    await rig.approve(again);
    expect(await rig.toRest(tenantId, again.syncId)).toMatchObject({ outcome: "succeeded" });
    expect(await rig.writes(tenantId)).toMatchObject({ total: 2, doubled: 0 });
    expect(await rig.start(tenantId, { mode: "retryFailed" })).toMatchObject({
      ok: false,
      failure: { code: "nothing-to-retry" },
    });
  });
});

describe("a creation whose worker dies right after it was sent", () => {
  it("is made once, though nothing of it shows yet: its mark was written before", async () => {
    const tenantId = await rig.tenant();
    await rig.sync(tenantId);
    const body = {
      displayName: "New",
      platform: "macOS",
      rule: "(device.model -eq 'x')",
      assignmentFilterManagementType: "devices",
    };
    await rig.want(tenantId, [{ type: "assignmentFilter", key: "New / macOS", name: "New", body }]);
    await rig.behave(tenantId, { consistencyMs: 20_000 });
    const sync = await rig.sync(tenantId);
    await rig.approve(sync);
    rig.faults.arm({ atCall: "graph.POST", when: "after" });
    await rig.toRest(tenantId, sync.syncId, () => rig.faults.isDead());
    rig.faults.revive();
    expect(await rig.toRest(tenantId, sync.syncId)).toMatchObject({ outcome: "succeeded" });
    await rig.behave(tenantId, { consistencyMs: null });
    expect(await rig.writes(tenantId)).toMatchObject({ total: 1, doubled: 0 });
  });
});

describe("a sync that needs a person", () => {
  it("waits three minutes from entering the status, then goes back to the status before", async () => {
    const types = ["pimRoleSettings"];
    const tenantId = await rig.tenant();
    await rig.sync(tenantId, { types });
    const [policy] = await rig.inTenant(tenantId, "roleManagementPolicy");
    const rules = ((policy?.["rules"] ?? []) as Record<string, unknown>[]).map((rule) =>
      "maximumDuration" in rule ? { ...rule, maximumDuration: "PT1H30M" } : rule,
    );
    await rig.byHand("PATCH", tenantId, `roleManagementPolicy/${policy?.id}`, { rules });
    const sync = await rig.sync(tenantId, { types });
    await rig.approve(sync);
    expect(await rig.toRest(tenantId, sync.syncId)).toMatchObject({ waits: { for: "user" } });
    const { since } = await rig.status(tenantId);
    expect(await rig.status(tenantId)).toMatchObject({ status: "pendingAuthentication" });
    rig.pass(since + 178_000 - Date.now());
    await rig.sweep();
    expect(await rig.status(tenantId)).toMatchObject({ status: "pendingAuthentication" });
    rig.pass(3_000);
    await rig.sweep();
    await rig.quiet();
    expect(await rig.syncOf(tenantId, sync.syncId)).toMatchObject({
      outcome: "cancelled",
      remark: expect.stringContaining("three minutes") as string,
    });
    expect(await rig.status(tenantId)).toMatchObject({ status: "idle" });
    expect(await total(tenantId)).toBe(0);
  });
});

describe("a sync that does not say what to do without a person", () => {
  const types = ["pimRoleSettings"];
  it("goes by the tenant's settings", async () => {
    const tenantId = await rig.tenant();
    expect((await rig.sync(tenantId, { types })).onMissingUser).toBe("wait");
    await rig.settle(tenantId, { onMissingUser: "continueWithoutUser" });
    expect((await rig.sync(tenantId, { types })).onMissingUser).toBe("continueWithoutUser");
    expect(NewSyncBody.parse({})).toEqual({ mode: "planAndDeploy" });
  });
});

/** A tenant with one filter of three that a deploy of ours has made and nobody wants. */
async function crowded() {
  const tenantId = await rig.tenant();
  await rig.settle(tenantId, { deletes: ["assignmentFilter"] });
  await rig.sync(tenantId);
  const [first] = await rig.inTenant(tenantId, "assignmentFilter");
  const { id: _, ...filter } = first ?? { id: "" };
  const own = { ...filter, displayName: "Ours", platform: "macOS" };
  await rig.byHand("POST", tenantId, "assignmentFilter", own);
  await rig.allowDeletion(tenantId, "assignmentFilter/Ours / macOS");
  return tenantId;
}
const ada = { kind: "user", id: "ada" };
const left = async (tenantId: string): Promise<number> =>
  (await rig.inTenant(tenantId, "assignmentFilter")).length;

describe("a plan that would delete much", () => {
  it("waits until a person confirms the number for this sync, and then for approval of another plan", async () => {
    const tenantId = await crowded();
    const before = await left(tenantId);
    const sync = await rig.sync(tenantId);
    expect(sync).toMatchObject({ waits: { for: "approval" }, plan: { counts: { deletes: 0 } } });
    const { blocked } = await rig.plan(sync);
    expect(blocked).toMatchObject([{ confirm: { what: "deletes" } }]);
    await expect(rig.approve(sync)).rejects.toThrow(/confirm what is blocked/);
    const planHash = sync.plan?.hash ?? "";
    const asked = { planHash, reason: "the old ones" };
    const say = (more: object) => confirm(rig.parts, sync, { ...asked, ...more }, ada);
    expect(await say({ deletes: { assignmentFilter: 2 } })).toMatchObject({
      failure: { code: "invalid-request", faults: [{ pointer: "/deletes/assignmentFilter" }] },
    });
    expect(await say({ lockOut: true })).toMatchObject({
      failure: { faults: [{ pointer: "/lockOut" }] },
    });
    expect(await say({ planHash: "0".repeat(64) })).toMatchObject({
      failure: { code: "precondition-failed" },
    });
    expect(await say({ deletes: { assignmentFilter: 1 } })).toMatchObject({ ok: true });
    const again = await rig.toRest(tenantId, sync.syncId);
    expect(again).toMatchObject({ waits: { for: "approval" }, plan: { counts: { deletes: 1 } } });
    expect(again.plan?.hash).not.toBe(planHash);
    expect(viewOf(again).confirmed).toEqual({
      by: ada,
      at: expect.any(String) as string,
      reason: "the old ones",
      deletes: { assignmentFilter: 1 },
      lockOut: false,
    });
    await expect(rig.approve(sync)).rejects.toThrow(/is not the one that waits/);
    expect(await left(tenantId)).toBe(before);
    await rig.approve(again);
    expect(await rig.toRest(tenantId, sync.syncId)).toMatchObject({ outcome: "succeeded" });
    expect(await left(tenantId)).toBe(before - 1);
  });

  it("is held where it is rejected, and a confirmation holds for no other sync", async () => {
    const tenantId = await crowded();
    const sync = await rig.sync(tenantId);
    const planHash = sync.plan?.hash ?? "";
    const given = { planHash, deletes: { assignmentFilter: 1 }, reason: "the old ones" };
    expect(await confirm(rig.parts, sync, given, ada)).toMatchObject({ ok: true });
    await rig.toRest(tenantId, sync.syncId);
    const next = await rig.sync(tenantId, { mode: "plan" });
    expect((await rig.plan(next)).changes).toEqual([]);
    const last = await rig.sync(tenantId);
    const hash = last.plan?.hash ?? "";
    expect(await reject(rig.parts, last, { planHash: hash }, ada)).toMatchObject({ ok: true });
    expect(await rig.status(tenantId)).toMatchObject({ status: "idle", held: 1 });
    const after = await rig.sync(tenantId);
    expect(after).toMatchObject({ outcome: "succeeded" });
    expect((await rig.plan(after)).held).toHaveLength(1);
  });
});

describe("a plan for which a rule asks a second person", () => {
  const tid = "0f0f0f0f-1111-4222-8333-666666666666";
  const person = (id: string, homeTenantId = tid) => ({ kind: "user", id, homeTenantId });
  it("is approved by somebody else than who asked for the sync, and by nobody the rule leaves out", async () => {
    const tenantId = await drifted();
    const rule = { kind: "sync", actions: "all", tenantIds: [tenantId], moreThan: 1 } as const;
    const rules = ApprovalPolicy.parse({ rules: [rule] });
    expect(await rig.gate.replaceRules(rules, undefined)).toMatchObject({ ok: true });
    const sync = await rig.sync(tenantId, { by: person("ada") });
    const say = (by: Who, changes?: string[]) =>
      approve(rig.parts, sync, { planHash: sync.plan?.hash ?? "", changes }, by);
    const own = { failure: { code: "forbidden", detail: expect.stringContaining("yourself") } };
    expect(await say(person("ada"))).toMatchObject(own);
    const [change] = (await rig.plan(sync)).changes;
    expect(await say(person("ada"), [change?.changeId ?? ""])).toMatchObject(own);
    for (const kind of ["app", "bootstrap"])
      expect(await say({ ...person("grace"), kind })).toMatchObject({
        failure: { code: "forbidden", detail: expect.stringContaining("only user") },
      });
    expect(await say(person("ada", "another directory"))).toMatchObject({ ok: true });
    expect(await rig.toRest(tenantId, sync.syncId)).toMatchObject({ outcome: "succeeded" });
  });

  it("is approved by nobody who has made wanted what a night plans, until somebody else has once", async () => {
    const tenantId = await drifted();
    const rule = { kind: "sync", actions: "all", tenantIds: [tenantId], moreThan: 0 } as const;
    const rules = ApprovalPolicy.parse({ rules: [rule] });
    expect(await rig.gate.replaceRules(rules, undefined)).toMatchObject({ ok: true });
    await rig.parts.store.tenant(tenantId, 0);
    const [filter] = await rig.wanted(tenantId, "assignmentFilter");
    if (filter === undefined) throw new Error("there is none");
    const edit = async (description: string, by: Who) => {
      const items = [{ ...filter, body: { ...filter.body, description } }];
      expect(await rig.configuration.take(tenantId, items, { message: "m", by })).toMatchObject({
        ok: true,
      });
    };
    await edit("Ada's", person("ada"));
    const night = { by: { kind: "system", id: "" }, trigger: "schedule" } as const;
    const sync = await rig.sync(tenantId, night);
    const { changes } = await rig.plan(sync);
    const own = changes.filter(({ key }) => key === filter.key).map(({ changeId }) => changeId);
    const say = (by: Who, chosen?: string[]) =>
      approve(rig.parts, sync, { planHash: sync.plan?.hash ?? "", changes: chosen }, by);
    const refused = { code: "forbidden", detail: expect.stringContaining("changed yourself") };
    expect(await say(person("ada"))).toMatchObject({ failure: refused });
    expect(await say(person("ada"), own)).toMatchObject({ failure: refused });
    expect(
      await editorsOfPlan(rig.parts, await rig.status(tenantId), await rig.plan(sync)),
    ).toEqual([person("ada")]);
    // What is edited while the plan waits is not what is approved.
    rig.pass(minute);
    await edit("Ada's second", person("ada"));
    expect(await say(person("grace"))).toMatchObject({ ok: true });
    expect(await rig.toRest(tenantId, sync.syncId)).toMatchObject({ outcome: "succeeded" });
    const next = await rig.sync(tenantId, night);
    const asked = { planHash: next.plan?.hash ?? "" };
    expect(await approve(rig.parts, next, asked, person("ada"))).toMatchObject({
      failure: refused,
    });
    expect(await approve(rig.parts, next, asked, person("grace"))).toMatchObject({ ok: true });
    expect(await rig.toRest(tenantId, next.syncId)).toMatchObject({ outcome: "succeeded" });
    // Approved by somebody else: what drifts back to it is anybody's to approve.
    const [first] = await rig.inTenant(tenantId, "assignmentFilter");
    await rig.byHand("PATCH", tenantId, `assignmentFilter/${first?.id}`, { description: "drift" });
    const drift = await rig.sync(tenantId, night);
    const again = { planHash: drift.plan?.hash ?? "" };
    expect(await approve(rig.parts, drift, again, person("ada"))).toMatchObject({ ok: true });
    await rig.toRest(tenantId, drift.syncId);
  });

  it("is approved by nobody who has overridden, undone or reset what it plans", async () => {
    const tenantId = await drifted();
    const rule = { kind: "sync", actions: "all", tenantIds: [tenantId], moreThan: 0 } as const;
    const rules = ApprovalPolicy.parse({ rules: [rule] });
    expect(await rig.gate.replaceRules(rules, undefined)).toMatchObject({ ok: true });
    const first = await rig.sync(tenantId, { by: person("ada") });
    expect(
      await approve(rig.parts, first, { planHash: first.plan?.hash ?? "" }, person("grace")),
    ).toMatchObject({ ok: true });
    const done = await rig.toRest(tenantId, first.syncId);
    const undone = await rig.undo(done, { by: person("ada") });
    await rig.cancel(tenantId, undone.syncId);
    const [one, two] = await rig.wanted(tenantId, "assignmentFilter");
    const overrides = [{ pointer: "/description", value: "here" }];
    const given = { mode: "strict" as const, deviations: [], overrides, message: "m" };
    const name = { type: "assignmentFilter", key: two?.key ?? "" };
    const by = person("bob");
    await replaceItemRules(rig.parts, tenantId, name, given, { ifMatch: undefined, by });
    const night = { by: { kind: "system", id: "" }, trigger: "schedule" } as const;
    const sync = await rig.sync(tenantId, night);
    const { changes } = await rig.plan(sync);
    const idOf = (key: string | undefined) =>
      changes.flatMap((change) => (change.key === key ? [change.changeId] : []));
    const say = (id: string, chosen: string[]) =>
      approve(rig.parts, sync, { planHash: sync.plan?.hash ?? "", changes: chosen }, person(id));
    expect(await say("ada", idOf(one?.key))).toMatchObject({ failure: { code: "forbidden" } });
    expect(await say("bob", idOf(two?.key))).toMatchObject({ failure: { code: "forbidden" } });
    expect(await say("bob", idOf(one?.key))).toMatchObject({ ok: true });
    await rig.toRest(tenantId, sync.syncId);
  });

  it("is approved by who asked for it where it has no more changes than the rule lets pass", async () => {
    const tenantId = await drifted();
    const rule = { kind: "sync", actions: "all", tenantIds: [tenantId], moreThan: 2 } as const;
    const rules = ApprovalPolicy.parse({ rules: [rule] });
    expect(await rig.gate.replaceRules(rules, undefined)).toMatchObject({ ok: true });
    const sync = await rig.sync(tenantId, { by: person("ada") });
    const asked = { planHash: sync.plan?.hash ?? "" };
    expect(await approve(rig.parts, sync, asked, person("ada"))).toMatchObject({ ok: true });
    await rig.toRest(tenantId, sync.syncId);
    // Two small ones are one large one.
    const [first] = await rig.inTenant(tenantId, "assignmentFilter");
    await rig.byHand("PATCH", tenantId, `assignmentFilter/${first?.id}`, { description: "again" });
    const next = await rig.sync(tenantId, { by: person("ada") });
    const again = { planHash: next.plan?.hash ?? "" };
    expect(await approve(rig.parts, next, again, person("ada"))).toMatchObject({
      failure: { code: "forbidden" },
    });
    expect(await approve(rig.parts, next, again, person("grace"))).toMatchObject({ ok: true });
  });
});

describe("a type that cannot be read", () => {
  it.each([
    { on: "its list", fault: { status: 403 } },
    { on: "its second page", fault: { status: 500, later: true } },
    { on: "its second page, for want of pace", fault: { status: 429, later: true } },
  ])("at $on keeps its last content, plans nothing, and stops no other", async ({ fault }) => {
    const types = ["assignmentFilter", "configurationPolicy"];
    const tenantId = await rig.tenant({ items: 200 });
    await rig.sync(tenantId, { types });
    const [policy] = await rig.inTenant(tenantId, "configurationPolicy");
    const [filter] = await rig.inTenant(tenantId, "assignmentFilter");
    const change = { description: "drift" };
    await rig.byHand("PATCH", tenantId, `configurationPolicy/${policy?.id}`, change);
    await rig.byHand("PATCH", tenantId, `assignmentFilter/${filter?.id}`, change);
    const before = await rig.manifest(tenantId, "configurationPolicy");
    await rig.behave(tenantId, { typeFaults: { configurationPolicy: fault } });
    const sync = await rig.sync(tenantId, { types });
    const plan = await rig.plan(sync);
    expect(plan.changes.map(({ type }) => type)).toEqual(["assignmentFilter"]);
    await rig.approve(sync);
    expect(await rig.toRest(tenantId, sync.syncId)).toMatchObject({ outcome: "partial" });
    expect(await rig.status(tenantId)).toMatchObject({ status: "partiallySucceeded" });
    expect(await rig.manifest(tenantId, "configurationPolicy")).toBe(before);
    await rig.behave(tenantId, { typeFaults: null });
  });

  it("in time is waited for by the types that name its items, whatever is read first", async () => {
    const types = ["assignmentFilter", "deviceCompliancePolicy", "deviceConfiguration"];
    const tenantId = await rig.tenant({ items: 200 });
    const { passMs } = rig.parts;
    Object.assign(rig.parts, { passMs: 0 });
    const asked = rig.newSync(tenantId, { types });
    await startSync(rig.parts, asked);
    const held = [];
    for (let handled = 0; handled < 12; handled += 1) {
      const message = await rig.queues.take();
      if (message === undefined) rig.pass(5_000);
      else if (JSON.stringify(message).includes("assignmentFilter")) held.push(message);
      else await rig.handle(message);
    }
    Object.assign(rig.parts, { passMs });
    expect(held).not.toEqual([]);
    for (const message of held) await rig.handle(message);
    const end = await rig.toRest(tenantId, asked.syncId);
    expect(end).toMatchObject({ outcome: "succeeded" });
    const wanted = await Promise.all(types.map((type) => rig.wanted(tenantId, type)));
    const tokens = wanted.flat().flatMap(({ body }) => [...tokensIn(body)]);
    expect(tokens.map(({ $ref }) => $ref)).toContain("assignmentFilter");
    expect(tokens.filter(({ name }) => name === undefined)).toEqual([]);
  });

  it("whole when it is read first is wanted only as it is found whole", async () => {
    const types = ["configurationPolicy"];
    const tenantId = await rig.tenant();
    await rig.behave(tenantId, { missingSettings: 1 });
    await rig.sync(tenantId, { types });
    const wanted = async () => {
      const { desired } = await rig.status(tenantId);
      const { configurationPolicy } = await rig.parts.revisions.tree(tenantId, desired);
      return rig.parts.revisions.list(tenantId, "configurationPolicy", configurationPolicy);
    };
    expect(await wanted()).toEqual([]);
    await rig.behave(tenantId, { missingSettings: null });
    const whole = await rig.sync(tenantId, { types });
    expect(whole).toMatchObject({ outcome: "succeeded", plan: { counts: { unmanaged: 0 } } });
    expect(await wanted()).toHaveLength(2);
    expect((await wanted()).filter(({ flaw }) => flaw !== undefined)).toEqual([]);
  });

  it("where settings are missing in part plans nothing of those items, and keeps them", async () => {
    const types = ["configurationPolicy"];
    const tenantId = await rig.tenant();
    await rig.sync(tenantId, { types });
    await rig.behave(tenantId, { missingSettings: 1 });
    const sync = await rig.sync(tenantId, { types });
    const { changes } = await rig.plan(sync);
    expect(changes).toEqual([]);
    expect(sync).toMatchObject({ outcome: "partial" });
    await rig.behave(tenantId, { missingSettings: null });
    expect(await rig.sync(tenantId, { types })).toMatchObject({ outcome: "succeeded" });
    expect(await total(tenantId)).toBe(0);
  });
});
