/** Runs a function to its end: tries by its retry policy, then its outputs. */

import { setTimeout as sleep } from "node:timers/promises";
import { type Call, type HostedFunction, type Outcome, type Run } from "../app/functions.ts";
import type { RetryOptions } from "../app/protocol.ts";
import { randomizedBackoffMs } from "./drain.ts";
import { type HostLog, messageOf } from "./log.ts";

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

export function createRunner(
  invoke: Run,
  sendOutputs: (fn: HostedFunction, outcome: Extract<Outcome, { ok: true }>) => Promise<void>,
  log: HostLog,
): Run {
  async function once(fn: HostedFunction, call: Call): Promise<Outcome> {
    const outcome = await invoke(fn, call);
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
