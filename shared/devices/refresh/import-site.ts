/** Ends the hand-in of a site's inventory: it becomes the present one, and a refresh brings it into the directory. */
import { type Clock, toIso } from "../../kernel/clock.ts";
import { fail, type Result, succeed } from "../../kernel/failure.ts";
import type { InventoryIds, SiteStore } from "../sites/site-store.ts";
import type { RefreshDeps } from "./claim.ts";
import { isDoubtful } from "./refresh.ts";
import { startRefresh } from "./start.ts";

/** What an import needs. */
export type SiteImportDeps = {
  readonly sites: SiteStore;
  readonly refresh: RefreshDeps;
  readonly clock: Clock;
};

/**
 * Publishes an inventory; refused when some parts were not handed in, or when it is far smaller than the site's
 * present one and nobody has confirmed that. Twice is once, but each time a refresh runs after it; `included` says whether that one began after the inventory was whole.
 */
export async function completeInventory(
  { sites, refresh, clock }: SiteImportDeps,
  of: InventoryIds,
  parts: number,
  seed: string,
  confirmDevices?: number,
): Promise<Result<{ refreshId: string; included: boolean }>> {
  const found = await sites.parts(of);
  const missing = Array.from({ length: parts }, (_, part) => part).filter(
    (part) => !found.has(part),
  );
  if (missing.length > 0)
    return fail("conflict", `Hand in part ${missing.slice(0, 10).join(", ")} first.`);
  let devices = 0;
  for (let part = 0; part < parts; part += 1) devices += found.get(part) ?? 0;
  const before = (await sites.sites(of.tenantId)).find(({ siteCode }) => siteCode === of.siteCode);
  const isNew = before !== undefined && before.inventoryId !== of.inventoryId;
  if (isNew && isDoubtful(before.devices, devices, confirmDevices))
    return fail(
      "confirmation-required",
      `This inventory has ${devices} devices, where the site had ${before.devices}. The one before was kept. If it is true, complete this one with confirmDevices=${devices}.`,
    );
  const now = toIso(clock.now());
  const { reportedAt } = await sites.publish({ ...of, parts, devices, reportedAt: now });
  const { refreshId, startedAt } = await startRefresh(refresh, of.tenantId, seed);
  return succeed({ refreshId, included: startedAt >= reportedAt });
}
