/** What Azurite itself can do on this machine, with nothing of ours in the way. */
import { TableClient, type TransactionAction } from "@azure/data-tables";
import { QueueClient } from "@azure/storage-queue";
import { startAzurite } from "../../local/start/azurite.ts";
import { timed } from "../setup/timing.ts";

/** Entities of one transaction: the service's limit. */
const perTransaction = 100;
const lanes = 8;
const messages = 1_000;

/** What Azurite can do. */
export type Ceiling = {
  /** Entities per second, in transactions of 100, while a table fills up to a size. */
  readonly entities: Readonly<Record<number, number>>;
  readonly queueSend: number;
  /** Messages received 32 at a time and deleted one by one, per second. */
  readonly queueReceiveDelete: number;
};

/** Measures each size in an empty Azurite of its own. */
export async function measureCeiling(sizes: readonly number[]): Promise<Ceiling> {
  const entities: Record<number, number> = {};
  for (const size of sizes)
    entities[size] = await inAzurite((connection) => fill(connection, size));
  return { entities, ...(await inAzurite(queueRates)) };
}

async function inAzurite<T>(work: (connectionString: string) => Promise<T>): Promise<T> {
  const azurite = await startAzurite({});
  try {
    return await work(azurite.connectionString);
  } finally {
    await azurite.stop();
  }
}

/** Fills a table; the rate of all of it. A first hundred transactions elsewhere warm Azurite up. */
async function fill(connection: string, size: number): Promise<number> {
  const open = async (name: string): Promise<TableClient> => {
    const table = TableClient.fromConnectionString(connection, name, {
      allowInsecureConnection: true,
    });
    await table.createTable();
    return table;
  };
  await writeRows(await open("warm"), 10_000);
  const table = await open("ceiling");
  const { seconds } = await timed(() => writeRows(table, size));
  return size / seconds;
}

async function writeRows(table: TableClient, rows: number): Promise<void> {
  let next = 0;
  const lane = async (partition: number): Promise<void> => {
    while (next < rows) {
      const from = next;
      next += perTransaction;
      const actions: TransactionAction[] = [];
      for (let row = from; row < Math.min(rows, from + perTransaction); row += 1)
        actions.push(["create", rowOf(`lane${partition}`, row)]);
      await table.submitTransaction(actions);
    }
  };
  await Promise.all(Array.from({ length: lanes }, (_, partition) => lane(partition)));
}

/** As much as a delivery of ours says, as a row of its own. */
const rowOf = (partitionKey: string, row: number) => ({
  partitionKey,
  rowKey: row.toString(16).padStart(36, "0"),
  deviceName: `PC-${row}`,
  state: "sent",
  route: 1,
  at: "2026-01-01T00:00:00.000Z",
  attempts: 1,
});

async function queueRates(connection: string) {
  const queue = new QueueClient(connection, "ceiling");
  await queue.create();
  const text = Buffer.from(JSON.stringify({ deviceId: "0".repeat(36) })).toString("base64");
  const send = async (count: number): Promise<void> => {
    let left = count;
    const lane = async (): Promise<void> => {
      while (left-- > 0) await queue.sendMessage(text);
    };
    await Promise.all(Array.from({ length: lanes }, lane));
  };
  const drain = async (): Promise<void> => {
    for (;;) {
      const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 32 });
      if (receivedMessageItems.length === 0) return;
      await Promise.all(
        receivedMessageItems.map(({ messageId, popReceipt }) =>
          queue.deleteMessage(messageId, popReceipt),
        ),
      );
    }
  };
  await send(100);
  await drain();
  const sending = await timed(() => send(messages));
  const draining = await timed(drain);
  return {
    queueSend: messages / sending.seconds,
    queueReceiveDelete: messages / draining.seconds,
  };
}
