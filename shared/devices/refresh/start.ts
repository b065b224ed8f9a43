/** Starts a refresh, unless one is under way: a tenant has one at a time. */
import { queueNames } from "../../storage/names.ts";
import { lost, updateRow } from "../../storage/tables.ts";
import type { RefreshDeps } from "./claim.ts";
import { type Confirmed, newRefresh, type Refresh } from "./refresh.ts";

type StartDeps = Pick<RefreshDeps, "refreshes" | "queues" | "clock" | "leaseMs">;

/**
 * The tenant's running refresh: a new one with the id `seed`, or the one that was there, which knows nothing of what
 * is `confirmed` now.
 */
export async function startRefresh(
  deps: StartDeps,
  tenantId: string,
  seed: string,
  confirmed?: Confirmed,
): Promise<Refresh> {
  const { refreshes } = deps;
  return updateRow(`the active refresh of ${tenantId}`, async () => {
    const active = await refreshes.active(tenantId);
    const refresh = active && (await refreshes.get(tenantId, active.refreshId))?.refresh;
    if (refresh?.state === "running") return wake(deps, refresh);
    // The active one has no row yet: whoever made it active may have died there, so its row is made here.
    if (active !== undefined && refresh === undefined)
      return begun(deps, tenantId, active.refreshId);
    // Listed first: a refresh that never came to be is struck off when its message finds nothing.
    await refreshes.open(tenantId, seed);
    const won = await refreshes.activate(tenantId, seed, active?.etag);
    return won ? begun(deps, tenantId, seed, confirmed) : lost;
  });
}

async function begun(
  deps: StartDeps,
  tenantId: string,
  refreshId: string,
  confirmed?: Confirmed,
): Promise<Refresh> {
  const { refreshes, clock } = deps;
  const fresh = newRefresh(tenantId, refreshId, clock.now(), confirmed);
  await refreshes.open(tenantId, refreshId);
  const inserted = await refreshes.insert(fresh);
  await tell(deps, fresh);
  if (inserted === "inserted") return fresh;
  return (await refreshes.get(tenantId, refreshId))?.refresh ?? fresh;
}

/** A refresh without a sign of life gets another message: its own may be lost. */
async function wake(deps: StartDeps, refresh: Refresh): Promise<Refresh> {
  if (isAlive(deps, refresh)) return refresh;
  await deps.refreshes.open(refresh.tenantId, refresh.refreshId);
  await tell(deps, refresh);
  return refresh;
}

/**
 * For the sweeper: sends a message about a refresh on its list unless somebody is at work on it. One that
 * has ended is still on the list because tidying up was cut short; the message finishes that.
 */
export async function wakeRefresh(
  deps: StartDeps,
  ids: Pick<Refresh, "tenantId" | "refreshId">,
): Promise<"alive" | "woken"> {
  const stored = await deps.refreshes.get(ids.tenantId, ids.refreshId);
  if (stored?.refresh.state === "running" && isAlive(deps, stored.refresh)) return "alive";
  await tell(deps, ids);
  return "woken";
}

function isAlive({ clock, leaseMs }: StartDeps, { heartbeatAt, notBefore }: Refresh): boolean {
  return clock.now() - Math.max(heartbeatAt, notBefore) <= 2 * leaseMs;
}

async function tell(
  { queues }: StartDeps,
  { tenantId, refreshId }: Pick<Refresh, "tenantId" | "refreshId">,
): Promise<void> {
  await queues.send(queueNames.devicesRefresh, { tenantId, refreshId });
}

// Looks after refreshes whose messages were lost: one without a sign of life gets a new message. Rows decide
// what is to be done, so a message too many does no harm.

const refreshesPerPage = 100;

/** Looks after every refresh on the list; answers how many messages it sent. */
export async function sweepRefreshes(
  deps: Pick<RefreshDeps, "refreshes" | "queues" | "clock" | "leaseMs" | "tenant">,
): Promise<number> {
  let woken = 0;
  let token: string | undefined;
  do {
    const page: Awaited<ReturnType<RefreshDeps["refreshes"]["listOpen"]>> =
      await deps.refreshes.listOpen(refreshesPerPage, token);
    for (const { tenantId, refreshId } of page.open) {
      if ((await deps.tenant(tenantId)) === undefined)
        await deps.refreshes.close(tenantId, refreshId);
      else if ((await wakeRefresh(deps, { tenantId, refreshId })) === "woken") woken += 1;
    }
    token = page.next;
  } while (token !== undefined);
  return woken;
}
