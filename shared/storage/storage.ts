/** Opens tables, queues and blobs of one storage account, each client once and only when used. */

import { TableClient } from "@azure/data-tables";
import { ContainerClient } from "@azure/storage-blob";
import { QueueClient } from "@azure/storage-queue";
import type { Clock } from "../kernel/clock.ts";
import { Blobs } from "./blobs.ts";
import { identityCredential, type StorageConnection } from "./connection.ts";
import { type Interceptor, passThrough } from "./interceptor.ts";
import { containerName, type TableName } from "./names.ts";
import { Queues } from "./queues.ts";
import { ServiceClock } from "./service-clock.ts";
import { Tables } from "./tables.ts";

// Gives up on a storage call that is never answered. The SDKs wait for ever on a connection that was
// accepted and then forgotten, and a handler that waits keeps its message, and the sweeper from sweeping.

/** Longer than the SDKs' own retries take together. */
const longestMs = 30_000;

/** Said when a call has not been answered in time. It may still be carried out: writes are conditional. */
export class NoAnswer extends Error {
  constructor(operation: string) {
    super(`${operation} was not answered within ${longestMs / 1000} s`);
    this.name = "NoAnswer";
  }
}

/** The same intercept, with an end to waiting. */
export const withTimeout =
  (intercept: Interceptor): Interceptor =>
  (operation, call) =>
    intercept(operation, async () => {
      const { promise, reject } = Promise.withResolvers<never>();
      const timer = setTimeout(() => reject(new NoAnswer(operation)), longestMs);
      try {
        return await Promise.race([call(), promise]);
      } finally {
        clearTimeout(timer);
      }
    });

/** Everything the app keeps, and the time by which it is kept. */
export type Storage = {
  readonly tables: Tables;
  readonly queues: Queues;
  readonly blobs: Blobs;
  /** The machine's clock, corrected by the service's: every instance agrees on it. */
  readonly clock: Clock;
};

/** Opens the account. No call leaves the process before the first use. */
export async function openStorage(
  connection: StorageConnection,
  machine: Clock,
  outer: Interceptor = passThrough,
): Promise<Storage> {
  const intercept = withTimeout(outer);
  const clock = new ServiceClock(machine);
  const clients =
    connection.kind === "connectionString"
      ? clientsOfString(connection.value)
      : await clientsOfIdentity(connection);
  const table = (name: TableName): TableClient => {
    const client = clients.table(name);
    // Below the step that throws for refusals: "there is no such row" has a date too.
    client.pipeline.addPolicy(clock.policy(), { afterPhase: "Deserialize" });
    return client;
  };
  return {
    clock,
    tables: new Tables(table, intercept),
    queues: new Queues(clients.queue, intercept),
    blobs: new Blobs(clients.container(), intercept),
  };
}

type Clients = {
  readonly table: (name: TableName) => TableClient;
  readonly queue: (name: string) => QueueClient;
  readonly container: () => ContainerClient;
};

function clientsOfString(value: string): Clients {
  // Azurite speaks plain HTTP on the loopback interface; Azure's connection strings say https.
  const allowInsecureConnection = value.includes("=http://") || value.includes("UseDevelopment");
  return {
    table: (name) => TableClient.fromConnectionString(value, name, { allowInsecureConnection }),
    queue: (name) => new QueueClient(value, name),
    container: () => new ContainerClient(value, containerName),
  };
}

async function clientsOfIdentity(
  connection: Extract<StorageConnection, { kind: "identity" }>,
): Promise<Clients> {
  const { endpoints } = connection;
  const credential = await identityCredential(connection.clientId);
  return {
    table: (name) => new TableClient(endpoints.table, name, credential),
    queue: (name) => new QueueClient(`${endpoints.queue}/${name}`, credential),
    container: () => new ContainerClient(`${endpoints.blob}/${containerName}`, credential),
  };
}
