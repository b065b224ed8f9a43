/** The rows behind the pace: one per tenant and workload, changed by conditional writes only. */
import type { Instant } from "../kernel/clock.ts";
import { tableNames } from "../storage/names.ts";
import { numberOf, type StoredRow, textOf } from "../storage/rows.ts";
import type { Tables } from "../storage/tables.ts";
import {
  defer,
  freshPace,
  type Pace,
  type PaceState,
  reserve,
  squeezeIn,
  type Workload,
} from "./pace.ts";

/** Attempts to win the row; losing this often in a row means something is badly wrong. */
const maxTries = 40;

/** Reservations across every instance of the app. */
export class PaceStore {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /**
   * Reserves `cost` requests; answers when the first of them may go, and the shift it was made at. What has a
   * `name` is reserved once, as long as nobody reserves behind it.
   */
  async reserve(
    tenantId: string,
    workload: Workload,
    cost: number,
    now: Instant,
    pace: Pace,
    name?: string,
  ): Promise<{ startAt: Instant; shiftMs: number }> {
    let startAt = now;
    const state = await this.#change(tenantId, workload, (before) => {
      const reserved = reserve(before, cost, now, pace, name);
      startAt = reserved.startAt;
      return reserved.state;
    });
    return { startAt, shiftMs: state.shiftMs };
  }

  /** Lets a latecomer in, for `takesMs`; answers when, and the shift after it. */
  async squeezeIn(
    tenantId: string,
    workload: Workload,
    takesMs: number,
    now: Instant,
  ): Promise<{ startAt: Instant; shiftMs: number }> {
    let startAt = now;
    const state = await this.#change(tenantId, workload, (before) => {
      const squeezed = squeezeIn(before, takesMs, now);
      startAt = squeezed.startAt;
      return squeezed.state;
    });
    return { startAt, shiftMs: state.shiftMs };
  }

  /** Makes everybody wait until `until`, also those who have a reservation. */
  async defer(tenantId: string, workload: Workload, until: Instant, now: Instant): Promise<void> {
    await this.#change(tenantId, workload, (before) => defer(before, until, now));
  }

  /** The row as it is. */
  async look(tenantId: string, workload: Workload): Promise<PaceState> {
    return stateOf(await this.#tables.get(tableNames.paces, tenantId, workload));
  }

  async #change(
    tenantId: string,
    workload: Workload,
    next: (before: PaceState) => PaceState,
  ): Promise<PaceState> {
    for (let tries = 0; tries < maxTries; tries += 1) {
      const row = await this.#tables.get(tableNames.paces, tenantId, workload);
      const before = stateOf(row);
      const after = next(before);
      if (after === before) return before;
      const { latest, ...numbers } = after;
      const named = latest === undefined ? {} : { latest: JSON.stringify(latest) };
      const changed = { partitionKey: tenantId, rowKey: workload, ...numbers, ...named };
      const won =
        row === undefined
          ? (await this.#tables.insert(tableNames.paces, changed)) === "inserted"
          : (await this.#tables.replace(tableNames.paces, changed, row.etag)) !== undefined;
      if (won) return after;
    }
    throw new Error(`could not win the pace row of ${tenantId} ${workload}`);
  }
}

function stateOf(row: StoredRow | undefined): PaceState {
  if (row === undefined) return freshPace;
  const latest = textOf(row, "latest");
  return {
    nextFree: numberOf(row, "nextFree"),
    closedUntil: numberOf(row, "closedUntil"),
    shiftMs: numberOf(row, "shiftMs"),
    ...(latest === "" ? {} : { latest: JSON.parse(latest) }),
  };
}
