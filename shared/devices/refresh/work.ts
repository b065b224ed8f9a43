/**
 * Refreshes at work: started, one at a time for each tenant; carried on slice by slice, each about a minute long, by whoever
 * claims one; woken when a message was lost; shown. And the end of a site's hand-in, which starts one.
 *
 * State first, message second: whatever was done is in the row before anybody is told to go on.
 */

import * as z from "zod";
import { siteQueueName } from "../../configmgr/site.ts";
import type { Page } from "../../http/paging.ts";
import { toIso } from "../../kernel/clock.ts";
import { fail, type Result, succeed } from "../../kernel/failure.ts";
import { reasonOf } from "../../kernel/outside-text.ts";
import { queueNames, tableNames } from "../../storage/names.ts";
import type { Storage } from "../../storage/storage.ts";
import { deleteRange, lost, ofTenant, updateRow } from "../../storage/tables.ts";
import { restMs } from "../../work/drain.ts";
import { DirectoryWriteLost } from "../directory/directory.ts";
import type { InventoryIds, SiteStore } from "../sites/sites.ts";
import { readSlice } from "./fetch.ts";
import { type RefreshParts, takeStep } from "./merge.ts";
import {
  ClaimLost,
  type Confirmed,
  claim,
  isDoubtful,
  newRefresh,
  type Refresh,
  RefreshWork,
} from "./refresh.ts";
import { RefreshStore } from "./refresh-store.ts";

/** What a message about a refresh names. */
type RefreshIds = Pick<Refresh, "tenantId" | "refreshId">;

/** What becomes of the message; `state` is for the log. */
type SliceOutcome =
  | { readonly kind: "ack"; readonly state: string }
  | { readonly kind: "again"; readonly state: string; readonly afterSeconds: number };

/** How long one invocation works before it leaves the rest to another. */
const workMs = 60_000;

/** Works on a refresh. A duplicate finds it claimed or settled, and changes nothing. */
async function workOnRefresh(parts: RefreshParts, ids: RefreshIds): Promise<SliceOutcome> {
  const { refreshes, clock, leaseMs } = parts;
  const stored = await refreshes.get(ids.tenantId, ids.refreshId);
  const tenant = stored && (await parts.tenant(ids.tenantId));
  if (stored === undefined || tenant === undefined) {
    await refreshes.close(ids.tenantId, ids.refreshId);
    return { kind: "ack", state: "gone" };
  }
  // Merging asks nobody: only reading rests.
  const isReading = ["devices", "tags"].includes(stored.refresh.stage.kind);
  const isOpen = stored.refresh.state === "running";
  if (isOpen && isReading && (await parts.rests(ids.tenantId))) return again("resting", restMs);
  const now = clock.now();
  const decision = claim(stored.refresh, now, leaseMs);
  switch (decision.kind) {
    case "settled":
      return tidy(parts, stored.refresh);
    case "wait":
      return again("waiting", decision.until - now);
    case "abandon":
    case "work": {
      const etag = await refreshes.replace(decision.refresh, stored.etag);
      if (etag === undefined) return again("lost", leaseMs);
      if (decision.kind === "abandon") return tidy(parts, decision.refresh);
      return workUnderClaim(parts, new RefreshWork(parts, decision.refresh, etag));
    }
  }
}

async function workUnderClaim(parts: RefreshParts, work: RefreshWork): Promise<SliceOutcome> {
  try {
    return await workOn(parts, work);
  } catch (error) {
    // Whoever has it now has a message too; ours only looks whether it ended.
    if (error instanceof ClaimLost) return again("lost", parts.leaseMs);
    // The next worker may begin at once, and knows why; when even that fails, the lease runs out by itself.
    const told = { ...work.refresh, lastError: reasonOf(error) };
    await work.release(0, told).catch(() => undefined);
    if (error instanceof DirectoryWriteLost) return again("lost", 0);
    throw error;
  }
}

