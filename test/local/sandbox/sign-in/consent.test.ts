/** The page of admin consent: in a terminal and in a real browser, and what the app may do afterwards. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chromiumPath, launchChromium } from "../../../support/chromium.ts";
import { startTestSandbox, type TestSandbox, type TestTenant } from "../support.ts";
import { claimsOf, post, trust } from "./person.ts";

const back = "http://localhost:7071/api/v1/callbacks/consent";
const graph = "https://graph.microsoft.com";
const all = { scope: `${graph}/.default` };
let sandbox: TestSandbox;
let tenant: TestTenant;

beforeAll(async () => {
  sandbox = await startTestSandbox();
  trust(sandbox);
  tenant = await sandbox.tenant({ roles: [] });
});
afterAll(() => sandbox.stop());

function page(over: Readonly<Record<string, string>> = {}): string {
  const asked = { client_id: sandbox.clientId, ...all, redirect_uri: back, state: "once", ...over };
  const query = new URLSearchParams(asked).toString();
  return `${sandbox.authorityUrl}/${tenant.id}/v2.0/adminconsent?${query}`;
}

async function answer(url: string, given: string): Promise<URLSearchParams> {
  const body = new URLSearchParams({ answer: given });
  const { headers } = await fetch(url, { method: "POST", body, redirect: "manual" });
  return new URL(headers.get("location") ?? "http://nowhere").searchParams;
}

const roles = async (): Promise<unknown> =>
  claimsOf((await sandbox.token(tenant.id)).body["access_token"])["roles"];

describe("an administrator", () => {
  it("who declines is sent back with the reason, and nothing is granted", async () => {
    const given = await answer(page(), "cancel");
    expect(given.get("error")).toBe("access_denied");
    expect(given.get("error_description")).toMatch(/^AADSTS65004/);
    expect([given.get("admin_consent"), given.get("state")]).toEqual(["True", "once"]);
    expect(await roles()).toBeUndefined();
  });

  it("who accepts grants what the app is registered for, from the next token on", async () => {
    const given = await answer(page(), "accept");
    expect(Object.fromEntries(given)).toEqual({
      admin_consent: "True",
      tenant: tenant.id,
      scope: all.scope,
      state: "once",
    });
    expect(await roles()).toContain("Policy.ReadWrite.ConditionalAccess");
  });

  it("can consent to a permission in somebody's name alone", async () => {
    const scope = `${graph}/RoleManagementPolicy.ReadWrite.Directory`;
    const ask = () =>
      post(sandbox, "devicecode", { client_id: sandbox.home.signInClientId, scope }, tenant.id);
    await sandbox.control("POST", `/tenants/${tenant.id}/consent`, {
      withdrawScopes: ["RoleManagementPolicy.ReadWrite.Directory"],
    });
    expect((await ask()).body).toMatchObject({ error_codes: [65_001] });
    await answer(page({ scope }), "accept");
    expect((await ask()).status).toBe(200);
  });

  it.for([
    { client_id: "9f2f4ad6-0000-4000-8000-000000000000" },
    { redirect_uri: "https://evil.example" },
  ])("is told what is wrong with %j", async (over) => {
    expect((await fetch(page(over))).status).toBe(400);
  });
});

it("a form of another site is not an administrator's answer", async () => {
  const body = new URLSearchParams({ answer: "accept" });
  const headers = { origin: "https://evil.example" };
  const refused = await fetch(page(), { method: "POST", body, headers, redirect: "manual" });
  expect(refused.status).toBe(400);
});

describe.skipIf(chromiumPath === undefined)("in a real browser", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser.close());

  it("shows the permissions, and comes back to the app with a click", async () => {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const tab = await context.newPage();
    await tab.route(`${back}**`, (route) => route.fulfill({ body: "back" }));
    await tab.goto(page());
    expect(await tab.getByRole("listitem").allTextContents()).toContain("Policy.Read.All");
    await tab.getByRole("button", { name: "Accept" }).click();
    await tab.waitForURL(`${back}**`);
    expect(new URL(tab.url()).searchParams.get("admin_consent")).toBe("True");
    await context.close();
  });
});
