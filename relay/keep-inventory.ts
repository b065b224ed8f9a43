/** Hands the site's clients in at the start and from time to time, while the site is ours. */
import type { Round } from "./forever.ts";
import { handIn, type InventoryDeps } from "./inventory.ts";
import { forgetId, keptId } from "./kept-id.ts";
import type { Lease } from "./lease.ts";
import type { Log } from "./log.ts";
import { pause } from "./pause.ts";

/** What keeping the inventory needs. */
export type KeepInventoryDeps = Omit<InventoryDeps, "wait"> & {
  readonly checkSite: () => Promise<void>;
  readonly lease: Pick<Lease, "term">;
  readonly log: Log;
  readonly stopping: AbortSignal;
  readonly home: string;
  /** Time before it is seen again whether the site is ours. */
  readonly idleMs: number;
};

const idName = "inventory-id";

/** Hands it in once. */
export async function inventoryOnce(deps: KeepInventoryDeps): Promise<Round> {
  const { lease, checkSite, log, stopping, home, idleMs } = deps;
  while (lease.term() === undefined) await pause(stopping, idleMs);
  await checkSite();
  const inventory = await handIn(
    { ...deps, wait: (ms) => pause(stopping, ms) },
    keptId(home, idName),
  );
  forgetId(home, idName);
  log("inventory.hand-in", inventory);
  return "idle";
}
