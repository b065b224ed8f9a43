/**
 * The first ten minutes in a real browser: somebody signs in, sends a scan to what a filter finds, watches the bar, opens
 * what failed, sends it again, and sees it done. What the pages say is what the API says.
 */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { chromiumPath, launchChromium } from "../support/chromium.ts";
import { type RunningMuster, startMuster } from "../support/start-muster.ts";

type Body = Readonly<Record<string, unknown>>;

const tenantId = "5b5b5b5b-1111-4222-8333-444444444444";
const patience = 60_000;

describe.skipIf(chromiumPath === undefined)("devices and notifications in Chromium", () => {
  let muster: RunningMuster;
  let browser: Browser;
  let page: Page;
  const wrong: string[] = [];

  const sandbox = async (method: string, path: string, body: Body): Promise<void> => {
    const answer = await fetch(`${muster.sandboxUrl}/_sandbox/${path}`, {
      method,
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(await answer.text());
  };
  const api = async (path: string, body?: Body): Promise<Body> => {
    const answer = await fetch(`${muster.url}/api/v1/${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        Authorization: `Bearer ${muster.adminToken}`,
        "Content-Type": "application/json",
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return (await answer.json()) as Body;
  };
  const at = (path: string): string => `${muster.url}/console/tenants/${tenantId}/${path}`;
  const sum = () => page.locator("[data-sum]");

  beforeAll(async () => {
    [muster, browser] = await Promise.all([
      startMuster({ MUSTER_SAMPLE: "off", MUSTER_CONFIRM_AFTER_SECONDS: "1" }),
      launchChromium(),
    ]);
    await sandbox("POST", "tenants", { tenantId, displayName: "Fabrikam", devices: 400, seed: 7 });
    await sandbox("PUT", "behaviour", { tenantId, failRate: 0.1, failsOnce: true });
    await api("tenants", { tenantId, displayName: "Fabrikam" });
    const { refreshId } = await api(`tenants/${tenantId}/devices/refresh`, {});
    await vi.waitUntil(
      async () =>
        (await api(`tenants/${tenantId}/refreshes/${String(refreshId)}`))["final"] === true,
      { timeout: patience, interval: 100 },
    );
    page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
    page.on("pageerror", ({ message }) => wrong.push(message));
    page.on("console", (message) => {
      if (message.type() === "error") wrong.push(message.text());
    });
    await page.goto(at("devices?os=Windows"));
    await page.locator('input[value="full@muster.example"]').check();
    await page.locator("form button").first().click();
    await page.getByRole("row").nth(3).waitFor();
  }, 120_000);
  afterAll(async () => {
    await browser.close();
    await muster.stop();
  });

  it("all that a filter finds is sent a scan once, and what failed is sent again", async () => {
    await page.getByRole("button", { name: "Choose all that match" }).click();
    await page.getByRole("button", { name: "Endpoint Protection" }).click();
    await page.getByRole("menuitem", { name: "Quick scan" }).click();
    const would = page.locator("[data-dry-run]");
    await would.waitFor();
    const reached = Number(await would.getAttribute("data-dry-run"));
    await page.getByRole("button", { name: /^Send to/ }).dblclick();
    await sum().filter({ hasText: "Finished" }).waitFor({ timeout: patience });
    const sent = (await api(`tenants/${tenantId}/notifications`))["value"] as {
      notificationId: string;
      counts: Record<string, number>;
    }[];
    const [first] = sent;
    expect(sent).toHaveLength(1);
    const { total, done, failed } = first?.counts ?? {};
    expect(total).toBe(reached);
    expect(failed).toBeGreaterThan(0);
    const parts = await page
      .getByRole("main")
      .locator("[data-count]")
      .evaluateAll((all) =>
        all.map((each) => [
          each.getAttribute("data-state"),
          Number(each.getAttribute("data-count")),
        ]),
      );
    expect(parts).toEqual([
      ["done", done],
      ["failed", failed],
    ]);

    await page.getByRole("link", { name: `${failed} Failed` }).click();
    await page.locator("[data-reason=device-reported-failure]").waitFor();
    await page.getByRole("button", { name: "Send again" }).click();
    await page.getByRole("button", { name: /^Send to/ }).dblclick();
    await page.waitForURL((url) => !url.pathname.endsWith(String(first?.notificationId)));
    await sum()
      .filter({ hasText: `all ${failed} devices` })
      .waitFor({ timeout: patience });
    const now = (await api(`tenants/${tenantId}/notifications`))["value"] as Body[];
    expect(now).toHaveLength(2);
    expect(now[0]).toMatchObject({ retryOf: first?.notificationId, state: "completed" });
    await page.getByRole("link", { name: "Repeats an earlier one" }).click();
    await page.getByRole("link", { name: /^Sent again/ }).waitFor();
  }, 120_000);

  it("a list of any length has few rows in the page, and its menu opens by the keyboard", async () => {
    await page.goto(at("devices"));
    await page.getByRole("row").nth(3).waitFor();
    const { value } = await api(`tenants/${tenantId}/devices?top=1000`);
    const all = String((value as Body[]).length + 1);
    // Each page is read when the end of the one before comes near.
    const scrolled = async (): Promise<string | null> => {
      await page.locator("main").evaluate((main) => main.scrollTo(0, main.scrollHeight));
      return page.getByRole("grid").getAttribute("aria-rowcount");
    };
    await expect.poll(scrolled, { timeout: patience, interval: 200 }).toBe(all);
    expect(await page.getByRole("row").count()).toBeLessThan(60);
    await page.locator("main").evaluate((main) => main.scrollTo(0, 0));
    await page.getByRole("row").nth(1).getByRole("link").focus();
    await page.keyboard.press("Shift+F10");
    await page.getByRole("menuitem", { name: "Open" }).click();
    await page.getByRole("heading", { name: "History" }).waitFor();
  }, 60_000);

  it("a rule says what it finds while it is written, and the collection has these members", async () => {
    await page.goto(at("collections?window=new"));
    await page.getByLabel("Name").fill("Windows");
    const found = page.locator("[data-found]");
    await found.waitFor();
    const count = await found.getAttribute("data-found");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    const members = page.locator("[data-members]");
    await members.waitFor();
    expect(await members.getAttribute("data-members")).toBe(count);
    expect(wrong).toEqual([]);
  }, 60_000);
});
