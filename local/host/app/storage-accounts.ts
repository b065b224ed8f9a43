/** Storage clients by connection string, how their errors read, and the name under which this host keeps its own. */
import { createHash } from "node:crypto";
import { hostname } from "node:os";
import { BlobServiceClient, type ContainerClient } from "@azure/storage-blob";
import { type QueueClient, QueueServiceClient } from "@azure/storage-queue";

const options = {
  keepAliveOptions: { enable: true },
  retryOptions: { maxTries: 3, retryDelayInMs: 200, maxRetryDelayInMs: 2_000 },
};

export type StorageAccounts = {
  readonly queue: (connection: string, name: string) => QueueClient;
  /** The container in which the host keeps its locks and timer states. */
  readonly hostContainer: (connection: string) => ContainerClient;
};

export function storageAccounts(): StorageAccounts {
  const services = new Map<string, QueueServiceClient>();
  const queues = new Map<string, QueueClient>();
  return {
    queue(connection, name) {
      const key = `${name} ${connection}`;
      const service =
        services.get(connection) ?? QueueServiceClient.fromConnectionString(connection, options);
      services.set(connection, service);
      const client = queues.get(key) ?? service.getQueueClient(name);
      queues.set(key, client);
      return client;
    },
    hostContainer: (connection) =>
      BlobServiceClient.fromConnectionString(connection, options).getContainerClient(
        "azure-webjobs-hosts",
      ),
  };
}

/** The HTTP status of a storage error; undefined when the service was not reached at all. */
export function storageStatus(error: unknown): number | undefined {
  const status = (error as { readonly statusCode?: unknown } | undefined)?.statusCode;
  return typeof status === "number" ? status : undefined;
}

/** The storage service's own name for an error. */
export function storageCode(error: unknown): string {
  const { code, details } = error as {
    readonly code?: string;
    readonly details?: { readonly errorCode?: string };
  };
  return details?.errorCode ?? code ?? "";
}

/**
 * Names this host among all that share a storage account: locks and timer states lie under it.
 * Two apps with one id would take each other's timers.
 */
export function hostIdOf(appDir: string, settings: Readonly<Record<string, string>>): string {
  const chosen = settings["AzureFunctionsWebHost__hostid"];
  if (chosen) return chosen.toLowerCase();
  const machine = hostname()
    .toLowerCase()
    .replace(/[^a-z\d]+/g, "-")
    .replace(/^-|-$/g, "");
  const place = createHash("sha256").update(appDir).digest("hex").slice(0, 10);
  return `${machine.slice(0, 21)}-${place}`;
}
