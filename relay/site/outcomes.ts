/**
 * What a site's counts say about single devices. Pure.
 *
 * An operation's status is counts, and nothing about one client. Where the counts leave no choice, each
 * device's outcome follows; where they do, we say so and do not guess.
 */
import type { Outcome } from "../base/claim.ts";

/** How many clients of an operation stand where. */
export type Counts = {
  readonly total: number;
  readonly completed: number;
  readonly failed: number;
  readonly offline: number;
  readonly unknown: number;
};

/** The outcome of every device of an operation, or undefined while it is worth waiting. */
export function outcomeOf(counts: Counts, size: number, final: boolean): Outcome | undefined {
  const { completed, failed, offline } = counts;
  // A site counts clients a while after it took an operation; until then its total is short.
  const total = Math.max(counts.total, size);
  if (completed >= total) return { outcome: "done" };
  if (failed >= total)
    return { outcome: "failed", detail: "the site counts every device as failed" };
  if (completed + failed >= total) return mixed(counts);
  if (!final) return undefined;
  if (offline >= total) return { outcome: "offline", detail: "offline throughout, says the site" };
  if (completed + failed + offline === 0)
    return { outcome: "unknown", code: "no-result", detail: "no device answered the site in time" };
  return mixed(counts);
}

const mixed = ({ completed, failed, offline, unknown }: Counts): Outcome => ({
  outcome: "unknown",
  code: "counts-only",
  detail: `the site counts ${completed} done, ${failed} failed, ${offline} offline, ${unknown} silent, and not which`,
});
