/**
 * Provisioning, as its source page walks through it: a template is scheduled, devices are brought to the task, the task
 * gets its time, by mouse and by keyboard alone; and what failed is restarted in the page's three ways.
 */
import { readFileSync } from "node:fs";
import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { mix32, seedOf } from "../../../local/sandbox/fleet/chance.ts";
import { guidFamily } from "../../../local/sandbox/fleet/guids.ts";
import { findings } from "../support/axe.ts";
import type { ConsoleRig, Language, TestTenant } from "../support/rig.ts";

/** Letter by letter as the page has it, and its English. */
const words = {
  schedule: { en: "Schedule template", fr: "Planifier le modèle" },
  properties: { en: "Properties", fr: "Propriétés" },
  save: { en: "Save", fr: "Enregistrer" },
  mine: { en: "My tasks", fr: "Mes tâches" },
  public: { en: "Public tasks", fr: "Tâches publiques" },
  all: { en: "All tasks", fr: "Toutes les tâches" },
  users: { en: "User tasks", fr: "Tâches utilisateur" },
  failed: { en: "Failed", fr: "Échec" },
  success: { en: "Success", fr: "Succès" },
  retry: {
    en: "Retry on selected failed machines",
    fr: "Réessayer sur les machines en échec sélectionnées",
  },
  provisioning: { en: "Provisioning", fr: "Provisioning" },
  resume: {
    en: "Restart the task at the failure point of the last required action",
    fr: "Redémarrer la tâche au point d'échec de la dernière action requise",
  },
  history: {
    en: "Provisioning history for this task",
    fr: "Historique de provisioning pour cette tâche",
  },
  from: {
    en: "Restart this template from this action",
    fr: "Redémarrer ce modèle depuis cette action",
  },
  // What older versions called the first of the three.
  older: {
    en: "Rerun task on selected target",
    fr: "Réexécuter la tâche sur la cible sélectionnée",
  },
  restart: { en: "Restart 1 device", fr: "Redémarrer 1 périphérique" },
  addTo: { en: "Add to task…", fr: "Ajouter à la tâche…" },
  noTargets: { en: "No targets", fr: "Aucune cible" },
  notScheduled: { en: "Not scheduled", fr: "Non planifiée" },
  daily: { en: "Repeat by the calendar", fr: "Répéter selon le calendrier" },
} as const;

const wait = (id: string) => ({ id, name: id, type: "wait", parameters: { duration: "PT1S" } });
/** A template with an action in each section; the one that fails is the first of the last. */
const template = {
  name: "Fleet",
  visibility: "public",
  sections: [
    { id: "systemMigration", actions: [wait("save")] },
    { id: "preOsInstallation", actions: [wait("raid")] },
    { id: "osInstallation", actions: [wait("image")] },
    { id: "postOsInstallation", actions: [wait("drivers")] },
    {
      id: "systemConfiguration",
      actions: [{ id: "scan", name: "Scan", type: "endpointProtectionQuickScan" }, wait("rest")],
    },
  ],
};

type Task = {
  readonly taskId: string;
  readonly state: string;
  readonly public: boolean;
  readonly owner: { readonly id: string; readonly name?: string };
  readonly schedule: { readonly kind: string };
  readonly provisioning: { readonly targets?: { readonly deviceIds: readonly string[] } };
};

/** Presses a key until something has the focus. */
async function reach(page: Page, to: Locator, key = "Tab"): Promise<void> {
  for (let presses = 0; presses < 60; presses += 1) {
    if (await to.evaluate((element) => element === element.ownerDocument.activeElement)) return;
    await page.keyboard.press(key);
  }
  throw new Error(`${key} does not reach ${to.toString()}`);
}

