/** Tokens that must open nothing, each with the step at which it fails. */
import { createHmac } from "node:crypto";
import { exportJWK, exportSPKI, generateKeyPair, type JWTPayload } from "jose";
import {
  appOnly,
  client,
  delegated,
  home,
  robot,
  sign,
  unsigned,
} from "../../../shared/access/entra.ts";
import { adminToken, timesNow } from "../door.ts";
import { type AttackApp, secondHome } from "./app.ts";

type Pair = Awaited<ReturnType<typeof generateKeyPair>>;

/** What bad tokens are made of. */
export type Forge = {
  readonly app: AttackApp;
  /** A key pair that nobody published, and one on an elliptic curve that was. */
  readonly stranger: Pair;
  readonly curve: Pair;
  /** An address of the attacker's. */
  readonly evil: string;
};

export type BadToken = {
  readonly name: string;
  readonly step: string;
  readonly make: (forge: Forge) => Promise<string> | string;
};

const other = "99999999-9999-4999-8999-999999999999";
const graph = "00000003-0000-0000-c000-000000000000";
const seconds = () => Math.floor(Date.now() / 1000);
const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

const person = ({ app }: Forge, changes: object = {}): JWTPayload => ({
  ...delegated(app.directory.issuer),
  ...timesNow(),
  ...changes,
});
const robotOf = ({ app }: Forge, changes: object = {}): JWTPayload => ({
  ...appOnly(app.directory.issuer),
  ...timesNow(),
  ...changes,
});
const without = (claims: JWTPayload, ...names: readonly string[]): JWTPayload =>
  Object.fromEntries(Object.entries(claims).filter(([name]) => !names.includes(name)));

const bad = (name: string, step: string, make: BadToken["make"]): BadToken => ({
  name,
  step,
  make,
});
/** Genuinely signed, with other claims than a caller's. */
const claiming = (name: string, step: string, changes: object | (() => object)) =>
  bad(name, step, (forge) =>
    sign(person(forge, typeof changes === "function" ? changes() : changes), forge.app.key, "one"),
  );
const lacking = (...names: readonly string[]) =>
  bad(`without ${names.join(" and ")}`, "claims", (forge) =>
    sign(without(person(forge), ...names), forge.app.key, "one"),
  );
const ofApp = (name: string, step: string, changes: object) =>
  bad(name, step, (forge) => sign(robotOf(forge, changes), forge.app.key, "one"));
/** Signed by a stranger, whose header says where a key is. */
const pointing = (name: string, step: string, kid: string, header: (forge: Forge) => object) =>
  bad(name, step, async (forge) =>
    sign(person(forge), forge.stranger, kid, "RS256", { ...header(forge) }),
  );

/** Another header over a genuine token's claims and signature. */
async function reheaded(forge: Forge, header: object): Promise<string> {
  const [, claims, signature] = (await sign(person(forge), forge.app.key, "one")).split(".");
  return `${part({ alg: "RS256", kid: "one", typ: "JWT", ...header })}.${claims}.${signature}`;
}

const secrets: readonly (readonly [string, (pair: Pair) => Promise<string>])[] = [
  ["the public key in PEM", async ({ publicKey }) => exportSPKI(publicKey)],
  ["the public key as a JWK", async ({ publicKey }) => JSON.stringify(await exportJWK(publicKey))],
  ["the key's modulus", async ({ publicKey }) => String((await exportJWK(publicKey)).n)],
  ["nothing", async () => ""],
];
const hashed = secrets.flatMap(([name, secretOf]) =>
  ["256", "384", "512"].map((bits) =>
    bad(`HS${bits} with ${name}`, "algorithm", async (forge) => {
      const content = `${part({ alg: `HS${bits}`, kid: "one" })}.${part(person(forge))}`;
      const mac = createHmac(`sha${bits}`, await secretOf(forge.app.key)).update(content);
      return `${content}.${mac.digest("base64url")}`;
    }),
  ),
);

const unsignedOnes = ["none", "None", "NONE", "nOnE", ""].map((alg) =>
  bad(`alg "${alg}"`, "algorithm", (forge) => unsigned(person(forge), alg)),
);

