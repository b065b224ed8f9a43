/** One worker process: started, loaded, spoken to, ended. It is never restarted; its supervisor starts another. */
import { type ChildProcess, fork } from "node:child_process";
import { createHash } from "node:crypto";
import { hostname } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { FromWorker, Loaded, ToWorker } from "../app/protocol.ts";
import type { Log } from "./log.ts";

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

const entry = fileURLToPath(new URL("../worker/main.ts", import.meta.url));

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

// The environment a worker sees, and the id of the host.

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

/**
 * Names this host among all that share a storage account: locks and timer states lie under it.
 * Two apps with one id would take each other's timers.
 */
export function hostIdOf(appDir: string, settings: Env): string {
  const chosen = settings["AzureFunctionsWebHost__hostid"];
  if (chosen) return chosen.toLowerCase();
  const machine = hostname()
    .toLowerCase()
    .replace(/[^a-z\d]+/g, "-")
    .replace(/^-|-$/g, "");
  const place = createHash("sha256").update(appDir).digest("hex").slice(0, 10);
  return `${machine.slice(0, 21)}-${place}`;
}
