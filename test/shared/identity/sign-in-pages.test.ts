/** A real browser walks both ways of signing in for a tenant, and comes back to an address like the app's. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { UserAccounts } from "../../../shared/identity/accounts.ts";
import {
  beginBrowserSignIn,
  finishBrowserSignIn,
} from "../../../shared/identity/browser-sign-in.ts";
import { beginDeviceCode } from "../../../shared/identity/device-code.ts";
import type { CallbackQuery } from "../../../shared/identity/user-sign-in.ts";
import type { TestTenant } from "../../local/sandbox/support.ts";
import { chromiumPath, launchChromium } from "../../support/chromium.ts";
import { type SignInRig, signInRig } from "./sign-in-rig.ts";

const callbackPath = "/api/v1/callbacks/sign-in";

const choose = async (page: Page, name: string, button = "Sign in"): Promise<void> => {
  await page.getByRole("radio", { name }).check();
  await page.getByRole("button", { name: button }).click();
};

describe.skipIf(chromiumPath === undefined)("in Chromium, without JavaScript", () => {
  let rig: SignInRig;
  let browser: Browser;
  let app: Server;
  let redirectUri: string;
  let tenant: TestTenant;
  const returned: CallbackQuery[] = [];
  beforeAll(async () => {
    rig = await signInRig();
    browser = await launchChromium();
    app = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? "/", "http://app");
      if (pathname === callbackPath) returned.push(Object.fromEntries(searchParams));
      response.end("You can close this page.");
    });
    await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
    redirectUri = `http://127.0.0.1:${(app.address() as AddressInfo).port}${callbackPath}`;
  });
  beforeEach(async () => {
    returned.length = 0;
    tenant = await rig.tenant({ displayName: "Fabrikam" });
  });
  afterAll(async () => {
    await browser.close();
    app.closeAllConnections();
    app.close();
    await rig.stop();
  });

  const open = async (address: string): Promise<Page> => {
    const context = await browser.newContext({ javaScriptEnabled: false, ignoreHTTPSErrors: true });
    const page = await context.newPage();
    await page.goto(address);
    return page;
  };
  const upn = async () => (await new UserAccounts(await rig.freshParts()).of(tenant.id))?.upn;

  it("somebody types the code that they were shown, and is signed in for their tenant", async () => {
    const begun = await beginDeviceCode(await rig.freshParts(), rig.requestFor(tenant));
    if (begun.kind !== "begun") throw new Error("no code");
    const { userCode, verificationUri, signInId } = begun.code;
    expect(await rig.slice(tenant.id, signInId)).toMatchObject({ kind: "pending" });
    const page = await open(verificationUri);
    await page.getByLabel("Code that the app shows").fill(userCode);
    await choose(page, "Operator of Fabrikam");
    expect(await page.getByRole("status").textContent()).toContain("operator@fabrikam.example");
    expect(await rig.slice(tenant.id, signInId)).toMatchObject({ kind: "signedIn" });
    expect(await upn()).toBe("operator@fabrikam.example");
  });

  it("somebody is sent to the tenant's page and back, and is signed in there", async () => {
    const request = rig.requestFor(tenant);
    const { url } = await beginBrowserSignIn(await rig.freshParts(), request, redirectUri);
    const page = await open(url);
    expect(await page.getByText("Muster sign-in").count()).toBeGreaterThan(0);
    expect(await page.getByRole("radio").count(), "nobody of another directory").toBe(3);
    await choose(page, "Operator of Fabrikam");
    await page.getByText("You can close this page.").waitFor();
    const [query = {}] = returned;
    const { end } = await finishBrowserSignIn(await rig.freshParts(), query);
    expect(end).toMatchObject({ kind: "signedIn", account: { tenantId: tenant.id } });
    expect(await upn()).toBe("operator@fabrikam.example");
  });

  it("somebody without the roles is refused, cancels the next time, and another one gets through", async () => {
    const ends = [];
    for (const [name, button] of [
      ["Member of Fabrikam", "Sign in"],
      ["Operator of Fabrikam", "Cancel"],
      ["Global Administrator of Fabrikam", "Sign in"],
    ] as const) {
      returned.length = 0;
      const request = rig.requestFor(tenant);
      const { url } = await beginBrowserSignIn(await rig.freshParts(), request, redirectUri);
      const page = await open(url);
      await choose(page, name, button);
      await page.getByText("You can close this page.").waitFor();
      const { end } = await finishBrowserSignIn(await rig.freshParts(), returned[0] ?? {});
      ends.push("why" in end ? end.why : end.kind);
    }
    expect(ends).toEqual(["rolesMissing", "declined", "signedIn"]);
    expect(await upn()).toBe("admin@fabrikam.example");
  });
});
