/** How far planning is: everything a planner needs to go on where another one died. Pure. */
import type { Instant } from "../../kernel/clock.ts";

/**
 * Consecutive rows that one message takes care of. The message names them; whether there is something
 * to do is in the rows.
 */
export type Unit = {
  /** Last device id of the first row. */
  readonly from: string;
  /** Last device id of the last row. */
  readonly to: string;
  /** When its turn comes. */
  readonly at: Instant;
  /** Graph requests that were reserved for it. */
  readonly granted: number;
  /** By how much all reservations had been moved by then. */
  readonly shiftMs: number;
  /** Sites whose relays carry some of it. */
  readonly sites?: readonly string[];
};

/** The plan row's content. */
export type PlanProgress = {
  /** Where the next step goes on in the target; absent at its beginning. */
  readonly cursor?: string;
  readonly done: boolean;
  /** Units whose rows are written, but whose messages may not have been sent yet. */
  readonly unsent: readonly Unit[];
  /** When the last request goes, as far as planned, and by how much all reservations had been moved then. */
  readonly lastTurn: Instant;
  readonly shiftMs: number;
  /** How many devices wait in what is planned, and the time that their requests take up at the pace. */
  readonly devices: number;
  readonly takesMs: number;
  readonly steps: number;
  /** When the latest step was committed. */
  readonly at: Instant;
};

/** Before the first step. */
export const beforePlanning: PlanProgress = {
  done: false,
  unsent: [],
  lastTurn: 0,
  shiftMs: 0,
  devices: 0,
  takesMs: 0,
  steps: 0,
  at: 0,
};
