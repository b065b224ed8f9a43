/** How long to wait: between empty polls of a queue, and between the tries of a retry policy. Pure. */
import type { RetryOptions } from "./protocol.ts";

/** First pause after work, and the unit of those that follow; also the shortest pause one can configure. */
const minimumMs = 100;

/**
 * Pause after the `failures`-th failure or empty poll in a row, as the WebJobs SDK has it.
 * @param random A number in [0, 1).
 */
export function randomizedBackoffMs(
  failures: number,
  maximumMs: number,
  random: number,
  leastMs = minimumMs,
): number {
  if (failures <= 1) return Math.min(leastMs, maximumMs);
  const increment = (0.8 + 0.4 * random) * 2 ** Math.min(failures - 1, 40) * minimumMs;
  return Math.min(leastMs + increment, maximumMs);
}

const secondsOf = (interval: { readonly seconds?: number } | undefined): number =>
  (interval?.seconds ?? 0) * 1000;

/** Pause before try `retry` (1 is the first repetition); undefined when no try is left. */
export function retryDelayMs(
  options: RetryOptions | undefined,
  retry: number,
  random: number,
): number | undefined {
  if (!options) return undefined;
  const { maxRetryCount = 0, retryStrategy = "" } = options;
  // -1 means for ever.
  if (maxRetryCount >= 0 && retry > maxRetryCount) return undefined;
  if (retryStrategy.toLowerCase() === "fixeddelay") return secondsOf(options.delayInterval);
  return randomizedBackoffMs(
    retry,
    secondsOf(options.maximumInterval),
    random,
    secondsOf(options.minimumInterval),
  );
}
