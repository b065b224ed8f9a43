/** Everything that is stored, as lines: what a refused request must leave as it was. */
import { TableClient, TableServiceClient } from "@azure/data-tables";
import { BlobServiceClient } from "@azure/storage-blob";
import { QueueServiceClient } from "@azure/storage-queue";
import { tableNames } from "../../../../shared/storage/names.ts";

/** Rows with their etags, blobs with theirs, and how many messages each queue has. */
export async function stored(connectionString: string): Promise<string[]> {
  const parts = await Promise.all([
    rows(connectionString),
    blobs(connectionString),
    messages(connectionString),
  ]);
  return parts.flat();
}

async function rows(connectionString: string): Promise<string[]> {
  const options = { allowInsecureConnection: true };
  const service = TableServiceClient.fromConnectionString(connectionString, options);
  const found: string[] = [];
  for await (const { name = "" } of service.listTables()) {
    // The audit trail tells of refused requests too.
    if (name === tableNames.audit) continue;
    const client = TableClient.fromConnectionString(connectionString, name, options);
    for await (const { partitionKey, rowKey, etag } of client.listEntities())
      found.push([name, partitionKey, rowKey, etag].join(" "));
  }
  return found;
}

async function blobs(connectionString: string): Promise<string[]> {
  const service = BlobServiceClient.fromConnectionString(connectionString);
  const found: string[] = [];
  // The host's own: locks and timers.
  for await (const { name: container } of service.listContainers())
    for await (const { name, properties } of service.getContainerClient(container).listBlobsFlat())
      if (!container.startsWith("azure-webjobs"))
        found.push(`${container} ${name} ${properties.etag}`);
  return found;
}

async function messages(connectionString: string): Promise<string[]> {
  const service = QueueServiceClient.fromConnectionString(connectionString);
  const found: string[] = [];
  for await (const { name } of service.listQueues()) {
    const { approximateMessagesCount } = await service.getQueueClient(name).getProperties();
    found.push(`${name} ${approximateMessagesCount}`);
  }
  return found;
}
