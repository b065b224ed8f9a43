/**
 * Deletes what is kept of a removed tenant, in passes: each goes on where rows are left, so that it can die anywhere
 * and run twice. The last pass begins when nobody can write any more who began while the tenant was there. Until then a
 * note, on the sweepers' list, says that something is still kept.
 */
import type { Clock, Instant } from "../kernel/clock.ts";
import { queueNames, tableNames } from "../storage/names.ts";
import type { Queues } from "../storage/queues.ts";
import { numberOf, type StoredRow, type Tables } from "../storage/tables.ts";

/** Kind of work under which the sweeper finds it. */
const partition = "purge";

/** A purge that has not ended. */
type Purge = {
  readonly tenantId: string;
  readonly removedAt: Instant;
  /** When somebody was last at it. */
  readonly touchedAt: Instant;
  readonly etag: string;
};

/** The notes: rows in and out. */
export class PurgeStore {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** The purge of a tenant, or undefined. */
  async get(tenantId: string): Promise<Purge | undefined> {
    const row = await this.#tables.get(tableNames.openWork, partition, tenantId);
    return row === undefined ? undefined : toPurge(row);
  }

  /** Notes that the tenant is removed now. */
  open(tenantId: string, now: Instant): Promise<void> {
    return this.#tables.put(tableNames.openWork, rowOf(tenantId, now, now));
  }

  /** Notes that somebody is at it; undefined when it has been noted or closed anew meanwhile. */
  async touch({ tenantId, removedAt, etag }: Purge, now: Instant): Promise<Purge | undefined> {
    const row = rowOf(tenantId, removedAt, now);
    const next = await this.#tables.replace(tableNames.openWork, row, etag);
    return next === undefined ? undefined : { tenantId, removedAt, touchedAt: now, etag: next };
  }

  /** Ends it, unless it has been noted anew meanwhile. */
  async close({ tenantId, etag }: Purge): Promise<boolean> {
    const closed = await this.#tables.remove(tableNames.openWork, partition, tenantId, etag);
    return closed === "removed";
  }

  /** A page of the purges that have not ended. */
  async list(top: number, token?: string): Promise<{ purges: Purge[]; next?: string }> {
    const page = await this.#tables.page(tableNames.openWork, { partition }, top, token);
    const purges = page.rows.map(toPurge);
    return page.next === undefined ? { purges } : { purges, next: page.next };
  }
}

const rowOf = (tenantId: string, removedAt: Instant, touchedAt: Instant) => ({
  partitionKey: partition,
  rowKey: tenantId,
  removedAt,
  touchedAt,
});

const toPurge = (row: StoredRow): Purge => ({
  tenantId: row.rowKey,
  removedAt: numberOf(row, "removedAt"),
  touchedAt: numberOf(row, "touchedAt"),
  etag: row.etag,
});

// The passes.

/** Deletes one kind of a tenant's rows while `mayGoOn`; true when none is left. */
export type PurgeStep = (tenantId: string, mayGoOn: () => boolean) => Promise<boolean>;

/** How a pass ended. */
type PurgeOutcome =
  | { readonly kind: "purged" | "nothing" | "kept" }
  | { readonly kind: "again"; readonly afterMs: number };

/** A pass stops after so long and sends itself a message, well inside the function's time. */
const passMs = 60_000;
const purgesPerPage = 100;

type Parts = {
  readonly purges: PurgeStore;
  readonly queues: Queues;
  readonly clock: Clock;
  readonly isRegistered: (tenantId: string) => Promise<boolean>;
  /** One after the other: what sends something out comes first. */
  readonly steps: readonly PurgeStep[];
  /** How long a handler may write that has read the tenant before it was removed. */
  readonly settleMs: number;
};

/** What deletes removed tenants. */
export class TenantPurge {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Makes a pass. */
  async pass(tenantId: string): Promise<PurgeOutcome> {
    const { purges, clock, isRegistered, steps, settleMs } = this.#parts;
    const began = clock.now();
    const open = await purges.get(tenantId);
    if (open === undefined) return { kind: "nothing" };
    if (await isRegistered(tenantId)) return this.#keep(open, began);
    const ours = await purges.touch(open, began);
    if (ours === undefined) return { kind: "again", afterMs: 1_000 };
    const mayGoOn = (): boolean => clock.now() < began + passMs;
    for (const step of steps)
      if (!(await step(tenantId, mayGoOn))) return { kind: "again", afterMs: 0 };
    const restMs = open.removedAt + settleMs - began;
    if (restMs > 0) return { kind: "again", afterMs: restMs };
    return (await purges.close(ours)) ? { kind: "purged" } : { kind: "again", afterMs: 1_000 };
  }

  /** The tenant is there: its removal came to nothing, or is about to happen. */
  async #keep(open: Purge, now: Instant): Promise<PurgeOutcome> {
    const { purges, settleMs } = this.#parts;
    const restMs = open.removedAt + settleMs - now;
    if (restMs > 0) return { kind: "again", afterMs: restMs };
    return (await purges.close(open)) ? { kind: "kept" } : { kind: "again", afterMs: 1_000 };
  }

  /** Sends messages for purges that nobody has been at for long; answers how many. */
  async sweep(overdueMs: number): Promise<number> {
    const { purges, queues, clock, settleMs } = this.#parts;
    const before = clock.now() - settleMs - overdueMs;
    let sent = 0;
    let token: string | undefined;
    do {
      const page: Awaited<ReturnType<PurgeStore["list"]>> = await purges.list(purgesPerPage, token);
      for (const { tenantId, touchedAt } of page.purges)
        if (touchedAt < before) {
          await queues.send(queueNames.tenantPurge, { tenantId });
          sent += 1;
        }
      token = page.next;
    } while (token !== undefined);
    return sent;
  }
}
