/** Hosts a fixture app for one test, on queues and timers of its own. */
import { randomBytes } from "node:crypto";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { QueueServiceClient } from "@azure/storage-queue";
import { type Host, type HostOptions, startHost } from "../../../local/host/host.ts";
import type { LogEntry } from "../../../local/host/runs/log.ts";
import { storageConnectionString } from "../../support/azurite.ts";

/** Something a fixture app wrote down. */
export type Note = {
  readonly kind: string;
  readonly [detail: string]: unknown;
};

export type HostedApp = AsyncDisposable & {
  readonly host: Host;
  readonly queue: string;
  readonly logs: readonly LogEntry[];
  readonly fetch: (path: string, init?: RequestInit) => Promise<Response>;
  readonly notes: (kind?: string) => Promise<readonly Note[]>;
};

export const appDir = (name: string): string => join(import.meta.dirname, "fixtures/apps", name);

export const unique = (prefix: string): string => `${prefix}-${randomBytes(5).toString("hex")}`;

/** Settings that keep one hosted app apart from all others. */
export function settingsOf(folder: string, queue: string): Record<string, string> {
  return {
    AzureWebJobsStorage: storageConnectionString(),
    AzureFunctionsWebHost__hostid: queue,
    Queue: queue,
    Bytes: `${queue.slice(0, 50)}-bytes`,
    NOTES: join(folder, "notes"),
    // Comes on New Year's Day: tests that want the timer say so.
    Schedule: "0 0 0 1 1 *",
  };
}

/** What a test wants of its host. `localSettings` is what the app's local.settings.json says. */
export type HostedAppOptions = Partial<HostOptions> & { readonly localSettings?: unknown };

export async function hostApp(
  name: string,
  { env = {}, localSettings, ...options }: HostedAppOptions = {},
): Promise<HostedApp> {
  const folder = await mkdtemp(join(tmpdir(), "hosted-"));
  const settings = { ...settingsOf(folder, unique("test")), ...env };
  const logs: LogEntry[] = [];
  const host = await startHost({
    appDir: localSettings ? await copyWith(name, folder, localSettings) : appDir(name),
    port: 0,
    env: settings,
    log: (entry) => void logs.push(entry),
    ...options,
  });
  return {
    host,
    queue: settings["Queue"] ?? "",
    logs,
    fetch: (path, init) => fetch(host.url + path, init),
    notes: (kind) => readNotes(settings["NOTES"] ?? "", kind),
    async [Symbol.asyncDispose]() {
      await host.stop();
      await rm(folder, { recursive: true });
    },
  };
}

/** No repository keeps a local.settings.json, so a test that wants one writes it into a copy. */
async function copyWith(name: string, folder: string, localSettings: unknown): Promise<string> {
  const copy = join(folder, "apps", name);
  await cp(appDir(name), copy, { recursive: true });
  await symlink(join(process.cwd(), "node_modules"), join(copy, "node_modules"), "junction");
  await writeFile(join(copy, "local.settings.json"), JSON.stringify(localSettings));
  return copy;
}

export async function readNotes(file: string, kind?: string): Promise<readonly Note[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  const notes = text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Note);
  return kind === undefined ? notes : notes.filter((note) => note.kind === kind);
}

export const queueOf = (name: string) =>
  QueueServiceClient.fromConnectionString(storageConnectionString()).getQueueClient(name);

/** Sends messages as the Functions host expects them: base64. */
export async function sendMessages(queue: string, bodies: readonly unknown[]): Promise<void> {
  const client = queueOf(queue);
  await client.createIfNotExists();
  const texts = bodies.map((body) => Buffer.from(JSON.stringify(body)).toString("base64"));
  await Promise.all(texts.map((text) => client.sendMessage(text)));
}

/** Bodies of the messages in a queue, decoded. */
export async function peek(queue: string): Promise<readonly string[]> {
  const { peekedMessageItems } = await queueOf(queue).peekMessages({ numberOfMessages: 32 });
  return peekedMessageItems.map(({ messageText }) =>
    Buffer.from(messageText, "base64").toString("utf8"),
  );
}
