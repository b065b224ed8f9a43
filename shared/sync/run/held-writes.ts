/**
 * Writes that Intune held for a second administrator. The deploy that made them has ended; once somebody has approved
 * one there, the identical request is sent again with its code, and what it made is read back like any other write. The
 * sync stays on the sweeper's list until none waits any more.
 */
import type { Tree } from "../revisions/revisions.ts";
import { type ItemProgress, isLeftMoved, isSettled, type Sync } from "../state/sync.ts";
import type { Stored } from "../state/sync-store.ts";
import { SyncLost, type SyncWork } from "../state/sync-work.ts";
import {
  type DeployParts,
  isNothingDone,
  keepTouched,
  madeBy,
  noteFilledIn,
  nothingDone,
  unsettledElsewhere,
  wantedItem,
} from "./deploy.ts";
import type { ItemWork } from "./deploy-item.ts";
import { PlanDocument } from "./plan-sync.ts";

/** Intune ends what nobody approves after three days; a request that it does not list any more is over by then. */
const unseenMs = 4 * 24 * 3600_000;
/** Shorter waits than this are waited in place. */
const shortMs = 2_000;

/** Looks what became of the writes that wait, and goes on with those that may. */
export async function settleHeld(parts: DeployParts, work: SyncWork): Promise<void> {
  const { tenantId, syncId } = work.ids;
  const rows = await parts.store.items(tenantId, syncId);
  const open = rows.filter(({ value }) => !isSettled(value));
  if (open.length > 0) {
    // Of two workers one loses this, and leaves it all to the other.
    await work.keep({});
    const requests = await parts.writer.approvalRequests(tenantId);
    if (requests === undefined) return work.release();
    for (const row of open) await goOn(parts, work, row, requests);
  }
  await conclude(parts, work);
}

async function goOn(
  parts: DeployParts,
  work: SyncWork,
  row: Stored<ItemProgress>,
  requests: ReadonlyMap<string, string>,
): Promise<void> {
  const { tenantId, syncId } = work.ids;
  let stored = row;
  const keep = async (next: ItemProgress): Promise<void> => {
    const value = { ...next, touchedAt: parts.clock.now() };
    const etag = await parts.store.replaceItem(tenantId, syncId, { value, etag: stored.etag });
    if (etag === undefined) throw new SyncLost(`${syncId} ${next.key}`);
    stored = { value, etag };
  };
  const item = await itemWork(parts, work.sync, row.value);
  if (item === undefined) return;
  const { approvalCode = "", touchedAt } = row.value;
  if (stored.value.state === "waitingForIntuneApproval") {
    const isUnseen = parts.clock.now() - touchedAt > unseenMs;
    const said = requests.get(approvalCode) ?? (isUnseen ? "expired" : "needsApproval");
    const status = await statusFor(parts, work.sync, row.value, said);
    const next = await parts.writer.afterApproval(item, stored.value, status);
    if (next === undefined) return;
    await keep(next);
  }
  while (stored.value.state === "writing" || stored.value.state === "checking") {
    const { next, afterMs = 0 } = await parts.writer.goOn(item, stored.value, keep);
    await keep(next);
    // The sweeper comes again within a minute.
    if (afterMs > shortMs) return;
    await parts.wait(afterMs);
  }
}

/**
 * What has become of a request, for a row. One that waits for the request of an earlier sync sends nothing as long as that
 * one is to send it, or to read back what it made; once nobody is, what was made is looked for, and what is missing is
 * this row's to write.
 */
async function statusFor(
  parts: DeployParts,
  sync: Sync,
  { request, type, key }: ItemProgress,
  status: string,
): Promise<string> {
  if (request !== undefined || (status !== "approved" && status !== "completed")) return status;
  const others = await unsettledElsewhere(parts, sync);
  const isOnIt = others.some(
    (row) =>
      row.type === type &&
      row.key === key &&
      // Those that wait as this one does send nothing.
      (row.state !== "waitingForIntuneApproval" || row.request !== undefined),
  );
  return isOnIt ? "needsApproval" : "completed";
}

/** The change that a row stands for, as its plan wants it. */
async function itemWork(
  parts: DeployParts,
  sync: Sync,
  row: ItemProgress,
): Promise<ItemWork | undefined> {
  const document = row.plan ?? sync.plan?.document ?? "";
  const { plan, targets } = await parts.revisions.document(sync.tenantId, document, PlanDocument);
  const change = plan.changes.find(({ changeId }) => changeId === row.changeId);
  const type = parts.typeOf(row.type);
  if (change === undefined || type === undefined) return undefined;
  const { tenantId, syncId, snapshot } = sync;
  const tree: Tree = await parts.revisions.tree(tenantId, snapshot);
  return {
    ids: { tenantId, syncId },
    change,
    type,
    wanted: wantedItem(change, targets),
    id: change.id,
    writer: tenantId,
    made: madeBy(await parts.store.items(tenantId, syncId)),
    tree,
  };
}

/** Says how many wait still; with the last one done, and nothing else missing, the tenant rests again. */
async function conclude(parts: DeployParts, work: SyncWork): Promise<void> {
  const { sync, tenant } = work;
  const all = await parts.store.items(sync.tenantId, sync.syncId);
  const rows = lastOfEach(all.map(({ value }) => value));
  const of = (state: ItemProgress["state"]): number =>
    rows.filter((row) => row.state === state).length;
  const waiting = rows.filter((row) => !isSettled(row)).length;
  const deployed = { done: of("done"), failed: of("failed"), skipped: of("skipped"), waiting };
  await noteFilledIn(parts, work, rows);
  if (waiting > 0) return work.keep({ deployed, leaseUntil: parts.clock.now() });
  const end = { deployed, leaseUntil: parts.clock.now() };
  // Its next round begins with what this one has made.
  if (tenant.active === sync.syncId)
    return work.keep({ ...end, ...(await keepTouched(parts, sync.snapshot, sync, rows)) });
  const isLast = tenant.last === sync.syncId && tenant.active === undefined;
  // A later sync has read the tenant since, or reads it now.
  if (!isLast || tenant.status !== "partiallySucceeded") return work.keep(end);
  const { snapshot, after } = await keepTouched(parts, tenant.snapshot, sync, rows);
  const stale = rows.filter(isLeftMoved(sync)).length;
  if (isNothingDone(sync, { ...deployed, failed: deployed.failed + stale }))
    return work.fail(nothingDone(rows), "fail", { ...end, after }, { snapshot });
  if (deployed.failed + deployed.skipped + stale + (await leftOf(parts, sync)) > 0)
    return work.keep({ ...end, after });
  const outcome = { ...end, after, outcome: "succeeded" as const, remark: "Approved in Intune." };
  await work.move("complete", outcome, { snapshot });
}

/** Of each item the row of its last round: what had moved in one before was planned anew, and has been read since. */
const lastOfEach = (rows: readonly ItemProgress[]): ItemProgress[] => [
  ...new Map(
    rows
      .toSorted((a, b) => a.round - b.round)
      .map((row) => [`${row.type}/${row.key}`, row] as const),
  ).values(),
];

/** How much a sync left aside beside its items: types that were not read, and what was blocked. */
async function leftOf({ revisions }: DeployParts, sync: Sync): Promise<number> {
  if (sync.plan === undefined) return 0;
  const { plan } = await revisions.document(sync.tenantId, sync.plan.document, PlanDocument);
  const unread = plan.unread.filter(({ reason }) => reason !== "licenceMissing");
  return unread.length + plan.blocked.length + (sync.aside ?? 0);
}
