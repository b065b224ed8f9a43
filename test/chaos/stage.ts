/** A whole Muster, of one host process or several on the same storage, whose parts can be killed and stopped one by one. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { QueueServiceClient } from "@azure/storage-queue";
import { type Azurite, startAzurite } from "../../local/start/azurite.ts";
import { freePort } from "../../local/start/home-lock.ts";
import { startSandbox } from "../../local/start/sandbox.ts";

const adminToken = "chaos-only-9b2e73504f8a1d6c0f5e8d21";

/** The stage, and what can be done to it. */
export type Stage = {
  readonly sandboxUrl: string;
  /** Calls the API with the admin token. */
  readonly api: <T>(method: string, path: string, body?: unknown) => Promise<T>;
  /** Reads what is no JSON. */
  readonly text: (path: string, type: string) => Promise<string>;
  /** Calls the sandbox's control. */
  readonly control: <T>(method: string, path: string, body?: unknown) => Promise<T>;
  /**
   * Kills the functions of one host after the other as nobody would: they get no chance to end anything. By turns a
   * worker, which its host replaces, and a whole host; answers which.
   */
  readonly killFunctions: () => Promise<string>;
  /** Stops storage for a while, and starts it again where it was. */
  readonly storageOutage: (ms: number) => Promise<void>;
  /** Queues that still hold messages, with how many. */
  readonly queuesInUse: () => Promise<Record<string, number>>;
  /** The folder of logs and of what storage holds. */
  readonly home: string;
  /** Ends everything; the folder goes too unless it is to be looked into. */
  readonly stop: (keepFolder: boolean) => Promise<void>;
};

/** Builds a stage with the app settings given, and so many hosts. */
export async function openStage(
  given: Readonly<Record<string, string>>,
  messageLeaseSeconds: number,
  hosts = 1,
): Promise<Stage> {
  const home = mkdtempSync(join(tmpdir(), "muster-chaos-"));
  const folder = join(home, "azurite");
  const logFile = (name: string): string => join(home, `${name}.log`);
  let azurite: Azurite = await startAzurite({ folder });
  const { ports, connectionString } = azurite;
  const sandbox = await startSandbox({ home: join(home, "sandbox"), logFile: logFile("sandbox") });
  const settings = {
    AzureWebJobsStorage: connectionString,
    MUSTER_ADMIN_TOKEN: adminToken,
    MUSTER_REQUEST_RATE_FACTOR: "1000",
    MUSTER_AUTHORITY_URL: sandbox.authorityUrl,
    MUSTER_CLIENT_ID: sandbox.clientId,
    MUSTER_CLIENT_SECRET: sandbox.clientSecret,
    MUSTER_GRAPH_URL: sandbox.graphUrl,
    NODE_EXTRA_CA_CERTS: sandbox.caFile,
    ...given,
  };
  const keysFile = join(home, "keys.json");
  const running: HostProcess[] = [];
  // One after the other: the first makes the keys that all have.
  for (let host = 1; host <= hosts; host += 1) {
    const options = { port: await freePort(), messageLeaseSeconds, keysFile, settings };
    running.push(await keepHost({ ...options, logFile: logFile(`functions-${host}`) }));
  }
  let kills = 0;
  const hostAt = (turn: number): HostProcess => running[turn % hosts] as HostProcess;
  const asked = async (
    path: string,
    method: string,
    body?: unknown,
    accept?: string,
  ): Promise<string> => {
    for (let turn = 0; ; turn += 1) {
      const answer = await call(`${hostAt(turn).url}${path}`, method, body, accept).catch(
        (error: unknown) => {
          // A host that was killed listens to nobody: the next one, or itself when it is back.
          if (!(error instanceof TypeError) || turn > 100) throw error;
          return undefined;
        },
      );
      if (answer !== undefined) return answer;
      await sleep(300);
    }
  };
  return {
    sandboxUrl: sandbox.url,
    api: async (method, path, body) => jsonIn(await asked(path, method, body)) as never,
    text: (path, accept) => asked(path, "GET", undefined, accept),
    control: async (method, path, body) =>
      jsonIn(await call(`${sandbox.url}/_sandbox${path}`, method, body)) as never,
    async killFunctions() {
      const host = hostAt(kills);
      const whole = Math.floor(kills / hosts) % 2 === 1;
      kills += 1;
      // Between two lives there is nobody to kill: the next one is waited for.
      while (!(whole ? host.killAll() : host.killWorker())) await sleep(50);
      return whole ? "a host" : "a worker";
    },
    storageOutage: async (ms) => {
      await azurite.stop();
      await sleep(ms);
      azurite = await startAzurite({ folder, ports });
    },
    queuesInUse: () => queuesInUse(connectionString),
    home,
    stop: async (keepFolder) => {
      await Promise.all(running.map((host) => host.stop()));
      await Promise.all([sandbox.stop(), azurite.stop()]);
      if (!keepFolder) rmSync(home, { recursive: true, force: true });
    },
  };
}

type HostProcess = {
  readonly url: string;
  /** Whether there was one to kill. */
  readonly killWorker: () => boolean;
  readonly killAll: () => boolean;
  readonly stop: () => Promise<void>;
};

const hostEntry = fileURLToPath(new URL("host-process.ts", import.meta.url));

/** Starts a host process, and another whenever it has died. */
async function keepHost(options: {
  readonly port: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly messageLeaseSeconds: number;
  readonly keysFile: string;
  readonly logFile: string;
}): Promise<HostProcess> {
  let child: ChildProcess | undefined;
  let workerPid: number | undefined;
  let ending = false;
  const ready = Promise.withResolvers<void>();
  const begin = (): void => {
    const born = fork(hostEntry, [JSON.stringify(options)], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    child = born;
    born.on("message", (pid: number) => {
      workerPid = pid;
      ready.resolve();
    });
    born.once("exit", () => {
      child = workerPid = undefined;
      // Where storage is down a host ends before it listens, and is begun again as in Azure.
      if (!ending) setTimeout(begin, 500);
    });
  };
  begin();
  await ready.promise;
  return {
    url: `http://127.0.0.1:${options.port}`,
    killWorker: () => isKilled(workerPid),
    killAll: () => workerPid !== undefined && isKilled(child?.pid) && isKilled(workerPid),
    async stop() {
      ending = true;
      const last = child;
      if (last === undefined) return;
      const ended = once(last, "exit");
      last.send("end");
      await ended;
    },
  };
}

function isKilled(pid: number | undefined): boolean {
  try {
    return pid !== undefined && process.kill(pid, "SIGKILL");
  } catch {
    return false;
  }
}

async function call(
  url: string,
  method: string,
  body?: unknown,
  accept = "application/json",
): Promise<string> {
  const response = await fetch(url, {
    method,
    headers: { authorization: `Bearer ${adminToken}`, "content-type": "application/json", accept },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${text.slice(0, 300)}`);
  return text;
}

const jsonIn = (text: string): unknown => (text === "" ? undefined : JSON.parse(text));

async function queuesInUse(connectionString: string): Promise<Record<string, number>> {
  const service = QueueServiceClient.fromConnectionString(connectionString);
  const used: Record<string, number> = {};
  for await (const { name } of service.listQueues()) {
    const { approximateMessagesCount = 0 } = await service.getQueueClient(name).getProperties();
    if (approximateMessagesCount > 0) used[name] = approximateMessagesCount;
  }
  return used;
}
