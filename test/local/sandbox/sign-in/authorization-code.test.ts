/** Signing people in through a browser: authorization code with PKCE, with the real MSAL beside it. */
import { CryptoProvider } from "@azure/msal-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestSandbox, type TestSandbox } from "../support.ts";
import { apiScope, claimsOf, cookieBrowser, msalApp, post, trust, visit } from "./person.ts";

let sandbox: TestSandbox;
beforeAll(async () => {
  sandbox = await startTestSandbox();
  trust(sandbox);
});
afterAll(() => sandbox.stop());

const redirectUri = "http://localhost:7777";
const operations = "operations@muster.example";

async function pkce() {
  const { verifier, challenge } = await new CryptoProvider().generatePkceCodes();
  const url = await msalApp(sandbox).getAuthCodeUrl({
    scopes: [apiScope(sandbox)],
    redirectUri,
    codeChallenge: challenge,
    codeChallengeMethod: "S256",
    state: "there-and-back",
    prompt: "login",
    loginHint: operations,
  });
  return { verifier, url };
}

const redeem = (code: string, codeVerifier: string) =>
  post(sandbox, "token", {
    client_id: sandbox.home.signInClientId,
    grant_type: "authorization_code",
    redirect_uri: redirectUri,
    code,
    code_verifier: codeVerifier,
  });

describe("a browser", () => {
  it("comes back with a code, for which MSAL gets a token", async () => {
    const { verifier, url } = await pkce();
    const { page, back, given } = await visit(url, { user: operations });
    expect(page.text).toContain("signing in to <strong>Muster sign-in</strong>");
    expect(page.text).toMatch(/value="operations@muster\.example" required checked/);
    expect(back.to.startsWith(`${redirectUri}/?`)).toBe(true);
    expect(given.get("state")).toBe("there-and-back");
    const request = { code: given.get("code") ?? "", redirectUri, scopes: [apiScope(sandbox)] };
    const signedIn = await msalApp(sandbox).acquireTokenByCode({
      ...request,
      codeVerifier: verifier,
    });
    expect(claimsOf(signedIn.accessToken)).toMatchObject({
      preferred_username: operations,
      scp: "Muster.Use",
      aud: sandbox.clientId,
    });
    expect(signedIn.account?.username).toBe(operations);
  });

  it("asks every time, so that the next one can be somebody else", async () => {
    const go = cookieBrowser();
    for (const user of [operations, "partner@muster.example"]) {
      const { verifier, url } = await pkce();
      const { given } = await visit(url, { user }, go);
      const code = given.get("code") ?? "";
      const request = { code, redirectUri, scopes: [apiScope(sandbox)], codeVerifier: verifier };
      const signedIn = await msalApp(sandbox).acquireTokenByCode(request);
      expect(signedIn.account?.username).toBe(user);
    }
  });

  it("comes back without one when the person cancels", async () => {
    const { url } = await pkce();
    const { given } = await visit(url, { answer: "cancel" });
    expect(given.get("error")).toBe("access_denied");
    expect(given.get("code")).toBeNull();
  });

  it("is asked again when nobody was chosen", async () => {
    const { url } = await pkce();
    const { back } = await visit(url, { user: "nobody@muster.example" });
    expect(back.status).toBe(400);
    expect(back.text).toContain("choose one of the users");
  });

  it("cannot go on with a sign-in that another browser began", async () => {
    const { url } = await pkce();
    const asked = await cookieBrowser()(url);
    const stranger = await cookieBrowser()(asked.to);
    expect(stranger.status).toBe(400);
    expect(stranger.text).toContain("started in another browser");
  });

  it("is told when prompt=none cannot be done, because nobody is remembered", async () => {
    const { url } = await pkce();
    const answer = await cookieBrowser()(url.replace("prompt=login", "prompt=none"));
    expect(new URL(answer.to).searchParams.get("error")).toBe("login_required");
  });
});

describe("a code", () => {
  it("is worth nothing without the verifier, and gives tokens once", async () => {
    const { verifier, url } = await pkce();
    const { given } = await visit(url, { user: operations });
    const code = given.get("code") ?? "";
    expect(await redeem(code, "a".repeat(43))).toMatchObject({ body: { error_codes: [70_000] } });
    expect((await redeem(code, verifier)).status).toBe(200);
    expect(await redeem(code, verifier)).toMatchObject({
      status: 400,
      body: { error: "invalid_grant", error_codes: [54_005] },
    });
  });

  it.for([
    [
      "an address that the app has not registered",
      /redirect_uri=[^&]*/,
      "redirect_uri=http%3A%2F%2Fevil.example",
      400,
    ],
    ["an app that is not registered", /client_id=[^&]*/, "client_id=nobody", 400],
    ["an unknown API", /scope=[^&]*/, "scope=api%3A%2F%2Fother%2FUse", 400],
  ] as const)("is not given for %s", async ([, part, instead, status]) => {
    const { url } = await pkce();
    const answer = await cookieBrowser()(url.replace(part, instead));
    expect(answer).toMatchObject({ status, to: "" });
    expect(answer.text).toContain("Sign-in failed");
  });

  it("is not given without a challenge", async () => {
    const { url } = await pkce();
    const bare = url.replace(/&code_challenge(_method)?=[^&]*/g, "");
    expect(new URL((await cookieBrowser()(bare)).to).searchParams.get("error")).toBe(
      "invalid_request",
    );
  });
});
