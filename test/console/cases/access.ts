/** Who may do what: a second person decides, and what is done is what was approved. */
import type { Page } from "playwright-core";
import { beforeAll, describe, expect, it } from "vitest";
import type { ConsoleRig, TestTenant } from "../support/rig.ts";

const patience = 30_000;

/** Holds the cases. */
export function accessCases(rig: () => ConsoleRig): void {
  describe("access", () => {
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
  });
}
