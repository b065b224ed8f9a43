/** What somebody is told who is to sign in for a sync, and what becomes of those who come too late: over Azurite and the sandbox. */
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  askOnce,
  beginBrowser,
  beginCode,
  settleSignIn,
  showWaiting,
} from "../../../../shared/sync/run/authentication.ts";
import { goOnWith } from "../../../../shared/sync/run/verdicts.ts";
import type { Sync } from "../../../../shared/sync/state/sync.ts";
import { visit } from "../../../local/sandbox/sign-in/person.ts";
import { type SyncRig, startSyncRig } from "../sync-rig.ts";

let rig: SyncRig;
beforeAll(async () => {
  rig = await startSyncRig();
});
afterAll(() => rig.stop());

const ada = { kind: "user", id: "ada" };
const home = "http://localhost/api/v1/callbacks/sign-in";

/** A sync with a change that only a person may write. */
async function waitsForUser(tenantId: string, types: string[]): Promise<Sync> {
  await rig.sync(tenantId, { types });
  const [policy] = await rig.inTenant(tenantId, "roleManagementPolicy");
  const rules = ((policy?.["rules"] ?? []) as Record<string, unknown>[]).map((rule) =>
    "maximumDuration" in rule ? { ...rule, maximumDuration: "PT1H30M" } : rule,
  );
  await rig.byHand("PATCH", tenantId, `roleManagementPolicy/${policy?.id}`, { rules });
  const sync = await rig.sync(tenantId, { types });
  await rig.approve(sync);
  const waiting = await rig.toRest(tenantId, sync.syncId);
  expect(waiting).toMatchObject({ waits: { for: "user" } });
  return waiting;
}

it("they are told which policies block codes, and how many groups each lets through", async () => {
  const tenantId = await rig.tenant();
  const groups = await rig.inTenant(tenantId, "group");
  const excludeGroups = groups.slice(0, 2).map(({ id }) => id);
  expect(excludeGroups).toHaveLength(2);
  const policy = (displayName: string, over: object) => ({
    displayName,
    state: "enabled",
    conditions: {
      users: { includeUsers: ["All"], excludeGroups },
      applications: { includeApplications: ["All"] },
      authenticationFlows: { transferMethods: "authenticationTransfer,deviceCodeFlow" },
    },
    grantControls: { operator: "OR", builtInControls: ["block"] },
    ...over,
  });
  for (const body of [
    policy("No codes", {}),
    policy("Some day", { state: "enabledForReportingButNotEnforced" }),
    policy("More proof", { grantControls: { operator: "OR", builtInControls: ["mfa"] } }),
  ])
    await rig.byHand("POST", tenantId, "conditionalAccessPolicy", body);
  const sync = await waitsForUser(tenantId, ["conditionalAccessPolicy", "pimRoleSettings"]);
  expect(await showWaiting(rig.signInFor, sync)).toMatchObject({
    value: { blockers: [{ name: "No codes", excludedGroups: 2 }] },
  });
});

it("nothing that somebody begins after the three minutes keeps a sync from its end, though nobody has ended it yet", async () => {
  const tenantId = await rig.tenant();
  const sync = await waitsForUser(tenantId, ["pimRoleSettings"]);
  rig.pass((sync.waits?.until ?? 0) - rig.parts.clock.now() + 1);
  const { signInFor, parts } = rig;
  for (const begun of [
    await goOnWith(parts, sync, "continueWithoutUser", ada),
    await beginCode(signInFor, sync, ada),
    await beginBrowser(signInFor, sync, ada, home),
  ])
    expect(begun).toMatchObject({ ok: false, failure: { code: "conflict" } });
  await rig.sweep();
  await rig.quiet();
  expect(await rig.syncOf(tenantId, sync.syncId)).toMatchObject({ outcome: "cancelled" });
  expect(await rig.status(tenantId)).toMatchObject({ status: "idle" });
});

