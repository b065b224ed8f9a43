/**
 * What stands in somebody's way, each in its own words; nothing is lost by it, and nothing is sent twice. What the server
 * answers is put in its place in the browser where a whole Muster would take long to get there: a refusal to come back
 * later, another version. It is the page that is looked at.
 */
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ConsoleRig, refusals, type TestTenant } from "../support/rig.ts";

const patience = 30_000;
const isApi = (url: URL): boolean => url.pathname.startsWith("/api/");

/** Counts requests of the API, and tells when none is under way. */
function watchRequests(page: Page) {
  const open = new Set<unknown>();
  const asked: string[] = [];
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (!isApi(url)) return;
    open.add(request);
    asked.push(url.pathname + url.search);
  });
  page.on("requestfinished", (request) => void open.delete(request));
  page.on("requestfailed", (request) => void open.delete(request));
  const quiet = async (): Promise<void> => {
    for (let calm = 0, tries = 0; calm < 3 && tries < 200; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 40));
      calm = open.size === 0 ? calm + 1 : 0;
    }
  };
  return { quiet, asked };
}

/** A problem document in the place of an answer. */
const problem = (status: number, code: string, headers: Record<string, string> = {}) => ({
  status,
  headers: { "content-type": "application/problem+json", ...headers },
  body: JSON.stringify({
    type: `urn:muster:problem:${code}`,
    title: code,
    status,
    code,
    detail: "As the test says.",
    instance: "urn:request:1",
  }),
});

/** What whoever comes back to the tab sets off: everything that is shown is read again, if it is a second old. */
async function lookAgain(page: Page): Promise<void> {
  await page.waitForTimeout(1_100);
  await page.evaluate("document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))");
}

const seen = (page: Page, state: "visible" | "hidden"): Promise<unknown> =>
  page.evaluate(
    `Object.defineProperty(document, 'visibilityState', { get: () => '${state}', configurable: true });
     document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))`,
  );

/** Goes to a place as a link does, without loading the page anew. */
const goTo = (page: Page, address: string): Promise<unknown> =>
  page.evaluate(`history.pushState({}, "", "/console${address}")`);

/**
 * A hundred thousand devices a page, ten pages. From a server of its own: the way of answers that a test gives itself,
 * through the browser's control, costs as much again as what the page does with them.
 */
