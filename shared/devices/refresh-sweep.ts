/**
 * Looks after refreshes whose messages were lost: one without a sign of life gets a new message. Rows decide
 * what is to be done, so a message too many does no harm.
 */
import type { RefreshDeps } from "./refresh-deps.ts";
import { wakeRefresh } from "./refresh-start.ts";

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
