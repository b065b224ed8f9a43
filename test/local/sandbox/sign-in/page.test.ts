/** The page where people type a code: what it says to a terminal, to strangers, and to a real browser. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chromiumPath, launchChromium } from "../../../support/chromium.ts";
import { startTestSandbox, type TestSandbox } from "../support.ts";
import { apiScope, askForCode, claimsOf, msalApp, poll, trust, typeCode } from "./person.ts";

let sandbox: TestSandbox;
beforeAll(async () => {
  sandbox = await startTestSandbox();
  trust(sandbox);
});
afterAll(() => sandbox.stop());

const security = "security@muster.example";

const code = (page: Page) => page.getByLabel("Code that the app shows");
const person = (page: Page, name: string) => page.getByRole("radio", { name });
const button = (page: Page, name: string) => page.getByRole("button", { name });

async function newCode(): Promise<{ readonly device: unknown; readonly user: string }> {
  const { body } = await askForCode(sandbox);
  return { device: body["device_code"], user: String(body["user_code"]) };
}

describe("the page in a terminal", () => {
  it("says whom one can be", async () => {
    const text = await (await fetch(sandbox.home.devicePage)).text();
    for (const { userName } of sandbox.home.users) expect(text).toContain(userName);
  });

  it("says who was signed in, however the code was typed", async () => {
    const { device, user } = await newCode();
    const typed = ` ${user.slice(0, 4).toLowerCase()}-${user.slice(4)} `;
    expect(await typeCode(sandbox, { user_code: typed, user: security.toUpperCase() })).toEqual({
      status: 200,
      text: `You are signed in to Muster sign-in as Security Administrator (${security}). You can close this page.\n`,
    });
    expect((await poll(sandbox, device)).status).toBe(200);
  });

  it("refuses a wrong code, an unknown user and a used code in one sentence", async () => {
    const wrong = await typeCode(sandbox, { user_code: "NOSUCHCDE", user: security });
    expect(wrong).toMatchObject({ status: 400, text: expect.stringContaining("not one of ours") });
    const { user } = await newCode();
    const nobody = await typeCode(sandbox, { user_code: user, user: "me@example.com" });
    expect(nobody).toMatchObject({ status: 400, text: expect.stringContaining("choose one") });
    await typeCode(sandbox, { user_code: user, user: security });
    const again = await typeCode(sandbox, { user_code: user, user: "full@muster.example" });
    expect(again).toMatchObject({ status: 400, text: expect.stringContaining("has been used") });
  });

  it("takes Cancel for a no, and holds to it", async () => {
    const { device, user } = await newCode();
    const cancelled = await typeCode(sandbox, { user_code: user, answer: "cancel" });
    expect(cancelled).toMatchObject({ status: 200, text: expect.stringContaining("cancelled") });
    expect((await typeCode(sandbox, { user_code: user, user: security })).status).toBe(400);
    expect(await poll(sandbox, device)).toMatchObject({
      status: 400,
      body: { error: "authorization_declined", error_codes: [65_004] },
    });
  });
});

describe("the page in a browser", () => {
  it("runs no script, goes into no frame, and shows what was typed as text", async () => {
    const answer = await fetch(sandbox.home.devicePage, {
      method: "POST",
      headers: { accept: "text/html", connection: "close" },
      body: new URLSearchParams({ user_code: '"><script>alert(1)</script>', user: security }),
    });
    const html = await answer.text();
    expect(html).toContain('value="&quot;&gt;&lt;script&gt;');
    expect(html).not.toContain("<script");
    const policy = answer.headers.get("content-security-policy");
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(answer.headers.get("cache-control")).toBe("no-store");
  });

  it("takes no form from another site", async () => {
    const { device, user } = await newCode();
    const form = { user_code: user, user: security };
    const foreign = await typeCode(sandbox, form, { origin: "https://evil.example" });
    expect(foreign).toEqual({ status: 403, text: "This form was sent by another site.\n" });
    expect((await poll(sandbox, device)).body["error"]).toBe("authorization_pending");
    expect((await typeCode(sandbox, form, { origin: sandbox.url })).status).toBe(200);
  });
});

describe.skipIf(chromiumPath === undefined)("in Chromium, without JavaScript", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser.close());

  /** Opens the page the way somebody does who sees only its names and labels. */
  const open = async (address: string): Promise<Page> => {
    const context = await browser.newContext({ javaScriptEnabled: false, ignoreHTTPSErrors: true });
    const page = await context.newPage();
    await page.goto(address);
    return page;
  };
  it("somebody types the code, mends a mistake, chooses a user, and MSAL has the token", async () => {
    const visit = async (address: string, userCode: string): Promise<void> => {
      const page = await open(address);
      expect(await page.getByText("stands in for Microsoft's sign-in").count()).toBe(1);
      await code(page).fill("WRONGCODE");
      await person(page, "Security Administrator").check();
      await button(page, "Sign in").click();
      expect(await page.getByRole("alert").textContent()).toContain("not one of ours");
      expect(await person(page, "Security Administrator").isChecked()).toBe(true);
      await code(page).fill(userCode);
      await page.keyboard.press("Enter");
      await page.getByRole("status").waitFor();
      expect(await page.getByRole("status").textContent()).toContain(security);
    };
    const signedIn = await msalApp(sandbox).acquireTokenByDeviceCode({
      scopes: [apiScope(sandbox)],
      deviceCodeCallback: ({ verificationUri, userCode }) => void visit(verificationUri, userCode),
    });
    expect(claimsOf(signedIn?.accessToken)["preferred_username"]).toBe(security);
  });

  it("somebody cancels without choosing anybody", async () => {
    const { device, user } = await newCode();
    const page = await open(sandbox.home.devicePage);
    await code(page).fill(user);
    await button(page, "Cancel").click();
    expect(await page.getByRole("status").textContent()).toContain("cancelled");
    expect((await poll(sandbox, device)).body["error"]).toBe("authorization_declined");
  });

  it("every user can be chosen by name, and nobody is chosen for them", async () => {
    const page = await open(sandbox.home.devicePage);
    for (const { name } of sandbox.home.users)
      expect(await person(page, name).isChecked(), name).toBe(false);
  });

  it("an app that sends somebody here gets them back with a code", async () => {
    const redirectUri = "http://localhost:7777";
    const url = await msalApp(sandbox).getAuthCodeUrl({
      scopes: [apiScope(sandbox)],
      redirectUri,
      codeChallenge: "b".repeat(43),
      codeChallengeMethod: "S256",
    });
    const page = await open(url);
    await person(page, "Partner").check();
    const left = page.waitForRequest((request) => request.url().startsWith(redirectUri));
    await button(page, "Sign in").click();
    expect(new URL((await left).url()).searchParams.get("code")).toMatch(/^[\w-]{40,}$/);
  });
});
