/**
 * A tenant at two moments, beside each other: as one sync left it, and as another did. What has the same hash is not
 * read, so that two moments cost what lies between them.
 */
import { LRUCache } from "lru-cache";
import * as z from "zod";
import { toIso } from "../kernel/clock.ts";
import { fail, type Result, succeed } from "../kernel/failure.ts";
import type { ConfigurationType } from "./catalogue/configuration-type.ts";
import { PlanView } from "./contract.ts";
import { compareHere } from "./plan/compare.ts";
import type { ListedItem, Repository, Tree } from "./revisions/revisions.ts";
import type { Sync } from "./state/sync.ts";

/** What differs between what two syncs left in the tenant. */
export const ComparisonView = z
  .object({
    before: z.object({ syncId: z.string(), at: z.iso.datetime() }),
    after: z.object({ syncId: z.string(), at: z.iso.datetime() }),
    items: z.array(
      z.object({
        type: z.string(),
        key: z.string(),
        name: z.string(),
        state: z.enum(["added", "removed", "changed"]),
        properties: PlanView.shape.changes.element.shape.properties,
      }),
    ),
    counts: z.object({ added: z.int(), removed: z.int(), changed: z.int() }),
    complete: z.boolean().describe("Whether all that are counted are listed"),
    unread: z.array(z.string()).describe("Types that only one of the two has read"),
  })
  .meta({ id: "SyncComparison" });

type Parts = {
  readonly revisions: Repository;
  readonly typeOf: (key: string) => ConfigurationType | undefined;
};
type View = z.output<typeof ComparisonView>;

/** More items than this nobody reads beside each other; how many there are is said all the same. */
const maxItems = 500;
/** Bytes of packs that are held: items lie in the order of their keys. */
const heldBytes = 4_000_000;

/** What differs between what two syncs of a tenant left. Types that one of them has not read are named, and not compared. */
export async function comparison(parts: Parts, before: Sync, after: Sync): Promise<Result<View>> {
  const { tenantId } = before;
  for (const { syncId, snapshot } of [before, after])
    if (snapshot === undefined)
      return fail("conflict", `The sync ${syncId} has not read the tenant to its end.`);
  const [old, fresh] = [await treeOf(parts, before), await treeOf(parts, after)];
  const names = [...new Set([...Object.keys(old), ...Object.keys(fresh)])].toSorted();
  const view: View = {
    before: momentOf(before),
    after: momentOf(after),
    items: [],
    counts: { added: 0, removed: 0, changed: 0 },
    complete: true,
    unread: names.filter((name) => old[name] === undefined || fresh[name] === undefined),
  };
  for (const name of names) {
    const type = parts.typeOf(name);
    if (type === undefined || view.unread.includes(name) || old[name] === fresh[name]) continue;
    for await (const item of differing(parts, tenantId, type, [old[name], fresh[name]])) {
      view.counts[item.state] += 1;
      if (view.items.length < maxItems) view.items.push(item);
      else view.complete = false;
    }
  }
  return succeed(view);
}

const momentOf = ({ syncId, finishedAt, touchedAt }: Sync) => ({
  syncId,
  at: toIso(finishedAt ?? touchedAt),
});

/** What a sync has read, and over it what it has written and read back. */
async function treeOf({ revisions }: Parts, { tenantId, snapshot, after }: Sync): Promise<Tree> {
  return {
    ...(await revisions.tree(tenantId, snapshot)),
    ...(await revisions.tree(tenantId, after)),
  };
}

async function* differing(
  { revisions }: Parts,
  tenantId: string,
  type: ConfigurationType,
  manifests: readonly [string | undefined, string | undefined],
): AsyncGenerator<View["items"][number]> {
  const packs = new LRUCache<string, Buffer>({
    maxSize: heldBytes,
    sizeCalculation: ({ byteLength }) => byteLength,
  });
  const bodyOf = async (listed: ListedItem | undefined) =>
    listed && (await revisions.item(tenantId, listed, packs)).body;
  const [old, fresh] = await Promise.all(
    manifests.map(async (manifest) => {
      const listed = await revisions.list(tenantId, type.key, manifest);
      return new Map(listed.map((item) => [item.key, item]));
    }),
  );
  for (const key of [...new Set([...(old?.keys() ?? []), ...(fresh?.keys() ?? [])])].toSorted()) {
    const [was, is] = [old?.get(key), fresh?.get(key)];
    if (was?.hash === is?.hash) continue;
    const properties = compareHere(type, await bodyOf(was), await bodyOf(is));
    // An item may be called otherwise inside, and say the same.
    if (was && is && properties.length === 0) continue;
    const state = was === undefined ? "added" : is === undefined ? "removed" : "changed";
    yield { type: type.key, key, name: (is ?? was)?.name ?? key, state, properties };
  }
}
