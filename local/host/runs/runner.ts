/** Runs a function to its end: tries by its retry policy, then its outputs. */

import { setTimeout as sleep } from "node:timers/promises";
import type { HostedFunction } from "../app/functions.ts";
import type { RetryOptions } from "../app/protocol.ts";
import type { Call, Invocations, Outcome } from "./invocations.ts";
import { type HostLog, messageOf } from "./log.ts";

// How long to wait: between empty polls of a queue, and between the tries of a retry policy. Pure.

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

/** Runs `fn` and sends its outputs. An output that fails, fails the run. Never rejects. */
export type Run = (fn: HostedFunction, call: Call) => Promise<Outcome>;

export function createRunner(
  invocations: Invocations,
  sendOutputs: (fn: HostedFunction, outcome: Extract<Outcome, { ok: true }>) => Promise<void>,
  log: HostLog,
): Run {
  async function once(fn: HostedFunction, call: Call): Promise<Outcome> {
    const outcome = await invocations.invoke(fn, call);
    if (!outcome.ok || fn.outputs.length === 0) return outcome;
    try {
      await sendOutputs(fn, outcome);
      return outcome;
    } catch (error) {
      const fault = { message: `An output failed: ${messageOf(error)}` };
      log("error", fault.message, fn.name);
      return { ok: false, fault, workerLost: false };
    }
  }
  return (fn, call) =>
    fn.retry && fn.kind !== "http" ? withRetries(once, fn, call) : once(fn, call);
}

async function withRetries(once: Run, fn: HostedFunction, call: Call): Promise<Outcome> {
  const maxRetryCount = fn.retry?.maxRetryCount ?? 0;
  let exception: { readonly message: string; readonly stackTrace?: string } | undefined;
  for (let retryCount = 0; ; retryCount++) {
    const retryContext = { retryCount, maxRetryCount, ...(exception ? { exception } : {}) };
    const outcome = await once(fn, { ...call, retryContext });
    const pause = outcome.ok ? undefined : retryDelayMs(fn.retry, retryCount + 1, Math.random());
    // The count lives in memory only, so a lost worker ends it, as it does in Azure.
    if (outcome.ok || outcome.workerLost || pause === undefined) return outcome;
    const { message, stack } = outcome.fault;
    exception = { message, ...(stack ? { stackTrace: stack } : {}) };
    await sleep(pause);
  }
}
