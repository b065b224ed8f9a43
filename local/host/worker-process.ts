/** One worker process: started, loaded, spoken to, ended. It is never restarted; its supervisor starts another. */
import { type ChildProcess, fork } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Log } from "./log.ts";
import type { FromWorker, Loaded, ToWorker } from "./protocol.ts";

export type WorkerOptions = {
  readonly appDir: string;
  readonly main: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  readonly onMessage: (message: FromWorker) => void;
};

export type WorkerProcess = {
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

const entry = fileURLToPath(new URL("worker/main.ts", import.meta.url));

export function startWorker(options: WorkerOptions): WorkerProcess {
  const { appDir, main, env, log } = options;
  const child = fork(entry, [], {
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
