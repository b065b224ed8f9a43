/**
 * Every screen that is registered, in both languages and themes, wide and narrow: axe finds nothing, nothing overflows. Of
 * themes and widths a run takes two of four for each screen and language, others for the next; MUSTER_TEST_EVERY_CASE all.
 */
import type { Page } from "playwright-core";
import { afterAll, describe, expect, inject, it } from "vitest";
import { findings } from "../support/axe.ts";
import { paths } from "../support/paths.ts";
import {
  type ConsoleRig,
  heading,
  type Language,
  planned,
  untilIdle,
  untilStill,
} from "../support/rig.ts";

/** A baseline of one item. */
const baseline = {
  name: "Filters",
  message: "as agreed",
  items: [
    {
      type: "assignmentFilter",
      key: "Kiosks / windows10AndLater",
      body: {
        displayName: "Kiosks",
        platform: "windows10AndLater",
        rule: '(device.deviceName -startsWith "KIOSK")',
        assignmentFilterManagementType: "devices",
      },
    },
  ],
};

const looks = [
  ["light", 1280],
  ["dark", 1280],
  ["dark", 320],
  ["light", 320],
] as const;
const isTaken = (at: number): boolean => at % Math.min(3, inject("oneWalkIn")) === 0;

/** Holds the cases. */
export function screenCases(rig: () => ConsoleRig): void {
  describe.each(["en", "fr"] as const)("every screen in %s", (language: Language) => {
    afterAll(() => rig().closeTabs());

    let page: Page | undefined;
    let values: Record<string, string> = {};

    it.each(paths)(
      "%s",
      async (path) => {
        if (page === undefined) {
          page = await rig().signedIn("Full Administrator", language);
          // A screen about something that nobody has made says so, and the browser that it was told.
          rig().forgive(page, /Failed to load resource.* 40[04] .*\/unknown/);
        }
        if (values["tenantId"] === undefined) {
          const tenant = await rig().tenant(`Wingtip ${language}`);
          const { tenantId } = tenant;
          const syncId = await planned(tenant);
          const { baselineId } = await rig().api("POST", "/baselines", baseline);
          values = { tenantId, syncId, baselineId: String(baselineId) };
        }
        const address = path.replaceAll(/\$(\w+)/g, (_, name: string) => values[name] ?? "unknown");
        await page.setViewportSize({ width: 1280, height: 800 });
        await page.emulateMedia({ colorScheme: "light" });
        await page.goto(`${rig().url}/console${address}`);
        await heading(page);
        await untilIdle(page);
        expect(await page.evaluate("document.documentElement.lang")).toBe(language);
        expect(await page.locator("body").innerText(), "what no catalogue has").not.toMatch(/[{}]/);
        const turn = paths.indexOf(path) + (language === "fr" ? 1 : 0);
        for (const [colorScheme, width] of looks.filter((_look, at) => isTaken(at + turn))) {
          await page.emulateMedia({ colorScheme });
          await page.setViewportSize({ width, height: 800 });
          await untilStill(page);
          expect(await findings(page), `${colorScheme} ${width}`).toEqual([]);
          const overflow = await page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth",
          );
          expect(overflow, `${colorScheme} ${width}: wider than the window`).toBeLessThanOrEqual(0);
        }
      },
      60_000,
    );
  });
}
