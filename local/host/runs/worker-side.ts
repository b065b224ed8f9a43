/** Everything about the worker that the rest of the host needs: is it there, and run this. */

import type { FromWorker, Loaded } from "../app/protocol.ts";
import { createInvocations, type Invocations } from "./invocations.ts";
import { hostLog, type Log } from "./log.ts";
import { Supervisor } from "./supervisor.ts";
import { startWorker } from "./worker-process.ts";

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

export type WorkerSideOptions = {
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
    startWorker({
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