async function serveMillion(origin: string) {
  const size = 100_000;
  const server = createServer(({ url = "" }, answer) => {
    const asked = new URL(url, origin);
    const page = Number(asked.searchParams.get("pageToken") ?? 0);
    const value = Array.from({ length: size }, (_, nth) => {
      const deviceId = String(page * size + nth).padStart(7, "0");
      return `{"deviceId":"${deviceId}","name":"PC-${deviceId}","operatingSystem":"Windows","osVersion":"11","complianceState":"compliant","managementAgent":"mdm","lastSyncDateTime":"2026-11-29T00:00:00Z"}`;
    });
    asked.searchParams.set("pageToken", String(page + 1));
    const nextLink = page < 9 ? `,"nextLink":${JSON.stringify(asked.href)}` : "";
    answer.setHeader("content-type", "application/json");
    answer.end(`{"value":[${value.join(",")}]${nextLink}}`);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return server;
}

/** Bytes that the page holds, rubbish taken away. */
async function heapOf(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  // What a first collection lets go of may have held more.
  await session.send("HeapProfiler.collectGarbage");
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  await session.detach();
  return usedSize;
}

/** How many notifications a tenant has. */
const sentIn = async (tenant: TestTenant): Promise<number> =>
  ((await tenant.get("/notifications"))["value"] as unknown[]).length;

/** The process of a Muster's storage, which goes on where it was stopped. */
function azuriteOf(home: string): number {
  const pid = readdirSync("/proc").find((each) => {
    if (!/^\d+$/.test(each)) return false;
    const command = readFileSync(`/proc/${each}/cmdline`, { encoding: "utf8", flag: "r" });
    return command.includes("azurite-process") && command.includes(home);
  });
  if (pid === undefined) throw new Error("The storage's process is not found.");
  return Number(pid);
}

/** Holds the cases. */
export function stateCases(rig: () => ConsoleRig): void {
  describe("states", () => {
    afterAll(() => rig().closeTabs());
    let tenant: TestTenant;
    let page: Page;
    const at = (path: string): string => `/tenants/${tenant.tenantId}/${path}`;
    const stale = () => page.locator("[data-state=stale]");
    const isFresh = () => stale().waitFor({ state: "hidden", timeout: patience });

    beforeAll(async () => {
      tenant = await rig().tenant("Munson", 40);
      await tenant.refresh();
      page = await rig().signedIn("Full Administrator");
      rig().forgive(page, refusals);
    }, 60_000);

    it("too many requests, a fault, and a lost network are told apart; what was read stays", async () => {
      await rig().open(page, at("notifications"));
      const before = page.getByText("Nothing has been sent yet");
      await before.waitFor();
      const read = "**/notifications?top=50";
      const later = problem(429, "too-many-requests", { "retry-after": "2" });
      await page.route(read, (route) => route.fulfill(later));
      await lookAgain(page);
      await stale().getByText("Too many requests").waitFor();
      await stale()
        .getByText(/Trying again in \d seconds?\./)
        .waitFor();
      await before.waitFor();
      await page.unroute(read);
      // By itself, when the time is up.
      await isFresh();

      await page.route(read, (route) => route.fulfill(problem(500, "internal-error")));
      await lookAgain(page);
      await stale()
        .getByText(/^As of /)
        .waitFor();
      await stale().getByText("internal-error: As the test says.").waitFor();
      // The failures before have been made good since: it is the first in a row.
      await stale()
        .getByText(/Trying again in [12] seconds?\./)
        .waitFor();
      await before.waitFor();
      await page.unroute(read);
      await isFresh();

      await page.context().setOffline(true);
      await page
        .locator("[data-state=offline]")
        .getByText(/^You are offline\./)
        .waitFor();
      await page.context().setOffline(false);
      await page.locator("[data-state=offline]").waitFor({ state: "hidden" });
      expect(await before.isVisible()).toBe(true);
    }, 90_000);

    it("the worker dies, and the page goes on when it is back", async () => {
      await rig().open(page, at("notifications"));
      const before = page.getByText("Nothing has been sent yet");
      await before.waitFor();
      const { hostPid } = rig().muster.current();
      process.kill(hostPid, "SIGKILL");
      await lookAgain(page);
      await before.waitFor();
      const now = () => rig().muster.current().hostPid;
      await expect.poll(now, { timeout: patience }).not.toBe(hostPid);
      await isFresh();
      await before.waitFor();
    }, 90_000);

    it("a session that is over, and a new version, keep the page with its filters", async () => {
      await rig().open(page, at("devices?os=Windows"));
      const rows = page.getByRole("row");
      await rows.nth(2).waitFor();
      await page.route(isApi, (route) => route.fulfill(problem(401, "unauthenticated")));
      await lookAgain(page);
      await page.getByRole("dialog", { name: "Your session is over" }).waitFor();
      await page.unroute(isApi);
      await page.getByRole("button", { name: "Sign in again" }).click();
      await page.getByRole("radio", { name: "Full Administrator" }).check();
      await page.getByRole("button", { name: "Sign in" }).click();
      await rows.nth(2).waitFor();
      expect(new URL(page.url()).search).toBe("?os=Windows");

      const config = "**/console/config.json";
      await page.route(config, async (route) => {
        const given = (await (await route.fetch()).json()) as object;
        await route.fulfill({ json: { ...given, version: "0.1.0+another" } });
      });
      await lookAgain(page);
      await page.locator("[data-state=new-version]").waitFor();
      await page.unroute(config);
      await page.getByRole("button", { name: "Reload" }).click();
      await page.locator("[data-state=new-version]").waitFor({ state: "hidden" });
      await rows.nth(2).waitFor();
      expect(new URL(page.url()).search).toBe("?os=Windows");
    }, 90_000);

    it("what was sent and not answered is sent once, however often somebody clicks", async () => {
      await rig().open(page, at("devices?to=match&send=wakeUp"));
      const button = page.getByRole("button", { name: /^Send to/ });
      await button.waitFor();
      let lost = 0;
      const sent = /\/notifications$/;
      await page.route(sent, async (route) => {
        // It arrives, and its answer does not.
        await route.fetch();
        lost += 1;
        await route.abort();
      });
      await button.dblclick();
      await page.getByText("Muster was not reached").waitFor();
      await page.unroute(sent);
      await button.click();
      await page.waitForURL(/\/notifications\//);
      expect(lost).toBe(1);
      expect((await tenant.get("/notifications"))["value"]).toHaveLength(1);
    }, 90_000);

    it("the storage is away for ten seconds: who looks is told so, and what was sent meanwhile is sent once", async () => {
      const own = await rig().signedIn("Read-only Analyst");
      rig().forgive(own, refusals);
      await rig().open(page, at("devices?to=match&send=wakeUp"));
      const button = page.getByRole("button", { name: /^Send to/ });
      await button.waitFor();
      const before = await sentIn(tenant);
      const azurite = azuriteOf(rig().muster.home);
      process.kill(azurite, "SIGSTOP");
      const wake = setTimeout(() => process.kill(azurite, "SIGCONT"), 10_000);
      try {
        await button.dblclick();
        await goTo(own, "/about");
        await own.getByText(/Not ready: .*storage/).waitFor({ timeout: patience });
        await page.waitForURL(/\/notifications\//, { timeout: patience });
      } finally {
        clearTimeout(wake);
        process.kill(azurite, "SIGCONT");
      }
      expect(await sentIn(tenant)).toBe(before + 1);
      await own.getByText(/Not ready/).waitFor({ state: "hidden", timeout: patience });
      await own.context().close();
    }, 120_000);

    it("nothing is read in a tab that nobody sees, nor of a page that was left", async () => {
      const own = await rig().signedIn("Read-only Analyst");
      await own.clock.install();
      const { asked, quiet } = watchRequests(own);
      await rig().open(own, "/tenants");
      await quiet();
      const before = asked.length;
      await own.clock.runFor(30_000);
      await quiet();
      expect(asked.length).toBeGreaterThan(before);
      await seen(own, "hidden");
      await quiet();
      const hidden = asked.length;
      await own.clock.runFor(60_000);
      await quiet();
      expect(asked).toHaveLength(hidden);
      await seen(own, "visible");
      await goTo(own, "/access/why");
      await own.getByText("Choose an operation").waitFor();
      await quiet();
      const left = asked.length;
      await own.clock.runFor(60_000);
      await quiet();
      expect(asked.slice(left).filter((each) => each.includes("top=200"))).toEqual([]);
      await own.context().close();
    }, 90_000);

    it("two hundred polls leave nothing behind", async () => {
      const own = await rig().signedIn("Full Administrator");
      await own.clock.install();
      const { asked } = watchRequests(own);
      await rig().open(own, "/tenants");
      const polls = async (count: number): Promise<void> => {
        const end = asked.length + count;
        while (asked.length < end) await own.clock.runFor(10_000);
      };
      // By then what is done at each poll has been compiled, which takes room too.
      await polls(40);
      const before = await heapOf(own);
      await polls(200);
      expect(await heapOf(own)).toBeLessThan(before + 2_000_000);
      await own.context().close();
    }, 120_000);

    it("a million rows are few in the page, from the first to the last", async () => {
      const own = await rig().signedIn("Full Administrator");
      const server = await serveMillion(rig().url);
      try {
        const { port } = server.address() as AddressInfo;
        await own.route(/\/devices(?:\?|$)/, (route) => {
          const { pathname, search } = new URL(route.request().url());
          const url = `http://127.0.0.1:${port}${pathname}${search}`;
          return route.continue(pathname.startsWith("/api/") ? { url } : {});
        });
        await rig().open(own, at("devices"));
        const rows = own.getByRole("row");
        await rows.nth(3).waitFor();
        const scrolled = async (toEnd: boolean): Promise<string | null> => {
          await own
            .locator("main")
            .evaluate((main, end) => main.scrollTo(0, end ? main.scrollHeight : 0), toEnd);
          expect(await rows.count()).toBeLessThan(60);
          return own.getByRole("grid").getAttribute("aria-rowcount");
        };
        await expect.poll(() => scrolled(true), { timeout: 60_000 }).toBe("1000001");
        await own.getByRole("link", { name: "PC-0999999" }).waitFor();
        await scrolled(false);
        await own.getByRole("link", { name: "PC-0000000" }).waitFor();
        expect(await rows.count()).toBeLessThan(60);
        await own.context().close();
      } finally {
        server.close();
      }
    }, 120_000);
  });
}
