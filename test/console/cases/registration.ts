/**
 * Customers, and their devices on the way into Autopilot: what ties them, the group tags, a list judged and registered.
 * Every sample file that is kept beside the project is found to have the faults that the API finds.
 */
import { existsSync, globSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { csv, hashOf, intune } from "../../shared/registration/lists.ts";
import type { ConsoleRig, Language, TestTenant } from "../support/rig.ts";

const folder = fileURLToPath(
  new URL("../../../../shared/reference/autopilot-corpus/", import.meta.url),
);
const corpus = existsSync(folder) ? globSync(`${folder}*.csv`).toSorted() : [];

/** As the page of the source documents has them, and Microsoft's English one. */
const words: readonly Readonly<Record<Language, string>>[] = [
  { en: "Add devices", fr: "Ajouter des appareils" },
  { en: "Browse", fr: "Parcourir" },
  { en: "Device profile", fr: "Profil d’appareil" },
  {
    en: "Autopilot group tag (standard mode)",
    fr: "Balise de groupe Autopilot (mode standard)",
  },
  { en: "Group tag (shared device mode)", fr: "Balise de groupe (mode appareil partagé)" },
  { en: "Sensitive data", fr: "Données sensibles" },
  { en: "Power user", fr: "Utilisateur d’alimentation" },
  { en: "Kiosk", fr: "Kiosque" },
  { en: "Not supported", fr: "Non pris en charge" },
  { en: "Important", fr: "Importante" },
  {
    en: "Before completing registration for a customer, you must first establish a relationship with them in Partner Center.",
    fr: "Avant de terminer l’inscription d’un client, vous devez d’abord établir une relation avec lui dans l’Espace partenaires.",
  },
  {
    en: "Additional columns aren't supported.",
    fr: "Les colonnes supplémentaires ne sont pas prises en charge.",
  },
  { en: "Quotes aren't supported.", fr: "Les guillemets ne sont pas pris en charge." },
  {
    en: "Only ANSI-format text files can be used (not Unicode).",
    fr: "Seuls les fichiers texte au format ANSI peuvent être utilisés (pas Unicode).",
  },
  { en: "Headers are case-sensitive.", fr: "Les en-têtes sont sensibles à la casse." },
];
const inText: readonly Readonly<Record<Language, string>>[] = [
  {
    en: "The group name must match exactly those listed in the table, including capitalization and special characters.",
    fr: "Le nom du groupe doit correspondre exactement à ceux répertoriés dans le tableau, y compris les majuscules et les caractères spéciaux.",
  },
  {
    en: "You should have received this .csv file with your device purchase. Prerequisites:",
    fr: "Vous devriez avoir reçu ce fichier .csv avec l’achat de votre appareil. Conditions préalables :",
  },
  {
    en: "Editing the file in Excel and saving as a CSV file won't generate a usable file due to these requirements. Be sure to preserve any leading zeros in the device serial numbers.",
    fr: "La modification du fichier dans Excel et son enregistrement en tant que fichier CSV ne généreront pas de fichier utilisable en raison de ces exigences. Veillez à conserver les zéros non significatifs dans les numéros de série de l'appareil.",
  },
];

type Place = {
  readonly code: string;
  readonly row: string;
  readonly line: string;
  readonly column: string;
};

/** Holds the cases. */
export function registrationCases(rig: () => ConsoleRig): void {
  const at = (path: string): string => `${rig().url}/console${path}`;
  const api = async (method: string, path: string, raw?: Buffer) => {
    const answer = await fetch(`${rig().url}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${rig().muster.adminToken}`,
        ...(raw && { "content-type": "text/csv" }),
      },
      ...(raw && { body: new Uint8Array(raw) }),
    });
    return (await answer.json()) as Record<string, never>;
  };

  describe("customers and registrations", () => {
    afterAll(() => rig().closeTabs());

    let tenant: TestTenant;
    let page: Page;

    beforeAll(async () => {
      tenant = await rig().tenant("Alpine Ski House");
      page = await rig().signedIn("Full Administrator");
    }, 60_000);

    const adding = (search = ""): string =>
      at(`/customers/${tenant.tenantId}/devices/add${search}`);
    const judged = (name: string): Locator =>
      page.locator(`main:has-text("${name}") [data-verdict]`);
    /** Group tags of devices, as Intune lists them. */
    const tagsOf = async (serials: readonly string[]) => {
      const { value } = await tenant.get("/autopilot-devices");
      const all = value as { serialNumber: string; groupTag: string }[];
      return serials.map((one) => all.find((each) => each.serialNumber === one)?.groupTag);
    };
    /** What the page says was found. */
    const findings = async (): Promise<Place[]> => {
      const cells = page.getByRole("grid").getByRole("row");
      const rows = await cells.evaluateAll((all) =>
        all.slice(1).map((each) => ({
          code: each.querySelector("[data-code]")?.getAttribute("data-code") ?? "",
          cells: Array.from(
            each.querySelectorAll("[role=gridcell]"),
            // Its column's name stands before what it says.
            ({ childNodes: [, ...said] }) => said.map(({ textContent }) => textContent).join(""),
          ),
        })),
      );
      return rows.map(({ code, cells: [row = "", line = "", column = ""] }) => ({
        code,
        row,
        line,
        column,
      }));
    };

    it("a customer's page says which ways are open, on the strength of what, and what is missing", async () => {
      const behave = async (gdap: string) =>
        fetch(`${rig().sandboxUrl}/_sandbox/behaviour`, {
          method: "PUT",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ tenantId: tenant.tenantId, gdap }),
        });
      await behave("active");
      await page.goto(at("/customers"));
      await page.getByRole("link", { name: tenant.name }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByRole("button", { name: "Check now" }).click();
      await dialog.getByText("Delegation (GDAP): active").waitFor();
      const { routes, relationship } = await api("GET", `/customers/${tenant.tenantId}`);
      for (const [route, verdict] of Object.entries<Record<string, string | boolean>>(
        routes ?? {},
      )) {
        const { allowed, proof = "", missing = "", remedy = "" } = verdict;
        const shown = dialog.locator(`[data-route=${route}]`);
        expect(await shown.getAttribute("data-allowed")).toBe(String(allowed));
        for (const part of allowed ? [proof] : [missing, remedy])
          expect(await shown.textContent()).toContain(String(part));
      }
      expect(relationship).toMatchObject({ delegation: { status: "active" } });

      const link = "https://login.example/unique-link";
      await dialog.getByLabel("What you are to this customer").selectOption("OEM");
      await dialog.getByLabel("Your unique link").fill(link);
      await dialog.getByRole("button", { name: "Copy link" }).click();
      expect(await page.evaluate("navigator.clipboard.readText()")).toBe(link);
      await dialog.getByLabel("The customer consented on").fill("2026-11-02");
      await dialog.getByRole("button", { name: "Save" }).click();
      await dialog.getByText(/^Consent to the OEM of/).waitFor();
      expect(await api("GET", `/customers/${tenant.tenantId}`)).toMatchObject({
        partnerKind: "oem",
        relationship: { oemConsent: { link, acceptedAt: "2026-11-02T00:00:00.000Z" } },
        routes: { graph: { allowed: false }, file: { allowed: true } },
      });
      await dialog.getByLabel("What you are to this customer").selectOption("Direct partner");
      await dialog.getByRole("button", { name: "Save" }).click();
      await expect
        .poll(async () => (await api("GET", `/customers/${tenant.tenantId}`))["partnerKind"])
        .toBe("direct");
      await page.keyboard.press("Escape");
    }, 60_000);

    it.skipIf(corpus.length === 0).each(corpus)(
      "the page finds in %s what the API finds",
      async (path) => {
        const name = basename(path);
        if (!page.url().endsWith("/devices/add")) await page.goto(adding());
        await page.locator("input[type=file]").setInputFiles(path);
        await judged(name).waitFor();
        const verdict = await api(
          "POST",
          `/tenants/${tenant.tenantId}/registrations?dryRun=true`,
          readFileSync(path),
        );
        const { acceptedRows, findings: found } = verdict;
        expect(await judged(name).getAttribute("data-accepted")).toBe(String(acceptedRows));
        const expected = (found as unknown as Record<string, string | number | null>[]).map(
          ({ code, row, line, column }) => ({
            code: String(code),
            row: String(row ?? "File"),
            line: String(line ?? ""),
            column: String(column ?? ""),
          }),
        );
        expect(await findings()).toEqual(expected);
      },
      60_000,
    );

    it("a list that Excel saved is named as such, repaired, and judged again", async () => {
      await page.goto(adding());
      const content = Buffer.from(`\ufeff${csv(intune, `00042,,${hashOf("00042")},,`)}`);
      await page
        .locator("input[type=file]")
        .setInputFiles({ name: "excel.csv", mimeType: "text/csv", buffer: content });
      await page.locator("[data-excel]").waitFor();
      const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("button", { name: "Download the repaired file" }).click(),
      ]);
      expect(readFileSync(await download.path()).equals(content.subarray(3))).toBe(true);
      await page.getByRole("button", { name: "Use the repaired file" }).click();
      await page.locator("[data-verdict=valid]").waitFor();
    }, 60_000);

    it("a file is browsed for, dropped and pasted; the tag that is not supported cannot be chosen", async () => {
      await page.goto(adding("?tag=Microsoft365Managed_PowerUser-Shared"));
      const none = page.getByRole("radio", { name: "None: each row brings its own" });
      await none.waitFor();
      expect(await none.isChecked()).toBe(true);
      const row = page.getByRole("row", { name: "Power user" });
      expect(await row.getByRole("radio").count()).toBe(1);
      expect(await row.getByText("Not supported", { exact: true }).count()).toBe(1);

      const list = csv(intune, `S1,,${hashOf("S1")},,`);
      const [chooser] = await Promise.all([
        page.waitForEvent("filechooser"),
        page.getByRole("button", { name: "Browse" }).click(),
      ]);
      await chooser.setFiles({ name: "a.csv", mimeType: "text/csv", buffer: Buffer.from(list) });
      await judged("a.csv").waitFor();
      const text = JSON.stringify(list);
      const data = await page.evaluateHandle(`(() => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([${text}], "b.csv", { type: "text/csv" }));
        return transfer;
      })()`);
      const zone = page.getByRole("button", { name: "Browse" });
      await zone.dispatchEvent("drop", { dataTransfer: data });
      await judged("b.csv").waitFor();
      await page.evaluate(`navigator.clipboard.writeText(${text})`);
      await zone.focus();
      await page.keyboard.press("Control+V");
      await judged("pasted.csv").waitFor();
      expect(await judged("pasted.csv").getAttribute("data-accepted")).toBe("1");
    }, 60_000);

    it("a list is registered with the tag of its profile, zeros and all, once for two clicks", async () => {
      const serials = ["00012345", "00012346"];
      await page.goto(adding());
      await page
        .getByRole("row", { name: "Kiosk" })
        .getByRole("radio", { name: "Microsoft365Managed_Kiosk", exact: true })
        .check();
      const rows = serials.map((serial) => `${serial},,${hashOf(serial)},,`);
      await page.locator("input[type=file]").setInputFiles({
        name: "kiosk.csv",
        mimeType: "text/csv",
        buffer: Buffer.from(csv(intune, ...rows)),
      });
      await page.getByRole("button", { name: "Register 2 devices" }).dblclick();
      await page.locator("[data-sum=final]").waitFor({ timeout: 50_000 });
      expect(await page.locator("[data-sum]").textContent()).toBe("Done: all 2 devices registered");
      await expect.poll(() => page.locator("[data-outcome=registered]").count()).toBe(2);
      await page.getByRole("row", { name: "00012345" }).waitFor();
      expect(await tagsOf(serials)).toEqual([
        "Microsoft365Managed_Kiosk",
        "Microsoft365Managed_Kiosk",
      ]);
      const ledger = await fetch(
        `${rig().sandboxUrl}/_sandbox/registrations?tenantId=${tenant.tenantId}`,
      );
      expect(await ledger.json()).toEqual({ total: 2, distinct: 2, doubled: 0 });
      const jobs = await tenant.get("/registrations");
      expect(jobs["value"]).toHaveLength(1);
      await page.getByRole("link", { name: "Registrations", exact: true }).first().click();
      await page.getByRole("row", { name: "Done: all 2 devices registered" }).waitFor();
    }, 90_000);

    it("a registration rests and goes on, and what waits of it is cancelled", async () => {
      const own = `/tenants/${tenant.tenantId}`;
      // So that it does not end before somebody lets it rest.
      await rig().api("PATCH", own, { paused: true });
      const list = Buffer.from(csv(intune, `00077,,${hashOf("00077")},,`));
      const { registrationId } = await api("POST", `${own}/registrations`, list);
      const one = `${own}/registrations/${String(registrationId)}`;
      await page.goto(at(one));
      await page.getByRole("button", { name: "Pause", exact: true }).dblclick();
      await page.getByRole("button", { name: "Resume", exact: true }).waitFor();
      expect(await api("GET", one)).toMatchObject({ state: "paused" });
      await page.getByRole("button", { name: "Resume", exact: true }).click();
      await page.getByRole("button", { name: "Pause", exact: true }).waitFor();
      await page.getByRole("button", { name: "Cancel what waits" }).click();
      await page.locator("[data-sum=final]").waitFor({ timeout: 30_000 });
      await rig().api("PATCH", own, { paused: false });
      expect(await api("GET", one)).toMatchObject({ counts: { cancelled: 1 } });
    }, 60_000);

    it("a registered device's tag is changed, and the device taken out after a question", async () => {
      await page.goto(at(`/tenants/${tenant.tenantId}/autopilot-devices`));
      await page.getByRole("button", { name: "More for 00012345" }).click();
      await page.getByRole("menuitem", { name: "Change tag and user" }).click();
      await page.getByRole("dialog").getByLabel("Group tag").fill("shop");
      await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
      await expect.poll(() => tagsOf(["00012345"]), { timeout: 20_000 }).toEqual(["shop"]);
      await page.getByRole("checkbox", { name: "Choose 00012346" }).check();
      await page.getByRole("button", { name: "Take 1 device out of Autopilot" }).click();
      await page
        .getByRole("alertdialog")
        .getByRole("button", { name: "Take 1 device out of Autopilot" })
        .click();
      await page.locator("[data-sum=final]").waitFor({ timeout: 50_000 });
      expect(await page.locator("[data-sum]").textContent()).toBe("Done: 1 device taken out");
      expect(await tagsOf(["00012346"])).toEqual([undefined]);
    }, 90_000);

    it.each(["en", "fr"] as const)(
      "the words are those of the page, letter by letter, in %s",
      async (language) => {
        const shown = language === "en" ? page : await rig().signedIn("Full Administrator", "fr");
        await shown.goto(adding());
        await shown.getByRole("table").waitFor();
        for (const each of words)
          expect(
            await shown.getByText(each[language], { exact: true }).count(),
            each[language],
          ).toBeGreaterThan(0);
        const text = await shown.locator("main").innerText();
        for (const each of inText) expect(text).toContain(each[language]);
        const [download] = await Promise.all([
          shown.waitForEvent("download"),
          shown
            .getByText(language === "en" ? "Sample .csv file" : "Exemple de fichier .csv")
            .click(),
        ]);
        expect(readFileSync(await download.path(), "utf8")).toContain("\r\n0001234567,");
      },
      60_000,
    );

    it("the partner signs in by a code, and the window closes itself", async () => {
      await page.goto(at("/customers"));
      await page.getByRole("button", { name: "Sign in for Partner Center" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByRole("button", { name: "Get a code" }).click();
      const code = await dialog.getByLabel("Code to type").textContent();
      const address = await dialog.getByRole("link").getAttribute("href");
      // The stand-in's own page has a certificate that nobody vouches for.
      const other = await (await rig().browser.newContext({ ignoreHTTPSErrors: true })).newPage();
      await other.goto(String(address));
      await other.getByLabel("Code that the app shows").fill(String(code));
      await other.getByRole("radio").first().check();
      await other.getByRole("button", { name: "Sign in" }).click();
      await page.locator("[data-partner=signedIn]").waitFor({ timeout: 30_000 });
      await dialog.waitFor({ state: "hidden" });
      expect(await api("GET", "/partner")).toMatchObject({ partnerCenter: "signedIn" });
    }, 60_000);
  });
}
