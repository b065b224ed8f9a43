/** How a job is let out over its targets: at most so many at once, in waves, and not on when too much fails. Pure. */
import * as z from "zod";
import { durationMs, type Instant } from "../../kernel/clock.ts";
import type { Counts } from "./item-row.ts";
import type { Released } from "./progress.ts";

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
          .describe("Stop when more than such a share of what is let out has failed"),
      })
      .optional(),
  })
  .refine((rules) => Object.keys(rules).length > 0, { error: "names no rule" });
export type Rollout = z.output<typeof Rollout>;

/** The times between waves together. */
export const soakMs = ({ waves = [] }: Rollout = {}): number =>
  waves.reduce((sum, { soak }) => sum + (durationMs(soak ?? "PT0S") ?? 0), 0);

/** Where everything of a job is at a moment; they add up to all of it. */
export type Buckets = {
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
export type RolloutDecision =
  /** Let so many more out; `wave` is the one they belong to. */
  | { readonly kind: "release"; readonly count: number; readonly wave: number }
  | { readonly kind: "wait"; readonly until?: Instant; readonly quietSince?: Instant }
  /** A wave is over, and somebody has to say that it goes on. */
  | { readonly kind: "pause"; readonly wave: number }
  | { readonly kind: "stop"; readonly detail: string }
  /** Everything is out. */
  | { readonly kind: "done" };

/** What there is to let out, and how many targets had failed before. */
export type Planned = { readonly items: number; readonly failed: number };

/** Decides what is let out, from where the rollout is and what has become of what is out. */
export function decideRollout(
  rules: Rollout,
  { items: planned, failed }: Planned,
  released: Released,
  counts: Counts,
  now: Instant,
): RolloutDecision {
  const stop = whyStop(rules, released, { ...counts, failed: counts.failed - failed });
  if (stop !== undefined) return { kind: "stop", detail: stop };
  if (released.count >= planned)
    return rules.stopAfter && counts.waiting > 0 ? { kind: "wait" } : { kind: "done" };
  const active = released.count - endedOf(counts, planned, released);
  const wave = waveAfter(rules, planned, released);
  const left = wave.end - released.count;
  if (left > 0) {
    const free = rules.atOnce === undefined ? left : Math.min(left, rules.atOnce - active);
    return free > 0 ? { kind: "release", count: free, wave: released.wave } : { kind: "wait" };
  }
  // The wave is out. The next one waits for its last outcome, for the time between, and for a word.
  return active > 0 ? { kind: "wait" } : nextWave(rules, planned, released, now);
}

/** What follows a wave of which nothing is under way any more. */
function nextWave(
  rules: Rollout,
  planned: number,
  released: Released,
  now: Instant,
): RolloutDecision {
  const wave = waveAfter(rules, planned, released);
  const quietSince = released.quietSince ?? now;
  const until = quietSince + (durationMs(wave.soak ?? "PT0S") ?? 0);
  if (now < until) return { kind: "wait", until, quietSince };
  if (wave.approval && released.approved < released.wave + 1)
    return { kind: "pause", wave: released.wave };
  const next = { ...released, wave: released.wave + 1 };
  const size = waveAfter(rules, planned, next).end - released.count;
  const count = Math.min(size, rules.atOnce ?? size);
  return { kind: "release", count, wave: next.wave };
}

/** How many of what is out have come to their end. */
function endedOf(counts: Counts, planned: number, released: Released): number {
  const unreleased = planned - released.count;
  const open = counts.waiting - unreleased + counts.sent;
  return released.count - Math.max(0, open);
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

function whyStop(
  { stopAfter }: Rollout,
  { count }: Pick<Released, "count">,
  counts: Counts,
): string | undefined {
  if (stopAfter === undefined) return undefined;
  const { failed } = bucketsOf(counts);
  const found = `${failed} of ${count} that were let out have failed`;
  if (stopAfter.failed !== undefined && failed > stopAfter.failed)
    return `${found}, and more than ${stopAfter.failed} were not to`;
  if (stopAfter.percent !== undefined && failed * 100 > stopAfter.percent * count)
    return `${found}, and more than ${stopAfter.percent} % were not to`;
  return undefined;
}
