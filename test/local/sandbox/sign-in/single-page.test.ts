/** Pages that sign people in: over plain HTTP, where browsers ask for no certificate, and by Entra's rules for pages. */
import { CryptoProvider } from "@azure/msal-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestSandbox, type TestSandbox } from "../support.ts";
import { apiScope, claimsOf, cookieBrowser, msalApp, trust } from "./person.ts";

let sandbox: TestSandbox;
beforeAll(async () => {
  sandbox = await startTestSandbox();
  trust(sandbox);
});
afterAll(() => sandbox.stop());

const page = "http://127.0.0.1:7071";
const redirectUri = `${page}/console/redirect`;
const analyst = "analyst@muster.example";
const plain = (address: string): string => address.replace(sandbox.authorityUrl, sandbox.url);

/** Asks at the plain door, as a page of `origin`, or as a program. */
async function redeem(form: Readonly<Record<string, string>>, origin?: string) {
  const answer = await fetch(`${sandbox.url}/${sandbox.home.tenantId}/oauth2/v2.0/token`, {
    method: "POST",
    headers: origin === undefined ? {} : { origin },
    body: new URLSearchParams({ client_id: sandbox.home.signInClientId, ...form }),
  });
  const body = (await answer.json()) as Readonly<Record<string, unknown>>;
  return {
    status: answer.status,
    body,
    readers: answer.headers.get("access-control-allow-origin"),
  };
}

/** Signs somebody in through the plain door; what a page asks for the tokens with. */
async function signedIn(to = redirectUri): Promise<Record<string, string>> {
  const { verifier, challenge } = await new CryptoProvider().generatePkceCodes();
  const url = await msalApp(sandbox).getAuthCodeUrl({
    scopes: [apiScope(sandbox), "offline_access"],
    redirectUri: to,
    codeChallenge: challenge,
    codeChallengeMethod: "S256",
  });
  const go = cookieBrowser();
  const asked = await go(plain(url));
  expect(asked.to).toContain(`${sandbox.url}/`);
  const answered = await go(asked.to, { user: analyst });
  expect(answered.to).toContain(`${sandbox.url}/`);
  const back = await go(answered.to);
  const code = new URL(back.to).searchParams.get("code") ?? "";
  return { grant_type: "authorization_code", redirect_uri: to, code, code_verifier: verifier };
}

const renewal = (body: Readonly<Record<string, unknown>>) => ({
  grant_type: "refresh_token",
  refresh_token: String(body["refresh_token"]),
  scope: apiScope(sandbox),
});

describe("the plain door", () => {
  it("says what the other one says of the directory, to pages too", async () => {
    const path = `/${sandbox.home.tenantId}/v2.0/.well-known/openid-configuration`;
    const asked = await fetch(sandbox.url + path, { headers: { origin: page } });
    const metadata = (await asked.json()) as Readonly<Record<string, string>>;
    expect(metadata).toEqual(await (await fetch(sandbox.authorityUrl + path)).json());
    expect(asked.headers.get("access-control-allow-origin")).toBe(page);
    const keys = await fetch(plain(String(metadata["jwks_uri"])), { headers: { origin: page } });
    expect(await keys.json()).toMatchObject({ keys: [{ kty: "RSA" }] });
  });

  it("gives browsers cookies that they send back without a certificate", async () => {
    const { challenge } = await new CryptoProvider().generatePkceCodes();
    const url = await msalApp(sandbox).getAuthCodeUrl({
      scopes: [apiScope(sandbox)],
      redirectUri,
      codeChallenge: challenge,
      codeChallengeMethod: "S256",
    });
    const [over, under] = await Promise.all(
      [url, plain(url)].map((address) => fetch(address, { redirect: "manual" })),
    );
    expect(over?.headers.getSetCookie().join()).toMatch(/; secure/i);
    expect(under?.headers.getSetCookie().join()).toMatch(/httponly/i);
    expect(under?.headers.getSetCookie().join()).not.toMatch(/; secure/i);
  });

  it("takes its page's own form, and none of another site's", async () => {
    const { challenge } = await new CryptoProvider().generatePkceCodes();
    const url = await msalApp(sandbox).getAuthCodeUrl({
      scopes: [apiScope(sandbox)],
      redirectUri,
      codeChallenge: challenge,
      codeChallengeMethod: "S256",
    });
    const begun = await fetch(plain(url), { redirect: "manual" });
    const question = new URL(begun.headers.get("location") ?? "", sandbox.url);
    const cookie = begun.headers.getSetCookie().map((line) => line.split(";")[0]);
    const send = (origin: string) =>
      fetch(question, {
        method: "POST",
        redirect: "manual",
        headers: { origin, cookie: cookie.join("; ") },
        body: new URLSearchParams({ user: analyst }),
      });
    expect((await send("https://evil.example")).status).toBe(400);
    expect((await send(sandbox.url)).status).toBe(303);
  });
});

describe("a page", () => {
  it("gets tokens of the same issuer, and may read them", async () => {
    const { status, body, readers } = await redeem(await signedIn(), page);
    expect({ status, readers }).toEqual({ status: 200, readers: page });
    expect(claimsOf(body["access_token"])).toMatchObject({
      iss: `${sandbox.authorityUrl}/${sandbox.home.tenantId}/v2.0`,
      preferred_username: analyst,
    });
  });

  it("renews them with one refresh token, for a day", async () => {
    const { body } = await redeem(await signedIn(), page);
    const again = await redeem(renewal(body), page);
    expect(again).toMatchObject({ status: 200, readers: page });
    expect(again.body["refresh_token"]).toBe(body["refresh_token"]);
  });

  it("is refused what was given to a program, and cannot read why", async () => {
    const form = await signedIn("http://127.0.0.1:7777");
    const answer = await redeem(form, page);
    expect(answer).toMatchObject({ status: 400, readers: null });
    expect(answer.body).toMatchObject({ error: "invalid_request", error_codes: [9_002_326] });
    const { body } = await redeem(form);
    expect((await redeem(renewal(body), page)).body["error_codes"]).toEqual([9_002_326]);
  });

  it("can read why it is refused what was its own", async () => {
    const form = await signedIn();
    await redeem(form, page);
    expect(await redeem(form, page)).toMatchObject({
      readers: page,
      body: { error_codes: [54_005] },
    });
  });
});

describe("a program", () => {
  it("is refused what was given to a page", async () => {
    const form = await signedIn();
    expect((await redeem(form)).body).toMatchObject({ error_codes: [9_002_327] });
    const { body } = await redeem(form, page);
    expect((await redeem(renewal(body))).body).toMatchObject({ error_codes: [9_002_327] });
  });
});
