/** What a person needs who is to sign in for a sync, and nobody has consented to: over the API, on Azurite and the sandbox. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { askOnce } from "../../../shared/sync/run/authentication.ts";
import { preflight } from "../../../shared/sync/run/preflight.ts";
import type { Sync } from "../../../shared/sync/state/sync.ts";
import { typeCode } from "../../local/sandbox/sign-in/person.ts";
import { type SyncRig, startSyncRig } from "../../shared/sync/sync-rig.ts";
import { type RunCalls, runCalls } from "../provisioning/support/run-calls.ts";

let rig: SyncRig;
let call: RunCalls["call"];
beforeAll(async () => {
  rig = await startSyncRig();
  ({ call } = runCalls(rig.below));
});
afterAll(() => rig.stop());

const scope = "RoleManagementPolicy.ReadWrite.Directory";
const types = ["pimRoleSettings"];
type Body = Readonly<Record<string, unknown>>;
type Ids = Pick<Sync, "tenantId" | "syncId">;

const say = async (what: string, { tenantId, syncId }: Ids) => {
  const { status, body } = await call(`syncs-${what}`, { params: { tenantId, syncId } });
  return { ...(body as Body), status };
};
const consent = (tenantId: string, body: object) =>
  rig.sandbox.control("POST", `/tenants/${tenantId}/consent`, body);
const waitsOf = async ({ tenantId, syncId }: Ids) => (await rig.syncOf(tenantId, syncId)).waits;

/** A sync with a change that only a person may write. Nobody has consented to what they need for it. */
async function waitsForUser(withdraw: readonly string[] = []): Promise<Sync> {
  const tenantId = await rig.tenant();
  await consent(tenantId, { withdraw, withdrawScopes: [scope] });
  await rig.sync(tenantId, { types });
  const [policy] = await rig.inTenant(tenantId, "roleManagementPolicy");
  const rules = ((policy?.["rules"] ?? []) as Body[]).map((rule) =>
    "maximumDuration" in rule ? { ...rule, maximumDuration: "PT1H30M" } : rule,
  );
  await rig.byHand("PATCH", tenantId, `roleManagementPolicy/${policy?.id}`, { rules });
  const sync = await rig.sync(tenantId, { types });
  await rig.approve(sync);
  const waiting = await rig.toRest(tenantId, sync.syncId);
  expect(waiting).toMatchObject({ waits: { for: "user" } });
  return waiting;
}

/** The same, where somebody has tried to sign in. */
async function refusedSignIn(withdraw?: readonly string[]): Promise<Sync> {
  const sync = await waitsForUser(withdraw);
  expect(await say("authentication-new-code", sync)).toMatchObject({
    status: 200,
    lacksConsent: true,
    words: expect.stringContaining("has not consented"),
  });
  return sync;
}

/** An administrator answers the page of an address, and their browser comes back to Muster. */
async function answerPage(address: unknown, answer: "accept" | "cancel") {
  const url = new URL(String(address));
  // The sandbox sends browsers to nobody else's machine.
  url.searchParams.set("redirect_uri", "http://localhost/api/v1/callbacks/consent");
  const body = new URLSearchParams({ answer });
  const sent = await fetch(url, { method: "POST", body, redirect: "manual" });
  const query = new URL(sent.headers.get("location") ?? "http://nowhere").search;
  return call("callbacks-consent", { query });
}

/** The code is asked about once, when it is due. */
async function ask(sync: Sync): Promise<void> {
  rig.pass(6_000);
  await askOnce(rig.signInFor, sync, (await waitsOf(sync))?.signInId ?? "");
}
/** Somebody types a code, and signs in. */
async function typed(sync: Sync, { code }: Body, user: string): Promise<void> {
  const { userCode } = code as { userCode: string };
  await typeCode(rig.sandbox, { user_code: userCode, user: `${user}@contoso.example` });
  await ask(sync);
}

/** What the trail has of consents for a tenant's syncs. */
async function consentsTold(tenantId: string): Promise<Body[]> {
  const { body } = await call("audit-list-tenant", {
    params: { tenantId },
    query: "?operation=sync-consent",
  });
  return (body["value"] as Body[]).filter(({ operation }) => operation === "sync-consent");
}

