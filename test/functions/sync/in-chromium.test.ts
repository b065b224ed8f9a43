/**
 * A real browser walks what a sync asks of people: the page of consent, the page at which a code is typed, and the
 * sign-in that a browser is sent to and comes back from. Each time the sync goes on by itself.
 */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { trust } from "../../local/sandbox/sign-in/person.ts";
import { chromiumPath, launchChromium } from "../../support/chromium.ts";
import { type RunningApp, startApp } from "../support/running-app.ts";

type Body = Readonly<Record<string, unknown>>;
const types = ["pimRoleSettings"];
const permission = "AuthenticationContext.Read.All";

const signIn = async (page: Page): Promise<void> => {
  await page.getByRole("radio", { name: "Operator of Contoso" }).check();
  await page.getByRole("button", { name: "Sign in" }).click();
};

describe.skipIf(chromiumPath === undefined)("in Chromium", () => {
  let app: RunningApp;
  let browser: Browser;
  beforeAll(async () => {
    [app, browser] = await Promise.all([startApp(), launchChromium()]);
    trust(app.signInPlace);
  }, 90_000);
  afterAll(async () => {
    await browser.close();
    await app.stop();
  });

  /** A tenant that is known, and whose settings of a role somebody can change. */
  async function newTenant(tenantId: string) {
    await app.makeFleet(tenantId, 2);
    await app.call("POST", "/api/v1/tenants", { body: { tenantId, displayName: "Contoso" } });
    const base = `/api/v1/tenants/${tenantId}`;
    const get = async (path: string) => (await app.call("GET", base + path)).body as Body;
    const post = async (path: string, body?: Body) =>
      (await app.call("POST", base + path, body === undefined ? {} : { body })).body as Body;
    const until = async (syncId: unknown, is: (sync: Body) => boolean): Promise<Body> => {
      for (let tries = 0; tries < 400; tries += 1) {
        const sync = await get(`/syncs/${String(syncId)}`);
        if (is(sync)) return sync;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      throw new Error(JSON.stringify(await get(`/syncs/${String(syncId)}`)));
    };
    const start = async (): Promise<Body> => {
      const { syncId } = await post("/syncs", { types });
      return until(syncId, ({ outcome, waitsFor }) => (outcome ?? waitsFor) !== undefined);
    };
    /** Drift, a plan and an approval: what is left to do only a person may do. */
    const waitsForUser = async (): Promise<string> => {
      const path = `/tenants/${tenantId}/configuration/roleManagementPolicy`;
      const { value } = (await app.sandbox("GET", path)).body as {
        value: { id: string; rules: Body[] }[];
      };
      const rules = value[0]?.rules.map((rule) =>
        "maximumDuration" in rule ? { ...rule, maximumDuration: "PT1H" } : rule,
      );
      await app.sandbox("PATCH", `${path}/${value[0]?.id}`, { rules });
      const syncId = String((await start())["syncId"]);
      const { planHash } = await get(`/syncs/${syncId}/plan`);
      await post(`/syncs/${syncId}/approve`, { planHash });
      await until(syncId, ({ waitsFor }) => waitsFor === "user");
      return syncId;
    };
    const ends = (syncId: unknown) => until(syncId, ({ outcome }) => outcome !== undefined);
    return { get, post, start, waitsForUser, ends };
  }

  const open = async (address: unknown): Promise<Page> => {
    const context = await browser.newContext({ javaScriptEnabled: false, ignoreHTTPSErrors: true });
    const page = await context.newPage();
    await page.goto(String(address));
    return page;
  };
  const written = { outcome: "succeeded", deployed: { done: 1, failed: 0, skipped: 0 } };

  it("an administrator consents, and somebody types the code: the same tenant's syncs go on", async () => {
    const tenantId = "11111111-2222-4333-8444-555555555551";
    const { get, post, start, waitsForUser, ends } = await newTenant(tenantId);
    await app.sandbox("POST", `/tenants/${tenantId}/consent`, {
      withdraw: [permission, "AuthenticationContext.ReadWrite.All"],
    });
    const lacking = await start();
    expect(lacking).toMatchObject({ waitsFor: "consent" });
    const consent = await open((await post(`/syncs/${String(lacking["syncId"])}/consent`))["url"]);
    expect(await consent.getByText(permission).count()).toBeGreaterThan(0);
    await consent.getByRole("button", { name: "Accept" }).click();
    await consent.getByText("Thank you").waitFor();
    expect(await ends(lacking["syncId"])).toMatchObject({ outcome: "succeeded", skipped: [] });

    const syncId = await waitsForUser();
    const { code } = await post(`/syncs/${syncId}/authentication/new-code`);
    const { userCode, verificationUri } = code as Body;
    const page = await open(verificationUri);
    await page.getByLabel("Code that the app shows").fill(String(userCode));
    await signIn(page);
    expect(await page.getByRole("status").textContent()).toContain("operator@contoso.example");
    expect(await ends(syncId)).toMatchObject(written);
    expect(await get("/sync-status")).toMatchObject({ status: "idle" });
  }, 60_000);

  it("a browser is sent to the tenant's page and comes back, and the sync goes on", async () => {
    const { get, post, start, waitsForUser, ends } = await newTenant(
      "11111111-2222-4333-8444-555555555552",
    );
    expect(await start()).toMatchObject({ outcome: "succeeded" });
    const syncId = await waitsForUser();
    const { url } = await post(`/syncs/${syncId}/authentication/browser`);
    expect(String(url)).toContain("code_challenge_method=S256");
    const page = await open(url);
    await signIn(page);
    await page.getByText("the sync goes on").waitFor();
    expect(new URL(page.url()).origin).toBe(app.url);
    expect(await ends(syncId)).toMatchObject(written);
    expect(await get("/sync-status")).toMatchObject({ status: "idle" });
  }, 60_000);
});
