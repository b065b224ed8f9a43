/** The nine statuses, driven by real syncs, letter by letter in both languages; their buttons, tooltips and windows. */
import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  awaitsPerson,
  type ConsoleRig,
  heading,
  type Language,
  planned,
  policies,
  type TestTenant,
} from "../support/rig.ts";

/** As the pages of the source documents have them. */
const statuses = {
  notRun: { en: "Not run", fr: "Non exécuté" },
  idle: { en: "Idle", fr: "Inactif" },
  starting: { en: "Starting", fr: "Démarrage" },
  inProgress: { en: "In progress", fr: "En cours" },
  newError: { en: "New error", fr: "Nouvelle erreur" },
  pendingAuthentication: { en: "Pending authentication", fr: "Authentification en attente" },
  pendingApproval: { en: "Pending approval", fr: "Approbation en attente" },
  partiallySucceeded: { en: "Partially succeeded", fr: "Partiellement réussi" },
  pendingAdminConsent: {
    en: "Pending admin consent",
    fr: "Consentement administrateur en attente",
  },
} as const;
type Status = keyof typeof statuses;

const words = {
  approve: { en: "Approve", fr: "Approuver" },
  reject: { en: "Reject", fr: "Rejeter" },
  reset: { en: "Reject and reset", fr: "Rejeter et rétablir" },
  copyError: { en: "Copy error", fr: "Copier l'erreur" },
  logs: { en: "Logs", fr: "Journaux" },
  artifacts: { en: "Artifacts", fr: "Artéfacts" },
  report: { en: "Summary report", fr: "Rapport récapitulatif" },
  copyCode: { en: "Copy the code", fr: "Copier le code" },
  verdicts: { en: "Verdicts for", fr: "Décisions pour" },
  cancel: { en: "Cancel the sync", fr: "Annuler la synchronisation" },
} as const;

const withdrawn = [
  "DeviceManagementConfiguration.ReadWrite.All",
  "DeviceManagementConfiguration.Read.All",
];
const twoTypes = { types: ["namedLocation", "assignmentFilter"] };

/** How a tenant comes to each status. */
const ways: Partial<Record<Status, (tenant: TestTenant, rig: ConsoleRig) => Promise<unknown>>> = {
  idle: (tenant) => tenant.sync(policies),
  newError: async (tenant, { sandboxUrl }) => {
    await tenant.control("POST", "/consent", { withdraw: withdrawn });
    const { syncId } = await tenant.sync(twoTypes);
    const { url } = await tenant.post(`/syncs/${String(syncId)}/consent`);
    const body = new URLSearchParams({ answer: "cancel" });
    // By the stand-in's door without TLS: nobody vouches for its certificate.
    const { pathname, search } = new URL(String(url));
    const sent = await fetch(`${sandboxUrl}${pathname}${search}`, {
      method: "POST",
      body,
      redirect: "manual",
    });
    await fetch(String(sent.headers.get("location")));
  },
  pendingAuthentication: awaitsPerson,
  pendingApproval: planned,
  partiallySucceeded: async (tenant) => {
    await tenant.control("POST", "/consent", { withdraw: withdrawn });
    const { syncId } = await tenant.sync(twoTypes);
    await tenant.post(`/syncs/${String(syncId)}/consent/continue-without`);
  },
  pendingAdminConsent: async (tenant) => {
    await tenant.control("POST", "/consent", { withdraw: withdrawn });
    await tenant.sync(twoTypes);
  },
};

