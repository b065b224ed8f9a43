/**
 * The tenant registry: its rows, a memory of them for those who only read, and the object that adds, shows, lists, changes
 * and removes tenants.
 */

import { LRUCache } from "lru-cache";
import type { Page } from "../http/paging.ts";
import { type Clock, type Instant, toIso } from "../kernel/clock.ts";
import { inParallel } from "../kernel/concurrency.ts";
import { fail, type Result, succeed } from "../kernel/failure.ts";
import { queueNames, tableNames } from "../storage/names.ts";
import type { Queues } from "../storage/queues.ts";
import {
  jsonOf,
  lost,
  type RowPage,
  type StoredRow,
  type Tables,
  textOf,
  updateRow,
} from "../storage/tables.ts";
import { type NewTenant, Pace, type Tenant, type TenantChange } from "./contract.ts";
import type { PurgeStore } from "./purge.ts";

/** One partition: it grows with customers, not with devices. */
const partition = "tenants";

/** A tenant with the etag that a change must present. */
type StoredTenant = {
  readonly tenant: Tenant;
  readonly etag: string;
  /** Of the request that added it; empty once the tenant was changed. */
  readonly seed: string;
};

/** Rows in and out. */
export class TenantStore {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** One tenant, or undefined. */
  async get(tenantId: string): Promise<StoredTenant | undefined> {
    const row = await this.#tables.get(tableNames.tenants, partition, tenantId);
    if (row === undefined) return undefined;
    return { tenant: fromRow(row), etag: row.etag, seed: textOf(row, "seed") };
  }

  /** Adds a tenant unless it exists, and notes which request did. */
  insert(tenant: Tenant, seed: string): Promise<"inserted" | "exists"> {
    return this.#tables.insert(tableNames.tenants, { ...toRow(tenant), seed });
  }

  /** Replaces the tenant that had `etag`; the new etag, or undefined when it changed meanwhile. */
  replace(tenant: Tenant, etag: string): Promise<string | undefined> {
    return this.#tables.replace(tableNames.tenants, toRow(tenant), etag);
  }

  /** Removes the tenant that had `etag`. */
  remove(tenantId: string, etag: string): Promise<"removed" | "lost"> {
    return this.#tables.remove(tableNames.tenants, partition, tenantId, etag);
  }

  /** A page of tenants in the order of their ids. */
  async list(top: number, token?: string): Promise<{ tenants: Tenant[]; next?: string }> {
    const page: RowPage = await this.#tables.page(tableNames.tenants, { partition }, top, token);
    const tenants = page.rows.map(fromRow);
    return page.next === undefined ? { tenants } : { tenants, next: page.next };
  }
}

function toRow(tenant: Tenant) {
  const { tenantId, displayName, pace, pausedAt, pauseReason, createdAt, updatedAt } = tenant;
  return {
    partitionKey: partition,
    rowKey: tenantId,
    displayName,
    pace: JSON.stringify(pace),
    ...(pausedAt && { pausedAt }),
    ...(pauseReason && { pauseReason }),
    createdAt,
    updatedAt,
  };
}

function fromRow(row: StoredRow): Tenant {
  const [pausedAt, pauseReason] = [textOf(row, "pausedAt"), textOf(row, "pauseReason")];
  return {
    tenantId: row.rowKey,
    displayName: textOf(row, "displayName"),
    pace: jsonOf(row, "pace", Pace) ?? {},
    ...(pausedAt && { pausedAt }),
    ...(pauseReason && { pauseReason }),
    createdAt: textOf(row, "createdAt"),
    updatedAt: textOf(row, "updatedAt"),
  };
}

// Tenants for those who only read them, kept for a few seconds: a page of a list, or a chunk of a large
// notification, need not ask for the same tenant again and again. What was changed or removed here holds
// at once; elsewhere within that time. One that was added is there at once everywhere.

/** Answers tenants by id; undefined when there is none. */
export type TenantCache = {
  readonly get: (tenantId: string) => Promise<Tenant | undefined>;
  /** Makes the next read of a tenant a fresh one. */
  readonly invalidate: (tenantId: string) => void;
};

/** How long another instance may still show, or work for, a removed tenant, in ms. */
export const keepTenantMs = 3_000;
const maxTenants = 1000;

