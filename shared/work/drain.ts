/**
 * Whether anything new may leave: an installation is drained before an upgrade, and then nothing new leaves for anybody. What
 * was asked for waits in its rows, and goes on when it is over.
 */
import type { Clock, Instant } from "../kernel/clock.ts";
import { tableNames } from "../storage/names.ts";
import { numberOf, type Tables } from "../storage/tables.ts";

/** Why nothing new leaves for a tenant now, by a stable name and in words. */
type Rest = { readonly code: "draining" | "tenant-paused"; readonly detail: string };
/** Answers why; undefined where work may go on. Asked right before something leaves. */
export type RestCheck = (tenantId: string) => Promise<Rest | undefined>;

/** Work that rests looks again after so long: that is how late it goes on. */
export const restMs = 30_000;

/** How long another instance may still begin something, in ms: as long as it remembers a tenant. */
const keptMs = 3_000;
const [partitionKey, rowKey] = ["installation", "drain"];

/** The installation's own row. */
export class Drain {
  readonly #tables: Tables;
  readonly #clock: Clock;
  #kept: { readonly since: Promise<Instant | undefined>; readonly at: Instant } | undefined;

  constructor(tables: Tables, clock: Clock) {
    this.#tables = tables;
    this.#clock = clock;
  }

  /** Since when the installation is drained, as it was at most three seconds ago; undefined: it is not. */
  since(): Promise<Instant | undefined> {
    const now = this.#clock.now();
    const kept = this.#kept;
    if (kept !== undefined && kept.at <= now && now < kept.at + keptMs) return kept.since;
    const fresh = { since: this.read(), at: now };
    this.#kept = fresh;
    fresh.since.catch(() => {
      if (this.#kept === fresh) this.#kept = undefined;
    });
    return fresh.since;
  }

  /** The same, as it is now. */
  async read(): Promise<Instant | undefined> {
    const row = await this.#tables.get(tableNames.tenants, partitionKey, rowKey);
    return row === undefined ? undefined : numberOf(row, "since");
  }

  /** Begins or ends it; asking twice is once. Answers since when it was before, and is now. */
  async set(draining: boolean) {
    const before = await this.read();
    const since = draining ? (before ?? this.#clock.now()) : undefined;
    if (since === undefined) await this.#tables.remove(tableNames.tenants, partitionKey, rowKey);
    else await this.#tables.put(tableNames.tenants, { partitionKey, rowKey, since });
    this.#kept = undefined;
    return { before, since };
  }
}

const draining: Rest = {
  code: "draining",
  detail: "the installation is being drained: nothing new leaves until that is over",
};
const paused: Rest = {
  code: "tenant-paused",
  detail: "the tenant is paused: nothing new leaves for it until it is resumed",
};

/** Asks both: the installation, and the tenant as it is remembered. */
export const restsBy =
  (
    drain: Pick<Drain, "since">,
    known: {
      get(tenantId: string): Promise<{ readonly pausedAt?: string | undefined } | undefined>;
    },
  ): RestCheck =>
  async (tenantId) => {
    const [since, tenant] = await Promise.all([drain.since(), known.get(tenantId)]);
    if (since !== undefined) return draining;
    return tenant?.pausedAt === undefined ? undefined : paused;
  };