const signatures: readonly BadToken[] = [
  ...unsignedOnes,
  ...hashed,
  bad("no signature", "signature", (forge) => unsigned(person(forge), "RS256")),
  bad("another key under a known name", "signature", (f) => sign(person(f), f.stranger, "one")),
  bad("an unknown key", "unknown-key", (forge) => sign(person(forge), forge.stranger, "two")),
  bad("a published key of a kind that is not taken", "algorithm", (forge) =>
    sign(person(forge), forge.curve, "curve", "ES256"),
  ),
  bad("a signature of another algorithm", "unknown-key", (f) => reheaded(f, { alg: "PS256" })),
  bad("a signature of another length", "unknown-key", (f) => reheaded(f, { alg: "RS512" })),
  bad("an algorithm for curves over an RSA signature", "algorithm", (f) =>
    reheaded(f, { alg: "ES256" }),
  ),
  bad("an algorithm that is a list", "algorithm", (f) => reheaded(f, { alg: ["RS256"] })),
  bad("changed claims", "signature", async (forge) => {
    const [header, , signature] = (await sign(person(forge), forge.app.key, "one")).split(".");
    return `${header}.${part(person(forge, { oid: robot }))}.${signature}`;
  }),
  bad("a critical extension", "malformed", (f) => reheaded(f, { crit: ["x"], x: 1 })),
  bad("a critical claim", "malformed", (f) => reheaded(f, { crit: ["exp"], exp: 1 })),
  bad("claims that are not encoded", "signature", (f) =>
    reheaded(f, { crit: ["b64"], b64: false }),
  ),
  bad("Graph's own kind of header", "signature", (forge) => reheaded(forge, { nonce: "x" })),
];

const addresses: readonly BadToken[] = [
  ...[
    "../../../../dev/null",
    "https://evil.example/key",
    "' or 1=1 --",
    "__proto__",
    "x".repeat(5000),
  ].map((kid) => pointing(`a key called ${kid.slice(0, 30)}`, "unknown-key", kid, () => ({}))),
  ...[1, ["one"], { one: 1 }, null].map((kid) =>
    bad(`a key's name that is ${JSON.stringify(kid)}`, "unknown-key", async (forge) => {
      const [, claims, signature] = (await sign(person(forge), forge.stranger, "one")).split(".");
      return `${part({ alg: "RS256", kid })}.${claims}.${signature}`;
    }),
  ),
  pointing("jku", "signature", "one", ({ evil }) => ({ jku: `${evil}/keys` })),
  pointing("jku and its own key", "unknown-key", "evil", ({ evil }) => ({ jku: `${evil}/keys` })),
  pointing("x5u", "signature", "one", ({ evil }) => ({ x5u: `${evil}/cert` })),
  bad("its own key inside", "signature", async (forge) =>
    sign(person(forge), forge.stranger, "one", "RS256", {
      jwk: { ...(await exportJWK(forge.stranger.publicKey)), kid: "one", alg: "RS256" },
    }),
  ),
  bad("its own certificate inside", "signature", async (forge) => {
    const der = (await exportSPKI(forge.stranger.publicKey)).replaceAll(/-----.*-----|\s/g, "");
    return sign(person(forge), forge.stranger, "one", "RS256", { x5c: [der] });
  }),
  bad("an issuer of the attacker's", "issuer", (forge) =>
    sign(person(forge, { iss: `${forge.evil}/${home}/v2.0` }), forge.app.key, "one"),
  ),
];

