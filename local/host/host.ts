/** The Azure Functions host for one machine: one app, its worker, its triggers, and its end. */

import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type AppFiles, HostRefusal, type QueueSettings, readAppFiles } from "./app/app-files.ts";
import {
  connectionString,
  type HostedFunction,
  type QueueFunction,
  type QueueOutput,
  type Run,
  readFunctions,
  type TimerFunction,
} from "./app/functions.ts";
import { hostVersion, type Loaded, type TypedData } from "./app/protocol.ts";
import { hostIdOf, type StorageAccounts, storageAccounts } from "./app/storage-accounts.ts";
import { adminEndpoints } from "./http/admin.ts";
import { type Answers, type HttpFront, listen } from "./http/front.ts";
import {
  buildRoutes,
  createForwarder,
  type Forwarder,
  httpFunctions,
  type Routes,
} from "./http/functions.ts";
import { type Keys, loadKeys } from "./http/keys.ts";
import { outputSender, QueueListener, queueProcessor } from "./queues/listener.ts";
import { createDrain, type Drain, type Listener } from "./runs/drain.ts";
import { type HostLog, hostLog, type Log, messageOf, terminalLog } from "./runs/log.ts";
import { createRunner } from "./runs/runner.ts";
import { createWorkerSide, type WorkerSide, workerEnv } from "./runs/worker.ts";
import { SingletonLock, timerByHand, timerListener } from "./timers/listener.ts";
import { type TimerMonitor, timerMonitor } from "./timers/plan.ts";

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

/** Request bodies outside of streaming, in bytes; the Functions host's own limit. */
const bodyLimit = 104_857_600;

/**
 * Starts an app and resolves when its functions answer.
 * @throws {HostRefusal} When the app cannot be hosted, naming everything that is wrong.
 */
export async function startHost(options: HostOptions): Promise<Host> {
  const log = options.log ?? terminalLog((line) => process.stdout.write(line));
  const appDir = resolve(options.appDir);
  const app = await readAppFiles(appDir, { ...process.env, ...options.env });
  const keys = await loadKeys(options.keysFile);
  const answers = Promise.withResolvers<Answers>();
  const front = await listenFor(options, app, hostLog(log), answers.promise);
  const worker = createWorkerSide({
    appDir,
    main: app.main,
    env: workerEnv(appDir, front.port, app.env),
    functionTimeoutMs: app.host.functionTimeout,
    log,
    onWorker: options.onWorker,
  });
  try {
    const loaded = await worker.load().catch((error: unknown) => {
      throw new HostRefusal([`the app does not load: ${messageOf(error)}`]);
    });
    return open({
      options,
      appDir,
      app,
      keys,
      front,
      worker,
      log,
      loaded,
      answers: answers.resolve,
    });
  } catch (error) {
    await Promise.all([front.close(0), worker.stop(0)]);
    throw error;
  }
}

function listenFor(
  { port }: HostOptions,
  { port: localPort, cors }: AppFiles,
  log: HostLog,
  answers: Promise<Answers>,
): Promise<HttpFront> {
  return listen({ port: port ?? localPort ?? 7071, cors, log }, answers);
}

type Parts = {
  readonly options: HostOptions;
  readonly appDir: string;
  readonly app: AppFiles;
  readonly keys: Keys;
  readonly front: HttpFront;
  readonly worker: WorkerSide;
  readonly log: Log;
  readonly loaded: Loaded;
  readonly answers: (answers: Answers) => void;
};

/** Opens the triggers of a loaded app. */
function open(parts: Parts): Host {
  const { options, keys, front, worker } = parts;
  const { functions, routes } = understand(parts);
  const { run, triggers } = connect(parts, functions);
  const drain = createDrain(triggers, worker.invocations.running);
  const forwarder = createForwarder(options.streamSilenceMs);
  answer(parts, { functions, routes, run, drain, forwarder, triggers });
  return {
    url: `http://127.0.0.1:${front.port}`,
    keys,
    functions,
    workerPid: worker.pid,
    drain: drain.start,
    resume: drain.resume,
    stop: stopHost({ drain, front, worker, forwarder, drainMs: options.drainMs ?? 10_000 }),
  };
}

/** What the app registered, or everything that is wrong with it. */
function understand({ app, loaded, log }: Parts) {
  const { functions, problems } = readFunctions(loaded.functions, app.env);
  const http = functions.filter((fn) => fn.kind === "http");
  const routes = buildRoutes(http, app.host.extensions.http.routePrefix);
  const all = [...problems, ...routes.problems];
  if (all.length > 0) throw new HostRefusal(all);
  for (const { kind, name, retry } of functions) {
    if (retry && kind !== "timer") {
      const effect = kind === "http" ? "is ignored" : "multiplies with the queue's own tries";
      hostLog(log)("warning", `A retry policy on a ${kind} trigger ${effect}.`, name);
    }
  }
  return { functions, routes };
}

/** Ties triggers, worker and outputs together. */
function connect(
  { options, appDir, app, worker, log }: Parts,
  functions: readonly HostedFunction[],
): { readonly run: Run; readonly triggers: Triggers } {
  const accounts = storageAccounts();
  const settings = app.host.extensions.queues;
  const say = hostLog(log);
  const send = outputSender(accounts, settings.messageEncoding, (queue) => triggers.wake(queue));
  const run = createRunner(worker.invocations.invoke, send, say);
  const triggers = createTriggers({
    functions,
    accounts,
    settings,
    env: app.env,
    hostId: hostIdOf(appDir, app.env),
    messageLeaseSeconds: options.messageLeaseSeconds ?? 600,
    run,
    workerReady: worker.ready,
    log: say,
  });
  return { run, triggers };
}

