/**
 * Remembers which tenants may not use a bulk action, so that not every unit has to find out with a request, a claim
 * and a settlement of its own. In memory: each instance learns it anew, and forgets it in time for a permission that
 * was granted meanwhile.
 */
import type { Action } from "../devices/action.ts";
import type { Clock, Instant } from "../kernel/clock.ts";
import type { Delivery } from "./delivery.ts";

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
