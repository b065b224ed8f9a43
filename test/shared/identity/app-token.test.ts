import { generateKeyPairSync, randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { signIn } from "../../../local/sign-in/device-code.ts";
import { signInFailure } from "../../../shared/graph/answer.ts";
import { appTokens } from "../../../shared/identity/app-token.ts";
import { startEntra } from "./entra.ts";

let entra: Awaited<ReturnType<typeof startEntra>>;
let tokenFor: ReturnType<typeof appTokens>;
const secret = { kind: "secret", clientSecret: "s3cret" } as const;
const options = () => ({
  authorityUrl: entra.url,
  clientId: randomUUID(),
  credential: secret,
  resource: "https://graph.microsoft.com",
});
beforeAll(async () => {
  entra = await startEntra();
});
beforeEach(() => {
  entra.answer(undefined);
  tokenFor = appTokens(options());
});
afterAll(() => entra.stop());

test("a token is asked for once, in the words of the client credentials flow", async () => {
  const tenantId = randomUUID();
  const token = `token 1 of ${tenantId}`;
  expect(await tokenFor(tenantId, false)).toBe(token);
  expect(await tokenFor(tenantId, false)).toBe(token);
  expect(entra.requests).toHaveLength(1);
  expect(entra.requests[0]?.tenantId).toBe(tenantId);
  expect(Object.fromEntries(entra.requests[0]?.form ?? [])).toMatchObject({
    grant_type: "client_credentials",
    scope: expect.stringContaining("https://graph.microsoft.com/.default"),
    client_secret: "s3cret",
  });
});

test("a fresh one is asked for though one is kept, and kept from then on", async () => {
  const tenantId = randomUUID();
  await tokenFor(tenantId, false);
  expect(await tokenFor(tenantId, true)).toBe(`token 2 of ${tenantId}`);
  expect(await tokenFor(tenantId, false)).toBe(`token 2 of ${tenantId}`);
});

test("tenants do not get each other's tokens", async () => {
  const tenants = Array.from({ length: 5 }, () => randomUUID());
  const tokens = await Promise.all(tenants.map((tenantId) => tokenFor(tenantId, false)));
  for (const [at, tenantId] of tenants.entries()) expect(tokens[at]).toContain(`of ${tenantId}`);
  expect(await tokenFor(tenants[0] ?? "", false)).toBe(tokens[0]);
});

const oauth = (status: number, error: string) => ({
  status,
  body: { error, error_description: "AADSTS1: words" },
});
const numbered = { error: "server_error", error_codes: [90_033], error_description: "AADSTS90033" };
test.each([
  ["a wrong secret", oauth(401, "invalid_client"), "refused"],
  ["an app that is not there", oauth(400, "unauthorized_client"), "refused"],
  ["an unknown tenant", oauth(400, "invalid_request"), "refused"],
  ["a busy service", oauth(503, "temporarily_unavailable"), "busy"],
  ["throttling", oauth(429, "invalid_request"), "busy"],
  ["a gateway's page", { status: 502, body: "<html>" }, "busy"],
  ["a page that says all is well", { status: 200, body: "<html>" }, "busy"],
  ["a cut connection", "cut", "busy"],
] as const)("%s is one request, and judged", async (_name, answer, kind) => {
  entra.answer(answer);
  const failure = await tokenFor(randomUUID(), false).catch((error: unknown) => error);
  expect(signInFailure(failure).kind).toBe(kind);
  expect(entra.requests).toHaveLength(1);
});

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const certificate = {
  kind: "certificate",
  thumbprintSha256: "ab".repeat(32),
  privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
} as const;

test.each(
  [301, 302, 303, 307, 308].flatMap((status) =>
    [secret, certificate].map((credential) => ({ status, credential, by: credential.kind })),
  ),
)("a $status carries the app's $by nowhere, and may pass", async ({ status, credential }) => {
  const elsewhere = await startEntra();
  try {
    const location = `${elsewhere.url}/stolen`;
    for (const body of ["<html>", { error: "invalid_client" }, { access_token: "forged" }]) {
      entra.answer({ status, body, location });
      const failure = await appTokens({ ...options(), credential })(randomUUID(), false).then(
        () => "a token",
        (error: unknown) => error,
      );
      expect(signInFailure(failure)).toMatchObject({ kind: "busy" });
      expect(String(failure)).toContain(location);
      expect(entra.requests).toHaveLength(1);
    }
    expect(elsewhere.requests).toEqual([]);
  } finally {
    await elsewhere.stop();
  }
});

test.each(["openid-configuration", "devicecode", "token"])(
  "a person's sign-in is carried nowhere either when the answer to %s redirects",
  async (asked) => {
    const elsewhere = await startEntra();
    try {
      const authority = `${entra.url}/${randomUUID()}`;
      const location = `${elsewhere.url}/stolen`;
      const moved = { status: 307, body: {}, location };
      const metadata = {
        issuer: `${authority}/v2.0`,
        authorization_endpoint: `${authority}/authorize`,
        token_endpoint: `${authority}/token`,
        device_authorization_endpoint: `${authority}/devicecode`,
        jwks_uri: `${authority}/keys`,
      };
      const code = { device_code: "d", user_code: "u", verification_uri: "v", interval: 1 };
      const paths: string[] = [];
      entra.answer((path) => {
        paths.push(path);
        if (path.includes(asked)) return moved;
        const body = path.includes("openid") ? metadata : { ...code, expires_in: 60, message: "m" };
        return { status: 200, body };
      });
      const place = { authority, clientId: randomUUID(), scope: "api://muster/.default" };
      await expect(signIn(place, () => undefined)).rejects.toThrow(
        asked === "openid-configuration" ? "endpoints" : location,
      );
      expect(paths.at(-1)).toContain(asked);
      expect(elsewhere.requests).toEqual([]);
    } finally {
      await elsewhere.stop();
    }
  },
);

test.each([
  ["a busy service", oauth(503, "temporarily_unavailable")],
  ["a busy service that blames the app", oauth(503, "invalid_client")],
  ["throttling", oauth(429, "invalid_request")],
  ["an error of the service with numbers", { status: 500, body: numbered }],
  ["somebody else's JSON", { status: 503, body: { message: "no healthy upstream" } }],
  ["somebody else's JSON that says all is well", { status: 200, body: { ok: true } }],
  ["a list", { status: 503, body: [] }],
] as const)(
  "%s may pass, also the second time, when the library may answer from memory",
  async (_name, answer) => {
    entra.answer(answer);
    const tenantId = randomUUID();
    for (const fresh of [false, false, true]) {
      const failure = await tokenFor(tenantId, fresh).catch((error: unknown) => error);
      expect(signInFailure(failure)).toMatchObject({ kind: "busy" });
    }
  },
);

test("for a while after a 503 the library asks nobody, and its own words are not Entra's", async () => {
  entra.answer(oauth(503, "temporarily_unavailable"));
  const tenantId = randomUUID();
  await expect(tokenFor(tenantId, false)).rejects.toThrow(/./);
  entra.answer(undefined);
  const second = await tokenFor(tenantId, false).catch((error: unknown) => error);
  expect(entra.requests).toEqual([]);
  expect(second).not.toHaveProperty("status", 503);
  expect(signInFailure(second)).toMatchObject({ kind: "busy" });
});

test("after trouble has passed a token is had again", async () => {
  const tenantId = randomUUID();
  entra.answer("cut");
  await expect(tokenFor(tenantId, false)).rejects.toThrow(/./);
  entra.answer(undefined);
  expect(await tokenFor(tenantId, false)).toBe(`token 1 of ${tenantId}`);
});