/** Holds the cases. */
export function provisioningCases(rig: () => ConsoleRig): void {
  let tenant: TestTenant;
  let templateId = "";
  let failing: Awaited<ReturnType<typeof beginFailing>>;
  const address = (path: string): string => `/tenants/${tenant.tenantId}${path}`;
  const taskOf = async (page: Page): Promise<Task> => {
    const taskId = new URL(page.url()).searchParams.get("task");
    return (await tenant.get(`/tasks/${taskId}`)) as unknown as Task;
  };

  describe("provisioning", () => {
    afterAll(() => rig().closeTabs());

    beforeAll(async () => {
      tenant = await rig().tenant("Woodgrove", 24);
      await tenant.refresh();
      const made = await rig().api("POST", "/templates", template);
      templateId = String(made["templateId"]);
      // It fails while tasks are made.
      failing = await beginFailing(rig(), tenant, templateId);
    }, 60_000);

    it("a template is written in its form by keyboard alone, with what the API refuses at its fields, and as JSON it is the same", async () => {
      const page = await rig().signedIn("Full Administrator", "fr", "/templates?window=new");
      const field = (name: string) => page.getByRole("textbox", { name });
      const type = async (to: Locator, text: string, key = "Tab") => {
        await reach(page, to, key);
        await page.keyboard.press("Control+A");
        await page.keyboard.type(text);
      };
      const press = async (name: string, key = "Tab") => {
        await reach(page, page.getByRole("button", { name, exact: true }).first(), key);
        await page.keyboard.press("Enter");
      };
      await type(field("Nom").first(), "Portables");
      await press("Ajouter à Configuration système");
      await type(page.getByRole("combobox").last(), "Renom", "Shift+Tab");
      await press("Ajouter à Configuration système");
      await press("Monter : Renommer l’appareil", "Shift+Tab");
      // It keeps the focus where it goes.
      await page.locator(":focus[aria-label^=Monter]").waitFor();
      await press(words.save.fr);
      await page.getByRole("dialog").getByRole("alert").first().waitFor();
      // The browser tells of each answer that is a refusal, a moment later.
      await expect.poll(() => rig().complaints.splice(0)).toHaveLength(1);
      expect(await findings(page)).toEqual([]);
      const name = field("Nom de l’appareil");
      await type(name.and(page.locator("[aria-invalid=true]")), "{{site}}-{{device.serialNumber}}");
      await type(field("Durée").and(page.locator("[aria-invalid=true]")), "PT1S");
      const own = page.getByRole("group", { name: "Variables de cette action" });
      await reach(page, own.getByRole("button", { name: "Ajouter" }).last());
      await page.keyboard.press("Enter");
      await type(own.getByRole("textbox", { name: "Nom" }).last(), "ring", "Shift+Tab");
      await type(own.getByRole("textbox", { name: "Valeur" }).last(), "pilot");
      await type(page.getByRole("spinbutton", { name: "entre les tentatives" }).last(), "300");
      await type(page.getByRole("combobox", { name: "Nouvelle tentative" }).last(), "Tout échec");
      const seconds = page.getByRole("spinbutton").last();
      await type(seconds, "90");
      await page.keyboard.press("Control+A");
      await page.keyboard.press("Backspace");
      expect(await seconds.inputValue()).toBe("");
      await reach(page, page.getByRole("button", { name: "Ajouter", exact: true }).last());
      await page.keyboard.press("Enter");
      await type(page.getByRole("combobox", { name: "Propriété" }), "Version", "Shift+Tab");
      const comparison = page.getByRole("combobox", { name: "Comparaison" });
      expect(await comparison.getByRole("option").count()).toBe(3);
      await type(field("Valeur").last(), "10.0");
      await press("Ajouter", "Shift+Tab");
      const variable = page.getByRole("group", { name: "Variables 1" }).getByRole("textbox");
      await type(variable.first(), "site", "Shift+Tab");
      await type(variable.last(), "OSL");
      await press("Ajouter");
      const other = page.getByRole("group", { name: "Variables 2" }).getByRole("textbox");
      await type(other.first(), "site", "Shift+Tab");
      await other.first().and(page.locator("[aria-invalid=true]")).waitFor();
      const save = page.getByRole("button", { name: words.save.fr, exact: true });
      expect(await save.getAttribute("aria-disabled")).toBe("true");
      await type(other.first(), "room");
      await type(other.nth(1), "Its door\nIts floor");
      await reach(page, page.getByRole("tab", { name: "Formulaire" }), "Shift+Tab");
      await page.keyboard.press("ArrowRight");
      await page.keyboard.press("Enter");
      const text = await field("Modèle (JSON").inputValue();
      const written = JSON.parse(text) as { sections: { actions: object[] }[] };
      await press(words.save.fr);
      await page.waitForURL(/templates\/[^?]+$/);
      const made = await rig().api("GET", `/templates/${page.url().split("/").at(-1)}/versions/1`);
      const [, , , , configuration] = made["sections"] as { actions: object[] }[];
      expect(configuration?.actions).toMatchObject(written.sections[0]?.actions ?? []);
      expect(configuration?.actions).toMatchObject([
        { type: "renameDevice", parameters: { deviceName: "{{site}}-{{device.serialNumber}}" } },
        {
          type: "wait",
          parameters: { duration: "PT1S" },
          variables: { ring: "pilot" },
          retry: { max: 0, delaySeconds: 300, on: "any" },
          timeoutSeconds: 3600,
        },
      ]);
      expect(made["variables"]).toMatchObject({
        site: { value: "OSL" },
        room: { description: "Its door\nIts floor" },
      });
    }, 60_000);

    it("a task is made by mouse: scheduled from the toolbar, devices dragged onto it, its time by right click", async () => {
      const page = await rig().signedIn("Full Administrator");
      await rig().open(page, address("/tasks"));
      await rig().open(page, "/templates");
      await page.getByRole("checkbox", { name: template.name }).check();
      await page.getByRole("button", { name: words.schedule.en }).click();
      await page.waitForURL(/folder=mine&task=/);
      const panel = page.locator("[data-task]");
      await panel.getByText(words.noTargets.en, { exact: true }).waitFor();
      await panel.getByText(words.notScheduled.en, { exact: true }).first().waitFor();

      await panel.getByRole("button", { name: words.addTo.en }).click();
      const devices = page.locator("[data-network]").getByRole("row");
      await devices.nth(1).getByRole("checkbox").check();
      await devices.nth(2).getByRole("checkbox").check();
      const row = page.getByRole("grid", { name: "Scheduled tasks" }).getByRole("row").nth(1);
      await devices.nth(2).dragTo(row);
      await page.locator('[data-targets="2"]').waitFor();

      await row.click({ button: "right" });
      await page.getByRole("menuitem", { name: words.properties.en }).click();
      await page.getByRole("radio", { name: words.daily.en }).check();
      await page.locator('[data-next-times="5"]').waitFor();
      // No run has had them: none has failed, and both were not attempted.
      const only = page.getByRole("combobox", { name: "Which targets" });
      await only.selectOption("failed");
      await page.getByText("It would find no device now.").waitFor();
      await only.selectOption("notAttempted");
      await page.getByText("It would find 2 devices now.").waitFor();
      await page.getByRole("button", { name: words.save.en, exact: true }).click();
      await page.getByRole("dialog").waitFor({ state: "hidden" });
      const task = await taskOf(page);
      expect(task).toMatchObject({ state: "scheduled", schedule: { kind: "recurring" } });
      expect(task.provisioning).toMatchObject({ only: "notAttempted" });
      expect(task.provisioning.targets?.deviceIds).toHaveLength(2);

      await rig().open(page, address("/devices?window=task"));
      const drop = page.locator("[data-task-drop]").getByRole("row").nth(1);
      await page.locator("[data-task-drop] ~ * [role=row]").nth(4).dragTo(drop);
      await drop.locator('[data-targets="3"]').waitFor();
    }, 60_000);

    it("a task is made by keyboard alone", async () => {
      const page = await rig().signedIn("Full Administrator", "fr");
      const button = (name: string) => page.getByRole("button", { name, exact: true });
      await rig().open(page, address("/tasks"));
      await rig().open(page, "/templates");
      const box = page.getByRole("checkbox", { name: template.name });
      await box.waitFor();
      await reach(page, page.getByRole("checkbox").first());
      await reach(page, box, "ArrowDown");
      await page.keyboard.press("Space");
      // A toolbar is one stop, with arrows inside.
      const bar = page.getByRole("toolbar").getByRole("button");
      await reach(page, bar.last(), "Shift+Tab");
      await reach(page, button(words.schedule.fr), "ArrowLeft");
      await page.keyboard.press("Enter");
      await page.waitForURL(/folder=mine&task=/);
      const panel = page.locator("[data-task]");
      await panel.getByText(words.noTargets.fr, { exact: true }).waitFor();

      await reach(page, panel.getByRole("button", { name: words.addTo.fr }));
      await page.keyboard.press("Enter");
      const all = page.locator("[data-network]").getByRole("checkbox").first();
      await all.waitFor();
      await reach(page, all);
      await page.keyboard.press("Space");
      await reach(
        page,
        page.getByRole("button", { name: /^Ajouter \d+ périphériques/ }),
        "Shift+Tab",
      );
      await page.keyboard.press("Enter");
      await page.locator('[data-targets="20"]').waitFor();

      const link = page.locator("[aria-current=true]").getByRole("link");
      await reach(page, link, "Shift+Tab");
      await page.keyboard.press("Shift+F10");
      await reach(page, page.getByRole("menuitem", { name: words.properties.fr }), "ArrowDown");
      await page.keyboard.press("Enter");
      await page.getByRole("dialog").waitFor();
      await reach(page, page.getByRole("radio").first());
      await reach(page, page.getByRole("radio", { name: words.daily.fr }), "ArrowDown");
      await page.locator('[data-next-times="5"]').waitFor();
      await reach(page, button(words.save.fr));
      await page.keyboard.press("Enter");
      await page.getByRole("dialog").waitFor({ state: "hidden" });
      expect(await taskOf(page)).toMatchObject({ state: "scheduled" });
      await link.and(page.locator(":focus")).waitFor();
    }, 60_000);

    it("whoever schedules a public task is told that it becomes theirs, and it does; user tasks are for administrators", async () => {
      const { tenantId } = tenant;
      const schedule = { tenantId, displayName: "Everybody's" };
      const made = await rig().api("POST", `/templates/${templateId}/schedule`, schedule);
      const path = `/tenants/${tenantId}/tasks/${String(made["taskId"])}`;
      await rig().api("PUT", path, {
        kind: "provisioning",
        displayName: "Everybody's",
        provisioning: made["provisioning"],
        public: true,
      });
      const page = await rig().signedIn("Operations Administrator", "fr");
      await rig().open(page, address("/tasks?folder=public"));
      await page.getByRole("row", { name: "Everybody's" }).waitFor();
      const folders = [words.mine.fr, words.public.fr, words.all.fr];
      expect(await page.getByRole("tab").allInnerTexts()).toEqual(folders);
      await page.getByRole("row", { name: "Everybody's" }).click({ button: "right" });
      await page.getByRole("menuitem", { name: words.properties.fr }).click();
      await page.locator("[data-new-owner]", { hasText: words.public.fr }).waitFor();
      await page.getByRole("radio", { name: words.daily.fr }).check();
      await page.getByRole("button", { name: words.save.fr, exact: true }).click();
      await page.getByRole("dialog").waitFor({ state: "hidden" });
      await page.getByRole("tab", { name: words.mine.fr }).click();
      await page.getByRole("row", { name: "Everybody's" }).waitFor();
      const task = (await rig().api("GET", path)) as unknown as Task;
      expect(task).toMatchObject({ public: true, owner: { name: "operations@muster.example" } });
      const administrator = await rig().signedIn("Full Administrator");
      await rig().open(administrator, address("/tasks?folder=users"));
      await administrator
        .getByRole("row", { name: "Everybody's" })
        .getByText("operations@muster.example")
        .waitFor();
      const tasks = administrator.getByRole("grid", { name: "Scheduled tasks" }).getByRole("row");
      await administrator
        .getByRole("combobox", { name: "Owner" })
        .selectOption("operations@muster.example");
      await administrator.waitForURL(/owner=/);
      await expect.poll(() => tasks.count()).toBe(2);
      expect(await administrator.getByRole("tab").allInnerTexts()).toEqual([
        words.mine.en,
        words.public.en,
        words.all.en,
        words.users.en,
      ]);
    }, 60_000);

    it("all that a script has said is shown and saved from the history of a device", async () => {
      await failing.ended();
      const { runId, deviceId, outputId } = await saidMuch(rig(), tenant);
      const path = `/provisioning-runs/${runId}/devices/${deviceId}/outputs/${outputId}`;
      const output = String((await tenant.get(path))["output"]);
      const page = await rig().signedIn("Full Administrator");
      await rig().open(page, address(`/runs/${runId}/devices/${deviceId}`));
      const opener = page.getByRole("button", { name: "All of the output" });
      await opener.click();
      const dialog = page.getByRole("dialog");
      await dialog.getByText(output.split("\n").at(-1) ?? "").waitFor();
      const saving = page.waitForEvent("download");
      await dialog.getByRole("button", { name: "Save as a file" }).click();
      expect(readFileSync(await (await saving).path(), "utf8")).toBe(output);
      await page.keyboard.press("Escape");
      await opener.and(page.locator(":focus")).waitFor();
    }, 60_000);

    describe.each(["en", "fr"] as const)("restarting what failed, in %s", (language: Language) => {
      beforeAll(() => failing.ended(), 60_000);

      it("in the three ways of the page: by right click, Shift+F10 and a button, each asked for first", async () => {
        const { devices, runId } = failing;
        const [one = "", two = "", three = ""] = devices[language];
        const page = await rig().signedIn("Full Administrator", language);
        const item = (name: keyof typeof words) =>
          page.getByRole("menuitem", { name: words[name][language] });
        const row = (name: string) => page.getByRole("row", { name });
        /** Agrees to what the window says, and answers what began. */
        const restarted = async (first: string) => {
          const dialog = page.getByRole("alertdialog");
          await dialog.locator(`[data-from="${first}"][data-devices="1"]`).waitFor();
          await dialog.getByRole("button", { name: words.restart[language] }).click();
          await page.waitForURL((url) => !url.pathname.includes(runId));
          return tenant.get(`/provisioning-runs/${page.url().split("/").at(-1)}`);
        };
        const back = () => rig().open(page, address(`/runs/${runId}?bucket=failed`));

        await back();
        await row(one).getByText(words.failed[language], { exact: true }).waitFor();
        await row(one).click({ button: "right" });
        await item("retry").getByText(words.older[language]).waitFor();
        await item("retry").click();
        expect(await restarted("save")).toMatchObject({ cause: "whole", total: 1 });

        await back();
        await row(two).getByRole("link").focus();
        await page.keyboard.press("Shift+F10");
        await page.keyboard.press("ArrowDown");
        await page.keyboard.press("ArrowRight");
        await item("resume").and(page.locator(":focus")).waitFor();
        await page.keyboard.press("Enter");
        await page.getByRole("alertdialog").getByText(two, { exact: true }).waitFor();
        const resumed = await restarted("scan");
        expect(resumed).toMatchObject({ cause: "lastFailedRequired", parentRunId: runId });

        await back();
        await row(three).locator("[data-row-menu]").click();
        await item("provisioning").click();
        await item("history").click();
        await row("image").click({ button: "right" });
        expect(await item("from").getAttribute("aria-disabled")).toBe("true");
        await item("from").getByText("Configuration").waitFor();
        await page.keyboard.press("Escape");
        await row("rest").click({ button: "right" });
        await item("from").click();
        const dialog = page.getByRole("alertdialog");
        await dialog.getByRole("textbox", { name: /Scan/ }).fill("scanned by hand");
        expect(await restarted("rest")).toMatchObject({ cause: "fromAction", total: 1 });
        await rig().open(page, address(`/runs/${String(resumed["runId"])}`));
        await page.locator("[data-verdict=success]").waitFor({ timeout: 30_000 });
        await page.getByText(words.success[language], { exact: true }).first().waitFor();
      }, 90_000);
    });
  });
}

