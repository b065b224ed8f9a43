/**
 * The console in a real Chromium, on a whole Muster of its own, certificates strict. Everything that the browser
 * complains of (errors, violations of the content security policy) is kept, and fails whoever looks.
 */
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page, Request } from "playwright-core";
import { expect } from "vitest";
import { launchChromium } from "../../support/chromium.ts";
import { startMuster } from "../../support/start-muster.ts";

/** What the console speaks. */
export type Language = "en" | "fr";
type Body = Readonly<Record<string, unknown>>;

/** A tenant that Muster knows, in the stand-in's Graph. */
export type TestTenant = {
  readonly tenantId: string;
  readonly name: string;
  readonly get: (path: string) => Promise<Body>;
  readonly post: (path: string, body?: Body) => Promise<Body>;
  /** Imports its devices. */
  readonly refresh: () => Promise<void>;
  /** Starts a sync, and answers when it has ended or waits for somebody. */
  readonly sync: (body?: Body) => Promise<Body>;
  /** Calls the stand-in's control, below the tenant. */
  readonly control: (method: string, path: string, body?: Body) => Promise<Body>;
  /** How the stand-in's Graph behaves towards the tenant. */
  readonly behave: (how: Body) => Promise<Body>;
  /** What apps have written into the tenant's configuration, oldest first: method, path, and content. */
  readonly writes: () => Promise<readonly Body[]>;
};

async function json(method: string, url: string, body?: Body, token?: string): Promise<Body> {
  const answer = await fetch(url, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${text}`);
  return text === "" ? {} : (JSON.parse(text) as Body);
}

/** What a browser says of every answer that is a refusal. */
export const refusals = /^console: Failed to load resource/;

/** What `planned` plans. */
export const policies = { types: ["conditionalAccessPolicy"] };

/** Switches two policies off in the tenant, past Muster, so that its next sync waits for approval: that one's id. */
export async function planned(tenant: TestTenant): Promise<string> {
  await tenant.sync(policies);
  const path = "/configuration/conditionalAccessPolicy";
  const { value } = await tenant.control("GET", path);
  for (const { id, displayName } of value as { id: string; displayName: string }[])
    if (/^CA00[23]/.test(displayName))
      await tenant.control("PATCH", `${path}/${id}`, { state: "disabled" });
  return String((await tenant.sync(policies))["syncId"]);
}

/** Changes a role's settings past Muster, and approves what a sync makes of it: only a person may write that, so it waits. */
export async function awaitsPerson(tenant: TestTenant): Promise<string> {
  const types = { types: ["pimRoleSettings"] };
  await tenant.sync(types);
  const path = "/configuration/roleManagementPolicy";
  const { value } = await tenant.control("GET", path);
  const [first] = value as { id: string; rules: Body[] }[];
  const rules = first?.rules.map((rule) =>
    "maximumDuration" in rule ? { ...rule, maximumDuration: "PT1H" } : rule,
  );
  await tenant.control("PATCH", `${path}/${String(first?.id)}`, { rules });
  const { syncId } = await tenant.sync(types);
  const { planHash } = await tenant.get(`/syncs/${String(syncId)}/plan`);
  await tenant.post(`/syncs/${String(syncId)}/approve`, { planHash });
  return String(syncId);
}

/** Requests of each page that have no answer yet. */
const openRequests = new WeakMap<Page, Set<Request>>();

const openIn = (page: Page): readonly string[] =>
  [...(openRequests.get(page) ?? [])].map((request) => request.url());

/** Waits for what a page begins with. Where it does not come, says what the page asks for, and what it shows. */
async function untilThere(page: Page, coming: Promise<unknown>): Promise<void> {
  try {
    await coming;
  } catch (error) {
    const shows = await page.locator("body").innerText({ timeout: 1_000 }).catch(String);
    const what = `${page.url()} asks for: ${openIn(page).join(" ")}; it shows: ${shows}`;
    throw new Error(what, { cause: error });
  }
}

/** Waits until a page has its heading. By its tag: a window that stands in front of it hides it from who goes by roles. */
export const heading = (page: Page): Promise<void> => page.locator("h1").first().waitFor();

/** Waits until a page asks for nothing. Playwright's own "networkidle" does not say what it waits for when it fails. */
export async function untilIdle(page: Page): Promise<void> {
  let quiet = 0;
  await expect
    .poll(
      () => {
        const open = openIn(page);
        quiet = open.length === 0 ? quiet + 1 : 0;
        return quiet >= 5 ? "idle" : open;
      },
      { interval: 60, timeout: 30_000 },
    )
    .toBe("idle");
}

/** Waits until a page has drawn what it was told last: nothing in it has changed for a tenth of a second. */
export const untilStill = (page: Page): Promise<unknown> =>
  page.evaluate(`new Promise((resolve) => {
    const still = () => {
      changes.disconnect();
      requestAnimationFrame(() => requestAnimationFrame(resolve));
    };
    let wait = setTimeout(still, 100);
    const changes = new MutationObserver(() => {
      clearTimeout(wait);
      wait = setTimeout(still, 100);
    });
    changes.observe(document, { subtree: true, childList: true, attributes: true });
  })`);

function countRequests(page: Page): void {
  const open = new Set<Request>();
  openRequests.set(page, open);
  page.on("request", (request) => {
    // What the page before it asked for is of no interest any more.
    if (request.isNavigationRequest() && request.frame() === page.mainFrame()) open.clear();
    open.add(request);
  });
  page.on("requestfinished", (request) => open.delete(request));
  page.on("requestfailed", (request) => open.delete(request));
}

/** What each page's browser may complain of. */
const expected = new WeakMap<Page, RegExp[]>();

/**
 * From now on a page's browser may complain of this. It tells of an answer that is a refusal a moment after the page has
 * it: whoever takes such complaints away afterwards can be too early.
 */
const forgive = (page: Page, what: RegExp): void =>
  void expected.set(page, [...(expected.get(page) ?? []), what]);

/** Keeps what the browser complains of in a page. */
async function watch(page: Page, complaints: string[]): Promise<void> {
  countRequests(page);
  const complain = (words: string): void => {
    if (!expected.get(page)?.some((each) => each.test(words))) complaints.push(words);
  };
  page.on("pageerror", (error) => complain(`error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error")
      complain(`console: ${message.text()} ${message.location().url}`);
  });
  await page.exposeFunction("complain", complain);
  await page.addInitScript({
    content: `document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
      complain(\`policy: \${violatedDirective} \${blockedURI}\`));`,
  });
}

