/** Waiting and timing. */
import { setTimeout as sleep } from "node:timers/promises";

/** Asks every `everyMs` until the answer is true. @throws When that takes longer than `limitMs`. */
export async function until(
  what: string,
  question: () => Promise<boolean> | boolean,
  { everyMs = 20, limitMs = 600_000 } = {},
): Promise<void> {
  const begun = performance.now();
  while (!(await question())) {
    if (performance.now() - begun > limitMs) throw new Error(`Gave up waiting for ${what}.`);
    await sleep(everyMs);
  }
}

/** Seconds that a piece of work takes, with what it answered. */
export async function timed<T>(work: () => Promise<T>): Promise<{ seconds: number; value: T }> {
  const begun = performance.now();
  const value = await work();
  return { seconds: (performance.now() - begun) / 1000, value };
}

/** The value in the middle; of an even number the mean of the two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (place: number): number => sorted[place] ?? 0;
  const last = sorted.length - 1;
  return (at(Math.floor(last / 2)) + at(Math.ceil(last / 2))) / 2;
}