async function workOn(parts: RefreshParts, work: RefreshWork): Promise<SliceOutcome> {
  const until = parts.clock.now() + Math.min(workMs, parts.leaseMs / 2);
  for (;;) {
    const { stage } = work.refresh;
    const isReading = stage.kind === "devices" || stage.kind === "tags";
    const step = isReading
      ? await readSlice(parts, work, stage)
      : await takeStep(parts, work, stage);
    if (step.kind === "done") {
      await work.end();
      return tidy(parts, work.refresh);
    }
    if (step.kind === "fail") {
      await work.end(step.failure);
      return tidy(parts, work.refresh);
    }
    if (step.kind === "pause") return pause(work, step.afterMs, step.refresh);
    if (parts.clock.now() >= until) return pause(work, 0);
  }
}

async function pause(work: RefreshWork, afterMs: number, refresh?: Refresh): Promise<SliceOutcome> {
  await work.release(afterMs, refresh);
  return again(work.refresh.stage.kind, afterMs);
}

/** Removes what only a running refresh needs. Repeated until it succeeds: the message stays until then. */
async function tidy(parts: RefreshParts, refresh: Refresh): Promise<SliceOutcome> {
  const { tenantId, refreshId } = refresh;
  await parts.runs.deleteAll(refresh);
  await parts.refreshes.deactivate(tenantId, refreshId);
  await parts.refreshes.close(tenantId, refreshId);
  return { kind: "ack", state: refresh.state };
}

const again = (state: string, afterMs: number): SliceOutcome => ({
  kind: "again",
  state,
  afterSeconds: Math.max(0, Math.ceil(afterMs / 1000)),
});

// Starting one, unless one is under way.

type Starting = Pick<RefreshParts, "refreshes" | "queues" | "clock" | "leaseMs">;

/**
 * The tenant's running refresh: a new one with the id `seed`, or the one that was there, which knows nothing of what
 * is `confirmed` now.
 */
async function startRefresh(
  parts: Starting,
  tenantId: string,
  seed: string,
  confirmed?: Confirmed,
): Promise<Refresh> {
  const { refreshes } = parts;
  return updateRow(`the active refresh of ${tenantId}`, async () => {
    const active = await refreshes.active(tenantId);
    const refresh = active && (await refreshes.get(tenantId, active.refreshId))?.refresh;
    if (refresh?.state === "running") return wake(parts, refresh);
    // The active one has no row yet: whoever made it active may have died there, so its row is made here.
    if (active !== undefined && refresh === undefined)
      return begun(parts, tenantId, active.refreshId);
    // Listed first: a refresh that never came to be is struck off when its message finds nothing.
    await refreshes.open(tenantId, seed);
    const won = await refreshes.activate(tenantId, seed, active?.etag);
    return won ? begun(parts, tenantId, seed, confirmed) : lost;
  });
}

async function begun(
  parts: Starting,
  tenantId: string,
  refreshId: string,
  confirmed?: Confirmed,
): Promise<Refresh> {
  const { refreshes, clock } = parts;
  const fresh = newRefresh(tenantId, refreshId, clock.now(), confirmed);
  await refreshes.open(tenantId, refreshId);
  const inserted = await refreshes.insert(fresh);
  await tell(parts, fresh);
  if (inserted === "inserted") return fresh;
  return (await refreshes.get(tenantId, refreshId))?.refresh ?? fresh;
}

/** A refresh without a sign of life gets another message: its own may be lost. */
async function wake(parts: Starting, refresh: Refresh): Promise<Refresh> {
  if (isAlive(parts, refresh)) return refresh;
  await parts.refreshes.open(refresh.tenantId, refresh.refreshId);
  await tell(parts, refresh);
  return refresh;
}

/**
 * For the sweeper: sends a message about a refresh on its list unless somebody is at work on it. One that
 * has ended is still on the list because tidying up was cut short; the message finishes that.
 */
async function wakeRefresh(
  parts: Starting,
  ids: Pick<Refresh, "tenantId" | "refreshId">,
): Promise<"alive" | "woken"> {
  const stored = await parts.refreshes.get(ids.tenantId, ids.refreshId);
  if (stored?.refresh.state === "running" && isAlive(parts, stored.refresh)) return "alive";
  await tell(parts, ids);
  return "woken";
}

function isAlive({ clock, leaseMs }: Starting, { heartbeatAt, notBefore }: Refresh): boolean {
  return clock.now() - Math.max(heartbeatAt, notBefore) <= 2 * leaseMs;
}

