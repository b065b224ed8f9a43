/**
 * What is kept of a tenant's syncs, and what becomes of the rest. Old syncs and revisions go first; the contents that
 * only they needed have no owner that could take them along, since anything may share them: they are found by following
 * all that is left (mark), and removing what that did not lead to (sweep). Both are done in slices, and a worker that
 * dies leaves nothing but work for the next one.
 */
import * as z from "zod";
import type { Clock, Instant } from "../kernel/clock.ts";
import type { Blobs } from "../storage/blobs.ts";
import { configurationPrefix, type Repository } from "./revisions/revisions.ts";
import type { Sync, TenantSync } from "./state/sync.ts";
import type { SyncStore } from "./state/sync-store.ts";

type Parts = {
  readonly store: SyncStore;
  readonly revisions: Repository;
  readonly blobs: Pick<Blobs, "get" | "put" | "remove">;
  readonly clock: Clock;
  readonly knows: (tenantId: string) => Promise<boolean>;
};

/**
 * However old they are, so many of the latest stay: syncs, syncs that have changed something, and revisions, one more than
 * an item's history goes through.
 */
const newestKept = { syncs: 20, writers: 5, revisions: 51 };

/** How many newer ones there are. */
type Rank = { readonly syncs: number; readonly writers: number };

/** What an undo could take back. */
const hasWritten = ({ deployed, outcome }: Sync): boolean =>
  (deployed?.done ?? 0) > 0 || outcome === "rejectedAndReset";

/** It has not ended, or Intune holds writes of it. */
const isOpen = ({ phase, deployed }: Sync): boolean =>
  phase !== "done" || (deployed?.waiting ?? 0) > 0;

/** Those of a page of old syncs, newest first, that need not be kept. */
export function expendable(
  page: readonly Sync[],
  newer: Rank,
  { active, last }: Pick<TenantSync, "active" | "last">,
): Sync[] {
  let { syncs, writers } = newer;
  return page.filter((sync) => {
    const isLate = syncs < newestKept.syncs || (hasWritten(sync) && writers < newestKept.writers);
    syncs += 1;
    if (hasWritten(sync)) writers += 1;
    return !isLate && !isOpen(sync) && sync.syncId !== active && sync.syncId !== last;
  });
}

const ranked = (before: Rank, page: readonly Sync[]): Rank => ({
  syncs: before.syncs + page.length,
  writers: before.writers + page.filter(hasWritten).length,
});

const weekMs = 7 * 24 * 3600_000;
const syncsPerPage = 100;

/**
 * Deletes a tenant's syncs and revisions from before `before`, while `mayGoOn`; answers how many syncs. What is old is
 * reckoned in whole weeks, so that a tenant that is synchronised every night has its contents gone through once a week.
 */
export async function expireSyncs(
  parts: Parts,
  tenantId: string,
  before: Instant,
  mayGoOn: () => boolean,
): Promise<number> {
  const { store } = parts;
  const old = Math.floor(before / weekMs) * weekMs;
  let page = await store.list(tenantId, syncsPerPage, undefined, old);
  if (page.items.length === 0) return 0;
  const tenant = (await store.tenant(tenantId, parts.clock.now())).value;
  let rank = await rankOfOld(store, tenantId, old);
  let expired = 0;
  for (;;) {
    const going = expendable(page.items, rank, tenant);
    rank = ranked(rank, page.items);
    if (going.length > 0 && expired === 0) {
      // First the note, so that nobody forgets what these leave behind.
      await store.noteUnused(tenantId);
      await expireRevisions(store, tenantId, old);
    }
    for (const { syncId } of going) {
      if (!mayGoOn() || !(await store.removeSync(tenantId, syncId, mayGoOn))) return expired;
      expired += 1;
    }
    if (page.next === undefined) return expired;
    page = await store.list(tenantId, syncsPerPage, page.next, old);
  }
}

/** How many newer ones the old ones have, as far as it matters. */
async function rankOfOld(store: SyncStore, tenantId: string, old: Instant): Promise<Rank> {
  let rank: Rank = { syncs: 0, writers: 0 };
  let token: string | undefined;
  do {
    const { items, next } = await store.list(tenantId, syncsPerPage, token);
    const newer = items.filter(({ startedAt }) => startedAt >= old);
    rank = ranked(rank, newer);
    token = newer.length === items.length ? next : undefined;
    if (rank.syncs >= newestKept.syncs && rank.writers >= newestKept.writers) return rank;
  } while (token !== undefined);
  return rank;
}

async function expireRevisions(store: SyncStore, tenantId: string, old: Instant): Promise<void> {
  const keys: string[] = [];
  let newer = 0;
  for await (const { at, rowKey } of store.allRevisions(tenantId)) {
    if (newer >= newestKept.revisions && at < old) keys.push(rowKey);
    newer += 1;
  }
  await store.removeRevisions(tenantId, keys);
}

// Contents that nobody needs any more.

/** A write under way is over by then: no function runs so long. */
const inFlightMs = 24 * 3600_000;
const tenantsPerPage = 100;
/** Syncs between two looks at the time. */
const syncsPerSlice = 20;

