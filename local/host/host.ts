/** The Azure Functions host for one machine: one app, its worker, its triggers. */

import { resolve } from "node:path";
import { type AppFiles, HostRefusal, readAppFiles } from "./app/app-files.ts";
import { type HostedFunction, readFunctions } from "./app/functions.ts";
import { hostVersion, type Loaded } from "./app/protocol.ts";
import { storageAccounts } from "./app/storage-accounts.ts";
import { adminEndpoints } from "./http/admin.ts";
import { type Answers, type HttpFront, listen } from "./http/front.ts";
import { httpFunctions } from "./http/functions.ts";
import { type Keys, loadKeys } from "./http/keys.ts";
import { buildRoutes, type Routes } from "./http/routes.ts";
import { createForwarder } from "./http/stream.ts";
import { outputSender } from "./queues/outputs.ts";
import { createDrain, type Drain } from "./runs/drain.ts";
import { type HostLog, hostLog, type Log, messageOf, terminalLog } from "./runs/log.ts";
import { createRunner, type Run } from "./runs/runner.ts";
import { hostIdOf, workerEnv } from "./runs/worker-process.ts";
import { createWorkerSide, type WorkerSide } from "./runs/worker-side.ts";
import { stopHost } from "./stop.ts";
import { createTriggers, type Triggers } from "./triggers.ts";

// What the host can be told by whoever starts it, and what it offers in return.

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
  const run = createRunner(worker.invocations, send, say);
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
