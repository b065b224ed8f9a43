/**
 * What keeps a device from beginning its run: nobody has seen it for long, no maintenance window is open, another run has
 * it. Asked right before it would begin, and never again once it has: what has begun is not stopped half-way.
 */
import { type CollectionStore, holdersAmong } from "../../devices/collections/collection-store.ts";
import type { Device } from "../../devices/directory/device.ts";
import type { DirectoryStore } from "../../devices/directory/directory.ts";
import type { Hold } from "../../fanout/kind.ts";
import { type Item, liveStates } from "../../fanout/state/item.ts";
import type { ItemStore } from "../../fanout/state/item-store.ts";
import { isOpen } from "../../fanout/state/job.ts";
import { type Clock, fromIso, type Instant, toIso } from "../../kernel/clock.ts";
import { collectionsOf, goesFor, heldBy, type Maintenance } from "../../schedules/maintenance.ts";
import { contentOf, type Run, type RunJobs, waitsUntil } from "../run.ts";
import type { DeviceLocks, IsLive } from "./device-lock.ts";

/** What holding back works with. */
export type HoldParts = {
  readonly clock: Clock;
  readonly directory: Pick<DirectoryStore, "getMany">;
  readonly collections: Pick<CollectionStore, "reachOf">;
  readonly maintenance: {
    get(tenantId: string): Promise<{ readonly value: Maintenance }>;
  };
  readonly locks: DeviceLocks;
  readonly jobs: Pick<RunJobs, "get">;
  readonly items: Pick<ItemStore, "range" | "rowOf">;
  /** When devices were seen last, read once for all that wait; undefined: the directory says. */
  readonly lastSeen?: (
    tenantId: string,
    deviceIds: readonly string[],
  ) => Promise<ReadonlyMap<string, Instant>>;
};

/** How often it is asked again. */
const askSeenMs = 15 * 60_000;
const askLockMs = 30_000;
const askLostRaceMs = 2_000;

/** Whether an item has not begun yet. */
export const isFresh = (run: Run, { targetId, step = 0, attempts }: Item): boolean =>
  attempts === 0 && step === (contentOf(run).firstSteps[targetId] ?? 0);

/** What keeps items from going. Whoever nothing keeps has its device from now on. */
export async function holdsOf(
  parts: HoldParts,
  run: Run,
  items: readonly Item[],
): Promise<ReadonlyMap<string, Hold>> {
  const fresh = items.filter((item) => isFresh(run, item)).map(({ targetId }) => targetId);
  if (fresh.length === 0) return new Map();
  const devices = await parts.directory.getMany(run.tenantId, fresh);
  const unseen = await offlineHolds(parts, run, fresh, devices);
  const there = fresh.filter((id) => !unseen.has(id));
  const closed = await windowHolds(parts, run, there, devices);
  // Whoever is aside only asks: the device is its own once it is let out again.
  const aside = new Set(items.filter((item) => item.aside).map(({ targetId }) => targetId));
  const free = there.filter((id) => !closed.has(id) && !aside.has(id));
  const locked = await lockHolds(parts, run, free);
  return new Map([...unseen, ...closed, ...locked]);
}

type Holds = Map<string, Hold>;

async function offlineHolds(
  { clock, lastSeen }: HoldParts,
  run: Run,
  ids: readonly string[],
  devices: ReadonlyMap<string, Device>,
): Promise<Holds> {
  const now = clock.now();
  const known = (id: string): Instant => fromIso(devices.get(id)?.lastSyncDateTime ?? "") ?? 0;
  const { tenantId, offline } = run;
  const isThere = (at: Instant): boolean => at > now - offline.afterMs;
  const silent = ids.filter((id) => !isThere(known(id)));
  const holds: Holds = new Map();
  if (silent.length === 0) return holds;
  // The directory is as old as its last refresh.
  const seen = await lastSeen?.(tenantId, silent);
  for (const id of silent) {
    const at = Math.max(known(id), seen?.get(id) ?? 0);
    if (!isThere(at)) holds.set(id, offlineHold(run, at, now));
  }
  return holds;
}