async function tell(
  { queues }: Starting,
  { tenantId, refreshId }: Pick<Refresh, "tenantId" | "refreshId">,
): Promise<void> {
  await queues.send(queueNames.devicesRefresh, { tenantId, refreshId });
}

// Looks after refreshes whose messages were lost: one without a sign of life gets a new message. Rows decide
// what is to be done, so a message too many does no harm.

const refreshesPerPage = 100;

/** Every refresh that has not been seen to its end, by its ids. */
async function* openRefreshes({
  refreshes,
}: Pick<RefreshParts, "refreshes">): AsyncGenerator<RefreshIds> {
  let token: string | undefined;
  do {
    const page: Awaited<ReturnType<RefreshStore["listOpen"]>> = await refreshes.listOpen(
      refreshesPerPage,
      token,
    );
    yield* page.open;
    token = page.next;
  } while (token !== undefined);
}

/** How many refreshes have not ended, and how many of them somebody works on. */
async function countRefreshes(parts: Pick<RefreshParts, "refreshes" | "clock">) {
  const left = { refreshes: 0, working: 0 };
  for await (const { tenantId, refreshId } of openRefreshes(parts)) {
    const refresh = (await parts.refreshes.get(tenantId, refreshId))?.refresh;
    if (refresh?.state !== "running") continue;
    left.refreshes += 1;
    if (refresh.leaseUntil > parts.clock.now()) left.working += 1;
  }
  return left;
}

/** Looks after every refresh on the list; answers how many messages it sent. */
async function sweepRefreshes(
  parts: Pick<RefreshParts, "refreshes" | "queues" | "clock" | "leaseMs" | "tenant" | "rests">,
): Promise<number> {
  let woken = 0;
  for await (const { tenantId, refreshId } of openRefreshes(parts)) {
    if ((await parts.tenant(tenantId)) === undefined)
      await parts.refreshes.close(tenantId, refreshId);
    // What rests has its message, which comes back again and again: another one would, too.
    else if (await parts.rests(tenantId)) continue;
    else if ((await wakeRefresh(parts, { tenantId, refreshId })) === "woken") woken += 1;
  }
  return woken;
}

// Refreshes as the API shows them.

const tally = z.int().min(0);

/** A refresh as the API shows it. */
export const RefreshView = z
  .object({
    refreshId: z.string(),
    state: z.enum(["running", "completed", "failed"]),
    final: z.boolean().describe("It has ended: wait for this, whatever the state is called then"),
    stage: z
      .enum(["devices", "tags", "sites", "merge", "finish"])
      .describe(
        "Reading devices, reading group tags, adding what sites report, merging, making it the directory",
      ),
    counts: z.object({
      pages: tally,
      fetched: tally,
      unreadable: tally.describe("Records without a usable device id"),
      added: tally,
      changed: tally,
      removed: tally,
      unchanged: tally,
    }),
    groupTags: z.object({
      state: z.enum(["pending", "read", "notRead"]),
      count: tally.describe("Devices with a group tag, as far as they were read"),
      detail: z.string().optional().describe("Why they could not be read; earlier ones are kept"),
    }),
    confirmDevices: tally.optional().describe("What its start said"),
    confirmGroupTags: tally.optional().describe("What its start said"),
    startedAt: z.iso.datetime(),
    finishedAt: z.iso.datetime().optional(),
    failure: z.object({ code: z.string(), detail: z.string() }).optional(),
  })
  .meta({ id: "Refresh" });
type View = z.output<typeof RefreshView>;

/** A refresh without what only its workers need. */
export const viewOf = (refresh: Refresh): View => ({
  refreshId: refresh.refreshId,
  state: refresh.state,
  final: refresh.state !== "running",
  stage: refresh.stage.kind,
  counts: refresh.counts,
  groupTags: refresh.groupTags,
  ...confirmedIn(refresh.confirmed),
  startedAt: refresh.startedAt,
  ...(refresh.finishedAt === undefined ? {} : { finishedAt: refresh.finishedAt }),
  ...(refresh.failure === undefined ? {} : { failure: refresh.failure }),
});

