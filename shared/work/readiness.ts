/**
 * Whether the app can do its work now: all that it cannot work without answers, and its clock is right. Whoever asks is
 * nobody in particular, so answers are kept for some seconds: asking again and again asks nobody else.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock, Instant } from "../kernel/clock.ts";

/** Something that the app needs, and a question that it must answer; throwing is no answer. */
export type Need = { readonly name: string; readonly ask: () => Promise<unknown> };

/** Answers the names of what is missing: nothing, where the app is ready. */
export type Readiness = () => Promise<readonly string[]>;

/** Time for one answer. */
const answerMs = 5_000;
/** Less than load balancers wait between their probes. */
const keptMs = 10_000;
/** Tokens are checked with so much tolerance: beyond it, callers are refused whose tokens are good. */
const mostSkewMs = 60_000;

/** Asks all needs at once. */
export function readiness(needs: readonly Need[], clock: Clock, waitMs = answerMs): Readiness {
  let kept: { readonly missing: Promise<readonly string[]>; readonly until: Instant } | undefined;
  const ask = async (): Promise<readonly string[]> => {
    const answers = await Promise.allSettled(needs.map((need) => inTime(need, waitMs)));
    return needs.flatMap(({ name }, at) => (answers[at]?.status === "fulfilled" ? [] : [name]));
  };
  return () => {
    if (kept === undefined || clock.now() >= kept.until)
      kept = { missing: ask(), until: clock.now() + keptMs };
    return kept.missing;
  };
}

async function inTime({ name, ask }: Need, waitMs: number): Promise<void> {
  const over = new AbortController();
  const late = sleep(waitMs, undefined, { signal: over.signal }).then(() => {
    throw new Error(`${name} does not answer`);
  });
  try {
    await Promise.race([ask(), late]);
  } finally {
    over.abort();
    late.catch(() => undefined);
  }
}

/** That the machine's clock and the storage service's agree; asks storage first, whose answers carry the time. */
export const clockNeed = (storage: Need, service: Clock, machine: Clock): Need => ({
  name: "clock",
  async ask() {
    await storage.ask();
    if (Math.abs(service.now() - machine.now()) > mostSkewMs)
      throw new Error("the clock of this machine is wrong");
  },
});