describe("somebody who is to sign in, and lacks an administrator's consent", () => {
  it("is offered the administrator's address, and the sync deploys in its three minutes when they have consented", async () => {
    const sync = await refusedSignIn();
    const { tenantId, syncId, waits } = sync;
    expect(await say("authentication", sync)).toMatchObject({ lacksConsent: true });
    const lacking = {
      status: 200,
      syncId,
      complete: false,
      permissions: [{ name: scope, anyOf: [scope], types }],
      canBegin: true,
      words: expect.stringContaining("has not consented"),
    };
    expect(await say("consent", sync)).toEqual(lacking);
    const before = await waitsOf(sync);
    expect(await say("consent-check", sync)).toEqual(lacking);
    expect(await waitsOf(sync), "looking moves nothing").toEqual(before);

    const begun: Body = await say("consent-begin", sync);
    expect(begun["status"]).toBe(200);
    const app = new URL(String(begun["url"])).searchParams.get("client_id");
    expect(app, "the app that people sign in with").toBe(rig.signInParts.clientId);
    const page = await answerPage(begun["url"], "accept");
    expect([page.status, page.text]).toEqual([200, expect.stringContaining("is to sign in")]);
    expect(await waitsOf(sync)).toEqual({
      for: "user",
      since: waits?.since,
      until: waits?.until,
      words: "An administrator has consented: one may sign in now.",
    });
    expect(await say("authentication", sync)).not.toHaveProperty("lacksConsent");
    expect(await consentsTold(tenantId)).toMatchObject([
      { outcome: "allowed", object: `sync/${syncId}`, after: { end: "consented" } },
    ]);

    const shown: Body = await say("authentication-new-code", sync);
    await typed(sync, shown, "operator");
    const ended = await rig.toRest(tenantId, syncId);
    expect(ended).toMatchObject({ outcome: "succeeded", deployed: { done: 1, skipped: 0 } });
    expect(ended.finishedAt).toBeLessThan(waits?.until ?? 0);
  });

  it("is told with its code that an administrator declined, and may ask again while the three minutes go on", async () => {
    const sync = await refusedSignIn();
    const before = await waitsOf(sync);
    const page = await answerPage(((await say("consent-begin", sync)) as Body)["url"], "cancel");
    expect(page.status).toBe(400);
    expect(await waitsOf(sync)).toEqual({
      ...before,
      words: expect.stringMatching(/^An administrator of the tenant declined .*AADSTS65004: /),
    });
    expect(await consentsTold(sync.tenantId)).toMatchObject([
      { outcome: "refused", after: { end: "declined", code: "AADSTS65004" } },
    ]);
    expect(await say("consent-begin", sync)).toMatchObject({ status: 200 });
  });

  it("is told of a browser that brought no consent back", async () => {
    const sync = await refusedSignIn();
    const begun: Body = await say("consent-begin", sync);
    const state = new URL(String(begun["url"])).searchParams.get("state") ?? "";
    const page = await call("callbacks-consent", { query: `?state=${state}` });
    expect(page.status).toBe(400);
    expect(await waitsOf(sync)).toMatchObject({
      lacksConsent: true,
      words: "No consent was given (no-consent: the browser came back without a consent).",
    });
  });

  it("is given no more time by a consent: it comes too late for what is over", async () => {
    const sync = await refusedSignIn();
    const addresses: Body[] = [];
    for (let nth = 0; nth < 2; nth += 1) addresses.push(await say("consent-begin", sync));
    const [first, second] = addresses.map((each) => each["url"]);
    rig.pass((sync.waits?.until ?? 0) - rig.parts.clock.now() + 1);
    const before = await waitsOf(sync);
    expect(await say("consent-begin", sync)).toMatchObject({ status: 409 });
    expect((await answerPage(first, "accept")).text).toContain("is over: it is being cancelled");
    expect(await waitsOf(sync)).toEqual(before);
    await rig.sweep();
    await rig.quiet();
    const { tenantId, syncId } = sync;
    expect(await rig.syncOf(tenantId, syncId)).toMatchObject({ outcome: "cancelled" });
    const { text } = await answerPage(second, "accept");
    expect(text).toContain("The consent is given, for the next syncs.");
    expect(text).toContain("has ended: cancelled");
    expect(await rig.status(tenantId)).toMatchObject({ status: "idle" });
  });
});

