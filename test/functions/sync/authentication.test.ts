// A sync that only a person can finish: the code, somebody who signs in, somebody who may not, and going on without.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { trust, typeCode, visit } from "../../local/sandbox/sign-in/person.ts";
import { type RunningApp, startApp } from "../support/running-app.ts";

let tenantId = "11111111-2222-4333-8444-555555555555";
const operator = "operator@contoso.example";
const types = ["pimRoleSettings"];
let app: RunningApp;
let home: string;

type Body = Readonly<Record<string, unknown>>;
const get = async (path: string): Promise<Body> =>
  (await app.call("GET", `/api/v1/tenants/${tenantId}${path}`)).body as Body;
const post = (path: string, body?: unknown) =>
  app.call("POST", `/api/v1/tenants/${tenantId}${path}`, body === undefined ? {} : { body });

async function until(syncId: string, is: (sync: Body) => boolean): Promise<Body> {
  for (let tries = 0; tries < 400; tries += 1) {
    const sync = await get(`/syncs/${syncId}`);
    if (is(sync)) return sync;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(JSON.stringify(await get(`/syncs/${syncId}`)));
}
const rests = (syncId: string) =>
  until(syncId, ({ outcome, waitsFor }) => (outcome ?? waitsFor) !== undefined);

async function start(): Promise<Body> {
  const started = await post("/syncs", { types });
  if (started.status !== 202) throw new Error(JSON.stringify(started.body));
  return rests((started.body as { syncId: string }).syncId);
}

type Policy = { id: string; rules: Record<string, unknown>[] };
const sandbox = (method: string, path: string, body?: unknown) =>
  app.sandbox(method, `/tenants/${tenantId}${path}`, body);

/** Somebody changes a rule of the tenant's first role; the next sync wants it back. */
async function drift(maximumDuration: string): Promise<void> {
  const path = "/configuration/roleManagementPolicy";
  const [first] = ((await sandbox("GET", path)).body as { value: Policy[] }).value;
  if (first === undefined) throw new Error("the sandbox has no PIM settings");
  const rules = first.rules.map((rule) =>
    "maximumDuration" in rule ? { ...rule, maximumDuration } : rule,
  );
  const changed = await sandbox("PATCH", `${path}/${first.id}`, { rules });
  expect(changed.status, JSON.stringify(changed.body)).toBe(200);
}

const writes = async (): Promise<Body[]> =>
  (
    (await app.sandbox("GET", `/configuration-writes?tenantId=${tenantId}`)).body as {
      value: never[];
    }
  ).value;

/** Drift, a plan, an approval: the sync that waits for a person. */
async function waitsForUser(duration: string): Promise<string> {
  await drift(duration);
  const planned = await start();
  expect(planned, JSON.stringify(planned)).toMatchObject({ waitsFor: "approval" });
  const syncId = String(planned["syncId"]);
  const { planHash } = await get(`/syncs/${syncId}/plan`);
  await post(`/syncs/${syncId}/approve`, { planHash });
  await until(syncId, ({ waitsFor, outcome }) => waitsFor === "user" || outcome !== undefined);
  expect(await get("/sync-status")).toMatchObject({ status: "pendingAuthentication" });
  return syncId;
}

const type = (code: unknown, user: string) =>
  typeCode(app.signInPlace, { user_code: String((code as Body)["userCode"]), user });

/** Goes on with a tenant in which nobody has signed in. */
async function newTenant(number: number): Promise<void> {
  tenantId = `1111111${number}-2222-4333-8444-555555555555`;
  await app.makeFleet(tenantId, 2);
  await app.call("POST", "/api/v1/tenants", { body: { tenantId, displayName: "Contoso" } });
  const first = await start();
  if (first["outcome"] !== "succeeded") throw new Error(JSON.stringify(first));
}

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "authentication-"));
  app = await startApp({ MUSTER_KEY_FILE: join(home, "keys.json") });
  trust(app.signInPlace);
  await newTenant(1);
}, 90_000);
afterAll(async () => {
  await app.stop();
  rmSync(home, { recursive: true });
});

describe("what only a person may write", () => {
  it("is left out where somebody says so, and the sync is partial", async () => {
    const syncId = await waitsForUser("PT1H");
    const before = await writes();
    const answer = await post(`/syncs/${syncId}/authentication/continue-without-user`);
    expect(answer.status, JSON.stringify(answer.body)).toBe(202);
    const ended = await rests(syncId);
    expect(ended).toMatchObject({ outcome: "partial", deployed: { done: 0, skipped: 1 } });
    expect(await get("/sync-status")).toMatchObject({ status: "partiallySucceeded" });
    expect(await writes()).toEqual(before);
  }, 60_000);

  it("is written by whoever signs in, once, and nobody has to say that it may go on", async () => {
    const syncId = await waitsForUser("PT2H");
    const before = (await writes()).length;
    const path = `/syncs/${syncId}/authentication`;
    expect(await get(path), "looking begins nothing").not.toHaveProperty("code");
    const first = (await post(`${path}/new-code`)).body as Body;
    expect(first, JSON.stringify(first)).toMatchObject({
      types,
      permissions: expect.arrayContaining(["RoleManagementPolicy.ReadWrite.Directory"]),
      roles: [["Privileged Role Administrator"]],
      code: { userCode: expect.any(String), verificationUri: app.signInPlace.home.devicePage },
    });
    expect(await get(path), "the same code again").toEqual(first);

    // An account without the role is refused in words, and the time goes on.
    await type(first["code"], "member@contoso.example");
    let second = await get(path);
    for (let tries = 0; tries < 150 && second["words"] === undefined; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      second = await get(path);
    }
    expect(second["words"]).toMatch(
      /member@contoso\.example lacks .*Privileged Role Administrator/,
    );
    expect(second["waitsUntil"]).toBe(first["waitsUntil"]);

    const renewed = (await post(`${path}/new-code`)).body as Body;
    expect(renewed["waitsUntil"]).toBe(first["waitsUntil"]);
    expect((renewed["code"] as Body)["userCode"]).not.toBe((first["code"] as Body)["userCode"]);
    await type(renewed["code"], operator);
    const ended = await until(syncId, ({ outcome }) => outcome !== undefined);
    expect(ended, JSON.stringify(ended)).toMatchObject({
      outcome: "succeeded",
      deployed: { done: 1, failed: 0, skipped: 0 },
    });
    const made = (await writes()).slice(before);
    expect(made, JSON.stringify(made)).toEqual([
      expect.objectContaining({ method: "PATCH", userId: expect.any(String) }),
    ]);
    expect(await get("/sync-status")).toMatchObject({ status: "idle" });
    expect(
      (await app.call("GET", `/api/v1/tenants/${tenantId}${path}`)).status,
      "nothing waits any more",
    ).toBe(409);
    const trail = (await get("/audit?operation=sync-sign-in")) as { value?: Body[] };
    expect(trail.value?.map(({ outcome }) => outcome)).toEqual(["allowed", "refused"]);
  }, 90_000);
});

