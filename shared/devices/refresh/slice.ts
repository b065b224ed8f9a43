/**
 * One invocation's work on a refresh: claim it, go on for about a minute, leave it for the next message.
 *
 * State first, message second: whatever was done is in the row before anybody is told to go on.
 */
import { reasonOf } from "../../kernel/outside-text.ts";
import { DirectoryWriteLost } from "../directory/directory-writer.ts";
import { ClaimLost, type RefreshDeps, RefreshWork } from "./claim.ts";
import { readSlice, type Sliced } from "./fetch.ts";
import { joinNext } from "./join-sites.ts";
import { finishMerge, mergeNext } from "./merge.ts";
import { claim, completed, failed, type Refresh, released, type Stage } from "./refresh.ts";

/** What a message about a refresh names. */
export type RefreshIds = Pick<Refresh, "tenantId" | "refreshId">;

/** What becomes of the message; `state` is for the log. */
export type SliceOutcome =
  | { readonly kind: "ack"; readonly state: string }
  | { readonly kind: "again"; readonly state: string; readonly afterSeconds: number };

/** How long one invocation works before it leaves the rest to another. */
const workMs = 60_000;

/** Works on a refresh. A duplicate finds it claimed or settled, and changes nothing. */
export async function workOnRefresh(deps: RefreshDeps, ids: RefreshIds): Promise<SliceOutcome> {
  const { refreshes, clock, leaseMs } = deps;
  const stored = await refreshes.get(ids.tenantId, ids.refreshId);
  const tenant = stored && (await deps.tenant(ids.tenantId));
  if (stored === undefined || tenant === undefined) {
    await refreshes.close(ids.tenantId, ids.refreshId);
    return { kind: "ack", state: "gone" };
  }
  const now = clock.now();
  const decision = claim(stored.refresh, now, leaseMs);
  switch (decision.kind) {
    case "settled":
      return tidy(deps, stored.refresh);
    case "wait":
      return again("waiting", decision.until - now);
    case "abandon":
    case "work": {
      const etag = await refreshes.replace(decision.refresh, stored.etag);
      if (etag === undefined) return again("lost", leaseMs);
      if (decision.kind === "abandon") return tidy(deps, decision.refresh);
      return workUnderClaim(deps, new RefreshWork(deps, decision.refresh, etag));
    }
  }
}

async function workUnderClaim(deps: RefreshDeps, work: RefreshWork): Promise<SliceOutcome> {
  try {
    return await workOn(deps, work);
  } catch (error) {
    // Whoever has it now has a message too; ours only looks whether it ended.
    if (error instanceof ClaimLost) return again("lost", deps.leaseMs);
    await giveBack(deps, work, reasonOf(error));
    if (error instanceof DirectoryWriteLost) return again("lost", 0);
    throw error;
  }
}

async function workOn(deps: RefreshDeps, work: RefreshWork): Promise<SliceOutcome> {
  const until = deps.clock.now() + Math.min(workMs, deps.leaseMs / 2);
  for (;;) {
    const { stage } = work.refresh;
    if (stage.kind === "finish") {
      await finishMerge(deps, work, stage);
      await work.write(completed(work.refresh, deps.clock.now()));
      return tidy(deps, work.refresh);
    }
    const step = await stepOf(deps, work, stage);
    if (step.kind === "fail") {
      await work.write(failed(work.refresh, step.failure, deps.clock.now()));
      return tidy(deps, work.refresh);
    }
    if (step.kind === "pause") return pause(deps, work, step.refresh, step.afterMs);
    if (deps.clock.now() >= until) return pause(deps, work, work.refresh, 0);
  }
}

async function stepOf(
  deps: RefreshDeps,
  work: RefreshWork,
  stage: Exclude<Stage, { kind: "finish" }>,
): Promise<Sliced> {
  switch (stage.kind) {
    case "devices":
    case "tags":
      return readSlice(deps, work, stage);
    case "sites":
      await joinNext(deps, work, stage);
      return { kind: "on" };
    case "merge":
      await mergeNext(deps, work, stage);
      return { kind: "on" };
  }
}

async function pause(
  { clock }: RefreshDeps,
  work: RefreshWork,
  refresh: Refresh,
  afterMs: number,
): Promise<SliceOutcome> {
  const now = clock.now();
  await work.write(released(refresh, now, now + afterMs));
  return again(refresh.stage.kind, afterMs);
}

/** Lets the next worker begin at once, and says why; when even that fails, the lease runs out by itself. */
async function giveBack(
  { clock }: RefreshDeps,
  work: RefreshWork,
  lastError: string,
): Promise<void> {
  const now = clock.now();
  await work.write({ ...released(work.refresh, now, now), lastError }).catch(() => undefined);
}

/** Removes what only a running refresh needs. Repeated until it succeeds: the message stays until then. */
async function tidy(deps: RefreshDeps, refresh: Refresh): Promise<SliceOutcome> {
  const { tenantId, refreshId } = refresh;
  await deps.runs.deleteAll(refresh);
  await deps.refreshes.deactivate(tenantId, refreshId);
  await deps.refreshes.close(tenantId, refreshId);
  return { kind: "ack", state: refresh.state };
}

const again = (state: string, afterMs: number): SliceOutcome => ({
  kind: "again",
  state,
  afterSeconds: Math.max(0, Math.ceil(afterMs / 1000)),
});