/** Runs a script on some devices, and answers where one of them has said more than its history shows. */
async function saidMuch(rig: ConsoleRig, tenant: TestTenant) {
  const { tenantId } = tenant;
  // The stand-in's ids follow from what the tenant was made of.
  const remediationScriptId = guidFamily(mix32(seedOf(`${tenantId}/1`) + 4)).at(0);
  const script = { id: "script", name: "Script", type: "runScript" };
  const actions = [{ ...script, parameters: { remediationScriptId } }];
  const sections = [{ id: "systemConfiguration", actions }];
  const { templateId } = await rig.api("POST", "/templates", { name: "Script", sections });
  const { value } = await tenant.get("/devices?operatingSystem=Windows&management=intune&top=12");
  const { runId } = await tenant.post("/provisioning-runs", {
    templateId,
    targets: { deviceIds: (value as { deviceId: string }[]).slice(6).map((each) => each.deviceId) },
    offline: { after: "P60D" },
  });
  const path = `/provisioning-runs/${String(runId)}`;
  const found = async () => {
    const history = (await tenant.get(`${path}/history`))["value"] as Record<string, string>[];
    return history.find((each) => each["outputId"] !== undefined);
  };
  const { deviceId = "", outputId = "" } = (await vi.waitUntil(found, { timeout: 40_000 })) ?? {};
  return { runId: String(runId), deviceId, outputId };
}

/** Begins a run of six devices that all fail at the scan, three for each language, and will not do so again when it has ended. */
async function beginFailing(rig: ConsoleRig, tenant: TestTenant, templateId: string) {
  const { tenantId } = tenant;
  const behave = (failRate: number) =>
    fetch(`${rig.sandboxUrl}/_sandbox/behaviour`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ tenantId, failRate }),
    });
  await behave(1);
  const { value } = await tenant.get("/devices?operatingSystem=Windows&management=intune&top=6");
  const some = value as { readonly deviceId: string; readonly name: string }[];
  const run = await tenant.post("/provisioning-runs", {
    templateId,
    targets: { deviceIds: some.map(({ deviceId }) => deviceId) },
    offline: { after: "P60D" },
  });
  const runId = String(run["runId"]);
  const names = some.map(({ name }) => name);
  const hasEnded = async () => (await tenant.get(`/provisioning-runs/${runId}`))["final"] === true;
  const ended = async (): Promise<void> => {
    await vi.waitUntil(hasEnded, { timeout: 50_000, interval: 200 });
    await behave(0);
  };
  return { runId, devices: { en: names.slice(0, 3), fr: names.slice(3) }, ended };
}
