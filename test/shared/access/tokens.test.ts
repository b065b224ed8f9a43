import { generateKeyPair } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  maxTokenChars,
  type TokenStep,
  tokenCheck,
  tokenRefusal,
} from "../../../shared/access/sign-in/tokens.ts";
import * as entra from "./entra.ts";

type Directory = Awaited<ReturnType<typeof entra.startDirectory>>;
type Pair = Awaited<ReturnType<Directory["addKey"]>>;

let directory: Directory;
let one: Pair;
let stranger: Pair;

beforeAll(async () => {
  directory = await entra.startDirectory();
  one = await directory.addKey("one");
  stranger = await generateKeyPair("RS256", { extractable: true });
});
afterAll(() => directory.stop());

const rules = (at: Directory, clock = { now: () => entra.now }, cooldownMs = 30_000) => ({
  homeTenantIds: [entra.home],
  audiences: [entra.audience],
  delegatedScope: "Muster.Use",
  appRole: "Muster.Use",
  authorityUrl: at.authorityUrl,
  cooldownMs,
  clock,
});

const bearer = async (token: string | Promise<string>) => `Bearer ${await token}`;
const people = (changes: object = {}) => ({ ...entra.delegated(directory.issuer), ...changes });
const apps = (changes: object = {}) => ({ ...entra.appOnly(directory.issuer), ...changes });
const without = (name: string) => {
  const { [name]: _, ...rest } = people() as Record<string, unknown>;
  return rest;
};
const seconds = entra.now / 1000;

describe("who is let in", () => {
  test("a person with a delegated token is a user with their groups", async () => {
    const group = "55555555-5555-4555-8555-555555555555";
    const token = entra.sign(people({ groups: [group.toUpperCase()] }), one, "one");
    expect(await tokenCheck(rules(directory))(await bearer(token))).toEqual({
      kind: "caller",
      caller: {
        kind: "user",
        oid: entra.person,
        tid: entra.home,
        appId: entra.client,
        name: "ana@contoso.example",
        groups: [group],
        groupsComplete: true,
        scopes: ["openid", "Muster.Use"],
        roles: [],
      },
    });
  });

  test("an app with its own token is an app", async () => {
    const verdict = await tokenCheck(rules(directory))(
      await bearer(entra.sign(apps(), one, "one")),
    );
    expect(verdict).toMatchObject({
      caller: { kind: "app", oid: entra.robot, roles: ["Muster.Use"], scopes: [] },
    });
  });

  test.each([{ _claim_names: { groups: "src1" } }, { hasgroups: true }, { hasgroups: "true" }])(
    "a list of groups that does not fit into the token is said to be: %j",
    async (more) => {
      const token = entra.sign(people(more), one, "one");
      const verdict = await tokenCheck(rules(directory))(await bearer(token));
      expect(verdict).toMatchObject({ caller: { groups: [], groupsComplete: false } });
    },
  );

  test.each([
    ["expired less than the tolerance ago", { exp: seconds - 30 }],
    ["valid from less than the tolerance ahead", { nbf: seconds + 30 }],
  ])("a token %s passes", async (_name, changes) => {
    const verdict = await tokenCheck(rules(directory))(
      await bearer(entra.sign(people(changes), one, "one")),
    );
    expect(verdict.kind).toBe("caller");
  });
});

const attacks: readonly (readonly [string, TokenStep, () => Promise<string | null>])[] = [
  ["no token", "missing", async () => null],
  ["an empty header", "missing", async () => " "],
  ["another scheme", "scheme", async () => "Basic YTpi"],
  ["two tokens", "scheme", async () => "Bearer a.b.c d.e.f"],
  ["something that is no token", "malformed", async () => "Bearer hello"],
  ["three parts of nonsense", "malformed", async () => "Bearer a.b.c"],
  ["an oversized token", "oversized", async () => `Bearer ${"a".repeat(maxTokenChars)}`],
  ["an expired one", "expired", () => bearer(sign({ exp: seconds - 61 }))],
  ["one from the future", "not-yet-valid", () => bearer(sign({ nbf: seconds + 61 }))],
  ["another audience", "audience", () => bearer(sign({ aud: "https://graph.microsoft.com" }))],
  ["another issuer", "issuer", () => bearer(sign({ iss: "https://evil.example/v2.0" }))],
  ["another tenant's", "directory", () => bearer(sign({ tid: entra.client }))],
  ["another tenant's issuer", "issuer", () => bearer(sign({ iss: `${directory.issuer}x` }))],
  ["the wrong key under a known name", "signature", () => bearer(forge("one"))],
  ["a key nobody published", "unknown-key", () => bearer(forge("two"))],
  ["alg none", "algorithm", async () => `Bearer ${entra.unsigned(people(), "none")}`],
  ["alg NONE", "algorithm", async () => `Bearer ${entra.unsigned(people(), "NONE")}`],
  [
    "RS256 without a signature",
    "signature",
    async () => `Bearer ${entra.unsigned(people(), "RS256")}`,
  ],
  [
    "HMAC with the public key",
    "algorithm",
    () => bearer(entra.signWithPublicKeyAsSecret(people(), one)),
  ],
  ["changed claims", "signature", () => bearer(withOtherClaims())],
  ["no lifetime", "claims", () => bearer(entra.sign(without("exp"), one, "one"))],
  ["no begin", "claims", () => bearer(entra.sign(without("nbf"), one, "one"))],
  ["no object id", "claims", () => bearer(entra.sign(without("oid"), one, "one"))],
  ["no tenant", "claims", () => bearer(entra.sign(without("tid"), one, "one"))],
  ["an ID token", "claims", () => bearer(entra.sign(without("azp"), one, "one"))],
  ["a delegated token without our scope", "consent", () => bearer(sign({ scp: "User.Read" }))],
  ["a scope that only begins like ours", "consent", () => bearer(sign({ scp: "Muster.UseLess" }))],
  [
    "an app token without our role",
    "consent",
    () => bearer(entra.sign(apps({ roles: [] }), one, "one")),
  ],
  [
    "a person's token that lost its scp",
    "claims",
    () => bearer(entra.sign(without("scp"), one, "one")),
  ],
  ["an app that claims a scp", "claims", () => bearer(sign({ idtyp: "app" }))],
];

