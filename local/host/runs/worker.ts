/**
 * The worker of a host: its invocations, its process, and the supervisor that replaces a process that died; and what the
 * rest of the host needs of it: is it there, and run this.
 */

import { type ChildProcess, fork } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type Call, type HostedFunction, type Outcome } from "../app/functions.ts";
import type { FromWorker, Invoke, Loaded, ToWorker } from "../app/protocol.ts";
import { type HostLog, hostLog, type Log } from "./log.ts";

// Invocations between the host and its worker: started, awaited, timed out, lost with the worker.

type Invocations = {
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

type InvocationsOptions = {
  readonly timeoutMs: number;
  readonly send: (message: Invoke) => boolean;
  /** Called when a function ran too long. Ending the worker is the only way to end a function. */
  readonly onTimeout: (reason: string) => void;
  readonly log: HostLog;
};

/** Timers of the platform end here; a longer timeout is none. */
const longestTimerMs = 2 ** 31 - 1;

function createInvocations(options: InvocationsOptions): Invocations {
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

// One worker process: started, loaded, spoken to, ended. It is never restarted; its supervisor starts another.

type WorkerOptions = {
  readonly appDir: string;
  readonly main: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  readonly onMessage: (message: FromWorker) => void;
};

type WorkerProcess = {
  readonly pid: number;
  /** What the app registered. Rejects when it does not load. */
  readonly loaded: Promise<Loaded>;
  /** Resolves with the reason when the process has ended. */
  readonly ended: Promise<string>;
  readonly send: (message: ToWorker) => void;
  readonly kill: () => void;
  /** Runs the app's end hooks, then ends the process, at the latest after `graceMs`. */
  readonly terminate: (graceMs: number) => Promise<void>;
};

const workerEntry = fileURLToPath(new URL("../worker/main.ts", import.meta.url));

function launchWorker(options: WorkerOptions): WorkerProcess {
  const { appDir, main, env, log } = options;
  const child = fork(workerEntry, [], {
    cwd: appDir,
    env,
    // Buffers pass as they are.
    serialization: "advanced",
    execArgv: [],
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  forwardOutput(child, log);
  const ended = endOf(child);
  const { loaded, terminated } = answersOf(child, ended, options.onMessage);
  const send = (message: ToWorker): void => {
    // A worker that is gone is reported by its end, not by whoever wrote to it last.
    if (child.connected) child.send(message, () => undefined);
  };
  const kill = (): void => void child.kill("SIGKILL");
  send({ kind: "load", appDir, main });
  return {
    pid: child.pid ?? 0,
    loaded,
    ended,
    send,
    kill,
    async terminate(graceMs) {
      send({ kind: "terminate" });
      const grace = setTimeout(kill, graceMs);
      await Promise.race([terminated, ended]);
      clearTimeout(grace);
      kill();
      await ended;
    },
  };
}

/** Sorts what the worker says: its own state to promises, everything else to `onMessage`. */
function answersOf(
  child: ChildProcess,
  ended: Promise<string>,
  onMessage: (message: FromWorker) => void,
): { readonly loaded: Promise<Loaded>; readonly terminated: Promise<void> } {
  const loaded = Promise.withResolvers<Loaded>();
  const terminated = Promise.withResolvers<void>();
  child.on("message", (message: FromWorker) => {
    if (message.kind === "loaded") loaded.resolve(message);
    else if (message.kind === "terminated") terminated.resolve();
    else if (message.kind === "load-failed") {
      loaded.reject(new Error(message.fault.stack ?? message.fault.message));
    } else onMessage(message);
  });
  loaded.promise.catch(() => undefined);
  void ended.then((reason) => loaded.reject(new Error(`its process ended: ${reason}`)));
  return { loaded: loaded.promise, terminated: terminated.promise };
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
}

/** What the app prints is part of its log. */
function forwardOutput(child: ChildProcess, log: Log): void {
  for (const [category, stream] of Object.entries({ stdout: child.stdout, stderr: child.stderr })) {
    if (!stream) continue;
    createInterface({ input: stream }).on("line", (message) =>
      log({ level: category === "stdout" ? "information" : "warning", category, message }),
    );
  }
}

// The environment a worker sees.

type Env = Readonly<Record<string, string>>;

/** What the Functions host and its local tools set for a Node worker, beneath the app's own settings. */
export const workerEnv = (appDir: string, port: number, settings: Env): Env => ({
  FUNCTIONS_WORKER_RUNTIME: "node",
  FUNCTIONS_WORKER_DIRECTORY: import.meta.dirname,
  FUNCTIONS_APPLICATION_DIRECTORY: appDir,
  FUNCTIONS_EXTENSION_VERSION: "~4",
  AzureWebJobsScriptRoot: appDir,
  AZURE_FUNCTIONS_ENVIRONMENT: "Development",
  WEBSITE_HOSTNAME: `localhost:${port}`,
  ...settings,
});

// Keeps one worker running: a worker that dies is replaced at once, unless it dies at once every time.

type SupervisorEvents = {
  readonly onReady: (worker: WorkerProcess, loaded: Loaded) => void;
  /** Every invocation that ran in the worker is lost. */
  readonly onLost: (reason: string) => void;
};

/** A worker that lived this long after loading did not crash on load. */
const healthyAfterMs = 1_000;
const longestPauseMs = 10_000;

/** Pause before the next start, in ms, after `crashes` early deaths in a row. */
export const restartPauseMs = (crashes: number): number =>
  crashes < 2 ? 0 : Math.min(longestPauseMs, 125 * 2 ** (crashes - 2));

class Supervisor {
  readonly #startWorker: () => WorkerProcess;
  readonly #log: HostLog;
  readonly #events: SupervisorEvents;
  readonly #waiting = new Set<() => void>();
  /** Takes invocations; undefined from the death of one worker until the next has loaded. */
  #current: WorkerProcess | undefined;
  #latest: WorkerProcess | undefined;
  #crashes = 0;
  #pause: NodeJS.Timeout | undefined;
  #killedFor: string | undefined;
  #stopping = false;

  constructor(startWorker: () => WorkerProcess, log: HostLog, events: SupervisorEvents) {
    this.#startWorker = startWorker;
    this.#log = log;
    this.#events = events;
  }

  /** Starts the first worker. Rejects when the app does not load: that is no accident. */
  start(): Promise<Loaded> {
    return this.#launch();
  }

  get current(): WorkerProcess | undefined {
    return this.#current;
  }

  /** Waits for a worker, at most `timeoutMs`; tells whether there is one. */
  async ready(timeoutMs: number): Promise<boolean> {
    if (this.#current) return true;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    this.#waiting.add(resolve);
    await promise;
    clearTimeout(timer);
    this.#waiting.delete(resolve);
    return this.#current !== undefined;
  }

  /** Hands a message to the worker; false when there is none. */
  send(message: ToWorker): boolean {
    this.#current?.send(message);
    return this.#current !== undefined;
  }

  /** Ends the current worker for a reason; another one follows. */
  kill(reason: string): void {
    this.#killedFor ??= reason;
    this.#current?.kill();
  }

  /** Ends the worker for good, letting the app's end hooks run for at most `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#pause);
    if (this.#current) await this.#current.terminate(graceMs);
    else this.#latest?.kill();
    await this.#latest?.ended;
    for (const wake of this.#waiting) wake();
  }

  async #launch(): Promise<Loaded> {
    const worker = this.#startWorker();
    this.#latest = worker;
    const loaded = await worker.loaded;
    this.#current = worker;
    this.#events.onReady(worker, loaded);
    void this.#watch(worker, Date.now());
    for (const wake of this.#waiting) wake();
    return loaded;
  }

  async #watch(worker: WorkerProcess, loadedAt: number): Promise<void> {
    const ended = await worker.ended;
    const reason = this.#killedFor ?? ended;
    this.#crashes = Date.now() - loadedAt < healthyAfterMs ? this.#crashes + 1 : 0;
    this.#current = undefined;
    if (!this.#stopping) this.#log("error", `The worker process ended (${reason}).`);
    this.#events.onLost(reason);
    this.#killedFor = undefined;
    this.#relaunch();
  }

  #relaunch(): void {
    if (this.#stopping) return;
    this.#pause = setTimeout(() => void this.#launchAgain(), restartPauseMs(this.#crashes));
  }

  async #launchAgain(): Promise<void> {
    try {
      await this.#launch();
    } catch (error) {
      this.#crashes++;
      if (!this.#stopping) this.#log("error", `The app does not load any more: ${String(error)}`);
      this.#latest?.kill();
      await this.#latest?.ended;
      this.#relaunch();
    }
  }
}

// What the rest of the host sees.

export type WorkerSide = {
  readonly invocations: Invocations;
  /** Starts the first worker. Rejects when the app does not load. */
  readonly load: () => Promise<Loaded>;
  /** Resolves when a worker can take invocations; false when that takes too long. */
  readonly ready: () => Promise<boolean>;
  readonly isReady: () => boolean;
  readonly pid: () => number | undefined;
  /** Address of the worker's own HTTP server, when the app streams. */
  readonly streamUri: () => string | undefined;
  readonly stop: (graceMs: number) => Promise<void>;
};

type WorkerSideOptions = {
  readonly appDir: string;
  readonly main: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly functionTimeoutMs: number;
  readonly log: Log;
  readonly onWorker: ((pid: number) => void) | undefined;
};

/** How long a caller waits for a worker that is being replaced. */
const readyTimeoutMs = 10_000;

export function createWorkerSide(options: WorkerSideOptions): WorkerSide {
  const { appDir, main, env, functionTimeoutMs, log, onWorker } = options;
  const say = hostLog(log);
  let streamUri: string | undefined;
  let first: Loaded | undefined;

  const start = () =>
    launchWorker({
      appDir,
      main,
      env,
      log,
      onMessage: (message) => receive(message, invocations, log),
    });
  const supervisor = new Supervisor(start, say, {
    onReady({ pid }, loaded) {
      streamUri = loaded.capabilities["HttpUri"];
      first ??= loaded;
      if (namesOf(first) !== namesOf(loaded)) {
        say("warning", "The app registers other functions than before; restart the host.");
      }
      onWorker?.(pid);
    },
    onLost: (reason) => invocations.loseAll(reason),
  });
  const invocations: Invocations = createInvocations({
    timeoutMs: functionTimeoutMs,
    send: (message) => supervisor.send(message),
    onTimeout: (reason) => supervisor.kill(reason),
    log: say,
  });
  return {
    invocations,
    load: () => supervisor.start(),
    ready: () => supervisor.ready(readyTimeoutMs),
    isReady: () => supervisor.current !== undefined,
    pid: () => supervisor.current?.pid,
    streamUri: () => streamUri,
    stop: (graceMs) => supervisor.stop(graceMs),
  };
}

function receive(message: FromWorker, invocations: Invocations, log: Log): void {
  if (message.kind === "done" || message.kind === "failed") return invocations.settle(message);
  if (message.kind !== "log") return;
  const { kind: _, ...entry } = message;
  const functionName = invocations.nameOf(entry.invocationId ?? "");
  log({ ...entry, ...(functionName ? { functionName } : {}) });
}

const namesOf = ({ functions }: Loaded): string => functions.map(({ name }) => name).join();
