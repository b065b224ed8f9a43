/** Who signs in may be somebody unwanted: a sign-in service that answers as it is told. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, it, test } from "vitest";
import { type SignInParts, UserAccounts } from "../../../shared/identity/accounts.ts";
import { beginDeviceCode, pollDeviceCode } from "../../../shared/identity/device-code.ts";
import { startEntra, type TokenAnswer } from "./entra.ts";
import { privilegedRoles, type SignInRig, signInRig } from "./sign-in-rig.ts";

let rig: SignInRig;
let entra: Awaited<ReturnType<typeof startEntra>>;
let tenantId: string;
beforeAll(async () => {
  rig = await signInRig();
  entra = await startEntra();
});
beforeEach(() => {
  tenantId = randomUUID();
});
afterAll(async () => {
  await entra.stop();
  await rig.stop();
});

const role = String(privilegedRoles[0]?.templateId);
const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const jwt = (claims: object): string => `${encoded({ alg: "none" })}.${encoded(claims)}.c2ln`;

/** Tokens of somebody; `over` replaces parts of the answer. */
function tokens(claims: Readonly<Record<string, unknown>>, over: object = {}, access: object = {}) {
  const id = { oid: "o1", tid: tenantId, preferred_username: "u@x.example", ver: "2.0", ...claims };
  return {
    token_type: "Bearer",
    expires_in: 3_599,
    access_token: jwt({ tid: tenantId, ...access }),
    id_token: jwt(id),
    refresh_token: "refresh-me",
    scope: "x",
    client_info: encoded({ uid: "o1", utid: tenantId }),
    ...over,
  };
}

const given = {
  user_code: "ABC",
  device_code: "d",
  verification_uri: "https://x",
  expires_in: 900,
};
const parts = (): Promise<SignInParts> => rig.freshParts({ authorityUrl: entra.url });

/** Begins, and makes one slice in which the service answers so. */
async function slice(answer: TokenAnswer) {
  entra.answer({ status: 200, body: { ...given, interval: 5, message: "m" } });
  const begun = await beginDeviceCode(await parts(), rig.requestFor({ id: tenantId }));
  if (begun.kind !== "begun") throw new Error(JSON.stringify(begun));
  entra.answer(answer);
  rig.pass(5_000);
  const end = await pollDeviceCode(await parts(), tenantId, begun.code.signInId);
  return { end, signInId: begun.code.signInId };
}
const nobody = async (): Promise<void> => {
  expect(await new UserAccounts(await parts()).of(tenantId)).toBeUndefined();
  const { blobs } = await parts();
  expect(await blobs.deletePrefix(`token-cache/${tenantId}`, () => false)).toBe(true);
};

it("somebody of another tenant is refused with both named, and nothing is kept", async () => {
  const other = randomUUID();
  const { end } = await slice({ status: 200, body: tokens({ tid: other, wids: [role] }) });
  expect(end).toMatchObject({ kind: "refused", why: "wrongTenant" });
  expect(JSON.stringify(end)).toContain(other);
  await nobody();
});

test.each([
  ["the ID token's", { wids: [role.toUpperCase()] }, {}, "signedIn"],
  ["the access token's", {}, { wids: [role] }, "signedIn"],
  ["nobody's", {}, {}, "refused"],
  ["the ID token's, which say less than the other's", { wids: [] }, { wids: [role] }, "refused"],
  ["no list", { wids: role }, {}, "refused"],
])("roles are %s word", async (_whose, claims, access, kind) => {
  expect((await slice({ status: 200, body: tokens(claims, {}, access) })).end.kind).toBe(kind);
});

test.each([
  ["a refresh token", { refresh_token: undefined }],
  ["who it was", { client_info: undefined, id_token: jwt({ tid: "" }) }],
  ["an ID token", { id_token: "x" }],
])("without %s nothing is kept, and no tokens are asked for again", async (_what, over) => {
  const { end, signInId } = await slice({ status: 200, body: tokens({ wids: [role] }, over) });
  expect(["ended", "refused"]).toContain(end.kind);
  await nobody();
  expect(await pollDeviceCode(await parts(), tenantId, signInId)).toEqual(end);
});

test.each([
  ["a gateway's page", { status: 200, body: "<html>" }],
  ["somebody else's JSON", { status: 200, body: { ok: true } }],
  ["a list", { status: 200, body: [] }],
  ["a page of an error", { status: 502, body: "<html>" }],
  ["an error's JSON that is not OAuth's", { status: 400, body: { message: "no" } }],
  ["a redirect", { status: 307, body: {}, location: "https://127.0.0.1:9/" }],
  ["a refusal with a status of its own trouble", { status: 503, body: { error: "expired_token" } }],
] as const)("%s in place of tokens may pass", async (_what, answer) => {
  expect((await slice(answer)).end.kind).toBe("pending");
});

test.each([
  ["expired_token", [70_020], "expired"],
  ["expired_token", [], "expired"],
  ["authorization_declined", [], "declined"],
  ["access_denied", [], "blocked"],
  ["bad_verification_code", [70_018], "failed"],
  ["invalid_grant", [54_005], "failed"],
  ["invalid_client", [7_000_218], "failed"],
] as const)("%s %j is the end", async (error, error_codes, why) => {
  const body = { error, error_codes, error_description: "words" };
  const { end } = await slice({ status: 400, body });
  const code = error_codes.length === 0 ? error : `AADSTS${error_codes[0]}`;
  expect(end).toMatchObject(
    error === "bad_verification_code" ? { kind: "ended", why } : { kind: "ended", why, code },
  );
});

it("a loop that the service has found is left alone for five minutes, which is the deadline's end", async () => {
  const body = { error: "invalid_grant", error_codes: [50_196], error_description: "loop" };
  const { end } = await slice({ status: 400, body });
  expect(end).toMatchObject({ kind: "pending", afterSeconds: expect.any(Number) });
  expect((end as { afterSeconds: number }).afterSeconds).toBeGreaterThan(160);
});

it("a wait that the service asks for is waited, and no request goes out before", async () => {
  const retry = { status: 429, body: { error: "temporarily_unavailable" } };
  const { signInId } = await slice(retry);
  const before = entra.requests.length;
  expect((await pollDeviceCode(await parts(), tenantId, signInId)).kind).toBe("pending");
  expect(entra.requests).toHaveLength(before);
});
