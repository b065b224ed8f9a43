/** Signing in by device code in slices: real MSAL, a real provider, and a worker of its own for every slice. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tokenFailures } from "../../../local/sandbox/behaviour.ts";
import { UserAccounts } from "../../../shared/identity/accounts.ts";
import {
  beginDeviceCode,
  deviceCodeOf,
  pollDeviceCode,
  withdrawSignIn,
} from "../../../shared/identity/device-code.ts";
import type { SignInRequest } from "../../../shared/identity/user-sign-in.ts";
import { tableNames } from "../../../shared/storage/names.ts";
import { claimsOf } from "../../local/sandbox/sign-in/person.ts";
import type { TestTenant } from "../../local/sandbox/support.ts";
import { exchangeRoles, type SignInRig, signInRig } from "./sign-in-rig.ts";

let rig: SignInRig;
let tenant: TestTenant;
beforeAll(async () => {
  rig = await signInRig();
  tenant = await rig.tenant();
});
afterAll(() => rig.stop());

const operator = { user: "operator@contoso.example" };

async function begin(over: Partial<SignInRequest> = {}, where: TestTenant = tenant) {
  const begun = await beginDeviceCode(await rig.freshParts(), rig.requestFor(where, over));
  if (begun.kind !== "begun") throw new Error(JSON.stringify(begun));
  return begun.code;
}
const accountOf = async (where: TestTenant = tenant) =>
  new UserAccounts(await rig.freshParts()).of(where.id);

const withoutSeals = (name: string, value: unknown) => (name === "sealed" ? "" : value);

describe("a person who types the code", () => {
  it("is signed in by whichever worker asks next, and the account gives tokens for Graph", async () => {
    const code = await begin();
    expect(code.verificationUri).toBe(`${rig.sandbox.url}/devicelogin`);
    expect(code.message).toContain(code.userCode);
    expect(await rig.slice(tenant.id, code.signInId)).toEqual({
      kind: "pending",
      afterSeconds: expect.any(Number),
    });
    expect(await deviceCodeOf(await rig.freshParts(), tenant.id, code.signInId)).toEqual(code);
    await rig.type(tenant.id, code.signInId, operator);
    const end = await rig.slice(tenant.id, code.signInId);
    expect(end).toMatchObject({
      kind: "signedIn",
      account: { tenantId: tenant.id, upn: operator.user },
      warnings: [],
    });
    const account = await accountOf();
    expect(claimsOf(await account?.token(false))).toMatchObject({
      tid: tenant.id,
      scp: "RoleManagementPolicy.ReadWrite.Directory",
      preferred_username: operator.user,
    });
    expect(await rig.slice(tenant.id, code.signInId), "asked again").toEqual(end);
  });

  it("leaves nothing readable: no code, no token, neither in rows nor in blobs nor in answers", async () => {
    const code = await begin();
    const waiting = JSON.stringify(await rig.stored(tenant.id));
    expect(waiting).not.toContain(code.userCode);
    await rig.type(tenant.id, code.signInId, operator);
    const end = await rig.slice(tenant.id, code.signInId);
    const after = JSON.stringify([await rig.stored(tenant.id), end], withoutSeals);
    const { blobs } = await rig.freshParts();
    const account = await accountOf();
    const blob = await blobs.get(`token-cache/${tenant.id}/${account?.homeAccountId}`);
    expect(blob?.toString()).toMatch(/^muster1(\.[\w-]+){4}$/);
    expect(after).not.toMatch(/eyJ|refresh_token|device_code|secret/);
  });

  it("with only the roles that are missing is refused in words, and nothing is kept", async () => {
    const fresh = await rig.tenant();
    const first = await begin({ roles: [exchangeRoles] }, fresh);
    await rig.type(fresh.id, first.signInId, operator);
    expect(await rig.slice(fresh.id, first.signInId)).toMatchObject({
      kind: "refused",
      why: "rolesMissing",
      words: expect.stringContaining("Exchange Administrator"),
    });
    expect(await accountOf(fresh)).toBeUndefined();
    const { blobs } = await rig.freshParts();
    expect(await blobs.deletePrefix(`token-cache/${fresh.id}`, () => false)).toBe(true);
    const second = await begin({}, fresh);
    await rig.type(fresh.id, second.signInId, operator);
    expect(
      await rig.slice(fresh.id, second.signInId),
      "a new code, in the same window",
    ).toMatchObject({
      kind: "signedIn",
    });
  });

  it("as a Global Administrator is taken for every role, with a warning", async () => {
    const fresh = await rig.tenant();
    const { signInId } = await begin({ roles: [exchangeRoles] }, fresh);
    await rig.type(fresh.id, signInId, { user: "admin@contoso.example" });
    expect(await rig.slice(fresh.id, signInId)).toMatchObject({
      kind: "signedIn",
      warnings: [expect.stringContaining("Global Administrator")],
    });
  });

  it("replaces whoever had signed in before, whose tokens are forgotten", async () => {
    const fresh = await rig.tenant();
    const caches = [];
    for (const user of ["admin@contoso.example", operator.user]) {
      const { signInId } = await begin({}, fresh);
      await rig.type(fresh.id, signInId, { user });
      await rig.slice(fresh.id, signInId);
      const account = await accountOf(fresh);
      expect(account?.upn).toBe(user);
      caches.push(`token-cache/${fresh.id}/${account?.homeAccountId}`);
    }
    const { blobs } = await rig.freshParts();
    const there = await Promise.all(
      caches.map(async (path) => (await blobs.get(path)) !== undefined),
    );
    expect(there).toEqual([false, true]);
  });
});

describe("a sign-in ends", () => {
  it("when the person cancels", async () => {
    const { signInId } = await begin();
    await rig.type(tenant.id, signInId, { answer: "cancel" });
    expect(await rig.slice(tenant.id, signInId)).toMatchObject({
      kind: "ended",
      why: "declined",
      code: "AADSTS65004",
      refusal: { error: "authorization_declined", codes: [65_004] },
    });
    expect(await deviceCodeOf(await rig.freshParts(), tenant.id, signInId)).toBeUndefined();
  });

  it("when a policy blocks it, whatever the library makes of that", async () => {
    const { signInId } = await begin();
    await rig.type(tenant.id, signInId, operator);
    await tenant.behave({ signIn: "blocked" });
    const end = await rig.slice(tenant.id, signInId);
    await tenant.behave({ signIn: null });
    expect(end).toMatchObject({
      kind: "ended",
      why: "blocked",
      code: "AADSTS53003",
      words: expect.stringContaining("sign in with a browser"),
      refusal: { error: "invalid_grant", suberror: "message_only", codes: [53_003] },
    });
  });

  it("at the deadline of whoever asked, though the code itself lasts longer", async () => {
    const deadline = rig.clock.now() + 180_000;
    const { signInId, expiresAt } = await begin({ deadline });
    expect(expiresAt).toBe(deadline);
    await rig.type(tenant.id, signInId, operator);
    rig.pass(180_000);
    expect(await rig.slice(tenant.id, signInId)).toMatchObject({ kind: "ended", why: "expired" });
  });

  it("when it is given up, also while a slice asks", async () => {
    const fresh = await rig.tenant();
    const { signInId } = await begin({}, fresh);
    await rig.type(fresh.id, signInId, operator);
    rig.pass(6_000);
    let isFirst = true;
    rig.tap(async (name, call) => {
      const answer = await call();
      // Right after the slice has written down that it asks.
      if (isFirst && name === `table.replace ${tableNames.signIns}`) {
        isFirst = false;
        await withdrawSignIn(await rig.freshParts(), fresh.id, signInId);
      }
      return answer;
    });
    const end = await pollDeviceCode(await rig.freshParts(), fresh.id, signInId);
    rig.tap((_name, call) => call());
    expect(end).toMatchObject({ kind: "ended", why: "withdrawn" });
    expect(await accountOf(fresh)).toBeUndefined();
  });

  it("when its answer with the tokens got lost: they are given once", async () => {
    const fresh = await rig.tenant();
    const { signInId } = await begin({}, fresh);
    await rig.type(fresh.id, signInId, operator);
    rig.pass(6_000);
    rig.tap(async (name, call) => {
      if (name === "blob.putIf") throw new Error("the worker dies here");
      return call();
    });
    const dies = pollDeviceCode(await rig.freshParts(), fresh.id, signInId);
    await expect(dies).rejects.toThrow("dies here");
    rig.tap((_name, call) => call());
    expect(await rig.slice(fresh.id, signInId), "its claim still holds").toMatchObject({
      kind: "pending",
    });
    rig.pass(35_000);
    expect(await rig.slice(fresh.id, signInId)).toMatchObject({ kind: "ended", why: "failed" });
  });

  it("when its row was altered, or is another's", async () => {
    const { signInId } = await begin();
    const other = await begin();
    const { tables } = await rig.freshParts();
    const rows = await rig.stored(tenant.id);
    const [mine, theirs] = [signInId, other.signInId].map((id) =>
      rows.find(({ rowKey }) => rowKey === id),
    );
    const columns = { ...mine?.columns, sealed: String(theirs?.columns["sealed"]) };
    await tables.put(tableNames.signIns, {
      ...columns,
      partitionKey: tenant.id,
      rowKey: signInId,
    });
    expect(await rig.slice(tenant.id, signInId)).toMatchObject({
      kind: "ended",
      code: "sealed-state-broken",
    });
    expect(await rig.slice(tenant.id, "device-none")).toMatchObject({ code: "unknown-sign-in" });
    expect(await rig.slice(tenant.id, "account")).toMatchObject({ code: "unknown-sign-in" });
  });
});

const passing = ["slowDown", "busy", "throttled", "cut"] as const;
describe("trouble", () => {
  // MSAL waits a second before it asks, and its time cannot be set forward: they wait together.
  it.concurrent.each(passing)(
    "of the kind %s passes, and the same code is good after it",
    async (trouble) => {
      const own = await rig.tenant();
      const { signInId } = await begin({}, own);
      await own.behave({ signIn: trouble });
      for (let slices = 0; slices < 2; slices += 1) {
        const answer = await rig.slice(own.id, signInId);
        expect(answer).toMatchObject({ kind: "pending" });
        rig.pass(12_000);
      }
      await own.behave({ signIn: null });
      await rig.type(own.id, signInId, operator);
      expect(await rig.slice(own.id, signInId)).toMatchObject({ kind: "signedIn" });
    },
  );

  it("of the kind slow down makes every pause five seconds longer", async () => {
    const { signInId } = await begin();
    await tenant.behave({ signIn: "slowDown" });
    const first = await rig.slice(tenant.id, signInId);
    rig.pass(60_000);
    const second = await rig.slice(tenant.id, signInId);
    await tenant.behave({ signIn: null });
    expect([first, second]).toEqual([
      { kind: "pending", afterSeconds: 6 },
      { kind: "pending", afterSeconds: 11 },
    ]);
  });

  it.each(tokenFailures.filter((each) => !passing.some((one) => one === each)))(
    "of the kind %s ends it",
    async (trouble) => {
      const { signInId } = await begin();
      await tenant.behave({ signIn: trouble });
      const answer = await rig.slice(tenant.id, signInId);
      await tenant.behave({ signIn: null });
      expect(answer).toMatchObject({ kind: "ended", code: expect.stringMatching(/^AADSTS\d+$/) });
    },
  );
});

it("many workers at once ask once", async () => {
  const { signInId } = await begin();
  await rig.type(tenant.id, signInId, operator);
  rig.pass(6_000);
  const answers = await Promise.all(
    Array.from({ length: 6 }, async () =>
      pollDeviceCode(await rig.freshParts(), tenant.id, signInId),
    ),
  );
  expect(answers.filter(({ kind }) => kind === "signedIn")).toHaveLength(1);
  expect(answers.filter(({ kind }) => kind === "pending")).toHaveLength(5);
});

it("a code is not begun for a tenant that does not exist, and the service's words are kept", async () => {
  const nowhere = { id: "99999999-0000-4000-8000-000000000000" };
  const answer = await beginDeviceCode(await rig.freshParts(), rig.requestFor(nowhere));
  expect(answer).toMatchObject({ kind: "ended", why: "failed", code: "AADSTS90002" });
});

it("what ended long ago is cleared away by the next sign-in", async () => {
  const fresh = await rig.tenant();
  const { signInId } = await begin({}, fresh);
  rig.pass(25 * 3_600_000);
  const next = await begin({}, fresh);
  const keys = (await rig.stored(fresh.id)).map(({ rowKey }) => rowKey);
  expect(keys).toEqual([next.signInId]);
  expect(keys).not.toContain(signInId);
});