/** Starts both; without the sample tenant, unless settings say otherwise. `stop` ends them. */
export async function startConsole(settings: Readonly<Record<string, string>> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "muster-console-"));
  const ahead = join(folder, "ahead");
  const [muster, browser] = await Promise.all([
    startMuster({
      ...settings,
      MUSTER_TEST_AHEAD: ahead,
      NODE_OPTIONS: `--import=${new URL("../../support/ahead.mjs", import.meta.url).href}`,
    }),
    launchChromium(),
  ]);
  /**
   * Sets all clocks of Muster forward by more than that, and not the browser's. They do not learn it at one moment: what a
   * process put off that was late is due after the second step.
   */
  const passTime = async (ms: number): Promise<void> => {
    writeFileSync(ahead, String(ms));
    await new Promise((resolve) => setTimeout(resolve, 1000));
    writeFileSync(ahead, String(2 * ms + 1000));
  };
  const { url, sandboxUrl, adminToken } = muster;
  let added = 0;
  const complaints: string[] = [];

  /** Calls the API as the administrator of the first steps. */
  const api = (method: string, path: string, body?: Body): Promise<Body> =>
    json(method, `${url}/api/v1${path}`, body, adminToken);

  /** A tenant that is there already. */
  const known = (tenantId: string, name: string): TestTenant => {
    const base = `${url}/api/v1/tenants/${tenantId}`;
    const get = (path: string) => json("GET", base + path, undefined, adminToken);
    const post = (path: string, body?: Body) => json("POST", base + path, body, adminToken);
    const refresh = async (): Promise<void> => {
      const { refreshId } = await post("/devices/refresh");
      for (let tries = 0; tries < 300; tries += 1) {
        if ((await get(`/refreshes/${String(refreshId)}`))["final"] === true) return;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      throw new Error(`The devices of ${name} do not arrive.`);
    };
    const sync = async (body: Body = {}): Promise<Body> => {
      const { syncId } = await post("/syncs", body);
      for (let tries = 0; tries < 300; tries += 1) {
        const found = await get(`/syncs/${String(syncId)}`);
        if ((found["outcome"] ?? found["waitsFor"]) !== undefined) return found;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      throw new Error(`The sync of ${name} does not come to rest.`);
    };
    const control = (method: string, path: string, body?: Body) =>
      json(method, `${sandboxUrl}/_sandbox/tenants/${tenantId}${path}`, body);
    const behave = (how: Body) =>
      json("PUT", `${sandboxUrl}/_sandbox/behaviour`, { tenantId, ...how });
    const writes = async (): Promise<readonly Body[]> => {
      const kept = `${sandboxUrl}/_sandbox/configuration-writes?tenantId=${tenantId}`;
      return (await json("GET", kept))["value"] as readonly Body[];
    };
    return { tenantId, name, get, post, refresh, sync, control, behave, writes };
  };

  /**
   * A new one. It stands before all others in lists, which go by ids: where rows are tall a list has ten of them in the
   * document, and one that chance put last of eleven would not be found there.
   */
  const tenant = async (displayName: string, devices = 3): Promise<TestTenant> => {
    added += 1;
    const tenantId = (0xffff_ffff - added).toString(16) + randomUUID().slice(8);
    const fleet = { tenantId, displayName, devices, seed: 1 };
    await json("POST", `${sandboxUrl}/_sandbox/tenants`, fleet);
    await json("POST", `${url}/api/v1/tenants`, { tenantId, displayName }, adminToken);
    return known(tenantId, displayName);
  };

  /** What a tab keeps of each session, by who signed in. */
  const sessions = new Map<string, [string, string][]>();

  /**
   * A tab in which somebody has signed in; `user` as the sign-in page names them, `at` the address they came with. By the
   * real way the first time; their later tabs, each a browser of its own, begin with what that one's kept: five times
   * cheaper.
   */
  const signedIn = async (user: string, language: Language = "en", at = "/"): Promise<Page> => {
    const context = await browser.newContext({
      locale: language,
      viewport: { width: 1280, height: 800 },
      timezoneId: "UTC",
      // Colours that are still changing are judged wrongly.
      reducedMotion: "reduce",
    });
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    const page = await context.newPage();
    await watch(page, complaints);
    const session = sessions.get(user);
    const restoring =
      session &&
      (await page.addInitScript((kept) => {
        for (const [key, value] of kept) sessionStorage.setItem(key, value);
      }, session));
    await untilThere(page, page.goto(`${url}/console${at}`));
    if (session === undefined) {
      await page.getByRole("radio", { name: user }).check();
      await page.getByRole("button", { name: "Sign in" }).click();
    }
    await untilThere(page, heading(page));
    await restoring?.dispose();
    if (session === undefined)
      sessions.set(user, await page.evaluate(() => Object.entries(sessionStorage)));
    return page;
  };

  /** Opens a page by its address. */
  const open = async (page: Page, path: string): Promise<void> => {
    await untilThere(page, page.goto(`${url}/console${path}`));
    await untilThere(page, heading(page));
  };

  /** Closes all tabs: one that is left open goes on asking, and makes the next cases late. */
  const closeTabs = async (): Promise<void> => {
    await Promise.all(browser.contexts().map((context) => context.close()));
  };

  const stop = async (): Promise<void> => {
    await browser.close();
    await muster.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return {
    url,
    sandboxUrl,
    muster,
    browser,
    complaints,
    forgive,
    api,
    tenant,
    known,
    signedIn,
    open,
    passTime,
    closeTabs,
    stop,
  };
}

/** The console, running. */
export type ConsoleRig = Awaited<ReturnType<typeof startConsole>>;
