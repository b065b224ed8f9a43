/**
 * How far planning is, and how a job is let out over its targets: at most so many at once, in waves, and not on when too
 * much fails. Pure.
 */
import * as z from "zod";
import { durationMs, type Instant } from "../../kernel/clock.ts";
import type { Counts } from "./item.ts";

// How far planning is: everything a planner needs to go on where another one died.

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
type Released = {
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
const storedReleased = z.object({
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
  released: storedReleased.exactOptional(),
  nextAt: z.number().exactOptional(),
});

/** Most waves of a job. */
const maxWaves = 20;
/** Longest time between two waves. */
const maxSoakMs = 30 * 24 * 3600 * 1000;

const Soak = z
  .string()
  .max(40)
  .refine((text) => {
    const ms = durationMs(text);
    return ms !== undefined && ms >= 0 && ms <= maxSoakMs;
  }, "must be an ISO 8601 duration up to P30D, such as PT4H")
  .meta({ format: "duration" });

const Wave = z
  .strictObject({
    count: z.int().min(1).max(1_000_000).optional().describe("So many targets"),
    percent: z.number().gt(0).max(100).optional().describe("Or such a share of all of them"),
    soak: Soak.optional().describe("Time between its last outcome and the next wave (ISO 8601)"),
    approval: z
      .boolean()
      .default(false)
      .describe("Pause behind it, until somebody who may send it resumes"),
  })
  .refine(({ count, percent }) => (count === undefined) !== (percent === undefined), {
    error: "takes either count or percent",
  });

/** The rules, as a request gives them and a job keeps them. */
export const Rollout = z
  .strictObject({
    atOnce: z.int().min(1).max(1_000_000).optional().describe("Most targets under way at once"),
    waves: z
      .array(Wave)
      .min(1)
      .max(maxWaves)
      .optional()
      .describe("What goes first; whatever they leave goes in a last wave"),
    stopAfter: z
      .strictObject({
        failed: z.int().min(0).optional().describe("Stop when more than so many have failed"),
        percent: z
          .number()
          .min(0)
          .max(100)
          .optional()
          .describe(
            "Stop when more than such a share of the targets has failed: of all, or of those of the waves up to now; rounded up",
          ),
      })
      .refine((rules) => Object.keys(rules).length > 0, { error: "names no limit" })
      .optional(),
  })
  .refine((rules) => Object.keys(rules).length > 0, { error: "names no rule" });
export type Rollout = z.output<typeof Rollout>;

/** The times between waves together. */
export const soakMs = ({ waves = [] }: Rollout = {}): number =>
  waves.reduce((sum, { soak }) => sum + (durationMs(soak ?? "PT0S") ?? 0), 0);

/** Where everything of a job is at a moment; they add up to all of it. */
type Buckets = {
  readonly pending: number;
  readonly active: number;
  readonly successful: number;
  readonly failed: number;
  readonly notAttempted: number;
};

/** The buckets that counts come to. What nobody knows has not succeeded. */
export const bucketsOf = (counts: Counts): Buckets => ({
  pending: counts.waiting,
  active: counts.sent,
  successful: counts.done,
  failed: counts.failed + counts.offline + counts.expired + counts.unknown,
  notAttempted: counts.notSupported + counts.cancelled,
});

/** What the rules say now. */
type RolloutDecision =
  /** Let so many more out; `wave` is the one they belong to. */
  | { readonly kind: "release"; readonly count: number; readonly wave: number }
  | { readonly kind: "wait"; readonly until?: Instant; readonly quietSince?: Instant }
  /** A wave is over, and somebody has to say that it goes on. */
  | { readonly kind: "pause"; readonly wave: number }
  | { readonly kind: "stop"; readonly detail: string }
  /** Everything is out. */
  | { readonly kind: "done" };

/** What there is to let out, and how many targets had failed before. */
type Planned = { readonly items: number; readonly failed: number };

/** Where what was planned is now: how many wait aside of what was let out, and how many of these are back. */
type Now = { readonly counts: Counts; readonly aside: number; readonly back: number };

/** How long it is waited when whoever is left to let out is away. */
const awayMs = 5 * 60_000;

/**
 * Decides what is let out, from where the rollout is and what has become of what is out. Who waits aside is not out: its
 * place goes to somebody else, and it needs a new one when it is back.
 */
export function decideRollout(
  rules: Rollout,
  { items: planned, failed }: Planned,
  released: Released,
  { counts, aside, back }: Now,
  now: Instant,
): RolloutDecision {
  const out = released.count - aside;
  const wave = waveAfter(rules, planned, released);
  const stop = whyStop(rules, wave.end, { ...counts, failed: counts.failed - failed });
  if (stop !== undefined) return { kind: "stop", detail: stop };
  const active = openOf(counts, planned, released) - aside;
  const toGo = planned - released.count + back;
  if (toGo <= 0) return whenAllOut(rules, counts.waiting, aside, now);
  const left = Math.min(wave.end - out, toGo);
  if (left > 0) {
    const free = rules.atOnce === undefined ? left : Math.min(left, rules.atOnce - active);
    return free > 0 ? { kind: "release", count: free, wave: released.wave } : { kind: "wait" };
  }
  // The wave is out. The next one waits for its last outcome, for the time between, and for a word.
  return active > 0 ? { kind: "wait" } : nextWave(rules, planned, { ...released, out }, now);
}

/** Everything is out, or away. Failures are watched for while something may still go that they would stop. */
function whenAllOut(
  { stopAfter }: Rollout,
  waiting: number,
  aside: number,
  now: Instant,
): RolloutDecision {
  if (stopAfter !== undefined && waiting > aside) return { kind: "wait" };
  return aside > 0 ? { kind: "wait", until: now + awayMs } : { kind: "done" };
}

/** What follows a wave of which nothing is under way any more. */
function nextWave(
  rules: Rollout,
  planned: number,
  released: Released & { readonly out: number },
  now: Instant,
): RolloutDecision {
  const wave = waveAfter(rules, planned, released);
  const quietSince = released.quietSince ?? now;
  const until = quietSince + (durationMs(wave.soak ?? "PT0S") ?? 0);
  if (now < until) return { kind: "wait", until, quietSince };
  if (wave.approval && released.approved < released.wave + 1)
    return { kind: "pause", wave: released.wave };
  const next = { ...released, wave: released.wave + 1 };
  const size = waveAfter(rules, planned, next).end - released.out;
  // Who was given up while aside has taken a place, too: at least one goes in every wave.
  const count = Math.max(1, Math.min(size, rules.atOnce ?? size));
  return { kind: "release", count, wave: next.wave };
}

/** How many of what was let out have not come to their end. */
function openOf(counts: Counts, planned: number, released: Released): number {
  const unreleased = planned - released.count;
  return Math.max(0, counts.waiting - unreleased + counts.sent);
}

/** The wave that a rollout is at: up to which number of targets it goes, and what comes behind it. */
function waveAfter(
  { waves = [] }: Rollout,
  planned: number,
  { wave }: Pick<Released, "wave">,
): { readonly end: number; readonly soak?: string | undefined; readonly approval: boolean } {
  let end = 0;
  for (const [index, { count, percent = 0, soak, approval }] of waves.entries()) {
    end = Math.min(planned, end + (count ?? Math.ceil((planned * percent) / 100)));
    if (index === wave) return { end, soak, approval };
  }
  return { end: planned, approval: false };
}

/** Why it is stopped, where it is. `count`: how many may be let out up to the end of the wave that it is at. */
function whyStop({ stopAfter }: Rollout, count: number, counts: Counts): string | undefined {
  if (stopAfter === undefined) return undefined;
  // Who was not reached, or was given up unasked, says nothing about what is let out.
  const failed = counts.failed + counts.unknown;
  const found = `${failed} of ${count} have failed`;
  if (stopAfter.failed !== undefined && failed > stopAfter.failed)
    return `${found}, and more than ${stopAfter.failed} were not to`;
  if (stopAfter.percent !== undefined && failed > Math.ceil((stopAfter.percent * count) / 100))
    return `${found}, and more than ${stopAfter.percent} % were not to`;
  return undefined;
}
