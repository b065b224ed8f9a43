/** Signing in with a browser: real MSAL, a real provider, and callbacks that nobody may be believed in. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserAccounts } from "../../../shared/identity/accounts.ts";
import {
  beginBrowserSignIn,
  finishBrowserSignIn,
} from "../../../shared/identity/browser-sign-in.ts";
import { beginDeviceCode, withdrawSignIn } from "../../../shared/identity/device-code.ts";
import { type CallbackQuery, type SignInRequest } from "../../../shared/identity/user-sign-in.ts";
import { tableNames } from "../../../shared/storage/names.ts";
import { cookieBrowser, visit } from "../../local/sandbox/sign-in/person.ts";
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
const callback = "http://localhost:7071/api/v1/callbacks/sign-in";

const begin = async (over: Partial<SignInRequest> = {}, where: TestTenant = tenant) =>
  beginBrowserSignIn(await rig.freshParts(), rig.requestFor(where, over), callback);
const finish = async (query: CallbackQuery) => finishBrowserSignIn(await rig.freshParts(), query);
const accountOf = async (where: TestTenant = tenant) =>
  new UserAccounts(await rig.freshParts()).of(where.id);

/** A person goes there and answers; what their browser then brings back. */
async function person(url: string, form: Readonly<Record<string, string>> = operator) {
  const { given } = await visit(url, form, cookieBrowser());
  return Object.fromEntries(given);
}

describe("a browser that comes back", () => {
  it("signs the person in, for the tenant and the one who asked", async () => {
    const { url, signInId } = await begin();
    expect(new URL(url).searchParams.get("code_challenge_method")).toBe("S256");
    const query = await person(url);
    expect(await finish(query)).toEqual({
      end: {
        kind: "signedIn",
        account: expect.objectContaining({ tenantId: tenant.id, upn: operator.user }),
        directoryRoles: expect.any(Array),
        warnings: [],
      },
      for: { tenantId: tenant.id, askedBy: "user/one", reference: "sync-1", signInId },
    });
    expect((await accountOf())?.upn).toBe(operator.user);
  });

  it("does so once: the second time nothing is said of how the first went", async () => {
    const { url } = await begin();
    const query = await person(url);
    const both = await Promise.all([finish(query), finish(query), finish(query)]);
    expect(both.filter(({ end }) => end.kind === "signedIn")).toHaveLength(1);
    for (const again of [await finish(query), ...both.filter(({ end }) => end.kind !== "signedIn")])
      expect(again).toEqual({ end: expect.objectContaining({ code: "unknown-sign-in" }) });
  });

  it("does so once, also for two workers that have both found it unused", async () => {
    const { url } = await begin();
    const query = await person(url);
    const { promise: bothHaveRead, resolve } = Promise.withResolvers<undefined>();
    let reads = 0;
    rig.tap(async (name, call) => {
      const answer = await call();
      if (name === `table.get ${tableNames.signIns}` && reads < 2) {
        reads += 1;
        if (reads === 2) resolve(undefined);
        await bothHaveRead;
      }
      return answer;
    });
    const both = await Promise.all([finish(query), finish(query)]);
    rig.tap((_name, call) => call());
    const codes = both.map(({ end }) => ("code" in end ? end.code : end.kind));
    expect(codes.toSorted()).toEqual(["signedIn", "unknown-sign-in"]);
  });

  it("after the person cancelled ends as declined", async () => {
    const { url } = await begin();
    expect((await finish(await person(url, { answer: "cancel" }))).end).toMatchObject({
      kind: "ended",
      why: "declined",
      code: "AADSTS65004",
    });
  });

  it("with an account that lacks the roles is refused, and another one may try", async () => {
    const fresh = await rig.tenant();
    const first = await begin({ roles: [exchangeRoles] }, fresh);
    expect((await finish(await person(first.url))).end).toMatchObject({
      kind: "refused",
      why: "rolesMissing",
    });
    expect(await accountOf(fresh)).toBeUndefined();
    const second = await begin({}, fresh);
    expect((await finish(await person(second.url))).end.kind).toBe("signedIn");
  });

  it.each([
    ["after a quarter of an hour", 3_600_000, 15 * 60_000],
    ["after the deadline of the one who asked", 60_000, 60_000],
  ])("%s comes too late", async (_when, deadlineMs, passMs) => {
    const { url } = await begin({ deadline: rig.clock.now() + deadlineMs });
    const query = await person(url);
    rig.pass(passMs);
    expect((await finish(query)).end).toMatchObject({ kind: "ended", why: "expired" });
  });

  it("after it was given up is not let in", async () => {
    const { url, signInId } = await begin();
    const query = await person(url);
    await withdrawSignIn(await rig.freshParts(), tenant.id, signInId);
    expect((await finish(query)).end).toMatchObject({ code: "unknown-sign-in" });
  });
});

const hex = (id: string): string => id.replaceAll("-", "");

describe("a callback is not believed", () => {
  it("without a state, with a made-up one, and with one whose tenant was changed", async () => {
    const other = await rig.tenant();
    const { url } = await begin();
    const query = await person(url);
    const state = String(query["state"]);
    const states = [
      undefined,
      "",
      "account",
      `${state}x`,
      state.slice(0, -1),
      state.replace(hex(tenant.id), hex(other.id)),
      `${hex(tenant.id)}.${"A".repeat(43)}`,
      state.replace(".", "/"),
    ];
    for (const made of states)
      expect(await finish({ ...query, state: made }), String(made)).toEqual({
        end: expect.objectContaining({ code: "unknown-sign-in" }),
      });
    expect((await finish(query)).end.kind, "the real one is still good").toBe("signedIn");
  });

  it("with another sign-in's code: it was given for another challenge", async () => {
    const [mine, theirs] = [await begin(), await begin()];
    const [query, other] = [await person(mine.url), await person(theirs.url)];
    expect((await finish({ ...query, code: other["code"] })).end).toMatchObject({
      kind: "ended",
      why: "failed",
    });
  });

  it("with the id of a device's sign-in in place of a state", async () => {
    const begun = await beginDeviceCode(await rig.freshParts(), rig.requestFor(tenant));
    if (begun.kind !== "begun") throw new Error("no code");
    expect((await finish({ state: begun.code.signInId, code: "x" })).end).toMatchObject({
      code: "unknown-sign-in",
    });
  });

  it("when its row was altered", async () => {
    const { url, signInId } = await begin();
    const query = await person(url);
    const { tables } = await rig.freshParts();
    const row = (await rig.stored(tenant.id)).find(({ rowKey }) => rowKey === signInId);
    const columns = { ...row?.columns, sealed: String(row?.columns["sealed"]).slice(0, -4) };
    await tables.put(tableNames.signIns, {
      ...columns,
      partitionKey: tenant.id,
      rowKey: signInId,
    });
    expect((await finish(query)).end).toMatchObject({ code: "unknown-sign-in" });
  });
});

it("neither the state nor the verifier lies in a row", async () => {
  const fresh = await rig.tenant();
  const { url } = await begin({}, fresh);
  const { searchParams } = new URL(url);
  const rows = JSON.stringify(await rig.stored(fresh.id));
  expect(rows).not.toContain(String(searchParams.get("state")));
  expect(rows).not.toContain("verifier");
});
