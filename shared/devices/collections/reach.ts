/** Which devices of a tenant a caller reaches whose roles are limited to collections. */
import type { Limits } from "../../access/roles/decide.ts";
import type { Clock } from "../../kernel/clock.ts";
import { inParallel } from "../../kernel/concurrency.ts";
import type { Device } from "../directory/device.ts";
import type { CollectionStore } from "./collection-store.ts";
import { memberTest } from "./rule.ts";

/** Members of these collections, as they are now. */
export type Reach = {
  readonly collectionIds: readonly string[];
  readonly holds: (device: Device) => boolean;
};

const concurrency = 8;

/** The reach of a caller with these limits; undefined: every device. A collection that is gone holds none. */
export async function reachOf(
  { store, clock }: { readonly store: CollectionStore; readonly clock: Clock },
  tenantId: string,
  limits: Limits,
): Promise<Reach | undefined> {
  if (limits.kind === "all") return undefined;
  const { collectionIds } = limits;
  const now = clock.now();
  const tests = await inParallel(collectionIds, concurrency, async (collectionId) => {
    const collection = (await store.get(tenantId, collectionId))?.collection;
    if (collection?.kind === "rule") return memberTest(collection.rule, now);
    const ids = new Set(collection?.deviceIds);
    return ({ deviceId }: Device) => ids.has(deviceId);
  });
  return { collectionIds, holds: (device) => tests.some((test) => test(device)) };
}
