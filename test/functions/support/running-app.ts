/** The whole app in the local host, on storage and a sandbox of its own, with a view of what it writes. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { TableClient, TableServiceClient } from "@azure/data-tables";
import { QueueServiceClient } from "@azure/storage-queue";
import { startHost } from "../../../local/host/host.ts";
import { startAzurite } from "../../../local/start/azurite.ts";
import { startSandbox } from "../../../local/start/sandbox.ts";
import { ensureBuilt } from "../../../scripts/build.ts";
import { tableNames } from "../../../shared/storage/names.ts";

/** Goes into `Authorization: Bearer`. */
export const adminToken = "tests-only-9b2e73504f8a1d6c0f5e8d21";
const appDir = fileURLToPath(new URL("../../..", import.meta.url));

/** An answer; `body` is the parsed JSON, or the text where it is none. */
export type Answered = {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
};

/** What a call sends, beside method and path. */
export type Sent = {
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  /** Sent as it is, instead of `body`. */
  readonly raw?: string | ReadableStream<Uint8Array>;
  /** Without the admin token. */
  readonly anonymous?: boolean;
};

export type RunningApp = Awaited<ReturnType<typeof startApp>>;

type OwnSettings = Readonly<Record<string, string>>;

/** Starts it, with settings of a test's own on top; they may depend on the stand-in. */
export async function startApp(
  own: OwnSettings | ((sandbox: Awaited<ReturnType<typeof startSandbox>>) => OwnSettings) = {},
) {
  const home = mkdtempSync(join(tmpdir(), "muster-app-"));
  const [sandbox] = await Promise.all([
    startSandbox({ home: join(home, "sandbox"), logFile: join(home, "sandbox.log") }),
    ensureBuilt(),
  ]);
  const settings = typeof own === "function" ? own(sandbox) : own;
  const { AzureWebJobsStorage: given } = settings;
  const azurite = given === undefined ? await startAzurite({}) : undefined;
  const connectionString = given ?? azurite?.connectionString ?? "";
  const logged: string[] = [];
  const host = await startHost({
    appDir,
    port: 0,
    log: ({ message }) => void logged.push(message),
    env: {
      AzureWebJobsStorage: connectionString,
      MUSTER_ADMIN_TOKEN: adminToken,
      MUSTER_REQUEST_RATE_FACTOR: "1000",
      MUSTER_AUTHORITY_URL: sandbox.authorityUrl,
      MUSTER_CLIENT_ID: sandbox.clientId,
      MUSTER_CLIENT_SECRET: sandbox.clientSecret,
      MUSTER_SIGN_IN_CLIENT_ID: sandbox.home.signInClientId,
      MUSTER_GRAPH_URL: sandbox.graphUrl,
      MUSTER_KEY_FILE: join(home, "keys.json"),
      NODE_EXTRA_CA_CERTS: sandbox.caFile,
      // What fails comes back at once: a test has no time for second thoughts.
      AzureFunctionsJobHost__extensions__queues__visibilityTimeout: "00:00:00",
      ...settings,
    },
  });
  const call = (method: string, path: string, sent: Sent = {}): Promise<Answered> =>
    send(host.url + path, method, sent);
  return {
    url: host.url,
    connectionString,
    /** Where people sign in. */
    signInPlace: sandbox as Pick<typeof sandbox, "authorityUrl" | "home" | "caFile">,
    /** Every line of the log so far. */
    logged: (): readonly string[] => logged,
    call,
    /** Makes a tenant with a fleet in the sandbox. */
    makeFleet: (tenantId: string, devices: number): Promise<Answered> => {
      const body = { tenantId, displayName: "Contoso", devices, seed: 1 };
      return send(`${sandbox.url}/_sandbox/tenants`, "POST", { body });
    },
    /** Asks the sandbox's control. */
    sandbox: (method: string, path: string, body?: unknown): Promise<Answered> =>
      send(`${sandbox.url}/_sandbox${path}`, method, body === undefined ? {} : { body }),
    /** Runs a timer function now. */
    runTimer: (name: string): Promise<Answered> =>
      send(`${host.url}/admin/functions/${name}`, "POST", {
        body: {},
        headers: { "x-functions-key": host.keys.masterKey },
      }),
    /** Puts a text into a queue as it is. */
    putMessage: async (queue: string, text: string): Promise<void> => {
      const service = QueueServiceClient.fromConnectionString(connectionString);
      const client = service.getQueueClient(queue);
      await client.createIfNotExists();
      await client.sendMessage(text);
    },
    rows: () => everyRow(connectionString),
    stop: async (): Promise<void> => {
      await host.stop();
      await Promise.all([sandbox.stop(), azurite?.stop()]);
      rmSync(home, { recursive: true, force: true });
    },
  };
}

async function send(url: string, method: string, sent: Sent): Promise<Answered> {
  const { body, raw, headers = {}, anonymous = false } = sent;
  const content = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  const response = await fetch(url, {
    method,
    headers: {
      ...(anonymous ? {} : { authorization: `Bearer ${adminToken}` }),
      ...(content === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(content === undefined ? {} : { body: content, duplex: "half" }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: parsed(text) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A list as CSV, or nothing at all.
    return text;
  }
}

/** Every row with its etag: what a refused request must leave as it was. */
async function everyRow(connectionString: string): Promise<string[]> {
  const options = { allowInsecureConnection: true };
  const service = TableServiceClient.fromConnectionString(connectionString, options);
  const rows: string[] = [];
  for await (const { name = "" } of service.listTables()) {
    // The audit trail tells of refused requests too.
    if (name === tableNames.audit) continue;
    const client = TableClient.fromConnectionString(connectionString, name, options);
    for await (const { partitionKey, rowKey, etag } of client.listEntities())
      rows.push([name, partitionKey, rowKey, etag].join(" "));
  }
  return rows;
}