/** Goes through the contents of the tenants that have lost syncs, while `mayGoOn`; answers how many blobs went. */
export async function removeUnused(parts: Parts, mayGoOn: () => boolean): Promise<number> {
  const { store } = parts;
  let removed = 0;
  let token: string | undefined;
  do {
    const page: Awaited<ReturnType<typeof store.listUnused>> = await store.listUnused(
      tenantsPerPage,
      token,
    );
    for (const tenantId of page.tenantIds) {
      if (!mayGoOn()) return removed;
      removed += await collect(parts, tenantId, mayGoOn);
    }
    token = page.next;
  } while (token !== undefined);
  return removed;
}

/** One tenant: marks, then sweeps. Where the time is over what was marked is kept for the next run. */
async function collect(parts: Parts, tenantId: string, mayGoOn: () => boolean): Promise<number> {
  const { store, revisions, blobs, clock } = parts;
  if (!(await parts.knows(tenantId))) {
    await store.strikeUnused(tenantId);
    return 0;
  }
  const tenant = (await store.tenant(tenantId, clock.now())).value;
  if (await isAtWork(store, tenant)) return 0;
  const marking = await resumed(parts, tenantId);
  const isFollowed = await mark(parts, tenant, marking, mayGoOn);
  const before = marking.began - inFlightMs;
  const { removed, isWhole } = isFollowed
    ? await revisions.sweep(tenantId, marking.marks, before, mayGoOn)
    : { removed: 0, isWhole: false };
  if (isWhole) {
    await blobs.remove(marksPath(tenantId));
    await store.strikeUnused(tenantId);
  } else {
    const kept = { ...marking, marks: [...marking.marks] };
    await blobs.put(marksPath(tenantId), JSON.stringify(kept));
  }
  return removed;
}

/** A sync is being worked on; one that waits for a person has all that it needs in its row. */
async function isAtWork(store: SyncStore, { tenantId, active }: TenantSync): Promise<boolean> {
  if (active === undefined) return false;
  const sync = (await store.sync(tenantId, active))?.value;
  return sync !== undefined && sync.phase !== "done" && sync.waits === undefined;
}

const Marking = z.object({
  /** Of what was written since then nothing is known, and nothing is removed. */
  began: z.number(),
  marks: z.array(z.string()).transform((names) => new Set(names)),
  /** Where the list of syncs goes on; absent at its beginning. */
  next: z.string().exactOptional(),
  isWhole: z.boolean(),
});
type Marking = z.output<typeof Marking>;

const marksPath = (tenantId: string): string => `${configurationPrefix(tenantId)}marks`;

/** What an earlier run has marked, unless that is too long ago, or a fresh start. */
async function resumed({ blobs, clock }: Parts, tenantId: string): Promise<Marking> {
  const now = clock.now();
  const kept = await blobs.get(marksPath(tenantId));
  const marking = kept && Marking.parse(JSON.parse(kept.toString("utf8")));
  if (marking !== undefined && now - marking.began < weekMs) return marking;
  return { began: now, marks: new Set(), isWhole: false };
}

/**
 * Marks all that rows lead to; false where the time was over before. Syncs that begin meanwhile need no mark: what they
 * take over is the tenant's of now, and what they write is new.
 */
async function mark(
  parts: Parts,
  tenant: TenantSync,
  marking: Marking,
  mayGoOn: () => boolean,
): Promise<boolean> {
  const { store, revisions } = parts;
  const { tenantId, snapshot, desired, rules } = tenant;
  const { marks } = marking;
  for (const tree of [snapshot, desired]) await revisions.markTree(tenantId, tree, marks);
  if (rules !== undefined) marks.add(`documents/${rules}`);
  if (marking.isWhole) return true;
  if (marking.next === undefined)
    for await (const { tree } of store.allRevisions(tenantId))
      await revisions.markTree(tenantId, tree, marks);
  for (;;) {
    if (!mayGoOn()) return false;
    const { items, next } = await store.list(tenantId, syncsPerSlice, marking.next);
    for (const sync of items) await markSync(parts, sync, marks);
    if (next === undefined) break;
    marking.next = next;
  }
  marking.isWhole = true;
  return true;
}

async function markSync(
  { store, revisions }: Parts,
  sync: Sync,
  marks: Set<string>,
): Promise<void> {
  const { tenantId, syncId, base, snapshot, desired, after, plan, approval, rules, confirmed } =
    sync;
  for (const tree of [base, snapshot, desired, after])
    await revisions.markTree(tenantId, tree, marks);
  // `rules`: what a reset dropped, for whoever takes it back.
  const documents = [plan?.document, approval?.chosen, confirmed?.changes, rules];
  // Only those with an approval have items, and only those under way have types that no tree has yet.
  if (approval !== undefined)
    for (const { value } of await store.items(tenantId, syncId))
      documents.push(value.found, value.plan, value.request);
  for (const hash of documents) if (hash !== undefined) marks.add(`documents/${hash}`);
  if (sync.phase === "done") return;
  for (const value of (await store.types(sync)).values())
    await revisions.markType(tenantId, value.manifest, marks);
}
