/** Reads refreshes, as the API shows them. */
import type { z } from "zod";
import type { Page } from "../../http/paging.ts";
import { fail, type Result, succeed } from "../../kernel/failure.ts";
import type { RefreshView } from "../directory/contract.ts";
import type { Refresh } from "./refresh.ts";
import type { RefreshStore } from "./refresh-store.ts";

type View = z.output<typeof RefreshView>;

/** A refresh without what only its workers need. */
export const viewOf = (refresh: Refresh): View => ({
  refreshId: refresh.refreshId,
  state: refresh.state,
  final: refresh.state !== "running",
  stage: refresh.stage.kind,
  counts: refresh.counts,
  groupTags: refresh.groupTags,
  startedAt: refresh.startedAt,
  ...(refresh.finishedAt === undefined ? {} : { finishedAt: refresh.finishedAt }),
  ...(refresh.failure === undefined ? {} : { failure: refresh.failure }),
});

/** One refresh. */
export async function readRefresh(
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
export async function listRefreshes(
  store: RefreshStore,
  tenantId: string,
  top: number,
  token: string | undefined,
): Promise<Page<View>> {
  const { refreshes, ...page } = await store.list(tenantId, top, token);
  return { items: refreshes.map(viewOf), ...page };
}