/** Holds the cases. */
export function tenantCases(rig: () => ConsoleRig): void {
  const names: Partial<Record<Status, string>> = {
    notRun: "Adatum",
    idle: "Contoso",
    newError: "Fabrikam",
    pendingAuthentication: "Litware",
    pendingApproval: "Northwind",
    partiallySucceeded: "Proseware",
    pendingAdminConsent: "Tailspin",
  };
  const tenants = new Map<string, TestTenant>();
  const pages = new Map<Language, Page>();
  const pageIn = (language: Language): Page => {
    const page = pages.get(language);
    if (page === undefined) throw new Error("nobody signed in");
    return page;
  };
  const row = (page: Page, status: Status) => page.getByRole("row", { name: names[status] ?? "" });

  describe("tenants", () => {
    afterAll(() => rig().closeTabs());

    beforeAll(async () => {
      for (const [status, name] of Object.entries(names)) {
        const tenant = await rig().tenant(name);
        tenants.set(status, tenant);
        await ways[status as Status]?.(tenant, rig());
      }
      for (const language of ["en", "fr"] as const)
        pages.set(language, await rig().signedIn("Full Administrator", language));
    }, 120_000);

    describe.each(["en", "fr"] as const)("in %s", (language) => {
      const open = async (path = "/tenants"): Promise<Page> => {
        const page = pageIn(language);
        await page.goto(`${rig().url}/console${path}`);
        await heading(page);
        return page;
      };

      it("each stands with its status, letter by letter", async () => {
        const page = await open();
        for (const status of Object.keys(names) as Status[]) {
          const cell = row(page, status).getByText(statuses[status][language], { exact: true });
          await cell.waitFor({ timeout: 15_000 });
          expect(await cell.textContent()).toBe(statuses[status][language]);
        }
      }, 60_000);

      it("the error is told on hover and on focus, in a window, on the clipboard, and in two files", async () => {
        const page = await open();
        const button = row(page, "newError").getByRole("button", {
          name: statuses.newError[language],
        });
        await button.hover();
        const tooltip = page.getByRole("tooltip");
        const said = await tooltip.textContent();
        await page.keyboard.press("Escape");
        await tooltip.waitFor({ state: "hidden" });
        await page.mouse.move(0, 0);
        await button.focus();
        await tooltip.waitFor();
        expect(await tooltip.textContent()).toBe(said);
        await page.keyboard.press("Enter");
        const dialog = page.getByRole("dialog", { name: statuses.newError[language] });
        await dialog.getByText(words.report[language], { exact: true }).waitFor();
        await dialog.getByRole("button", { name: words.copyError[language] }).click();
        const copied = await page.evaluate<string>("navigator.clipboard.readText()");
        const tenant = tenants.get("newError");
        const { lastSyncId } = (await tenant?.get("/sync-status")) ?? {};
        const { copy } = (await tenant?.get(`/syncs/${String(lastSyncId)}/error`)) ?? {};
        expect(copied).toBe(copy);
        const saved = async (name: string): Promise<Buffer> => {
          const [download] = await Promise.all([
            page.waitForEvent("download"),
            dialog.getByRole("button", { name, exact: true }).click(),
          ]);
          return readFileSync(await download.path());
        };
        const [line = ""] = (await saved(words.logs[language])).toString("utf8").split("\n");
        expect(JSON.parse(line)).toMatchObject({ event: "sync.started", syncId: lastSyncId });
        // As every zip begins.
        const zip = await saved(words.artifacts[language]);
        expect(zip.subarray(0, 4)).toEqual(Buffer.from([0x50, 0x4b, 3, 4]));
        await page.keyboard.press("Escape");
        await dialog.waitFor({ state: "hidden" });
        await page.locator("button:focus", { hasText: statuses.newError[language] }).waitFor();
      }, 60_000);

      it("a plan shows old and new, and its arrow has the three verdicts", async () => {
        const page = await open();
        const cell = row(page, "pendingApproval");
        await cell.getByRole("button", { name: words.verdicts[language] }).click();
        const items = await page.getByRole("menuitem").allTextContents();
        expect(items).toEqual(
          [words.approve, words.reject, words.reset].map((each) => each[language]),
        );
        await page.keyboard.press("Escape");
        await cell
          .getByRole("button", { name: statuses.pendingApproval[language], exact: true })
          .click();
        await page.waitForURL(/\/plan$/);
        await page.getByText(/CA002/).first().click();
        await page.getByRole("rowheader", { name: "/state" }).first().waitFor();
        expect(await page.getByRole("cell", { name: /disabled|enabled/ }).count()).toBeGreaterThan(
          1,
        );
      }, 60_000);

      it("missing permissions are named, and both windows of what was done in part are told", async () => {
        const page = await open();
        const shown = async (status: "pendingAdminConsent" | "partiallySucceeded") => {
          const name = statuses[status][language];
          await row(page, status).getByRole("button", { name }).click();
          const dialog = page.getByRole("dialog", { name });
          await dialog.waitFor();
          return dialog;
        };
        const consent = await shown("pendingAdminConsent");
        for (const permission of withdrawn)
          await consent.getByText(permission, { exact: true }).waitFor();
        await page.keyboard.press("Escape");
        await consent.waitFor({ state: "hidden" });
        const partial = await shown("partiallySucceeded");
        await partial.getByText(words.report[language], { exact: true }).waitFor();
        await partial.getByRole("listitem").first().waitFor();
        expect(await partial.getByRole("listitem").count()).toBeGreaterThan(0);
        await page.keyboard.press("Escape");
      }, 60_000);
    });

    it("a sync shows how it starts and goes on, letter by letter, and is cancelled from either", async () => {
      const tenant = await rig().tenant("Woodgrove");
      const own = (page: Page) => page.getByRole("row", { name: tenant.name });
      const [page, other] = [pageIn("en"), pageIn("fr")];
      // So slow that somebody sees it.
      await tenant.behave({ latencyMs: 4000 });
      for (const status of ["starting", "inProgress"] as const) {
        const started = tenant.post("/syncs", {});
        await expect
          .poll(async () => (await tenant.get("/sync-status"))["status"], { timeout: 20_000 })
          .toBe(status);
        await Promise.all([page.reload(), other.reload()]);
        const said = own(page).getByRole("button", { name: statuses[status].en, exact: true });
        await said.waitFor();
        await own(other).getByRole("button", { name: statuses[status].fr, exact: true }).waitFor();
        await said.click();
        await page.getByRole("menuitem", { name: words.cancel.en }).click();
        await own(page).getByText(statuses.notRun.en, { exact: true }).waitFor({ timeout: 30_000 });
        const { syncId } = await started;
        expect(await tenant.get(`/syncs/${String(syncId)}`)).toMatchObject({
          outcome: "cancelled",
        });
      }
    }, 90_000);

    it("who may read syncs and not run them is told what a tenant waits for, with nothing to press", async () => {
      const page = await rig().signedIn("Security Administrator", "en", "/tenants");
      for (const [status, told] of [
        ["pendingAuthentication", page.locator("[data-countdown]")],
        ["pendingAdminConsent", page.getByText(String(withdrawn[0]), { exact: true })],
      ] as const) {
        const name = statuses[status].en;
        await row(page, status).getByRole("button", { name }).click();
        const dialog = page.getByRole("dialog", { name });
        await told.waitFor();
        const buttons = dialog.getByRole("button");
        expect(await buttons.evaluateAll((all) => all.map((one) => one.ariaLabel))).toEqual([
          "Close",
        ]);
        await page.keyboard.press("Escape");
        await dialog.waitFor({ state: "hidden" });
      }
    }, 60_000);

    it("the code that was copied is typed in another tab, and the row goes on by itself", async () => {
      const page = pageIn("fr");
      await page.goto(`${rig().url}/console/tenants`);
      const name = statuses.pendingAuthentication.fr;
      await row(page, "pendingAuthentication").getByRole("button", { name }).click();
      const dialog = page.getByRole("dialog", { name });
      await dialog
        .locator("[data-countdown]")
        .filter({ hasText: /[0-2]:\d\d/ })
        .waitFor();
      await dialog.getByRole("button", { name: "Obtenir un code" }).click();
      await dialog.getByRole("button", { name: words.copyCode.fr }).click();
      const code = await page.evaluate<string>("navigator.clipboard.readText()");
      const address = await dialog.getByRole("link").getAttribute("href");
      // The stand-in's own page has a certificate that nobody vouches for.
      const other = await (await rig().browser.newContext({ ignoreHTTPSErrors: true })).newPage();
      await other.goto(String(address));
      // Slow enough for its way to be seen.
      await tenants.get("pendingAuthentication")?.behave({ latencyMs: 1000 });
      await other.getByLabel("Code that the app shows").fill(code);
      await other
        .getByRole("radio", { name: `Operator of ${names.pendingAuthentication}` })
        .check();
      await other.getByRole("button", { name: "Sign in" }).click();
      await row(page, "pendingAuthentication")
        .getByRole("button", { name: statuses.inProgress.fr, exact: true, includeHidden: true })
        .waitFor({ timeout: 20_000 });
      await dialog.waitFor({ state: "hidden", timeout: 20_000 });
      const said = page.getByRole("status").filter({ hasText: "En cours" });
      await said.waitFor();
      expect(await said.innerText()).toBe("En cours : la synchronisation a repris.");
      await row(page, "pendingAuthentication")
        .getByText(statuses.idle.fr, { exact: true })
        .waitFor({ timeout: 20_000 });
    }, 90_000);
  });
}