describe("what is missing", () => {
  it("is nothing once it is granted elsewhere, and looking again lets nothing go on: a sign-in does", async () => {
    const sync = await refusedSignIn();
    await consent(sync.tenantId, { grantScopes: ["User.Read"] });
    expect(await say("consent", sync)).toMatchObject({ complete: false });
    await consent(sync.tenantId, { grantScopes: [scope] });
    const complete = { status: 200, complete: true, permissions: [] };
    expect(await say("consent", sync)).toMatchObject(complete);
    expect(await say("consent-check", sync)).toMatchObject(complete);
    expect(await waitsOf(sync)).toMatchObject({ for: "user", lacksConsent: true });
  });

  it("is all that is needed, where the app may not read what is granted to people", async () => {
    const sync = await refusedSignIn(["Directory.Read.All"]);
    await consent(sync.tenantId, { grantScopes: [scope] });
    expect(await say("consent", sync)).toMatchObject({
      status: 200,
      complete: false,
      permissions: [{ name: scope, types }],
    });
  });

  it("is no administrator's to give before a sign-in was refused for it, nor once another one is begun", async () => {
    const sync = await waitsForUser();
    const refused = { status: 409, code: "conflict" };
    expect(await say("authentication", sync)).not.toHaveProperty("lacksConsent");
    expect(await say("consent-begin", sync)).toMatchObject(refused);
    await say("authentication-new-code", sync);
    expect(await say("consent-begin", sync)).toMatchObject({ status: 200 });
    await consent(sync.tenantId, { grantScopes: [scope] });
    const shown: Body = await say("authentication-new-code", sync);
    expect(shown).toHaveProperty("code");
    expect(shown).not.toHaveProperty("lacksConsent");
    expect(await waitsOf(sync)).not.toHaveProperty("lacksConsent");
    expect(await say("consent-begin", sync)).toMatchObject(refused);

    // An account that lacks a role lacks no consent.
    await typed(sync, shown, "member");
    expect((await waitsOf(sync))?.words).toContain("lacks the role");
    expect(await say("consent-begin", sync)).toMatchObject(refused);
  });

  it("is found out by a code that was typed, and by a browser that came back", async () => {
    const sync = await waitsForUser();
    await consent(sync.tenantId, { grantScopes: [scope] });
    await say("authentication-new-code", sync);
    await rig.behave(sync.tenantId, { signIn: "consentMissing" });
    await ask(sync);
    expect(await waitsOf(sync)).toMatchObject({ lacksConsent: true });
    await rig.behave(sync.tenantId, { signIn: "none" });
    await say("authentication-new-code", sync);
    expect(await waitsOf(sync)).not.toHaveProperty("lacksConsent");
    const comesBack = async (said: Record<string, string>) => {
      const begun: Body = await say("authentication-browser", sync);
      const state = new URL(String(begun["url"])).searchParams.get("state") ?? "";
      const query = new URLSearchParams({ state, ...said });
      expect((await call("callbacks-sign-in", { query: `?${query.toString()}` })).status).toBe(400);
    };
    const error_description = "AADSTS90094: An administrator has set a policy.";
    await comesBack({ error: "access_denied", error_description });
    expect(await waitsOf(sync)).toMatchObject({ for: "user", lacksConsent: true });
    await comesBack({ error: "login_required" });
    expect(await waitsOf(sync), "that one lacked something else").not.toHaveProperty(
      "lacksConsent",
    );
  });
});

it("an app that is disabled in a tenant is said to be, beside all that is missing for it", async () => {
  const detail = "AADSTS7000112: Application 'Muster' is disabled.";
  const { preflight: real } = rig.parts;
  const look = preflight(async () => ({ kind: "absent", detail }));
  Object.assign(rig.parts, { preflight: look });
  try {
    const tenantId = await rig.tenant();
    const sync = await rig.sync(tenantId);
    expect(sync.waits).toMatchObject({ for: "consent", words: detail });
    expect(await say("consent", sync)).toMatchObject({ complete: false, words: detail });
    const other = await rig.tenant();
    const night = await rig.sync(other, { trigger: "schedule" });
    expect(night.waits).toBeUndefined();
    expect(await say("consent", night), "which waits for nothing").toMatchObject({ words: detail });
  } finally {
    Object.assign(rig.parts, { preflight: real });
  }
});
