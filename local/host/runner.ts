/** Runs a function to its end: tries by its retry policy, then its outputs. */
import { setTimeout as sleep } from "node:timers/promises";
import { retryDelayMs } from "./backoff.ts";
import type { HostedFunction } from "./functions.ts";
import type { Call, Invocations, Outcome } from "./invocations.ts";
import { type HostLog, messageOf } from "./log.ts";

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
