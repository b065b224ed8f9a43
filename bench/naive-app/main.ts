/**
 * The naive twin: what one writes first. One message, one Graph call and one table row per device.
 * Nothing it does is safe twice, paced, or resumable; it only has to be a fair measure of the shape.
 */
import { TableClient } from "@azure/data-tables";
import { app, output } from "@azure/functions";

const { AzureWebJobsStorage = "", GRAPH_URL = "", GRAPH_TOKEN = "" } = process.env;
const table = TableClient.fromConnectionString(AzureWebJobsStorage, "naive", {
  allowInsecureConnection: true,
});
const messages = output.storageQueue({
  queueName: "naive",
  connection: "AzureWebJobsStorage",
});

app.http("send", {
  methods: ["POST"],
  authLevel: "anonymous",
  route: "send",
  extraOutputs: [messages],
  handler: async (request, context) => {
    const deviceIds = (await request.json()) as string[];
    context.extraOutputs.set(
      messages,
      deviceIds.map((deviceId) => ({ deviceId })),
    );
    return { status: 202 };
  },
});

app.storageQueue("deliver", {
  queueName: "naive",
  connection: "AzureWebJobsStorage",
  handler: async (message) => {
    const { deviceId } = message as { deviceId: string };
    const path = `/v1.0/deviceManagement/managedDevices/${deviceId}/windowsDefenderScan`;
    const answer = await fetch(GRAPH_URL + path, {
      method: "POST",
      headers: { authorization: `Bearer ${GRAPH_TOKEN}`, "content-type": "application/json" },
      body: JSON.stringify({ quickScan: true }),
    });
    await answer.text();
    await table.upsertEntity({
      partitionKey: "notification",
      rowKey: deviceId,
      state: answer.ok ? "sent" : "failed",
      at: new Date().toISOString(),
    });
  },
});