function offlineHold(run: Run, seenAt: Instant, now: Instant): Hold {
  const { mode } = run.offline;
  const until = waitsUntil(run);
  const since = seenAt === 0 ? "it was never seen" : `last seen ${toIso(seenAt)}`;
  if (mode === "skip")
    return { end: "decline", code: "device-offline", detail: `skipped: ${since}` };
  if (mode === "fail") return { end: "silence", code: "device-offline", detail: since };
  if (now >= until)
    return { end: "expire", code: "device-offline", detail: `waited for in vain; ${since}` };
  return {
    until: Math.min(now + askSeenMs, until),
    isAside: true,
    code: "offline",
    detail: `${since}; waits for it until ${toIso(until)}`,
  };
}

/** Which devices no maintenance window lets begin now, and when the next one opens. */
export async function windowHolds(
  { clock, collections, maintenance }: Pick<HoldParts, "clock" | "collections" | "maintenance">,
  run: Run,
  ids: readonly string[],
  devices: ReadonlyMap<string, Device>,
): Promise<Holds> {
  const { tenantId, windows } = run;
  const holds: Holds = new Map();
  if (windows.ignored || ids.length === 0) return holds;
  const { value } = await maintenance.get(tenantId);
  const now = clock.now();
  const wanted = { windows: contentOf(run).windows ?? [], ...windows };
  const holders = await holdersAmong(collections, tenantId, collectionsOf(value));
  const opens = goesFor(value, wanted, ids, (id) => holders(devices.get(id)), now);
  for (const [id, at] of opens) {
    const hold = heldBy(at, now);
    if (hold !== undefined) holds.set(id, hold);
  }
  return holds;
}

/** Says of any run which of some devices it is not done with. */
const livenessIn =
  ({ jobs, items }: Pick<HoldParts, "jobs" | "items">, tenantId: string): IsLive =>
  async (other, deviceIds) => {
    const stored = await jobs.get(tenantId, other);
    return stored !== undefined && isOpen(stored.job)
      ? liveAmong({ items }, other, deviceIds)
      : new Set();
  };

/** Devices that another run has now, with its id. */
export const busyElsewhere = (
  parts: Pick<HoldParts, "locks" | "jobs" | "items">,
  { tenantId, jobId }: Run,
  deviceIds: readonly string[],
): Promise<ReadonlyMap<string, string>> =>
  parts.locks.heldByOthers(tenantId, jobId, deviceIds, livenessIn(parts, tenantId));

async function lockHolds(
  parts: HoldParts,
  { tenantId, jobId }: Run,
  ids: readonly string[],
): Promise<Holds> {
  const held = await parts.locks.take(tenantId, jobId, ids, livenessIn(parts, tenantId));
  const now = parts.clock.now();
  return new Map(
    [...held].map(([id, other]) => [
      id,
      other === ""
        ? { until: now + askLostRaceMs, code: "other-run", detail: "another run began there too" }
        : { until: now + askLockMs, code: "other-run", detail: `run ${other} has the device` },
    ]),
  );
}

/** Which devices a run is not done with. */
async function liveAmong(
  { items }: Pick<HoldParts, "items">,
  runId: string,
  deviceIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const sorted = deviceIds.toSorted();
  const [first] = sorted;
  const last = await items.rowOf(runId, sorted.at(-1) ?? "");
  if (first === undefined || last === undefined) return new Set();
  const rows = await items.range(runId, first, last.lastTargetId);
  const wanted = new Set(deviceIds);
  const live = rows
    .flatMap((row) => row.items)
    .filter(({ targetId, state }) => wanted.has(targetId) && liveStates.has(state));
  return new Set(live.map(({ targetId }) => targetId));
}
