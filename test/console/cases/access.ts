/**
 * Who may do what: a second person decides, and what is done is what was approved; why somebody may do something; who did
 * it; and a message that was set aside is sent again.
 */
import { QueueServiceClient } from "@azure/storage-queue";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ConsoleRig, TestTenant } from "../support/rig.ts";

const patience = 30_000;

/** Holds the cases. */
export function accessCases(rig: () => ConsoleRig): void {
  describe("access", () => {
    afterAll(() => rig().closeTabs());

    let tenant: TestTenant;
    let asking: Page;

    const restarts = async (): Promise<unknown> => {
      const path = `ledger/summary?tenantId=${tenant.tenantId}&action=rebootNow`;
      const answer = await fetch(`${rig().sandboxUrl}/_sandbox/${path}`);
      return ((await answer.json()) as { readonly total: number }).total;
    };

    beforeAll(async () => {
      tenant = await rig().tenant("Alpine");
      await tenant.refresh();
      const rule = { kind: "notification", actions: ["restart"], moreThan: 0 };
      await rig().api("PUT", "/access/approval-rules", {
        rules: [{ ...rule, tenantIds: [tenant.tenantId] }],
      });
      asking = await rig().signedIn("Infrastructure Administrator");
    }, 60_000);

    it("whoever asks for a restart cannot approve it, and a second person's click sends it, once", async () => {
      const list = `/tenants/${tenant.tenantId}/approvals?state=pendingApproval`;
      await rig().open(asking, `/tenants/${tenant.tenantId}/devices?to=match&send=restart`);
      const would = asking.locator("[data-dry-run]");
      const reached = Number(await would.getAttribute("data-dry-run"));
      await asking.getByRole("button", { name: /^Send to/ }).click();
      await asking.waitForURL(/\/notifications\//);
      await rig().open(asking, list);
      await asking.getByRole("link", { name: "Restart: 3 devices" }).click();
      const own = asking.getByRole("button", { name: "Approve" });
      await own.hover();
      await asking.getByRole("tooltip", { name: /asked for this yourself/ }).waitFor();
      expect(await own.getAttribute("aria-disabled")).toBe("true");
      expect(await restarts()).toBe(0);

      const deciding = await rig().signedIn("Operations Administrator", "fr");
      await rig().open(deciding, list);
      await deciding.getByRole("link", { name: "Redémarrer : 3 appareils" }).click();
      const { value } = await tenant.get("/approvals");
      const [{ digest }] = value as [{ digest: string }];
      await deciding.getByText(digest).waitFor();
      await deciding.getByRole("button", { name: "Approuver" }).dblclick();
      await deciding.getByRole("dialog").waitFor({ state: "hidden" });
      await deciding.getByText("Aucune n'est ainsi").waitFor();
      await expect.poll(restarts, { timeout: patience }).toBe(reached);
      const [decided] = (await tenant.get("/approvals"))["value"] as unknown[];
      expect(decided).toMatchObject({
        state: "approved",
        decidedBy: { name: "operations@muster.example" },
      });
    }, 60_000);

    it("why somebody may not restart, and who may, is told down to the assignment", async () => {
      const ask = `/access/why?operation=notifications-send&action=restart&tenant=${tenant.tenantId}`;
      const analyst = await rig().signedIn("Read-only Analyst");
      await rig().open(analyst, ask);
      const answer = analyst.locator("[data-allowed]");
      await answer.waitFor();
      expect(await answer.getAttribute("data-allowed")).toBe("false");
      await analyst.getByText("No role that is held has the permission.").waitFor();
      // A task does something, too: that is asked besides, until it is said.
      const administrator = await rig().signedIn("Infrastructure Administrator");
      await rig().open(
        administrator,
        ask.replace("notifications-send&action=restart", "tasks-add"),
      );
      await administrator.getByText(/^Asked besides: What the task begins, in each/).waitFor();
      await administrator.getByLabel("What the task begins").selectOption("A sync");
      await administrator.getByRole("heading", { name: "sync.run: yes" }).waitFor();
      expect(await administrator.locator("[data-besides]").count()).toBe(0);
      // Of somebody else: from the list of assignments, by the menu of a row.
      await rig().open(analyst, "/access?tab=assignments");
      const role = analyst.getByRole("row", { name: "Infrastructure Administrator" });
      await role.getByRole("button", { name: /^More for/ }).click();
      await analyst.getByRole("menuitem", { name: "Why may X?" }).click();
      const whom = await analyst.getByLabel("Who (user").inputValue();
      await rig().open(analyst, `${ask}&principal=${whom}`);
      const { value } = await rig().api("GET", "/access/assignments?top=1000");
      const all = value as { assignmentId: string; principal: { id: string } }[];
      const own = all.find(({ principal }) => whom.endsWith(principal.id));
      await analyst.getByText(`The assignment ${String(own?.assignmentId)} allows it.`).waitFor();
    }, 60_000);

    it("a role is given, and taken away again after asking", async () => {
      const page = await rig().signedIn("Full Administrator");
      const id = crypto.randomUUID();
      const held = async () => {
        const { value } = await rig().api("GET", "/access/assignments?top=1000");
        return (value as { principal: { id: string }; roleId: string }[])
          .filter(({ principal }) => principal.id === id)
          .map(({ roleId }) => roleId);
      };
      await rig().open(page, "/access?tab=assignments");
      await page.getByRole("button", { name: "Give a role…" }).click();
      await page.getByLabel("Object id").fill(id);
      await page.getByRole("combobox", { name: /^Role/ }).selectOption("Security Administrator");
      await page.getByRole("button", { name: "Save" }).dblclick();
      await page.getByRole("alertdialog").waitFor({ state: "hidden" });
      expect(await held()).toEqual(["securityAdministrator"]);
      const row = page.getByRole("row", { name: id });
      await row.getByRole("button", { name: /^More for/ }).click();
      await page.getByRole("menuitem", { name: "Remove…" }).click();
      const asks = page.getByRole("alertdialog");
      await asks.getByText(/loses the role Security Administrator/).waitFor();
      await asks.getByRole("button", { name: "Remove…" }).click();
      await asks.waitFor({ state: "hidden" });
      expect(await held()).toEqual([]);
    }, 60_000);

    it("a rule is added to the others by clicks, and removed after asking", async () => {
      const page = await rig().signedIn("Full Administrator");
      const about = async () => {
        const { rules } = await rig().api("GET", "/access/approval-rules");
        return (rules as { kind: string; actions: unknown }[]).map(({ kind, actions }) => ({
          kind,
          actions,
        }));
      };
      const before = await about();
      await rig().open(page, "/access/approval-rules?window=rule");
      const window = page.getByRole("alertdialog");
      await window.getByLabel("Kind").selectOption("registration");
      await window.getByRole("checkbox", { name: "All actions" }).uncheck();
      await window.getByRole("checkbox", { name: "Deregister" }).check();
      await window.getByRole("button", { name: "Save" }).dblclick();
      await window.waitFor({ state: "hidden" });
      const added = { kind: "registration", actions: ["deregister"] };
      expect(await about()).toEqual([...before, added]);
      const row = page.getByRole("row", { name: "Registrations: Deregister" });
      await row.getByRole("button", { name: /^More for/ }).click();
      await page.getByRole("menuitem", { name: "Remove…" }).click();
      await window.getByRole("button", { name: "Remove…" }).click();
      await window.waitFor({ state: "hidden" });
      expect(await about()).toEqual(before);
    }, 60_000);

    it("filters of the trail stand in the address, and survive a reload", async () => {
      const page = await rig().signedIn("Security Administrator", "fr");
      await rig().open(page, "/audit");
      await page.getByLabel("Journal", { exact: true }).selectOption({ label: "Alpine" });
      await page.getByLabel("Opération").fill("approvals-approve");
      await page.waitForURL(/operation=approvals-approve/);
      await page.reload();
      const rows = page.getByRole("row", { name: /operations@muster\.example/ });
      await rows.first().waitFor();
      expect(await rows.count()).toBe(1);
      expect(await page.getByLabel("Opération").inputValue()).toBe("approvals-approve");
      await rows.first().getByRole("link").click();
      await page.getByRole("dialog", { name: "approvals-approve" }).waitFor();
    }, 60_000);

    it("a message that was set aside is sent again, and discarded, each after asking", async () => {
      const queues = QueueServiceClient.fromConnectionString(rig().muster.storageConnection);
      const message = Buffer.from(JSON.stringify({ v: 1, odd: "alpine" })).toString("base64");
      await queues.getQueueClient("devices-refresh").sendMessage(message);
      type Letter = { readonly deadLetterId: string; readonly content: string };
      const letters = async () =>
        ((await rig().api("GET", "/dead-letters"))["value"] as Letter[])
          .filter(({ content }) => content.includes("alpine"))
          .map(({ deadLetterId }) => deadLetterId);
      await expect.poll(letters, { timeout: patience }).toHaveLength(1);
      const [first] = await letters();
      await rig().open(asking, "/dead-letters");
      const choose = async (what: string) => {
        await asking
          .getByRole("row", { name: /alpine/ })
          .getByRole("button")
          .click();
        await asking.getByRole("menuitem", { name: what }).click();
        const asks = asking.getByRole("alertdialog");
        await asks.getByRole("button", { name: what }).dblclick();
        await asks.waitFor({ state: "hidden" });
      };
      await choose("Send again");
      // It is as odd as before: its function has looked at it anew, once.
      await expect
        .poll(letters, { timeout: patience })
        .toEqual([expect.not.stringMatching(`^${first}$`)]);
      await asking.reload();
      await choose("Discard");
      await expect.poll(letters).toEqual([]);
    }, 60_000);
  });
}
