/** How far planning is: everything a planner needs to go on where another one died. Pure. */
import * as z from "zod";
import type { Instant } from "../../kernel/clock.ts";

/**
 * Consecutive rows that one message takes care of. The message names them; whether there is something
 * to do is in the rows.
 */
export type Chunk = {
  /** Last target id of the first row. */
  readonly from: string;
  /** Last target id of the last row. */
  readonly to: string;
  /** When its turn comes. */
  readonly at: Instant;
  /** Requests that were reserved for it. */
  readonly reserved: number;
  /** By how much all reservations had been moved by then. */
  readonly shiftMs: number;
  /** Where the carrier has to be told of some of it. */
  readonly stops?: readonly string[];
};

/** What items cost in requests, those that a carrier fetches apart: what they cost, and when, no throttle decides. */
export type Cost = {
  readonly items: number;
  /** To send them, and to read what came of it; an item's share of a survey is a fraction of a read. */
  readonly requests: number;
  readonly reads: number;
  /** Of the chunk that takes most. */
  readonly chunkRequests: number;
  readonly chunkReads: number;
};

/** Nothing to do. */
export const noCost: Cost = { items: 0, requests: 0, reads: 0, chunkRequests: 0, chunkReads: 0 };

/** How much of a job with rollout rules is let out. */
export type Released = {
  /** Items up to this target, in the order of their ids, may go. */
  readonly to: string;
  readonly count: number;
  /** Which wave is out. */
  readonly wave: number;
  /** Up to which wave somebody has agreed that it goes on. */
  readonly approved: number;
  /** A wave is over, and somebody has to agree that it goes on. */
  readonly awaiting?: boolean;
  /** Since when nothing that is out is under way. */
  readonly quietSince?: Instant;
};

/** Nothing is out. */
export const nothingReleased: Released = { to: "", count: 0, wave: 0, approved: 0 };

/** The plan row's content. */
export type PlanProgress = {
  /** Where the next step goes on in the target; absent at its beginning. */
  readonly cursor?: string;
  readonly done: boolean;
  /** Chunks whose rows are written, but whose messages may not have been sent yet. */
  readonly outbox: readonly Chunk[];
  /** When the last request goes, as far as planned, and by how much all reservations had been moved then. */
  readonly lastAt: Instant;
  readonly shiftMs: number;
  /** What was to be done for the items that are planned, and how many of them a carrier fetches. */
  readonly cost: Cost;
  readonly carried: number;
  /** Targets that had failed before anything was to be sent. */
  readonly failed: number;
  readonly steps: number;
  /** When the latest step was committed. */
  readonly at: Instant;
  /** How far a job with rollout rules is let out; absent without them. */
  readonly released?: Released;
  /** When its rules are asked again: messages that come earlier are too many. */
  readonly nextAt?: Instant;
};

/** Before the first step. */
export const beforePlanning: PlanProgress = {
  done: false,
  outbox: [],
  lastAt: 0,
  shiftMs: 0,
  cost: noCost,
  carried: 0,
  failed: 0,
  steps: 0,
  at: 0,
};

// The same as a row holds it: what is not of this shape is refused by name.

const cost = z.object({
  items: z.number(),
  requests: z.number(),
  reads: z.number(),
  chunkRequests: z.number(),
  chunkReads: z.number(),
});
const chunk = z.object({
  from: z.string(),
  to: z.string(),
  at: z.number(),
  reserved: z.number(),
  shiftMs: z.number(),
  stops: z.array(z.string()).exactOptional(),
});
const released = z.object({
  to: z.string(),
  count: z.number(),
  wave: z.number(),
  approved: z.number(),
  awaiting: z.boolean().exactOptional(),
  quietSince: z.number().exactOptional(),
});

/** Reads progress back from its row. */
export const StoredProgress: z.ZodType<PlanProgress> = z.object({
  cursor: z.string().exactOptional(),
  done: z.boolean(),
  outbox: z.array(chunk),
  lastAt: z.number(),
  shiftMs: z.number(),
  cost,
  carried: z.number(),
  failed: z.number(),
  steps: z.number(),
  at: z.number(),
  released: released.exactOptional(),
  nextAt: z.number().exactOptional(),
});
