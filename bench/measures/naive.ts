/** The naive twin, in the same host, on the same Azurite and sandbox. */
import { fileURLToPath } from "node:url";
import { TableClient } from "@azure/data-tables";
import { QueueClient } from "@azure/storage-queue";
import { startHosted } from "../setup/hosted.ts";
import { deviceIds, makeFleet, reached, startSurroundings } from "../setup/surroundings.ts";
import { timed, until } from "../setup/timing.ts";
import { appToken } from "../setup/token.ts";

const appDir = fileURLToPath(new URL("../naive-app", import.meta.url));
/** Few enough that the warm-up is short, enough that the code is compiled. */
const warmUp = 200;

/** Devices per second from the request until every device has its row. */
export async function measureNaive(devices: number): Promise<{ perSecond: number }> {
  const { azurite, sandbox, stop } = await startSurroundings();
  try {
    const { connectionString } = azurite;
    const table = TableClient.fromConnectionString(connectionString, "naive", {
      allowInsecureConnection: true,
    });
    await Promise.all([table.createTable(), new QueueClient(connectionString, "naive").create()]);
    const tenantId = await makeFleet(sandbox.url, devices + warmUp, "bulk");
    const ids = await deviceIds(sandbox.url, tenantId, devices + warmUp);
    const hosted = await startHosted(appDir, {
      AzureWebJobsStorage: connectionString,
      GRAPH_URL: sandbox.graphUrl,
      GRAPH_TOKEN: await appToken(sandbox, tenantId),
    });
    const send = async (part: readonly string[], total: number): Promise<void> => {
      await fetch(`${hosted.url}/send`, { method: "POST", body: JSON.stringify(part) });
      const isReached = async () => (await reached(sandbox.url, tenantId)).distinct === total;
      await until("the naive twin's devices", isReached);
      await until("the naive twin's rows", async () => (await rowsOf(table)) === total);
    };
    await send(ids.slice(0, warmUp), warmUp);
    const { seconds } = await timed(() => send(ids.slice(warmUp), ids.length));
    await hosted.stop();
    return { perSecond: devices / seconds };
  } finally {
    await stop();
  }
}

async function rowsOf(table: TableClient): Promise<number> {
  let rows = 0;
  const listed = table.listEntities({ queryOptions: { select: ["state"] } });
  for await (const page of listed.byPage()) rows += page.length;
  return rows;
}
