import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { signInFailure } from "../../../shared/graph/sign-in-failure.ts";
import { appTokens } from "../../../shared/identity/app-token.ts";
import { startEntra } from "./entra.ts";

let entra: Awaited<ReturnType<typeof startEntra>>;
let tokenFor: ReturnType<typeof appTokens>;
beforeAll(async () => {
  entra = await startEntra();
});
beforeEach(() => {
  entra.answer(undefined);
  tokenFor = appTokens({
    authorityUrl: entra.url,
    clientId: randomUUID(),
    credential: { kind: "secret", clientSecret: "s3cret" },
    resource: "https://graph.microsoft.com",
  });
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