const sign = (changes: object) => entra.sign(people(changes), one, "one");
const forge = (kid: string) => entra.sign(people(), stranger, kid);
async function withOtherClaims(): Promise<string> {
  const [header, , signature] = (await sign({})).split(".");
  const payload = Buffer.from(JSON.stringify(people({ oid: entra.robot }))).toString("base64url");
  return `${header}.${payload}.${signature}`;
}

describe("who is not", () => {
  test.each(attacks)("%s fails at the step %s", async (_name, step, header) => {
    const verdict = await tokenCheck(rules(directory))(await header());
    expect(verdict).toEqual({ kind: "refused", step });
    expect(tokenRefusal(step).ok).toBe(false);
  });

  test("a token that chooses its own algorithm costs no request", async () => {
    const before = { ...directory.requests };
    const fresh = tokenCheck(rules(directory));
    await fresh(`Bearer ${entra.unsigned(people(), "none")}`);
    await fresh(await bearer(entra.signWithPublicKeyAsSecret(people(), one)));
    expect(directory.requests).toEqual(before);
  });

  test("a stranger's directory is never asked for anything", async () => {
    const before = { ...directory.requests };
    await tokenCheck(rules(directory))(await bearer(sign({ tid: entra.client })));
    expect(directory.requests).toEqual(before);
  });
});

describe("keys", () => {
  test("rotate without a restart", async () => {
    const own = await entra.startDirectory();
    const old = await own.addKey("old");
    const check = tokenCheck(rules(own, { now: () => entra.now }, 0));
    const claims = entra.delegated(own.issuer);
    expect((await check(await bearer(entra.sign(claims, old, "old")))).kind).toBe("caller");
    const next = await own.addKey("next");
    own.dropKey("old");
    expect((await check(await bearer(entra.sign(claims, next, "next")))).kind).toBe("caller");
    expect(await check(await bearer(entra.sign(claims, old, "old")))).toMatchObject({
      step: "unknown-key",
    });
    await own.stop();
  });

  test("are not read again for each unknown one", async () => {
    const own = await entra.startDirectory();
    const known = await own.addKey("known");
    const check = tokenCheck(rules(own));
    const claims = entra.delegated(own.issuer);
    await check(await bearer(entra.sign(claims, known, "known")));
    for (let n = 0; n < 20; n += 1)
      await check(await bearer(entra.sign(claims, stranger, `made-up-${n}`)));
    expect(own.requests).toEqual({ metadata: 1, keys: 1 });
    await own.stop();
  });

  test("that cannot be read let nobody in, and are read again after a while", async () => {
    const own = await entra.startDirectory();
    const known = await own.addKey("known");
    let now = entra.now;
    const check = tokenCheck(rules(own, { now: () => now }));
    const token = await bearer(entra.sign(entra.delegated(own.issuer), known, "known"));
    own.break(true);
    expect(await check(token)).toMatchObject({ step: "keys-unavailable" });
    own.break(false);
    expect(await check(token)).toMatchObject({ step: "keys-unavailable" });
    now += 6000;
    expect((await check(token)).kind).toBe("caller");
    await own.stop();
  });
});

test("what a refused caller is told names neither keys nor issuers", () => {
  for (const [, step] of attacks) {
    const refusal = tokenRefusal(step);
    expect(refusal.ok ? "" : refusal.failure.detail).not.toMatch(/http|kid|RS256|issuer|audience/i);
  }
});

test.each(["missing", "scheme", "expired", "audience", "signature", "consent"] as const)(
  "a caller refused for %s is told what to do",
  (step) => {
    const refusal = tokenRefusal(step);
    expect(refusal.ok ? "" : refusal.failure.detail).toMatch(
      /npm run --silent sign-in|Ask for its scope/,
    );
  },
);
