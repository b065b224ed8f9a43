import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { signIn } from "../../../local/sign-in/device-code.ts";
import { signInFailure } from "../../../shared/graph/answer.ts";
import { appTokens } from "../../../shared/identity/app-token.ts";
import { startEntra, type TokenAnswer } from "./entra.ts";

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

/** What App Service gives its apps to get their identities' tokens from; answers whom each was asked for, and for what. */
async function startIdentityEndpoint() {
  const asked: (string | null)[][] = [];
  const server = createServer((request, response) => {
    const { searchParams } = new URL(String(request.url), "http://host");
    asked.push([searchParams.get("client_id"), searchParams.get("resource")]);
    const expires_on = String(Math.floor(Date.now() / 1000) + 86_400);
    const token = { access_token: "proof of identity", expires_on, token_type: "Bearer" };
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(token));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  vi.stubEnv("IDENTITY_ENDPOINT", `http://127.0.0.1:${port}/msi/token`);
  vi.stubEnv("IDENTITY_HEADER", "header");
  return {
    asked,
    stop: () => {
      vi.unstubAllEnvs();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

test("a managed identity proves the app, without a secret", async () => {
  const endpoint = await startIdentityEndpoint();
  try {
    const identityClientId = randomUUID();
    const credential = { kind: "identity", identityClientId } as const;
    const tokenOf = appTokens({ ...options(), credential });
    const tenants = [randomUUID(), randomUUID()];
    for (const tenantId of tenants)
      expect(await tokenOf(tenantId, false)).toContain(`of ${tenantId}`);
    expect(endpoint.asked).toEqual([[identityClientId, "api://AzureADTokenExchange"]]);
    expect(entra.requests).toHaveLength(2);
    for (const { form } of entra.requests) {
      expect(form.get("client_assertion")).toBe("proof of identity");
      expect(form.get("client_assertion_type")).toContain("jwt-bearer");
      expect(form.has("client_secret")).toBe(false);
    }
  } finally {
    await endpoint.stop();
  }
});

/** What comes before a person's token: where the endpoints are, and a code that is polled for at once. */
function before(authority: string, path: string) {
  const metadata = {
    issuer: `${authority}/v2.0`,
    authorization_endpoint: `${authority}/authorize`,
    token_endpoint: `${authority}/token`,
    device_authorization_endpoint: `${authority}/devicecode`,
    jwks_uri: `${authority}/keys`,
  };
  const code = { device_code: "d", user_code: "u", verification_uri: "v", interval: 0 };
  const body = path.includes("openid") ? metadata : { ...code, expires_in: 60, message: "m" };
  return { status: 200, body };
}

/** Signs a person in whose polls are answered so, in this order, and then with a token; answers how many there were. */
async function polled(answers: readonly TokenAnswer[]) {
  const authority = `${entra.url}/${randomUUID()}`;
  let polls = 0;
  const word = { token_type: "Bearer", expires_in: 3_599, access_token: "a person's" };
  entra.answer((path) => {
    if (!path.includes("/token")) return before(authority, path);
    polls += 1;
    return answers[polls - 1] ?? { status: 200, body: word };
  });
  const place = { authority, clientId: randomUUID(), scope: "api://muster/.default" };
  const token = await signIn(place, () => undefined, 1).catch((error: unknown) => String(error));
  return { token, polls };
}

const pending = { status: 400, body: { error: "authorization_pending" } };
const passingAnswers = [
  ["a busy service", oauth(503, "temporarily_unavailable")],
  ["throttling", oauth(429, "invalid_request")],
  ["a busy service that blames the app", oauth(503, "invalid_client")],
  ["an error of the service", oauth(400, "server_error")],
  ["a gateway's page", { status: 502, body: "<html>" }],
  ["a page that says all is well", { status: 200, body: "<html>" }],
  ["somebody else's JSON", { status: 200, body: { ok: true } }],
  ["a cut connection", "cut"],
] as const;

test.each([...passingAnswers, ["being too fast", oauth(400, "slow_down")]] as const)(
  "a person's sign-in outlives %s, also again and again between answers",
  async (_name, answer) => {
    const answers = [answer, answer, answer, answer, pending, answer, answer];
    expect(await polled(answers)).toEqual({ token: "a person's", polls: 8 });
  },
);

test.each(passingAnswers)(
  "%s ends a person's sign-in when it does not pass",
  async (_name, answer) => {
    const { token, polls } = await polled(Array.from({ length: 9 }, () => answer));
    expect(token).not.toBe("a person's");
    expect(polls).toBe(5);
  },
);

test.each(["authorization_declined", "expired_token", "bad_verification_code", "invalid_client"])(
  "%s ends a person's sign-in at once",
  async (error) => {
    expect(await polled([pending, oauth(400, error)])).toEqual({
      token: expect.stringContaining(error),
      polls: 2,
    });
  },
);

test.each(["openid-configuration", "devicecode", "token"])(
  "a person's sign-in is carried nowhere either when the answer to %s redirects",
  async (asked) => {
    const elsewhere = await startEntra();
    try {
      const authority = `${entra.url}/${randomUUID()}`;
      const location = `${elsewhere.url}/stolen`;
      const paths: string[] = [];
      entra.answer((path) => {
        paths.push(path);
        return path.includes(asked) ? { status: 307, body: {}, location } : before(authority, path);
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