it("they are told nothing of a code in whose place another one came while it was asked about", async () => {
  const tenantId = await rig.tenant();
  const scope = "RoleManagementPolicy.ReadWrite.Directory";
  await rig.sandbox.control("POST", `/tenants/${tenantId}/consent`, { grantScopes: [scope] });
  const sync = await waitsForUser(tenantId, ["pimRoleSettings"]);
  const { signInFor } = rig;
  const begin = async () => {
    const begun = await beginCode(signInFor, sync, ada);
    if (!begun.ok || begun.value.code === undefined) throw new Error(JSON.stringify(begun));
    return begun.value.code.signInId;
  };
  const first = await begin();
  let second = "";
  const signIn = {
    ...signInFor.signIn,
    pollDeviceCode: async (...asked: Parameters<typeof signInFor.signIn.pollDeviceCode>) => {
      second = await begin();
      return signInFor.signIn.pollDeviceCode(...asked);
    },
  };
  expect(await askOnce({ ...signInFor, signIn }, sync, first)).toBeUndefined();
  const { waits } = await rig.syncOf(tenantId, sync.syncId);
  expect(waits?.signInId).toBe(second);
  expect(waits).not.toHaveProperty("words");
});

/** Somebody who may do everything signs in for a sync that waits. */
async function asGlobal(sync: Sync): Promise<Sync> {
  const begun = await beginBrowser(rig.signInFor, sync, ada, home);
  if (!begun.ok) throw new Error(begun.failure.detail);
  const { given } = await visit(begun.value.url, { user: "admin@contoso.example" });
  const { end } = await rig.signIn.finishBrowserSignIn(Object.fromEntries(given));
  const from = { means: "browser" as const, signInId: begun.value.signInId };
  expect(await settleSignIn(rig.signInFor, sync, end, from)).toMatchObject({ ok: true });
  return rig.toRest(sync.tenantId, sync.syncId);
}

it("a Global Administrator is let in, and the sync's report warns of it", async () => {
  const tenantId = await rig.tenant();
  const scope = "RoleManagementPolicy.ReadWrite.Directory";
  await rig.sandbox.control("POST", `/tenants/${tenantId}/consent`, { grantScopes: [scope] });
  const ended = await asGlobal(await waitsForUser(tenantId, ["pimRoleSettings"]));
  expect(ended).toMatchObject({ outcome: "succeeded" });
  expect(ended.remark).toContain("admin@contoso.example is a Global Administrator");
});

it("a Global Administrator is warned of beside what else the report has to say", async () => {
  const tenantId = await rig.tenant();
  const grantScopes = ["Agreement.Read.All"];
  await rig.sandbox.control("POST", `/tenants/${tenantId}/consent`, { grantScopes });
  await rig.behave(tenantId, { typeFaults: { roleScopeTag: { status: 403 } } });
  const sync = await rig.sync(tenantId, { types: ["termsOfUse", "roleScopeTag"] });
  expect(sync).toMatchObject({ waits: { for: "user" } });
  const ended = await asGlobal(sync);
  expect(ended).toMatchObject({ outcome: "partial" });
  expect(ended.remark).toContain("roleScopeTag was not read");
  expect(ended.remark).toContain("admin@contoso.example is a Global Administrator");
});

it("whoever came back in time has signed in, though the worker died before the sync was told", async () => {
  const tenantId = await rig.tenant();
  const scope = "RoleManagementPolicy.ReadWrite.Directory";
  await rig.sandbox.control("POST", `/tenants/${tenantId}/consent`, { grantScopes: [scope] });
  const sync = await waitsForUser(tenantId, ["pimRoleSettings"]);
  const begun = await beginBrowser(rig.signInFor, sync, ada, home);
  if (!begun.ok) throw new Error(begun.failure.detail);
  const { given } = await visit(begun.value.url, { user: "operator@contoso.example" });
  const { end } = await rig.signIn.finishBrowserSignIn(Object.fromEntries(given));
  expect(end.kind).toBe("signedIn");
  rig.pass((sync.waits?.until ?? 0) - rig.parts.clock.now() + 1);
  await rig.sweep();
  await rig.quiet();
  expect(await rig.toRest(tenantId, sync.syncId)).toMatchObject({
    outcome: "succeeded",
    deployed: { done: 1, skipped: 0 },
  });
});