const claims: readonly BadToken[] = [
  claiming("expired", "expired", () => ({ exp: seconds() - 120 })),
  claiming("not yet valid", "not-yet-valid", () => ({ nbf: seconds() + 120 })),
  claiming("for another audience", "audience", { aud: "api://other" }),
  claiming("for an audience that begins like ours", "audience", { aud: "api://muster/other" }),
  claiming("for Graph", "audience", { aud: "https://graph.microsoft.com" }),
  claiming("for Graph by its id", "audience", { aud: graph }),
  claiming("of another issuer", "issuer", { iss: "https://evil.example/v2.0" }),
  claiming("of version 1's issuer", "issuer", { iss: `https://sts.windows.net/${home}/` }),
  claiming("of everybody's issuer", "issuer", { iss: "https://login.invalid/{tenantid}/v2.0" }),
  claiming("of another tenant", "directory", { tid: other }),
  claiming("of everybody's tenant", "directory", { tid: "common" }),
  claiming("of personal accounts", "directory", { tid: "9188040d-6c67-4c5b-b112-36a304b66dad" }),
  claiming("of a tenant that is a path", "directory", { tid: `../${home}` }),
  claiming("of a tenant that is a list", "claims", { tid: [home] }),
  bad("of one home tenant, issued by another", "issuer", (forge) =>
    sign(person(forge, { tid: secondHome }), forge.app.key, "one"),
  ),
  bad("issued by one home tenant, of another", "issuer", (forge) => {
    const iss = `${forge.app.directory.authorityUrl}/${secondHome}/v2.0`;
    return sign(person(forge, { iss }), forge.app.key, "one");
  }),
  claiming("of version 1", "claims", { ver: "1.0" }),
  claiming("of version 2 as a number", "claims", { ver: 2 }),
  claiming("of somebody without a proper id", "claims", { oid: "ana" }),
  claiming("whose end is a text", "claims", { exp: "2099-01-01" }),
  claiming("whose begin is a text", "claims", { nbf: "now" }),
  ...["exp", "nbf", "iat", "tid", "oid", "azp", "ver", "iss", "aud", "scp"].map((name) =>
    name === "iss" || name === "aud" ? { ...lacking(name), step: "claims" } : lacking(name),
  ),
];

const consents: readonly BadToken[] = [
  bad("an ID token", "claims", (forge) =>
    sign(without(person(forge, { aud: client, nonce: "n" }), "azp", "scp"), forge.app.key, "one"),
  ),
  claiming("without our scope", "consent", { scp: "openid User.Read" }),
  claiming("with a scope that begins like ours", "consent", { scp: "Muster.UseLess" }),
  claiming("with our scope in another case", "consent", { scp: "muster.use" }),
  claiming("with no scope at all", "consent", { scp: "" }),
  claiming("with a list of scopes", "claims", { scp: ["Muster.Use"] }),
  claiming("with the app's role instead of a scope", "consent", {
    scp: "openid",
    roles: ["Muster.Use"],
  }),
  bad("of a person, with a role and no scope", "claims", (forge) =>
    sign(without(person(forge, { roles: ["Muster.Use"] }), "scp"), forge.app.key, "one"),
  ),
  claiming("of an app that has a scope", "claims", { idtyp: "app" }),
  ofApp("of an app without roles", "consent", { roles: [] }),
  ofApp("of an app with another role", "consent", { roles: ["Muster.UseLess", "muster.use"] }),
  ofApp("of an app whose role is a text", "claims", { roles: "Muster.Use" }),
];

const shapes: readonly BadToken[] = [
  bad("garbage", "malformed", () => "garbage"),
  bad("dots", "malformed", () => ".."),
  bad(
    "five parts",
    "algorithm",
    (f) => `${part({ alg: "RSA-OAEP", enc: "A256GCM" })}.a.${part(person(f))}.c.d`,
  ),
  bad("a header that is no object", "malformed", () => `${part([])}.${part({})}.x`),
  bad("claims that are no object", "malformed", () => `${part({ alg: "RS256" })}.${part("x")}.x`),
  bad("an oversized token", "oversized", () => "x".repeat(14_500)),
  bad("an oversized token that is genuine", "oversized", (f) =>
    sign(person(f, { more: "x".repeat(11_000) }), f.app.key, "one"),
  ),
  bad("the admin token and more", "malformed", () => `${adminToken}b`),
  bad("the admin token but its end", "malformed", () => adminToken.slice(0, -1)),
  bad("the admin token in upper case", "malformed", () => adminToken.toUpperCase()),
  bad("the admin token twice", "scheme", () => `${adminToken} ${adminToken}`),
];

/** All of them. */
export const badTokens: readonly BadToken[] = [
  ...signatures,
  ...addresses,
  ...claims,
  ...consents,
  ...shapes,
];
