/**
 * Deletes what is kept of a removed tenant, in passes: each goes on where rows are left, so that it can die anywhere
 * and run twice. The last pass begins when nobody can write any more who began while the tenant was there.
 */
import type { Clock, Instant } from "../kernel/clock.ts";
import { queueNames } from "../storage/names.ts";
import type { Queues } from "../storage/queues.ts";
import type { Purge, PurgeStore } from "./purge-store.ts";
import type { TenantStore } from "./tenant-store.ts";

/** Deletes one kind of a tenant's rows while `mayGoOn`; true when none is left. */
export type PurgeStep = (tenantId: string, mayGoOn: () => boolean) => Promise<boolean>;

/** What purging needs. */
export type PurgeDeps = {
  readonly store: TenantStore;
  readonly purges: PurgeStore;
  readonly queues: Queues;
  readonly clock: Clock;
  /** One after the other: what sends something out comes first. */
  readonly steps: readonly PurgeStep[];
  /** How long a handler may write that has read the tenant before it was removed. */
  readonly settleMs: number;
};

/** How a pass ended. */
export type PurgeOutcome =
  | { readonly kind: "purged" | "nothing" | "kept" }
  | { readonly kind: "again"; readonly afterMs: number };

/** A pass stops after so long and sends itself a message, well inside the function's time. */
const passMs = 60_000;
const purgesPerPage = 100;

/** Makes a pass. */
export async function purgeTenant(deps: PurgeDeps, tenantId: string): Promise<PurgeOutcome> {
  const began = deps.clock.now();
  const open = await deps.purges.get(tenantId);
  if (open === undefined) return { kind: "nothing" };
  if (await deps.store.get(tenantId)) return keep(deps, open, began);
  const ours = await deps.purges.touch(open, began);
  if (ours === undefined) return { kind: "again", afterMs: 1_000 };
  const mayGoOn = (): boolean => deps.clock.now() < began + passMs;
  for (const step of deps.steps)
    if (!(await step(tenantId, mayGoOn))) return { kind: "again", afterMs: 0 };
  const restMs = open.removedAt + deps.settleMs - began;
  if (restMs > 0) return { kind: "again", afterMs: restMs };
  return (await deps.purges.close(ours)) ? { kind: "purged" } : { kind: "again", afterMs: 1_000 };
}

/** The tenant is there: its removal came to nothing, or is about to happen. */
async function keep(
  { purges, settleMs }: PurgeDeps,
  open: Purge,
  now: Instant,
): Promise<PurgeOutcome> {
  const restMs = open.removedAt + settleMs - now;
  if (restMs > 0) return { kind: "again", afterMs: restMs };
  return (await purges.close(open)) ? { kind: "kept" } : { kind: "again", afterMs: 1_000 };
}

/** Sends messages for purges that nobody has been at for long; answers how many. */
export async function sweepPurges(deps: PurgeDeps, overdueMs: number): Promise<number> {
  const before = deps.clock.now() - deps.settleMs - overdueMs;
  let sent = 0;
  let token: string | undefined;
  do {
    const page: Awaited<ReturnType<PurgeStore["list"]>> = await deps.purges.list(
      purgesPerPage,
      token,
    );
    for (const { tenantId, touchedAt } of page.purges)
      if (touchedAt < before) {
        await deps.queues.send(queueNames.tenantPurge, { tenantId });
        sent += 1;
      }
    token = page.next;
  } while (token !== undefined);
  return sent;
}
