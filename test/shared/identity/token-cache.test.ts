/** Keeping sign-ins: what is sealed, what two workers do to each other, and what a token's failure is called. */
import { ContainerClient } from "@azure/storage-blob";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { signInFailure } from "../../../shared/graph/answer.ts";
import type { GraphClient } from "../../../shared/graph/client.ts";
import { NoUserToken, UserAccounts } from "../../../shared/identity/accounts.ts";
import { beginDeviceCode } from "../../../shared/identity/device-code.ts";
import { mergedCaches, TokenCache } from "../../../shared/identity/token-cache.ts";
import type { TestTenant } from "../../local/sandbox/support.ts";
import { storageConnectionString } from "../../support/azurite.ts";
import { type SignInRig, signInRig } from "./sign-in-rig.ts";

let rig: SignInRig;
let tenant: TestTenant;
beforeAll(async () => {
  rig = await signInRig();
});
beforeEach(async () => {
  tenant = await rig.tenant();
  const begun = await beginDeviceCode(await rig.freshParts(), rig.requestFor(tenant));
  if (begun.kind !== "begun") throw new Error("no code");
  await rig.type(tenant.id, begun.code.signInId, { user: "operator@contoso.example" });
  await rig.slice(tenant.id, begun.code.signInId);
});
afterAll(() => rig.stop());

/** The account as a worker has it that has just been started. */
async function account() {
  const found = await new UserAccounts(await rig.freshParts()).of(tenant.id);
  if (found === undefined) throw new Error("nobody has signed in");
  return found;
}
const failureOf = async (trouble: string) => {
  await tenant.behave({ signIn: trouble });
  const error = await (await account()).token(false).catch((thrown: unknown) => thrown);
  await tenant.behave({ signIn: null });
  return error as NoUserToken;
};

describe("a token", () => {
  it("is had again and again by workers that know nothing, each with the latest refresh token", async () => {
    const tokens = [];
    for (let worker = 0; worker < 3; worker += 1) tokens.push(await (await account()).token(false));
    expect(new Set(tokens).size).toBe(3);
  });

  it("is had by many workers at once, though a refresh token is good once", async () => {
    const workers = await Promise.all(Array.from({ length: 5 }, account));
    const tokens = await Promise.all(workers.map((each) => each.token(false)));
    expect(new Set(tokens).size).toBe(5);
    expect(await (await account()).token(false)).toMatch(/^ey/);
  });

  it("is kept in memory until it is refused or ends, and asked for once by many", async () => {
    const own = await account();
    const first = await Promise.all([1, 2, 3].map(() => own.token(false)));
    expect(new Set(first).size).toBe(1);
    expect(await own.token(false)).toBe(first[0]);
    expect(await own.token(true)).not.toBe(first[0]);
  });

  it("lets the Graph client in, as any account does", async () => {
    const asker: Exclude<Parameters<GraphClient["ask"]>[0], string> = await account();
    expect(asker.tenantId).toBe(tenant.id);
  });
});

describe("no token", () => {
  it.each([
    ["revoked", "signInAgain", "refused"],
    ["unused", "signInAgain", "refused"],
    ["tooOld", "signInAgain", "refused"],
    ["secondFactor", "signInAgain", "refused"],
    ["consentMissing", "consent", "refused"],
    ["blocked", "blocked", "refused"],
    ["disabled", "account", "refused"],
    ["busy", "passing", "busy"],
    ["throttled", "passing", "busy"],
    ["cut", "passing", "busy"],
  ])("because of %s means %s, and to the Graph client %s", async (trouble, kind, graphs) => {
    const error = await failureOf(trouble);
    expect(error).toBeInstanceOf(NoUserToken);
    expect(error.refusal.kind).toBe(kind);
    expect(signInFailure(error).kind).toBe(graphs);
    expect(await (await account()).token(false), "afterwards").toMatch(/^ey/);
  });

  it("after the account was forgotten, and nothing of it is left", async () => {
    const before = await account();
    const accounts = new UserAccounts(await rig.freshParts());
    await accounts.remove(tenant.id);
    expect(await accounts.of(tenant.id)).toBeUndefined();
    expect(await rig.stored(tenant.id)).not.toContainEqual(
      expect.objectContaining({ rowKey: "account" }),
    );
    await expect(before.token(true)).rejects.toMatchObject({ refusal: { kind: "signInAgain" } });
    await accounts.remove(tenant.id);
  });

  it("from a cache that was moved from another account, or altered", async () => {
    const { homeAccountId } = await account();
    const { blobs } = await rig.freshParts();
    const path = `token-cache/${tenant.id}/${homeAccountId}`;
    const sealed = String(await blobs.get(path));
    const other = { tenantId: tenant.id, homeAccountId: "somebody.else" };
    const caches = new TokenCache(blobs, (await rig.freshParts()).sealer);
    await blobs.put(`token-cache/${tenant.id}/somebody.else`, sealed);
    const moved = await caches.change(other, async (text) => ({ answer: text }));
    expect(moved).toBeUndefined();
    await blobs.put(path, `${sealed.slice(0, -6)}AAAAAA`);
    await expect((await account()).token(false)).rejects.toMatchObject({
      refusal: { kind: "signInAgain" },
    });
  });
});

const entry = (secret: string, at: number) => ({ secret, lastUpdatedAt: String(at) });

const cache = (tokens: Readonly<Record<string, ReturnType<typeof entry>>>) =>
  JSON.stringify({ Account: {}, RefreshToken: tokens, AccessToken: { a: entry("never", 9) } });

describe("a cache that two write", () => {
  it("is merged once when a lease ran out: nobody's newer token is lost", async () => {
    const { blobs, sealer } = await rig.freshParts();
    const caches = new TokenCache(blobs, sealer);
    const container = new ContainerClient(storageConnectionString(), "muster");
    const owner = { tenantId: tenant.id, homeAccountId: "slow.worker" };
    const put = (text: string) => caches.change(owner, async () => ({ answer: undefined, text }));
    await put(cache({ old: entry("1", 1) }));
    await caches.change(owner, async () => {
      // As if the lease had run out under us: the blob is written by somebody who does not hold it.
      const path = `token-cache/${tenant.id}/slow.worker`;
      const theirs = JSON.stringify({ RefreshToken: { old: entry("3", 3), b: entry("b", 2) } });
      await container.getBlobClient(path).getBlobLeaseClient().breakLease(0);
      await blobs.put(path, await sealer.seal(theirs, ["token-cache", tenant.id, "slow.worker"]));
      return { answer: undefined, text: cache({ old: entry("2", 2), c: entry("c", 2) }) };
    });
    const text = await caches.change(owner, async (kept) => ({ answer: kept }));
    expect(JSON.parse(String(text))).toMatchObject({
      RefreshToken: { old: { secret: "3" }, b: { secret: "b" }, c: { secret: "c" } },
    });
    expect(text).not.toContain("never");
  });

  it("keeps of two entries the one that was written later", () => {
    const one = { Account: {}, AppMetadata: {}, RefreshToken: { a: entry("old", 1) } };
    const other = { Account: {}, AppMetadata: {}, RefreshToken: { a: entry("new", 2) } };
    for (const merged of [mergedCaches(one, other), mergedCaches(other, one)])
      expect(merged.RefreshToken["a"]).toMatchObject({ secret: "new" });
  });
});
