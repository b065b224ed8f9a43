/** What delivering and confirming need from outside. */
import type { Action } from "../../devices/actions/action.ts";
import { type AuditList, RemoteActionAudits } from "../../devices/actions/audits.ts";
import type { Look } from "../../devices/actions/read-back.ts";
import type { DirectoryStore } from "../../devices/directory/directory-store.ts";
import type { GraphClient } from "../../graph/client.ts";
import { type Reservation, type ThrottleStore, whenDue } from "../../graph/throttle.ts";
import { rateOf } from "../../graph/workloads.ts";
import type { Clock, Instant } from "../../kernel/clock.ts";
import type { Queues } from "../../storage/queues.ts";
import type { Pace } from "../../tenants/contract.ts";
import type { Tenants } from "../../tenants/tenant-cache.ts";
import type { Delivery } from "../state/delivery.ts";
import type { DeliveryStore } from "../state/delivery-store.ts";
import type { NotificationStore } from "../state/notification-store.ts";

// Remembers which tenants may not use a bulk action, so that not every unit has to find out with a request, a claim
// and a settlement of its own. In memory: each instance learns it anew, and forgets it in time for a permission that
// was granted meanwhile.

const keepMs = 15 * 60_000;
const maxKept = 10_000;

/** What was refused lately. */
export class BulkRefusals {
  readonly #clock: Clock;
  readonly #until = new Map<string, Instant>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The tenant may not use this bulk action. */
  note(tenantId: string, bulkAction: string): void {
    if (this.#until.size >= maxKept) this.#until.clear();
    this.#until.set(`${tenantId} ${bulkAction}`, this.#clock.now() + keepMs);
  }

  /** The deliveries, those marked to be asked for alone whose bulk action was refused lately. */
  applyTo(action: Action, tenantId: string, deliveries: readonly Delivery[]): readonly Delivery[] {
    if (this.#until.size === 0) return deliveries;
    const refused = action.routes.map(({ bulkAction }) => this.#holds(tenantId, bulkAction));
    return deliveries.map((each) => (refused[each.route] ? { ...each, alone: true } : each));
  }

  #holds(tenantId: string, bulkAction: string | undefined): boolean {
    const until = this.#until.get(`${tenantId} ${bulkAction}`);
    return until !== undefined && this.#clock.now() < until;
  }
}

export type DeliverDeps = {
  readonly notifications: NotificationStore;
  readonly deliveries: DeliveryStore;
  readonly directory: DirectoryStore;
  readonly graph: GraphClient;
  readonly paces: ThrottleStore;
  readonly tenants: Tenants;
  readonly queues: Queues;
  readonly bulkRefusals: BulkRefusals;
  readonly audits: RemoteActionAudits;
  readonly clock: Clock;
  /** 0 to 1; spreads retries. */
  readonly random: () => number;
  /** How long a claim holds; longer than any answer of Graph's is waited for. */
  readonly claimMs: number;
  /** How long an answer of Graph's is waited for. */
  readonly graphTimeoutMs: number;
  /** Time from sending to the first look at the answers. */
  readonly confirmAfterMs: number;
};

// How many Graph requests a pass may spend now, by the tenant's pace.

/** A reservation on its way through messages: so many requests are reserved and not spent. */
export type Turn = Reservation & { readonly granted: number };

/** What a pass may do. */
export type Grant = Turn & {
  /** Not before this. */
  readonly startAt: Instant;
  /** Requests that this pass may spend: at most a burst. */
  readonly budget: number;
  /** Time that each spent request takes up; 0 without a limit. */
  readonly intervalMs: number;
};

const unbounded = { budget: Number.POSITIVE_INFINITY, intervalMs: 0 };

/** No reservation yet. */
export const noTurn: Turn = { granted: 0, at: 0, shiftMs: 0 };

/**
 * The grant for `cost` requests of a workload: what was reserved before, moved by as much as all
 * reservations have been moved since; else a reservation of our own, for one burst at a time. Whoever is
 * told to wait takes the grant along, and whoever comes much too late is let in at once, a burst at a time:
 * reserving anew would send both to the end of a line that may be hours long.
 */
export async function grantFor(
  { paces, tenants, clock }: Pick<DeliverDeps, "paces" | "tenants" | "clock">,
  { tenantId, workload }: { readonly tenantId: string; readonly workload: keyof Pace },
  cost: number,
  turn: Turn,
): Promise<Grant> {
  const now = clock.now();
  const setting = (await tenants.get(tenantId))?.pace[workload];
  const rate = rateOf(workload, setting);
  if (cost === 0 || rate === undefined) return { ...unbounded, ...turn, startAt: now };
  const { intervalMs, burst } = rate;
  const granted = turn.granted > 0 ? turn.granted : Math.min(cost, burst);
  const budget = Math.min(granted, burst);
  if (turn.granted === 0) {
    const { startAt, shiftMs } = await paces.reserve(tenantId, workload, granted, now, rate);
    return { startAt, at: startAt, shiftMs, granted, budget, intervalMs };
  }
  const { shiftMs, closedUntil } = await paces.read(tenantId, workload);
  const at = whenDue(turn, shiftMs, now);
  if (at !== undefined)
    return { startAt: Math.max(at, closedUntil), at, shiftMs, granted, budget, intervalMs };
  const place = await paces.squeezeIn(tenantId, workload, budget * intervalMs, now);
  const { startAt } = place;
  return { startAt, at: startAt, shiftMs: place.shiftMs, granted, budget, intervalMs };
}

// The audits that tell about some deliveries, where their routes have names there.

/** Reads them; undefined when no route of them has a name there, or the tenant refused lately. */
export async function auditsOf(
  deps: DeliverDeps,
  { tenantId, action }: { readonly tenantId: string; readonly action: Action },
  deliveries: readonly Delivery[],
): Promise<AuditList | undefined> {
  const named = deliveries.filter(({ route }) => action.routes[route]?.auditNames !== undefined);
  if (named.length === 0 || !deps.audits.mayAsk(tenantId)) return undefined;
  const since = Math.min(...named.map(({ markedAt, at }) => markedAt ?? at));
  const list = await deps.audits.since(tenantId, since);
  const rate = rateOf("deviceReads", (await deps.tenants.get(tenantId))?.pace.deviceReads);
  // Charged once its size is known: whoever comes next waits for it.
  if (list.requests > 0 && rate !== undefined)
    await deps.paces.reserve(tenantId, "deviceReads", list.requests, deps.clock.now(), rate);
  return list;
}

// A 429 on reads is for every reader of the tenant.

/** Keeps everybody's reads back for as long as Graph asked for, where the tenant has a pace at all. */
export async function obeyReads(
  { paces, tenants, clock }: Pick<DeliverDeps, "paces" | "tenants" | "clock">,
  tenantId: string,
  looks: ReadonlyMap<string, Look>,
): Promise<void> {
  let waitMs = 0;
  for (const look of looks.values())
    if (look.kind === "later") waitMs = Math.max(waitMs, look.afterMs ?? 0);
  const setting = (await tenants.get(tenantId))?.pace.deviceReads;
  if (waitMs === 0 || rateOf("deviceReads", setting) === undefined) return;
  const now = clock.now();
  await paces.defer(tenantId, "deviceReads", now + waitMs, now);
}