type Kept = { readonly tenant: Promise<Tenant | undefined>; readonly at: Instant };

/** Reads through a cache of a few seconds. */
export function cachedTenants(store: Pick<TenantStore, "get">, clock: Clock): TenantCache {
  const kept = new LRUCache<string, Kept>({ max: maxTenants });
  return {
    get(tenantId) {
      const now = clock.now();
      const known = kept.get(tenantId);
      if (known !== undefined && isFresh(known, now)) return known.tenant;
      // The time counts from before the read: what it finds may have changed while it was under way.
      const fresh = { tenant: read(store, tenantId), at: now };
      kept.set(tenantId, fresh);
      const drop = (): void => {
        if (kept.get(tenantId) === fresh) kept.delete(tenantId);
      };
      // Neither a failed read is kept nor an absence: the next one may find it.
      fresh.tenant.then((found) => found ?? drop(), drop);
      return fresh.tenant;
    },
    invalidate: (tenantId) => void kept.delete(tenantId),
  };
}

/** A clock that was set back must not make a few seconds last for hours. */
const isFresh = ({ at }: Kept, now: Instant): boolean => at <= now && now < at + keepTenantMs;

const read = async (store: Pick<TenantStore, "get">, tenantId: string) =>
  (await store.get(tenantId))?.tenant;

// The registry.

type Parts = {
  readonly store: TenantStore;
  /** What readers keep; a change makes them read again. */
  readonly known: TenantCache;
  readonly purges: PurgeStore;
  readonly queues: Queues;
  readonly clock: Clock;
};

/** A tenant as it is now, and as it was. */
type ChangedTenant = StoredTenant & { readonly before: Tenant };

/** The registry over its rows. */
export class TenantRegistry {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** A page of tenants in the order of their ids; `reached` are those to choose from, undefined means all. */
  list(
    reached: ReadonlySet<string> | undefined,
    top: number,
    position: string | undefined,
  ): Promise<Page<Tenant>> {
    return listTenants(this.#parts.store, reached, top, position);
  }

  /** A tenant as it is now. */
  async get(tenantId: string): Promise<Result<StoredTenant>> {
    const stored = await this.#parts.store.get(tenantId);
    return stored === undefined ? unknownTenant(tenantId) : succeed(stored);
  }

  /** A tenant as it was at most three seconds ago: for whoever only shows what belongs to it. */
  async known(tenantId: string): Promise<Result<Tenant>> {
    const tenant = await this.#parts.known.get(tenantId);
    return tenant === undefined ? unknownTenant(tenantId) : succeed(tenant);
  }

  /**
   * Adds a tenant. One that is there already is refused, since its settings may differ by now; unless the
   * very same request, known by its `seed`, has added it before and did not come to answer.
   */
  async add(body: NewTenant, seed = ""): Promise<Result<StoredTenant>> {
    const { store, purges, clock } = this.#parts;
    if (await purges.get(body.tenantId)) return beingRemoved(body.tenantId);
    const now = toIso(clock.now());
    const tenant: Tenant = { ...body, createdAt: now, updatedAt: now };
    const outcome = await store.insert(tenant, seed);
    const added = await this.get(tenant.tenantId);
    // Removed between our look and our insert: what is deleted now must not be the new tenant's.
    if (outcome === "inserted" && added.ok && (await purges.get(tenant.tenantId))) {
      await store.remove(tenant.tenantId, added.value.etag);
      return beingRemoved(tenant.tenantId);
    }
    if (outcome === "inserted" || (added.ok && seed !== "" && added.value.seed === seed))
      return added;
    return fail("already-exists", `Tenant ${tenant.tenantId} is registered. PATCH changes it.`);
  }

  /**
   * Changes what the body names; with `ifMatch` only the version that the caller read, and otherwise whatever somebody changes
   * at the same time: who pauses in a hurry is not told that another one was faster. Answers both.
   */
  async change(
    tenantId: string,
    change: TenantChange,
    ifMatch: string | undefined,
  ): Promise<Result<ChangedTenant>> {
    return updateRow(`tenant ${tenantId}`, async () => {
      const changed = await this.#changed(tenantId, change, ifMatch);
      const isLost = !changed.ok && changed.failure.code === "precondition-failed";
      return isLost && ifMatch === undefined ? lost : changed;
    });
  }

  async #changed(
    tenantId: string,
    { displayName, pace, paused, pauseReason: given }: TenantChange,
    ifMatch: string | undefined,
  ): Promise<Result<ChangedTenant>> {
    const { store, known, clock } = this.#parts;
    const found = await this.#unchanged(tenantId, ifMatch);
    if (!found.ok) return found;
    const before = found.value.tenant;
    const { pausedAt, pauseReason, ...others } = before;
    const updatedAt = toIso(clock.now());
    // Paused twice is paused since the first time.
    const since = (paused ?? pausedAt !== undefined) ? (pausedAt ?? updatedAt) : undefined;
    const why = since && (given ?? pauseReason);
    const tenant: Tenant = {
      ...others,
      displayName: displayName ?? before.displayName,
      pace: pace ?? before.pace,
      ...(since && { pausedAt: since }),
      ...(why && { pauseReason: why }),
      updatedAt,
    };
    const etag = await store.replace(tenant, found.value.etag);
    known.invalidate(tenantId);
    if (etag === undefined) return changedMeanwhile(tenantId);
    return succeed({ ...found.value, tenant, etag, before });
  }

