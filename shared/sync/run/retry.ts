/** A retry: another sync, of nothing but what the last one was to write and did not. */
import { type Failure, fail } from "../../kernel/failure.ts";
import type { ItemName, ItemProgress, Sync } from "../state/sync.ts";
import type { SyncStore } from "../state/sync-store.ts";
import type { SyncRows } from "../state/sync-work.ts";

type Asked = Pick<Sync, "tenantId" | "syncId" | "types"> & Partial<Pick<Sync, "items">>;

/** What a retry is for: the items that the tenant's last sync was to write and did not. */
export async function retryOf<T extends Asked>(
  { store, clock }: Pick<SyncRows, "store" | "clock">,
  asked: T,
): Promise<T | Failure> {
  const { tenantId, items } = asked;
  const { active, last } = (await store.tenant(tenantId, clock.now())).value;
  // The very same request again is answered as the first one was.
  if (active === asked.syncId) return asked;
  const sync = last === undefined ? undefined : (await store.sync(tenantId, last))?.value;
  const failed = sync === undefined ? [] : await notDoneBy(store, sync);
  const isAsked = ({ type, key }: ItemName): boolean =>
    items === undefined || items.some((item) => item.type === type && item.key === key);
  const again = failed.filter(isAsked);
  const types = [...new Set(again.map(({ type }) => type))];
  return again.length > 0 ? { ...asked, types, items: again } : nothingToRetry(tenantId);
}

const nothingToRetry = (tenantId: string): Failure =>
  fail("nothing-to-retry", `The last sync of tenant ${tenantId} left no item failed or skipped.`)
    .failure;

/** Items that a sync failed to write or skipped; a retry that wrote nothing leaves all that it was for. */
async function notDoneBy(store: SyncStore, sync: Sync): Promise<ItemName[]> {
  const rows = (await store.items(sync.tenantId, sync.syncId)).map(({ value }) => value);
  if (rows.length === 0 && sync.mode === "retryFailed" && sync.outcome !== "succeeded")
    return sync.items ?? [];
  const named = Map.groupBy(rows, ({ type, key }) => `${type}/${key}`);
  return [...named.values()].flatMap((own) => {
    const [{ type, key }] = own as [ItemProgress];
    const states = new Set(own.map(({ state }) => state));
    const isOpen = !states.has("done") && (states.has("failed") || states.has("skipped"));
    return isOpen ? [{ type, key }] : [];
  });
}