describe("in a tenant where nobody has signed in", () => {
  it("a browser comes back, and the sync goes on; the second time nothing is said", async () => {
    await newTenant(2);
    const syncId = await waitsForUser("PT3H");
    const begun = (await post(`/syncs/${syncId}/authentication/browser`)).body as { url: string };
    const { back } = await visit(begun.url, { user: operator });
    const page = await fetch(back.to);
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining(operator)]);
    expect(await until(syncId, ({ outcome }) => outcome !== undefined)).toMatchObject({
      outcome: "succeeded",
      deployed: { done: 1 },
    });
    expect((await fetch(back.to)).status).toBe(404);
  }, 60_000);

  it("a browser that comes back after the sync went on without it is told so, and who signed in is in the trail", async () => {
    await newTenant(5);
    const syncId = await waitsForUser("PT6H");
    const path = `/syncs/${syncId}/authentication`;
    const begun = (await post(`${path}/browser`)).body as { url: string };
    const { back } = await visit(begun.url, { user: operator });
    expect((await post(`${path}/continue-without-user`)).status).toBe(202);
    const page = await fetch(back.to);
    expect([page.status, await page.text()]).toEqual([
      400,
      expect.stringContaining(`${operator} is signed in for the next syncs`),
    ]);
    expect(await rests(syncId)).toMatchObject({ outcome: "partial" });
    const { value } = (await get("/audit?operation=sync-sign-in")) as { value?: Body[] };
    expect(value).toMatchObject([{ outcome: "allowed", actor: { name: operator } }]);
  }, 60_000);

  it("whoever declines ends the sync, and the row shows what it showed before", async () => {
    await newTenant(3);
    const syncId = await waitsForUser("PT4H");
    const { code } = (await post(`/syncs/${syncId}/authentication/new-code`)).body as Body;
    const user_code = String((code as Body)["userCode"]);
    await typeCode(app.signInPlace, { user_code, answer: "cancel" });
    expect(await until(syncId, ({ outcome }) => outcome !== undefined)).toMatchObject({
      outcome: "cancelled",
      remark: expect.stringContaining("declined"),
    });
    expect(await get("/sync-status")).toMatchObject({ status: "idle" });
  }, 60_000);

  it("a policy that blocks the sign-in is an error, and the warning had said so", async () => {
    await newTenant(4);
    const added = await sandbox("POST", "/configuration/conditionalAccessPolicy", {
      displayName: "No codes",
      state: "enabled",
      conditions: {
        users: { includeUsers: ["All"], excludeGroups: [] },
        applications: { includeApplications: ["All"] },
        authenticationFlows: { transferMethods: "deviceCodeFlow,authenticationTransfer" },
      },
      grantControls: { operator: "OR", builtInControls: ["block"] },
    });
    expect(added.status).toBe(201);
    await post("/syncs", { mode: "exportOnly", types: ["conditionalAccessPolicy"] });
    for (let tries = 0; tries < 100; tries += 1) {
      if ((await get("/sync-status"))["activeSyncId"] === undefined) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const syncId = await waitsForUser("PT5H");
    expect((await get(`/syncs/${syncId}/authentication`))["warning"]).toContain("No codes");
    const shown = (await post(`/syncs/${syncId}/authentication/new-code`)).body as Body;
    expect(shown["warning"]).toContain("The policy No codes blocks it");
    await app.sandbox("PUT", "/behaviour", { tenantId, signIn: "blocked" });
    await type(shown["code"], operator);
    expect(await until(syncId, ({ outcome }) => outcome !== undefined)).toMatchObject({
      outcome: "failed",
    });
    expect(await get("/sync-status")).toMatchObject({ status: "newError" });
    expect(await get(`/syncs/${syncId}/error`)).toMatchObject({
      code: "sign-in-blocked",
      cause: expect.stringContaining("AADSTS53003"),
    });
  }, 60_000);
});

describe("a browser", () => {
  it("that brings no state of ours is told so, whatever else it brings", async () => {
    const path = "/api/v1/callbacks/sign-in?state=guess&code=x&tenant=y";
    const answer = await app.call("GET", path, { anonymous: true });
    expect(answer.status).toBe(404);
    expect(answer.headers.get("content-type")).toContain("text/html");
    const { value } = (await app.call("GET", "/api/v1/audit?operation=callbacks-sign-in")).body as {
      value: Body[];
    };
    expect(value.slice(0, 1)).toMatchObject([
      { actor: { kind: "anonymous" }, outcome: "refused", step: "callback" },
    ]);
  });
});