  /**
   * Removes a tenant, and answers what it was; work under way for it ends when its handlers find the tenant gone,
   * and what was kept of it is deleted by messages. The note about that comes first: a tenant that is gone without
   * it would leave all behind.
   */
  async remove(tenantId: string, ifMatch: string | undefined): Promise<Result<Tenant>> {
    const { store, known, purges, queues, clock } = this.#parts;
    const found = await this.#unchanged(tenantId, ifMatch);
    if (!found.ok) return found;
    await purges.open(tenantId, clock.now());
    const removed = await store.remove(tenantId, found.value.etag);
    known.invalidate(tenantId);
    // Its note stays: somebody else may be removing it. Whoever reads it finds the tenant, and drops it.
    if (removed === "lost") return changedMeanwhile(tenantId);
    await queues.send(queueNames.tenantPurge, { tenantId });
    return succeed(found.value.tenant);
  }

  /** The tenant, as long as it is the version that the caller read. */
  async #unchanged(tenantId: string, ifMatch: string | undefined): Promise<Result<StoredTenant>> {
    const found = await this.get(tenantId);
    const isOther = found.ok && ifMatch !== undefined && ifMatch !== found.value.etag;
    return isOther ? changedMeanwhile(tenantId) : found;
  }
}

/** Tenants read at once. */
const concurrency = 8;

/** A page of tenants in the order of their ids; `reached` are those to choose from, undefined means all. */
async function listTenants(
  store: TenantStore,
  reached: ReadonlySet<string> | undefined,
  top: number,
  position: string | undefined,
): Promise<Page<Tenant>> {
  if (reached !== undefined) return tenantsAmong(store, reached, top, position);
  const { tenants: items, ...page } = await store.list(top, position);
  return { items, ...page };
}

/** Reads only what is reached: passing over the rest would tell, by empty pages, how much there is. */
async function tenantsAmong(
  store: TenantStore,
  reached: ReadonlySet<string>,
  top: number,
  after: string | undefined,
): Promise<Page<Tenant>> {
  const rest = [...reached].toSorted().filter((id) => after === undefined || id > after);
  const wanted = rest.slice(0, top);
  const found = await inParallel(wanted, concurrency, (id) => store.get(id));
  const items = found.flatMap((stored) => (stored === undefined ? [] : [stored.tenant]));
  const last = wanted.at(-1);
  return rest.length > top && last !== undefined ? { items, next: last } : { items };
}

/** Says that a tenant is not there, without saying more. */
const unknownTenant = (tenantId: string) =>
  fail("unknown-tenant", `There is no tenant ${tenantId} here. GET /api/v1/tenants lists yours.`);

const beingRemoved = (tenantId: string) =>
  fail(
    "tenant-being-removed",
    `Tenant ${tenantId} was removed, and what was kept of it is still being deleted.`,
    { retryAfterSeconds: 60 },
  );

const changedMeanwhile = (tenantId: string) =>
  fail(
    "precondition-failed",
    `Tenant ${tenantId} changed since you read it. Read it again, then decide again.`,
  );
