/** Signing people in by device code: the real MSAL, and every way in which it can go wrong. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestSandbox, type TestSandbox } from "../support.ts";
import { apiScope, askForCode, claimsOf, msalApp, poll, post, trust, typeCode } from "./person.ts";

let sandbox: TestSandbox;
beforeAll(async () => {
  sandbox = await startTestSandbox();
  trust(sandbox);
});
afterAll(() => sandbox.stop());

const analyst = "analyst@muster.example";
const userNamed = (name: string) => sandbox.home.users.find(({ userName }) => userName === name);

const groupsOf = async (user: string) => {
  const { body } = await askForCode(sandbox);
  await typeCode(sandbox, { user_code: String(body["user_code"]), user });
  return claimsOf((await poll(sandbox, body["device_code"])).body["access_token"])["groups"];
};

describe("with the real MSAL", () => {
  it("gives a token that says who signed in, and can be renewed silently", async () => {
    const app = msalApp(sandbox);
    const scopes = [apiScope(sandbox)];
    const signedIn = await app.acquireTokenByDeviceCode({
      scopes,
      deviceCodeCallback: ({ userCode, message, verificationUri }) => {
        expect(verificationUri).toBe(`${sandbox.url}/devicelogin`);
        expect(message).toContain(
          `open the page ${verificationUri} and enter the code ${userCode}`,
        );
        void typeCode(sandbox, { user_code: userCode, user: analyst });
      },
    });
    const claims = claimsOf(signedIn?.accessToken);
    expect(claims).toMatchObject({
      aud: sandbox.clientId,
      iss: `${sandbox.authorityUrl}/${sandbox.home.tenantId}/v2.0`,
      tid: sandbox.home.tenantId,
      oid: userNamed(analyst)?.id,
      azp: sandbox.home.signInClientId,
      azpacr: "0",
      scp: "Muster.Use",
      preferred_username: analyst,
      name: "Read-only Analyst",
      ver: "2.0",
    });
    expect(Object.keys(claims)).toEqual(expect.arrayContaining(["uti", "nbf", "iat", "exp"]));
    expect(claims).not.toHaveProperty("roles");
    expect(claims["sub"]).not.toBe(claims["oid"]);
    expect(signedIn?.account?.username).toBe(analyst);
    if (!signedIn?.account) throw new Error("MSAL knows nobody");
    const { account } = signedIn;
    const again = await app.acquireTokenSilent({ account, scopes, forceRefresh: true });
    expect(again.fromCache).toBe(false);
    expect(claimsOf(again.accessToken)).toMatchObject({ oid: claims["oid"], scp: "Muster.Use" });
  });

  it("is told when the person cancels", async () => {
    const waiting = msalApp(sandbox).acquireTokenByDeviceCode({
      scopes: [apiScope(sandbox)],
      deviceCodeCallback: ({ userCode }) =>
        void typeCode(sandbox, { user_code: userCode, answer: "cancel" }),
    });
    await expect(waiting).rejects.toMatchObject({
      message: expect.stringContaining("authorization_declined"),
    });
  });

  it("asks for everything that was consented to with /.default", async () => {
    const signedIn = await msalApp(sandbox).acquireTokenByDeviceCode({
      scopes: [`${sandbox.home.api.identifier}/.default`],
      deviceCodeCallback: ({ userCode }) =>
        void typeCode(sandbox, { user_code: userCode, user: analyst }),
    });
    expect(claimsOf(signedIn?.accessToken)["scp"]).toBe("Muster.Use");
  });
});

it("a token names the person's groups, where there are any", async () => {
  expect(await groupsOf("newcomer@muster.example")).toEqual(
    userNamed("newcomer@muster.example")?.groups,
  );
  expect(await groupsOf(analyst)).toBeUndefined();
});

describe("polling", () => {
  it("is pending until the person has answered", async () => {
    const { body } = await askForCode(sandbox);
    expect(body).toMatchObject({ expires_in: 900, interval: 1 });
    expect(body["user_code"]).toMatch(/^[A-Z]{9}$/);
    expect(await poll(sandbox, body["device_code"])).toMatchObject({
      status: 400,
      body: { error: "authorization_pending", error_codes: [70_016] },
    });
  });

  it("faster than the interval is told to slow down, and a patient one goes on", async () => {
    const { body } = await askForCode(sandbox);
    const code = body["device_code"];
    const burst = await Promise.all([1, 2, 3].map(() => poll(sandbox, code)));
    expect(burst.map(({ status }) => status)).toEqual([400, 400, 400]);
    expect(burst.map((answer) => answer.body["error"])).toContain("slow_down");
    await sleep(1_000);
    expect((await poll(sandbox, code)).body["error"]).toBe("authorization_pending");
  });

  it("gives tokens once: the second time it takes the refresh token back as well", async () => {
    const { body } = await askForCode(sandbox);
    await typeCode(sandbox, { user_code: String(body["user_code"]), user: analyst });
    const first = await poll(sandbox, body["device_code"]);
    expect(first).toMatchObject({ status: 200, body: { token_type: "Bearer", expires_in: 3_599 } });
    const second = await poll(sandbox, body["device_code"]);
    expect(second).toMatchObject({
      status: 400,
      body: { error: "invalid_grant", error_codes: [54_005] },
    });
    const renewed = await post(sandbox, "token", {
      client_id: sandbox.home.signInClientId,
      grant_type: "refresh_token",
      refresh_token: String(first.body["refresh_token"]),
    });
    expect(renewed).toMatchObject({ status: 400, body: { error_codes: [70_000] } });
  });

  it("takes the name that the standard gives the grant too", async () => {
    const { body } = await askForCode(sandbox);
    const grant_type = "urn:ietf:params:oauth:grant-type:device_code";
    const answer = await poll(sandbox, body["device_code"], { grant_type });
    expect(answer.body["error"]).toBe("authorization_pending");
  });

  it("for a code that was never given out, or in another directory, is a bad code", async () => {
    const unknown = {
      status: 400,
      body: { error: "bad_verification_code", error_codes: [70_018] },
    };
    expect(await poll(sandbox, "made-up")).toMatchObject(unknown);
    const customer = await sandbox.tenant();
    const { body } = await askForCode(sandbox);
    const form = {
      client_id: sandbox.home.signInClientId,
      grant_type: "device_code",
      device_code: String(body["device_code"]),
    };
    expect(await post(sandbox, "token", form, customer.id)).toMatchObject(unknown);
  });
});

describe("an expired code", () => {
  it("gives no token, and the page says so", async () => {
    const hasty = await startTestSandbox({ deviceCodeSeconds: 1 });
    trust(hasty);
    const { body } = await askForCode(hasty);
    await sleep(2_000);
    expect(await typeCode(hasty, { user_code: String(body["user_code"]), user: analyst })).toEqual({
      status: 400,
      text: "That code has expired. Start again in the app.\n",
    });
    expect(await poll(hasty, body["device_code"])).toMatchObject({
      status: 400,
      body: { error: "expired_token", error_codes: [70_020] },
    });
    await hasty.stop();
  });
});

describe("asking for a code", () => {
  const strange = "99999999-5555-4555-8555-555555555555";
  it.for([
    ["an unknown app", { client_id: strange }, "unauthorized_client", 700_016],
    [
      "an app that has to prove itself",
      { client_id: "11111111-1111-4111-8111-111111111111" },
      "invalid_client",
      7_000_218,
    ],
    ["no API", { scope: "openid profile" }, "invalid_scope", 70_011],
    ["an unknown API", { scope: "api://other/Use" }, "invalid_resource", 500_011],
    [
      "a permission that the API has not",
      { scope: "api://11111111-1111-4111-8111-111111111111/Muster.Rule" },
      "invalid_client",
      650_053,
    ],
    [
      "two APIs at once",
      {
        scope:
          "api://11111111-1111-4111-8111-111111111111/Muster.Use https://graph.microsoft.com/User.Read",
      },
      "invalid_request",
      28_000,
    ],
  ] as const)("with %s is refused as Entra does", async ([, form, error, code]) => {
    const answer = await askForCode(sandbox, form);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.body).toMatchObject({ error, error_codes: [code] });
    expect(answer.body["error_description"]).toMatch(new RegExp(`^AADSTS${code}: `));
  });

  it("in an unknown directory, or in one where the app is not registered, is refused", async () => {
    const form = { client_id: sandbox.home.signInClientId, scope: apiScope(sandbox) };
    const nowhere = await post(sandbox, "devicecode", form, strange);
    expect(nowhere.body).toMatchObject({ error: "invalid_request", error_codes: [90_002] });
    const customer = await sandbox.tenant();
    const { clientId } = sandbox.home.automation;
    const other = { ...form, client_id: clientId };
    const elsewhere = await post(sandbox, "devicecode", other, customer.id);
    expect(elsewhere.body["error_codes"]).toEqual([700_016]);
  });

  it("the answer carries the id that the caller traces by", async () => {
    const id = "99999999-1111-4222-8333-444444444444";
    const answer = await askForCode(sandbox, { client_id: strange, "client-request-id": id });
    expect(answer.body["correlation_id"]).toBe(id);
  });
});

it("the directory's metadata name every address", async () => {
  const at = `${sandbox.authorityUrl}/${sandbox.home.tenantId}`;
  const answer = await fetch(`${at}/v2.0/.well-known/openid-configuration`);
  expect(await answer.json()).toMatchObject({
    issuer: `${at}/v2.0`,
    authorization_endpoint: `${at}/oauth2/v2.0/authorize`,
    device_authorization_endpoint: `${at}/oauth2/v2.0/devicecode`,
    token_endpoint: `${at}/oauth2/v2.0/token`,
    jwks_uri: `${at}/discovery/v2.0/keys`,
  });
});

it("nothing of the provider's own shows beside Entra's addresses", async () => {
  const at = `${sandbox.authorityUrl}/${sandbox.home.tenantId}`;
  for (const path of [
    "/device",
    "/session/end/confirm",
    "/request",
    "/.well-known/openid-configuration",
  ])
    expect((await fetch(at + path)).status, path).toBe(404);
});