type Opened = {
  readonly functions: readonly HostedFunction[];
  readonly routes: Routes;
  readonly run: Run;
  readonly drain: Drain;
  readonly forwarder: ReturnType<typeof createForwarder>;
  readonly triggers: Triggers;
};

/** Lets the requests in that waited for the app. */
function answer({ appDir, app, keys, worker, answers }: Parts, opened: Opened): void {
  const { functions, routes, run, drain, forwarder, triggers } = opened;
  answers({
    admin: adminEndpoints({
      keys,
      hostId: hostIdOf(appDir, app.env),
      version: hostVersion,
      functions,
      run,
      workerReady: worker.ready,
      isReady: worker.isReady,
      outstanding: worker.invocations.running,
      drain,
      timerByHand: triggers.timerByHand,
    }),
    functions: httpFunctions({
      routes,
      keys,
      run,
      workerReady: worker.ready,
      streamUri: worker.streamUri,
      forwarder,
      customHeaders: app.host.extensions.http.customHeaders,
      homePage: app.env["AzureWebJobsDisableHomepage"]?.toLowerCase() !== "true",
      bodyLimit: Number(app.env["FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"] ?? bodyLimit),
    }),
  });
}

// The triggers of an app's queue and timer functions, started and stopped together.

type Triggers = Listener & {
  /** Tells whoever listens to this queue that it got messages. */
  readonly wake: (queue: Pick<QueueOutput, "queue" | "connection">) => void;
  /** What a timer function gets when somebody runs it by hand. */
  readonly timerByHand: (fn: TimerFunction) => Promise<TypedData>;
};

type TriggersOptions = {
  readonly functions: readonly HostedFunction[];
  readonly accounts: StorageAccounts;
  readonly settings: QueueSettings;
  readonly env: Readonly<Record<string, string>>;
  readonly hostId: string;
  /** How long a received message stays ours before its lease is renewed; in seconds. */
  readonly messageLeaseSeconds: number;
  readonly run: Run;
  readonly workerReady: () => Promise<boolean>;
  readonly log: HostLog;
};

function createTriggers(options: TriggersOptions): Triggers {
  const enabled = options.functions.filter(({ disabled }) => !disabled);
  const queues = enabled
    .filter((fn) => fn.kind === "queue")
    .map((fn) => ({ fn, listener: listenToQueue(fn, options, wake) }));
  const timers = enabled
    .filter((fn) => fn.kind === "timer")
    .map((fn) => listenToTimer(fn, options));
  function wake({ queue, connection }: Pick<QueueOutput, "queue" | "connection">): void {
    for (const { fn, listener } of queues) {
      if (fn.queue === queue && fn.connection === connection) listener.wake();
    }
  }
  const all: readonly Listener[] = [...queues.map(({ listener }) => listener), ...timers];
  return {
    start: () => all.forEach((listener) => listener.start()),
    stop: async () => void (await Promise.all(all.map((listener) => listener.stop()))),
    wake,
    timerByHand: (fn) => timerByHand(fn, monitorOf(fn, options)),
  };
}

const monitorOf = (fn: TimerFunction, { accounts, env, hostId }: TriggersOptions): TimerMonitor =>
  timerMonitor(accounts.hostContainer(connectionString(env)), hostId, fn.name);

function listenToQueue(fn: QueueFunction, options: TriggersOptions, wake: Triggers["wake"]) {
  const { accounts, settings, run, log, workerReady, messageLeaseSeconds: leaseSeconds } = options;
  return new QueueListener({
    fn,
    client: accounts.queue(fn.connection, fn.queue),
    settings,
    leaseSeconds,
    processor: queueProcessor({
      fn,
      settings,
      leaseSeconds,
      accounts,
      run,
      log,
      onPoison: (queue) => wake({ queue, connection: fn.connection }),
    }),
    workerReady,
    log,
  });
}

function listenToTimer(fn: TimerFunction, options: TriggersOptions): Listener {
  const { accounts, env, hostId, run, workerReady, log } = options;
  const container = accounts.hostContainer(connectionString(env));
  const lockName = `${hostId}/Host.Functions.${fn.name}.Listener`;
  return timerListener({
    fn,
    monitor: monitorOf(fn, options),
    lock: (onLost) => new SingletonLock(container, lockName, onLost),
    run,
    workerReady,
    log,
  });
}

// The end of a host: nothing new, a while for what runs, then the worker's end.

/** How long the app's end hooks may take, as in Azure; in ms. */
const terminateGraceMs = 5_000;
/** How long messages of killed functions may take to be given back; in ms. */
const settleMs = 3_000;

type StopOptions = {
  readonly drain: Drain;
  readonly front: HttpFront;
  readonly worker: WorkerSide;
  readonly forwarder: Forwarder;
  readonly drainMs: number;
};

/** Makes the host's `stop`. Calling it twice waits for the same end. */
function stopHost(options: StopOptions): () => Promise<void> {
  let ending: Promise<void> | undefined;
  return () => {
    ending ??= stop(options);
    return ending;
  };
}

async function stop({ drain, front, worker, forwarder, drainMs }: StopOptions): Promise<void> {
  const drained = drain.start();
  const closed = front.close(drainMs);
  await within(drainMs, Promise.all([drained, closed]));
  await worker.stop(terminateGraceMs);
  // Whatever had to be killed has failed now, and its messages are being shown again.
  await within(settleMs, Promise.all([drained, closed]));
  forwarder.close();
}

async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const timer = new AbortController();
  await Promise.race([work, sleep(ms, undefined, { signal: timer.signal }).catch(() => undefined)]);
  timer.abort();
}
