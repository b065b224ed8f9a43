/** A whole Muster whose parts can be killed and stopped one by one. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { QueueServiceClient } from "@azure/storage-queue";
import { type Azurite, startAzurite } from "../../local/start/azurite.ts";
import { startFunctions } from "../../local/start/functions.ts";
import { freePort } from "../../local/start/home-lock.ts";
import { startSandbox } from "../../local/start/sandbox.ts";

const adminToken = "chaos-only-9b2e73504f8a1d6c0f5e8d21";

/** The stage, and what can be done to it. */
export type Stage = {
  readonly sandboxUrl: string;
  /** Calls the API with the admin token. */
  readonly api: <T>(method: string, path: string, body?: unknown) => Promise<T>;
  /** Calls the sandbox's control. */
  readonly control: <T>(method: string, path: string, body?: unknown) => Promise<T>;
  /** Kills the functions as nobody would: they get no chance to end anything. */
  readonly killFunctions: () => Promise<void>;
  /** Stops storage for a while, and starts it again where it was. */
  readonly storageOutage: (ms: number) => Promise<void>;
  /** Queues that still hold messages, with how many. */
  readonly queuesInUse: () => Promise<Record<string, number>>;
  /** The folder of logs and of what storage holds. */
  readonly home: string;
  /** Ends everything; the folder goes too unless it is to be looked into. */
  readonly stop: (keepFolder: boolean) => Promise<void>;
};

/** Builds a stage with the app settings given. */
export async function openStage(
  settings: Readonly<Record<string, string>>,
  messageLeaseSeconds: number,
): Promise<Stage> {
  const home = mkdtempSync(join(tmpdir(), "muster-chaos-"));
  const folder = join(home, "azurite");
  const logFile = (name: string): string => join(home, `${name}.log`);
  let azurite: Azurite = await startAzurite({ folder });
  const { ports, connectionString } = azurite;
  const sandbox = await startSandbox({ home: join(home, "sandbox"), logFile: logFile("sandbox") });
  let hostPid = 0;
  const port = await freePort();
  const stopFunctions = await startFunctions({
    port,
    messageLeaseSeconds,
    keysFile: join(home, "keys.json"),
    logFile: logFile("functions"),
    onReady: (pid) => {
      hostPid = pid;
    },
    settings: {
      AzureWebJobsStorage: connectionString,
      MUSTER_ADMIN_TOKEN: adminToken,
      MUSTER_REQUEST_RATE_FACTOR: "1000",
      MUSTER_AUTHORITY_URL: sandbox.authorityUrl,
      MUSTER_CLIENT_ID: sandbox.clientId,
      MUSTER_CLIENT_SECRET: sandbox.clientSecret,
      MUSTER_GRAPH_URL: sandbox.graphUrl,
      NODE_EXTRA_CA_CERTS: sandbox.caFile,
      ...settings,
    },
  });
  return {
    sandboxUrl: sandbox.url,
    api: (method, path, body) => call(`http://127.0.0.1:${port}${path}`, method, body),
    control: (method, path, body) => call(`${sandbox.url}/_sandbox${path}`, method, body),
    killFunctions: async () => {
      // Between two lives there is nobody to kill: the next one is waited for.
      while (!isKilled(hostPid)) await sleep(50);
    },
    storageOutage: async (ms) => {
      await azurite.stop();
      await sleep(ms);
      azurite = await startAzurite({ folder, ports });
    },
    queuesInUse: () => queuesInUse(connectionString),
    home,
    stop: async (keepFolder) => {
      await stopFunctions();
      await Promise.all([sandbox.stop(), azurite.stop()]);
      if (!keepFolder) rmSync(home, { recursive: true, force: true });
    },
  };
}

function isKilled(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch {
    return false;
  }
}

async function call<T>(url: string, method: string, body?: unknown): Promise<T> {
  const response = await fetch(url, {
    method,
    headers: { authorization: `Bearer ${adminToken}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${text.slice(0, 300)}`);
  return (text === "" ? undefined : JSON.parse(text)) as T;
}

async function queuesInUse(connectionString: string): Promise<Record<string, number>> {
  const service = QueueServiceClient.fromConnectionString(connectionString);
  const used: Record<string, number> = {};
  for await (const { name } of service.listQueues()) {
    const { approximateMessagesCount = 0 } = await service.getQueueClient(name).getProperties();
    if (approximateMessagesCount > 0) used[name] = approximateMessagesCount;
  }
  return used;
}
