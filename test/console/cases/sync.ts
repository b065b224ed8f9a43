/** What becomes of a plan by each verdict, a sign-in that nobody makes in time, and the way back: by clicks, and by what the tenant got. */
import { readFileSync } from "node:fs";
import { buffer } from "node:stream/consumers";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ZipFile } from "yazl";
import {
  awaitsPerson,
  type ConsoleRig,
  planned,
  policies,
  type TestTenant,
} from "../support/rig.ts";

const item = (name: string, body: object = { displayName: name, description: "ours" }) => ({
  name: `wanted/roleScopeTag/${name}.json`,
  content: JSON.stringify({ type: "roleScopeTag", key: name, name, body }),
});

function zipOf(...files: readonly ReturnType<typeof item>[]): Promise<Buffer> {
  const zip = new ZipFile();
  for (const { name, content } of files) zip.addBuffer(Buffer.from(content), name);
  zip.end();
  return buffer(zip.outputStream);
}

/** Holds the cases. */
export function syncCases(rig: () => ConsoleRig): void {
  describe("syncs", () => {
    afterAll(() => rig().closeTabs());

    let page: Page;
    let tenant: TestTenant;
    let first = "";
    const at = (path: string) => page.goto(`${rig().url}/console/tenants${path}`);
    const row = (name: string) => page.getByRole("row", { name });
    /** Which policies apps have written, by the numbers in their names. */
    const written = async (): Promise<string[]> => {
      const path = "/configuration/conditionalAccessPolicy";
      const { value } = await tenant.control("GET", path);
      const names = new Map(
        (value as { id: string; displayName: string }[]).map(({ id, displayName }) => [
          id,
          displayName.slice(0, 5),
        ]),
      );
      return (await tenant.writes()).map(({ itemId }) => names.get(String(itemId)) ?? "");
    };
    const switchOff = async (policy: string): Promise<void> => {
      const path = "/configuration/conditionalAccessPolicy";
      const { value } = await tenant.control("GET", path);
      const found = (value as { id: string; displayName: string }[]).find(({ displayName }) =>
        displayName.startsWith(policy),
      );
      await tenant.control("PATCH", `${path}/${String(found?.id)}`, { state: "disabled" });
    };
    const outcome = async (syncId: unknown) =>
      (await tenant.get(`/syncs/${String(syncId)}`))["outcome"];

    beforeAll(async () => {
      tenant = await rig().tenant("Lucerne");
      first = await planned(tenant);
      page = await rig().signedIn("Full Administrator", "fr");
      // All tenants of the cases before it are in the list, of which only what the window shows is drawn.
      await page.setViewportSize({ width: 1280, height: 6000 });
    }, 60_000);

    it("what is approved is written, and nothing before it and beside it", async () => {
      expect(await written()).toEqual([]);
      await at(`/${tenant.tenantId}/syncs/${first}/plan`);
      await page.getByRole("checkbox", { name: /CA003/ }).uncheck();
      await page.getByRole("button", { name: "Approuver" }).click();
      const dialog = page.getByRole("alertdialog", { name: "Approuver" });
      await dialog.getByText(/CA002/).waitFor();
      expect(await written()).toEqual([]);
      await dialog.getByRole("button", { name: "Approuver" }).dblclick();
      await page.locator("[data-outcome=succeeded]").waitFor({ timeout: 20_000 });
      expect(await written()).toEqual(["CA002"]);
    }, 60_000);

    it("what is rejected, and what is rejected and reset, is not written", async () => {
      const second = (await tenant.sync(policies))["syncId"];
      await at("");
      await row(tenant.name).getByRole("button", { name: "Décisions pour" }).click();
      await page.getByRole("menuitem", { name: "Rejeter", exact: true }).click();
      let dialog = page.getByRole("alertdialog", { name: "Rejeter", exact: true });
      await dialog.getByText(/CA003/).waitFor();
      await dialog.getByRole("button", { name: "Rejeter", exact: true }).click();
      await row(tenant.name).getByText("Inactif", { exact: true }).waitFor({ timeout: 20_000 });
      expect(await outcome(second)).toBe("rejected");

      await switchOff("CA004");
      const third = (await tenant.sync(policies))["syncId"];
      await page.reload();
      await row(tenant.name).getByRole("button", { name: "Décisions pour" }).click();
      await page.getByRole("menuitem", { name: "Rejeter et rétablir" }).click();
      dialog = page.getByRole("alertdialog", { name: "Rejeter et rétablir" });
      await dialog.getByText(/CA004/).waitFor();
      const reset = dialog.getByRole("button", { name: "Rejeter et rétablir" });
      expect(await reset.isDisabled()).toBe(true);
      await dialog.getByRole("checkbox").check();
      await reset.click();
      await row(tenant.name).getByText("Inactif", { exact: true }).waitFor({ timeout: 20_000 });
      expect(await outcome(third)).toBe("rejectedAndReset");
      const again = await tenant.sync(policies);
      expect(again).toMatchObject({ outcome: "succeeded", plan: { updates: 0, held: 1 } });
      await at(`/${tenant.tenantId}/syncs`);
      await page.getByRole("button", { name: "Libérer ce qui est retenu…" }).click();
      const releases = page.getByRole("alertdialog");
      await releases.getByRole("button", { name: "Libérer 1 modification" }).click();
      await releases.waitFor({ state: "hidden" });
      expect(await tenant.get("/sync-status")).toMatchObject({ heldChanges: 0 });
      expect(await written()).toEqual(["CA002"]);
    }, 60_000);

    it("a sync's report is kept as JSON, CSV and Markdown, and its undo asks, and asks for approval", async () => {
      await at(`/${tenant.tenantId}/syncs`);
      await page.getByRole("row").nth(4).getByRole("link").click();
      const saved = async (kind: string): Promise<string> => {
        const [download] = await Promise.all([
          page.waitForEvent("download"),
          page.getByRole("button", { name: `Rapport (${kind})` }).click(),
        ]);
        return readFileSync(await download.path(), "utf8");
      };
      expect(JSON.parse(await saved("JSON"))).toEqual(await tenant.get(`/syncs/${first}/report`));
      expect(await saved("CSV")).toMatch(
        /^\uFEFF"Type","Nom",.*\r\n(.*\r\n)*.*"CA002: [^"]*","Modifier","Fait"/,
      );
      expect(await saved("Markdown")).toMatch(/\| CA002: [^|]* \| Modifier \| Fait \|/);

      await page.getByRole("button", { name: "Annuler ses effets" }).click();
      const dialog = page.getByRole("alertdialog", { name: "Annuler ses effets" });
      const undo = dialog.getByRole("button", { name: "Annuler ses effets" });
      expect(await undo.isDisabled()).toBe(true);
      await dialog.getByRole("checkbox").check();
      await undo.click();
      await page.waitForURL((url) => !url.pathname.endsWith(first));
      await page.getByText("Approbation en attente", { exact: true }).waitFor({ timeout: 20_000 });
      expect(await written()).toEqual(["CA002"]);
    }, 60_000);

    it("two syncs stand side by side, by an address: what one left, and what the other did", async () => {
      const { value } = await tenant.get("/syncs");
      const initial = String((value as { syncId: string }[]).at(-1)?.syncId);
      await at(`/${tenant.tenantId}/compare?before=${initial}&after=${first}`);
      await page.getByText("0 ajouté, 1 modifié, 0 supprimé", { exact: true }).waitFor();
      await page.getByRole("button", { name: /CA003/ }).click();
      const cells = page.getByRole("row", { name: "/state" }).getByRole("cell");
      expect(await cells.allTextContents()).toEqual(["enabled", "disabled"]);
    }, 60_000);

    it("a baseline is made of a tenant and published to another, whose sync waits, and nothing is written", async () => {
      const types = { types: ["assignmentFilter"] };
      const [source, other] = [await rig().tenant("Graphic"), await rig().tenant("Humongous")];
      const path = "/configuration/assignmentFilter";
      const [filter] = (await source.control("GET", path))["value"] as { id: string }[];
      await source.control("PATCH", `${path}/${String(filter?.id)}`, { description: "ours" });
      for (const each of [source, other]) await each.sync(types);
      await page.goto(`${rig().url}/console/baselines?window=new`);
      const dialog = page.getByRole("alertdialog");
      await dialog.getByLabel("Nom").fill("Accès");
      await dialog.getByLabel("Pourquoi").fill("comme chez Graphic");
      await dialog.getByLabel("À partir de").selectOption(source.tenantId);
      await dialog.getByRole("button", { name: "Créer" }).click();
      await page.getByRole("heading", { name: "Accès", level: 1 }).waitFor();
      await page.getByRole("button", { name: "Publier…" }).click();
      await dialog.getByRole("checkbox", { name: other.name }).check();
      await dialog.getByRole("button", { name: "Publier pour 1 tenant" }).click();
      const published = row(other.name).filter({ hasText: "Publiée" });
      await published.getByRole("link", { name: "Synchronisation" }).click({ timeout: 20_000 });
      await page.getByText("Approbation en attente", { exact: true }).waitFor({ timeout: 20_000 });
      expect(await other.writes()).toEqual([]);
    }, 60_000);

    it("a sync is started in another mode, for some types, of one tenant and of many; a mode that makes no sense says why", async () => {
      const [one, other] = [await rig().tenant("Kiosk"), await rig().tenant("Lamna")];
      await one.sync(policies);
      await at(`/${one.tenantId}/syncs`);
      await page.getByRole("button", { name: "Synchroniser autrement…" }).click();
      const dialog = page.getByRole("alertdialog", { name: "Synchroniser autrement…" });
      await dialog.getByText("n'a laissé aucun échec").waitFor();
      expect(await dialog.getByRole("radio", { name: /Nouvel essai/ }).isDisabled()).toBe(true);
      await dialog.getByRole("radio", { name: /Lecture et plan/ }).check();
      await dialog.getByRole("checkbox", { name: "Seulement ces types" }).check();
      const start = dialog.getByRole("button", { name: "Lancer" });
      expect(await start.getAttribute("aria-disabled")).toBe("true");
      await dialog.getByRole("checkbox", { name: "Emplacement nommé" }).check();
      await start.dblclick();
      await page.locator("[data-outcome=succeeded]").waitFor({ timeout: 20_000 });
      const [made] = (await one.get("/syncs"))["value"] as object[];
      expect(made).toMatchObject({ mode: "plan", types: ["namedLocation"] });

      await at("");
      for (const { name } of [one, other])
        await page.getByRole("checkbox", { name: `Choisir ${name}` }).check();
      await page.getByRole("button", { name: "Synchroniser autrement…" }).click();
      await dialog.getByRole("radio", { name: /Lecture seule/ }).check();
      await dialog.getByRole("button", { name: "Lancer pour 2 tenants" }).click();
      await dialog.waitFor({ state: "hidden" });
      for (const { get } of [one, other])
        expect(((await get("/syncs"))["value"] as object[])[0]).toMatchObject({
          mode: "exportOnly",
        });
    }, 60_000);

    it("a tenant is paused from its row, is seen as paused, and goes on; a sync of it rests by itself as well", async () => {
      const { tenantId, name, get, post } = await rig().tenant("Nod");
      const choose = async (what: string) => {
        await row(name)
          .getByRole("button", { name: `Plus pour ${name}` })
          .click();
        await page.getByRole("menuitem", { name: `${what}…` }).click();
        const dialog = page.getByRole("alertdialog", { name: `${what}…` });
        await dialog.getByLabel("Pourquoi").fill("migration");
        await dialog.getByRole("button", { name: what, exact: true }).click();
        await dialog.waitFor({ state: "hidden" });
      };
      await at("");
      await choose("Suspendre");
      await row(name).getByText("Suspendu", { exact: true }).waitFor();
      expect(await get("")).toMatchObject({ pauseReason: "migration" });
      const { syncId } = await post("/syncs", {});
      await at(`/${tenantId}/syncs/${String(syncId)}`);
      await page.getByText(/^Suspendu depuis .*migration/).waitFor();
      await page.getByRole("button", { name: "Suspendre", exact: true }).dblclick();
      await page.getByText("Annulée, sauf reprise").waitFor();
      expect(await get(`/syncs/${String(syncId)}`)).toHaveProperty("paused");
      await at("");
      await row(name).getByText("Synchronisation suspendue").waitFor();
      await at(`/${tenantId}/syncs/${String(syncId)}`);
      await page.getByRole("button", { name: "Reprendre", exact: true }).click();
      await page.getByRole("button", { name: "Suspendre", exact: true }).waitFor();
      await at(`?window=pause&tenant=${tenantId}`);
      // A list that has not come yet shows no pause either; behind the window it is hidden from who hears.
      const behind = page.getByRole("row", { name, includeHidden: true });
      await behind.getByText("Suspendu", { exact: true }).waitFor();
      await page.getByRole("alertdialog").getByRole("button", { name: "Reprendre" }).click();
      await behind.getByText("Suspendu", { exact: true }).waitFor({ state: "detached" });
      expect(await get("")).not.toHaveProperty("pausedAt");
      await at(`/${tenantId}/syncs`);
      await page.getByText("migration").waitFor({ state: "detached" });
    }, 60_000);

    it("the installation is drained after a question that says what that does, and goes on after another", async () => {
      const state = (name: string) => page.locator(`[data-state=${name}]`);
      const press = async (what: string) => {
        await page.getByRole("button", { name: `${what}…` }).click();
        const dialog = page.getByRole("alertdialog", { name: `${what}…` });
        await dialog.getByRole("button", { name: what, exact: true }).dblclick();
        await dialog.waitFor({ state: "hidden" });
      };
      await page.goto(`${rig().url}/console/operations`);
      await state("works").waitFor();
      try {
        await press("Vidanger");
        await state("drained").waitFor({ timeout: 20_000 });
        expect(await rig().api("GET", "/drain")).toMatchObject({ draining: true });
        await press("Relancer");
        await state("works").waitFor();
        expect(await rig().api("GET", "/drain")).toMatchObject({ draining: false });
      } finally {
        await rig().api("PUT", "/drain", { draining: false });
      }
    }, 60_000);

    it("a zip is taken into what is wanted, and refused by file and place where one of its items is not in order", async () => {
      const { tenantId, get } = tenant;
      await at(`/${tenantId}/configuration?window=import`);
      const dialog = page.getByRole("alertdialog");
      const send = async (zip: Buffer) => {
        const file = { name: "items.zip", mimeType: "application/zip", buffer: zip };
        await dialog.locator("input[type=file]").setInputFiles(file);
        await dialog.getByRole("radio", { name: /^wanted/ }).check();
        await dialog.getByRole("button", { name: "Importer" }).click();
      };
      await dialog.getByLabel("Pourquoi").fill("repris");
      rig().forgive(page, /Failed to load resource.*\/configuration-import/);
      await send(await zipOf(item("Paris"), item("Lyon", { displayName: 7 })));
      await dialog.getByText(/^wanted\/roleScopeTag\/Lyon\.json \/body/).waitFor();
      await send(await zipOf(item("Paris"), item("Lyon")));
      await dialog.waitFor({ state: "hidden" });
      const { value } = await get("/configuration/roleScopeTag");
      expect(value).toEqual(
        expect.arrayContaining(
          ["Paris", "Lyon"].map((key) => expect.objectContaining({ key, inDesired: true })),
        ),
      );
    }, 60_000);

    it("what is no longer wanted is deleted when its number was confirmed and its plan approved, and not before", async () => {
      const other = await rig().tenant("Margie");
      const types = { types: ["assignmentFilter"] };
      await other.sync(types);
      await rig().api("PATCH", `/tenants/${other.tenantId}/sync-status/settings`, {
        deletes: ["assignmentFilter"],
      });
      const path = `/${other.tenantId}/configuration?type=assignmentFilter&search=Windows`;
      await at(path);
      await page.getByRole("row").nth(1).getByRole("link").click();
      await page.getByRole("button", { name: "N'est plus voulu…" }).click();
      const dialog = page.getByRole("alertdialog");
      await dialog.getByLabel("Pourquoi").fill("obsolète");
      await dialog.getByRole("button", { name: "Ne plus le vouloir" }).click();
      await dialog.waitFor({ state: "hidden" });
      const { syncId } = await other.sync(types);
      await at(`/${other.tenantId}/syncs/${String(syncId)}/plan`);
      await page.getByRole("button", { name: "Confirmer ce qui est bloqué…" }).click();
      const confirms = dialog.getByRole("button", { name: "Confirmer et planifier à nouveau" });
      await dialog.getByLabel("Motif").fill("remplacé");
      expect(await confirms.getAttribute("aria-disabled")).toBe("true");
      await dialog.getByRole("checkbox", { name: "Supprimer 1 élément" }).check();
      await confirms.dblclick();
      await expect
        .poll(() => other.get(`/syncs/${String(syncId)}`), { timeout: 20_000 })
        .toMatchObject({
          waitsFor: "approval",
          plan: { deletes: 1 },
          confirmed: { reason: "remplacé", deletes: { assignmentFilter: 1 } },
        });
      expect(await other.writes()).toEqual([]);
      await at(`/${other.tenantId}/syncs/${String(syncId)}/plan?window=approve`);
      await dialog.getByText("Supprimer:").waitFor();
      await dialog.getByRole("button", { name: "Approuver" }).click();
      await page.locator("[data-outcome=succeeded]").waitFor({ timeout: 20_000 });
      expect(await other.writes()).toHaveLength(1);
    }, 60_000);

    it("who lacks an administrator's consent to sign in has an address for one, and is told when they consented", async () => {
      const other = await rig().tenant("Alpine");
      const syncId = await awaitsPerson(other);
      await other.control("POST", "/consent", {
        withdrawScopes: ["RoleManagementPolicy.ReadWrite.Directory"],
      });
      await at("");
      const status = "Authentification en attente";
      await row(other.name).getByRole("button", { name: status }).click({ timeout: 20_000 });
      const dialog = page.getByRole("dialog", { name: status });
      const getAddress = dialog.getByRole("button", { name: "Obtenir l'adresse" });
      await dialog.locator("[data-countdown]").waitFor();
      expect(await getAddress.count(), "nothing says yet that one is needed").toBe(0);
      await dialog.getByRole("button", { name: "Obtenir un code" }).click();
      await getAddress.click();
      const link = dialog.getByRole("link");
      await link.waitFor();
      await dialog.getByText("Elle est valable une fois, jusqu'au").waitFor();
      await dialog.getByRole("button", { name: "Copier" }).click();
      const address = await page.evaluate<string>("navigator.clipboard.readText()");
      expect(address).toBe(await link.getAttribute("href"));

      // Who may read syncs and not run them is told why, and has nothing to press.
      const reader = await rig().signedIn("Security Administrator", "en", "/tenants");
      const name = "Pending authentication";
      await reader.getByRole("row", { name: other.name }).getByRole("button", { name }).click();
      await reader.getByRole("dialog", { name }).getByText("has not consented").waitFor();
      expect(await reader.getByRole("button", { name: "Get the address" }).count()).toBe(0);
      await reader.close();

      // The stand-in's own page has a certificate that nobody vouches for.
      const theirs = await (await rig().browser.newContext({ ignoreHTTPSErrors: true })).newPage();
      await theirs.goto(address);
      await theirs.getByRole("button", { name: "Accept" }).click();
      await theirs.getByText("whoever is to sign in for the sync may do that now").waitFor();
      await dialog.getByText("Un administrateur a consenti").waitFor();
      await link.waitFor({ state: "detached" });
      await getAddress.waitFor({ state: "detached" });
      await dialog.getByRole("button", { name: "Obtenir un code" }).click();
      await link.filter({ hasNotText: "adminconsent" }).waitFor();
      await other.post(`/syncs/${syncId}/cancel`);
    }, 90_000);

    it("nobody signs in for three minutes: the time is told, and then that the sync was cancelled", async () => {
      const other = await rig().tenant("Relecloud");
      const syncId = await awaitsPerson(other);
      await at("");
      await page.clock.install();
      const button = row(other.name).getByRole("button", { name: "Authentification en attente" });
      await button.click({ timeout: 20_000 });
      const dialog = page.getByRole("dialog", { name: "Authentification en attente" });
      await dialog.getByRole("button", { name: "Obtenir un code" }).click();
      await dialog.locator("[data-countdown]").waitFor();
      const { waitsUntil } = await other.get(`/syncs/${syncId}`);
      const end = Date.parse(String(waitsUntil));
      for (const seconds of [60, 30, 10]) {
        const now = await page.evaluate(() => Date.now());
        await page.clock.fastForward(end - now - seconds * 1000 + 500);
        const said = `Il reste ${seconds} secondes pour se connecter`;
        await page.getByRole("status").getByText(said).waitFor();
      }
      // The window may ask for the code in the very moment in which the sync ends.
      rig().forgive(page, new RegExp(`409 .*/syncs/${syncId}/authentication$`));
      await rig().passTime(180_000);
      // Its title follows the status, which may be another one first.
      await page
        .getByRole("dialog")
        .getByText(
          "Personne ne s'est connecté dans les trois minutes : la synchronisation a été annulée.",
        )
        .waitFor({ timeout: 30_000 });
      await page.locator("button:focus", { hasText: "Synchroniser maintenant" }).waitFor();
      await page.keyboard.press("Escape");
      await row(other.name).getByText("Inactif", { exact: true }).waitFor({ timeout: 20_000 });
      expect(await other.get(`/syncs/${syncId}`)).toMatchObject({ outcome: "cancelled" });
      expect(await other.writes()).toEqual([]);
    }, 90_000);
  });
}
