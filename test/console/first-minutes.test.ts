/**
 * The first ten minutes after `npm start`, in a real browser: somebody signs in, sends a scan to what a filter finds in the
 * sample tenant, watches the bar, opens what failed, sends it again, and sees it done. What the pages say is what the API
 * and the stand-in's ledger say, and the addresses on the way can be reloaded, gone back to and pasted elsewhere. The
 * README's pictures are of these pages: MUSTER_TEST_PICTURES=write makes them anew.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chromiumPath } from "../support/chromium.ts";
import { findings } from "./support/axe.ts";
import { type ConsoleRig, startConsole, type TestTenant } from "./support/rig.ts";

type Body = Readonly<Record<string, unknown>>;

/** The sample tenant, which `npm start` makes. */
const tenantId = "5a5a5a5a-1111-4222-8333-444444444444";
const patience = 90_000;
/** Whom the scan is for: a device fails at what it is asked first, or does it, the same ones in every sample. */
const filter = "os=Windows";
const reached = 3854;
const failed = 66;
/** Those of one place: few enough to be scrolled through. */
const place = "os=Windows&search=OSL";

const pictures = new URL("../../docs/pictures/", import.meta.url);
const maxPictureBytes = 150_000;

/** Width and height stand in a PNG's first chunk. */
const sizeOf = (png: Buffer) => [png.readUInt32BE(16), png.readUInt32BE(20)];

/** A page of which README has a picture: axe finds nothing in it, and it is as large and as full as its picture. */
async function isPictured(page: Page, name: string): Promise<void> {
  await page.mouse.move(0, 0);
  await page.waitForTimeout(300);
  expect(await findings(page)).toEqual([]);
  const file = fileURLToPath(new URL(`${name}.png`, pictures));
  const now = await page.screenshot({ animations: "disabled" });
  if (process.env["MUSTER_TEST_PICTURES"] === "write") writeFileSync(file, now);
  const kept = readFileSync(file);
  expect(kept.length).toBeLessThan(maxPictureBytes);
  expect(sizeOf(kept)).toEqual(sizeOf(now));
  expect(Math.abs(kept.length - now.length) / now.length).toBeLessThan(0.25);
}

describe.skipIf(chromiumPath === undefined)("the first ten minutes in Chromium", () => {
  let rig: ConsoleRig;
  let page: Page;
  let sample: TestTenant;
  let first: Body = {};

  const at = (path: string): string => `${rig.url}/console/tenants/${tenantId}/${path}`;
  const sum = () => page.locator("[data-sum]");
  const notifications = async () => (await sample.get("/notifications"))["value"] as Body[];
  const counts = (notification: Body) => notification["counts"] as Readonly<Record<string, number>>;
  /** Ids of the devices to which the stand-in has brought anything, once for each time. */
  const ledger = async (): Promise<string[]> => {
    const answer = await fetch(`${rig.sandboxUrl}/_sandbox/ledger?tenantId=${tenantId}`);
    return (await answer.text())
      .split("\n")
      .filter(Boolean)
      .map((line) => String((JSON.parse(line) as Body)["deviceId"]));
  };
  const idsOf = async (query: string): Promise<string[]> => {
    const ids: string[] = [];
    for (let token = ""; ; ) {
      const { value, nextLink } = await sample.get(`/devices?${query}&top=1000${token}`);
      ids.push(...(value as Body[]).map(({ deviceId }) => String(deviceId)));
      if (nextLink === undefined) return ids;
      token = `&pageToken=${new URL(nextLink as string).searchParams.get("pageToken")}`;
    }
  };

  beforeAll(async () => {
    rig = await startConsole({ MUSTER_SAMPLE: "on", MUSTER_CONFIRM_AFTER_SECONDS: "1" });
    sample = rig.known(tenantId, "Adatum");
    page = await rig.signedIn("Full Administrator");
  }, 180_000);
  afterAll(() => rig.stop());

  it("after a reload a scan goes once to all that the filter finds, and to nobody else", async () => {
    await page.getByRole("link", { name: "Tenants" }).first().click();
    await page.getByRole("link", { name: "Adatum" }).click();
    await page.goto(at(`devices?${filter}`));
    await page.getByRole("button", { name: "Choose all that match" }).click();
    await page.waitForURL(/to=match/);
    await page.reload();
    await page.locator("[data-chosen=match]").waitFor();
    await page.getByRole("button", { name: "Endpoint Protection" }).click();
    await page.getByRole("menuitem", { name: "Quick scan" }).click();
    const would = page.locator("[data-dry-run]");
    await would.waitFor();
    expect(await would.getAttribute("data-dry-run")).toBe(String(reached));
    await isPictured(page, "send");
    await page.getByRole("button", { name: /^Send to/ }).dblclick();
    await sum().filter({ hasText: "Finished" }).waitFor({ timeout: patience });
    const sent = await notifications();
    expect(sent).toHaveLength(1);
    first = sent[0] ?? {};
    const done = reached - failed;
    expect(counts(first)).toMatchObject({ total: reached, done, failed });
    expect(await sum().innerText()).toBe("Finished: 3,788 done, 66 failed");
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
    const effects = await ledger();
    expect(effects).toHaveLength(reached);
    const may = new Set(await idsOf("operatingSystem=Windows"));
    expect(effects.filter((id) => !may.has(id))).toEqual([]);
    expect(new Set(effects).size).toBe(reached);
  }, 180_000);

  it("what failed is opened, and its address is good after a reload, by going back, and for somebody else", async () => {
    await page.getByRole("link", { name: `${failed} Failed` }).click();
    const reason = page.locator("[data-reason=device-reported-failure]");
    await reason.waitFor();
    await isPictured(page, "notification");
    const address = page.url();
    await page.reload();
    await reason.waitFor();
    await page.goto(at(`devices?${filter}&to=match`));
    await page.locator("[data-chosen=match]").waitFor();
    await page.goBack();
    await reason.waitFor();
    expect(page.url()).toBe(address);
    const other = await rig.signedIn(
      "Read-only Analyst",
      "en",
      address.slice(address.indexOf("/tenants/")),
    );
    await other.locator("[data-reason=device-reported-failure]").waitFor();
    expect(other.url()).toBe(address);
    expect(await other.getByRole("tab", { selected: true }).innerText()).toContain("Failed");
    await other.context().close();
  }, 90_000);

  it("what failed is sent again once, and then all of it is done", async () => {
    const before = (await ledger()).length;
    await page.getByRole("button", { name: "Send again" }).click();
    await page.getByRole("button", { name: /^Send to/ }).dblclick();
    await page.waitForURL((url) => !url.pathname.endsWith(String(first["notificationId"])));
    await sum()
      .filter({ hasText: `all ${failed} devices` })
      .waitFor({ timeout: patience });
    const now = await notifications();
    expect(now).toHaveLength(2);
    expect(now[0]).toMatchObject({ retryOf: first["notificationId"], state: "completed" });
    expect(await ledger()).toHaveLength(before + failed);
    await page.getByRole("link", { name: "Repeats an earlier one" }).click();
    await page.getByRole("link", { name: /^Sent again/ }).waitFor();
  }, 120_000);

  it("a list of any length has few rows in the page, and its menu opens by the keyboard", async () => {
    await page.goto(at(`devices?${place}`));
    await page.getByRole("row").nth(3).waitFor();
    const all = String((await idsOf("operatingSystem=Windows&search=OSL")).length + 1);
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
    expect(rig.complaints).toEqual([]);
  }, 60_000);
});
