/** Invocations between the host and its worker: started, awaited, timed out, lost with the worker. */
import { randomBytes, randomUUID } from "node:crypto";
import type { HostedFunction } from "../app/functions.ts";
import type { Fault, FromWorker, Invoke, RetryContext, TypedData } from "../app/protocol.ts";
import type { HostLog } from "./log.ts";

/** How an invocation ended. */
export type Outcome =
  | {
      readonly ok: true;
      readonly outputs: ReadonlyMap<string, TypedData>;
      readonly returnValue: TypedData | undefined;
    }
  | {
      readonly ok: false;
      readonly fault: Fault;
      /** The worker died under it, or there was none. */
      readonly workerLost: boolean;
    };

/** What a trigger hands to its function. */
export type Call = {
  readonly invocationId?: string;
  readonly data: TypedData;
  readonly triggerMetadata?: Readonly<Record<string, TypedData>>;
  readonly retryContext?: RetryContext;
  readonly traceParent?: string | undefined;
  readonly traceState?: string | undefined;
};

export type Invocations = {
  /** Runs a function once. Never rejects. */
  readonly invoke: (fn: HostedFunction, call: Call) => Promise<Outcome>;
  /** Takes a worker's word that an invocation ended. */
  readonly settle: (message: Extract<FromWorker, { kind: "done" | "failed" }>) => void;
  /** Fails everything that runs: the worker is gone. */
  readonly loseAll: (reason: string) => void;
  readonly running: () => number;
  readonly nameOf: (invocationId: string) => string | undefined;
};

type Running = { readonly fn: HostedFunction; readonly end: (outcome: Outcome) => void };

export type InvocationsOptions = {
  readonly timeoutMs: number;
  readonly send: (message: Invoke) => boolean;
  /** Called when a function ran too long. Ending the worker is the only way to end a function. */
  readonly onTimeout: (reason: string) => void;
  readonly log: HostLog;
};

/** Timers of the platform end here; a longer timeout is none. */
const longestTimerMs = 2 ** 31 - 1;

export function createInvocations(options: InvocationsOptions): Invocations {
  const { timeoutMs, send, onTimeout, log } = options;
  const running = new Map<string, Running>();

  async function invoke(fn: HostedFunction, call: Call): Promise<Outcome> {
    const invocationId = call.invocationId ?? randomUUID();
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    running.set(invocationId, { fn, end: resolve });
    if (!send(invokeMessage(fn, call, invocationId))) resolve(lost("no worker is running"));
    const timer =
      timeoutMs <= longestTimerMs
        ? setTimeout(() => onTimeout(`${fn.name} ran longer than ${timeoutMs} ms`), timeoutMs)
        : undefined;
    const outcome = await promise;
    clearTimeout(timer);
    running.delete(invocationId);
    if (!outcome.ok) log("error", outcome.fault.stack ?? outcome.fault.message, fn.name);
    return outcome;
  }

  return {
    invoke,
    settle(message) {
      running.get(message.invocationId)?.end(outcomeOf(message));
    },
    loseAll(reason) {
      for (const { end } of running.values()) end(lost(reason));
    },
    running: () => running.size,
    nameOf: (invocationId) => running.get(invocationId)?.fn.name,
  };
}

const lost = (reason: string): Outcome => ({
  ok: false,
  workerLost: true,
  fault: { message: `The worker process was lost: ${reason}` },
});

function outcomeOf(message: Extract<FromWorker, { kind: "done" | "failed" }>): Outcome {
  if (message.kind === "failed") return { ok: false, workerLost: false, fault: message.fault };
  return {
    ok: true,
    outputs: new Map(message.outputs.map(({ name, data }) => [name, data])),
    returnValue: message.returnValue ?? undefined,
  };
}

function invokeMessage(fn: HostedFunction, call: Call, invocationId: string): Invoke {
  const { data, triggerMetadata, retryContext, traceState } = call;
  return {
    kind: "invoke",
    invocationId,
    functionId: fn.id,
    input: { name: fn.trigger, data },
    traceParent: childSpan(call.traceParent),
    ...(triggerMetadata ? { triggerMetadata } : {}),
    ...(retryContext ? { retryContext } : {}),
    ...(traceState ? { traceState } : {}),
  };
}

/** A new span within the caller's trace, or of a trace of its own (W3C Trace Context). */
function childSpan(parent: string | undefined): string {
  const [, trace = randomBytes(16).toString("hex"), flags = "00"] =
    /^00-([\da-f]{32})-[\da-f]{16}-([\da-f]{2})$/.exec(parent ?? "") ?? [];
  return `00-${trace}-${randomBytes(8).toString("hex")}-${flags}`;
}
