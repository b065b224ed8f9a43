/**
 * Maintenance windows of what a task sends: they are asked when its notification begins, and by each delivery right
 * before it leaves, since a large one is hours on its way. What people send by hand asks none.
 */
import { type CollectionStore, holdersAmong } from "../devices/collections/collection-store.ts";
import type { DirectoryStore } from "../devices/directory/directory.ts";
import type { Hold } from "../fanout/kind.ts";
import type { Item } from "../fanout/state/item.ts";
import type { Clock } from "../kernel/clock.ts";
import { collectionsOf, goesFor, heldBy, type MaintenanceBook } from "../schedules/maintenance.ts";
import type { Task } from "../schedules/state/task.ts";

/** What asking works with. */
export type WindowParts = {
  readonly clock: Clock;
  readonly maintenance: Pick<MaintenanceBook, "get">;
  readonly collections: Pick<CollectionStore, "reachOf">;
  readonly directory: Pick<DirectoryStore, "getMany">;
};

/** Something that a task sends in a tenant, with the task's windows and what has to fit. */
type Sent = {
  readonly tenantId: string;
  readonly windows?:
    | (Pick<Task, "longestRunMs" | "cutoffMs"> & { readonly own: Task["windows"] })
    | undefined;
};

/** Which deliveries no window lets leave now, and when the next one opens; undefined where none are asked. */
export async function windowHolds(
  { clock, maintenance, collections, directory }: WindowParts,
  { tenantId, windows }: Sent,
  items: readonly Item[],
): Promise<ReadonlyMap<string, Hold> | undefined> {
  if (windows === undefined) return undefined;
  const { own, ...fits } = windows;
  const { value } = await maintenance.get(tenantId);
  const named = collectionsOf(value);
  const ids = items.map(({ targetId }) => targetId);
  const holders = await holdersAmong(collections, tenantId, named);
  const devices = named.length === 0 ? new Map() : await directory.getMany(tenantId, ids);
  const now = clock.now();
  const within = (id: string) => holders(devices.get(id));
  const opens = goesFor(value, { windows: own, ...fits }, ids, within, now);
  return new Map(
    [...opens].flatMap(([id, at]) => {
      const hold = heldBy(at, now);
      return hold === undefined ? [] : [[id, hold] as const];
    }),
  );
}
