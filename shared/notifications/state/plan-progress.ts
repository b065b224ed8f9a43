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

/** What devices cost in Graph requests, those that relays carry apart: what they cost, and when, Graph does not decide. */
export type Work = {
  readonly devices: number;
  /** To send to them, and to read what came of it; a device's share of a page of audits is a fraction of a read. */
  readonly requests: number;
  readonly reads: number;
  /** Of the unit that takes most. */
  readonly unitRequests: number;
  readonly unitReads: number;
};

/** Nothing to do. */
export const noWork: Work = { devices: 0, requests: 0, reads: 0, unitRequests: 0, unitReads: 0 };

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
  /** What was to be done with the devices that are planned, and how many of them relays carry. */
  readonly work: Work;
  readonly relayed: number;
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
  work: noWork,
  relayed: 0,
  steps: 0,
  at: 0,
};
