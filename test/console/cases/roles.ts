/**
 * For each built-in role that people hold: no screen that is opened, and nothing that can be clicked there, ends in a
 * refusal. Changes are sent with a body of no use, so that whoever may make them is told what is wrong with it, and nothing
 * changes. A run takes some of all pairs of roles and screens; MUSTER_TEST_EVERY_CASE takes all.
 */
import type { Locator, Page, Route } from "playwright-core";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { paths } from "../support/paths.ts";
import { type ConsoleRig, heading, refusals, type TestTenant, untilIdle } from "../support/rig.ts";

/** Relay is an app's. */
const roles = [
  "Full Administrator",
  "Operations Administrator",
  "Infrastructure Administrator",
  "Application Administrator",
  "OS Deployment Manager",
  "Endpoint Protection Manager",
  "Security Administrator",
  "Read-only Analyst",
  "Partner",
];

// No divisor of the number of screens: each role gets others.
const oneIn = inject("oneWalkIn") === 1 ? 1 : 8;
const pairs = roles
  .flatMap((role) => paths.map((path) => ({ role, path })))
  .filter((_, at) => at % oneIn === 0);

const usable = "button:not([disabled]):not([aria-disabled=true]):visible";
const mostButtons = 8;

const click = async (what: Locator): Promise<void> => {
  if (await what.isVisible()) await what.click({ timeout: 1_000 }).catch(() => undefined);
};

/** Clicks what can be clicked, and in the menus and windows that open what does something. */
async function clickThrough(page: Page, address: string): Promise<void> {
  const buttons = page.locator("main").locator(usable);
  const count = Math.min(await buttons.count(), mostButtons);
  for (let nth = 0; nth < count; nth += 1) {
    await click(buttons.nth(nth));
    await click(page.locator("[role=menuitem]:not([aria-disabled=true]):visible").first());
    await click(page.locator("[role=alertdialog], [role=dialog]").locator(usable).last());
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    await goTo(page, address);
  }
}

/** Goes to a place as a link does, without loading the page anew. */
const goTo = (page: Page, address: string): Promise<unknown> =>
  page.evaluate(`history.pushState({}, "", "/console${address}")`);

function harmless(route: Route) {
  const request = route.request();
  const isQuestion = request.url().includes("dryRun=true") || request.url().endsWith("/preview");
  if (request.method() === "GET" || isQuestion) return {};
  return {
    postData: '{"of":"no use"}',
    headers: { ...request.headers(), "content-type": "application/json", "if-match": '"none"' },
  };
}

/** Holds the cases. */
export function roleCases(rig: () => ConsoleRig): void {
  describe.each(roles)("as %s", (role) => {
    let tenant: TestTenant;
    let page: Page;
    const refused: string[] = [];
    const own = pairs.filter((pair) => pair.role === role);
    beforeAll(async () => {
      tenant = await rig().tenant(`Munson ${role}`, 5);
      page = await rig().signedIn(role);
      // It is told, on purpose, that what was sent is of no use.
      rig().forgive(page, refusals);
      await page.route(
        (url) => url.pathname.startsWith("/api/"),
        (route) => route.continue(harmless(route)),
      );
      page.on("response", (answer) => {
        if (answer.status() === 403)
          refused.push(`${answer.request().method()} ${new URL(answer.url()).pathname}`);
      });
    }, 60_000);

    afterAll(() => rig().closeTabs());

    it.each(own)(
      "nothing on $path ends in a refusal",
      async ({ path }) => {
        const within = path.replace("$tenantId", tenant.tenantId);
        const address = within.replaceAll(/\$\w+/g, "unknown");
        await goTo(page, address);
        await heading(page);
        await untilIdle(page);
        await clickThrough(page, address);
        await untilIdle(page);
        expect(refused).toEqual([]);
      },
      60_000,
    );
  });
}