/** What a person confirmed, by the names that they said it with. */
const confirmedIn = ({ devices, groupTags }: Confirmed) => ({
  ...(devices === undefined ? {} : { confirmDevices: devices }),
  ...(groupTags === undefined ? {} : { confirmGroupTags: groupTags }),
});

/** One refresh. */
async function readRefresh(
  store: RefreshStore,
  tenantId: string,
  refreshId: string,
): Promise<Result<View>> {
  const stored = await store.get(tenantId, refreshId);
  if (stored === undefined)
    return fail("unknown-refresh", `There is no refresh ${refreshId} of tenant ${tenantId}.`);
  return succeed(viewOf(stored.refresh));
}

/** A page of refreshes, newest first. */
async function listRefreshes(
  store: RefreshStore,
  tenantId: string,
  top: number,
  token: string | undefined,
): Promise<Page<View>> {
  const { refreshes, ...page } = await store.list(tenantId, top, token);
  return { items: refreshes.map(viewOf), ...page };
}

// Ends the hand-in of a site's inventory: it becomes the present one, and a refresh brings it into the directory.

/**
 * Publishes an inventory; refused when some parts were not handed in, or when it is far smaller than the site's
 * present one and nobody has confirmed that. Twice is once, but each time a refresh runs after it; `included` says whether that one began after the inventory was whole.
 */
async function completeInventory(
  all: RefreshParts,
  of: InventoryIds,
  parts: number,
  seed: string,
  confirmDevices?: number,
): Promise<Result<{ refreshId: string; included: boolean }>> {
  const { sites, clock } = all;
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
  const { refreshId, startedAt } = await startRefresh(all, of.tenantId, seed);
  return succeed({ refreshId, included: startedAt >= reportedAt });
}

/** Refreshes of every tenant's directory, that work with these. */
export const refreshesWith = (parts: RefreshParts) => ({
  parts,
  /** Starts one with the id `seed`, unless one is under way. */
  start: (tenantId: string, seed: string, confirmed?: Confirmed) =>
    startRefresh(parts, tenantId, seed, confirmed),
  /** One invocation's work on one. */
  work: (ids: RefreshIds) => workOnRefresh(parts, ids),
  wake: (ids: RefreshIds) => wakeRefresh(parts, ids),
  /** Looks after every one on the list; answers how many messages it sent. */
  sweep: () => sweepRefreshes(parts),
  /** How many have not ended, and are worked on. */
  count: () => countRefreshes(parts),
  read: (tenantId: string, refreshId: string) => readRefresh(parts.refreshes, tenantId, refreshId),
  list: (tenantId: string, top: number, token?: string) =>
    listRefreshes(parts.refreshes, tenantId, top, token),
  /** Ends the hand-in of a site's inventory, and has the directory refreshed. */
  completeInventory: (of: InventoryIds, count: number, seed: string, confirmDevices?: number) =>
    completeInventory(parts, of, count, seed, confirmDevices),
});
/** Refreshes of every tenant's directory. */
export type RefreshService = ReturnType<typeof refreshesWith>;

// What this room keeps of a removed tenant: sites with their queues, refreshes, collections, the directory.

/** Deletes it while `mayGoOn`; true when nothing is left. Rows that name blobs go after their blobs. */
export async function purgeDevices(
  { storage, sites }: { readonly storage: Storage; readonly sites: SiteStore },
  tenantId: string,
  mayGoOn: () => boolean,
): Promise<boolean> {
  const { tables, queues, blobs } = storage;
  for (const { siteCode } of await sites.sites(tenantId))
    await queues.removeSite(siteQueueName(tenantId, siteCode));
  for (const place of ["sites", "refreshes"])
    if (!(await blobs.deletePrefix(`${place}/${tenantId}/`, mayGoOn))) return false;
  if (!(await new RefreshStore(tables).closeAll(tenantId, mayGoOn))) return false;
  const { refreshes, collections, devices } = tableNames;
  for (const table of [tableNames.sites, refreshes, collections, devices])
    if (!(await deleteRange(tables, table, ofTenant(tenantId), mayGoOn))) return false;
  return true;
}
