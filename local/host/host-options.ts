/** What the host can be told by whoever starts it, and what it offers in return. */
import type { HostedFunction } from "./functions.ts";
import type { Keys } from "./keys.ts";
import type { Log } from "./log.ts";

export type HostOptions = {
  /** The app: a directory with host.json and package.json. */
  readonly appDir: string;
  /** 0 takes a free port. Absent: `Host.LocalHttpPort` of local.settings.json, else 7071. */
  readonly port?: number | undefined;
  /** Settings on top of the process environment; they win over local.settings.json. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Where the access keys are kept. Absent: new keys for every start, kept nowhere. */
  readonly keysFile?: string | undefined;
  readonly log?: Log;
  /** Told of every worker that is ready, the first and each that replaces one. */
  readonly onWorker?: (pid: number) => void;
  /** How long a running function may go on after a stop; 10,000 ms as in Azure. */
  readonly drainMs?: number;
  /** Lease of a received message, renewed at half; 600 s, which only tests shorten. */
  readonly messageLeaseSeconds?: number;
  /** How long a streaming function may be silent before its request is given up; 240 s, which only tests shorten. */
  readonly streamSilenceMs?: number;
};

export type Host = {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly keys: Keys;
  readonly functions: readonly HostedFunction[];
  /** Process id of the worker; undefined while there is none. */
  readonly workerPid: () => number | undefined;
  /** Stops queues and timers; resolves when what they started has ended. HTTP goes on. */
  readonly drain: () => Promise<void>;
  /** Starts queues and timers again after `drain`. */
  readonly resume: () => void;
  /** Drains, answers what is being answered, runs the app's end hooks, ends the worker. */
  readonly stop: () => Promise<void>;
};
