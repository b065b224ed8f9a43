/**
 * BullMQ's worker, in a process of its own as in production: one job per device, whose return value,
 * the outcome, BullMQ keeps in Redis.
 */
import { Worker } from "bullmq";

const { REDIS_PORT, GRAPH_URL = "", GRAPH_TOKEN = "", MODE } = process.env;
const devicesPath = "/deviceManagement/managedDevices";
/** Jobs under way at once; the bulk form needs several hundreds of them, to gather a request for 100. */
const concurrency = MODE === "bulk" ? 400 : 64;
const maxBulk = 100;

async function post(path: string, body: object): Promise<string> {
  const answer = await fetch(GRAPH_URL + path, {
    method: "POST",
    headers: { authorization: `Bearer ${GRAPH_TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  await answer.text();
  return answer.ok ? "sent" : "failed";
}

const sendAlone = (deviceId: string): Promise<string> =>
  post(`/v1.0${devicesPath}/${deviceId}/windowsDefenderScan`, { quickScan: true });

let waiting: { deviceId: string; resolve: (outcome: string) => void }[] = [];

/** Gathers jobs until there are enough for one request, or a moment has passed. */
function sendGathered(deviceId: string): Promise<string> {
  return new Promise((resolve) => {
    waiting.push({ deviceId, resolve });
    if (waiting.length >= maxBulk) void flush();
    else if (waiting.length === 1) setTimeout(() => void flush(), 10);
  });
}

async function flush(): Promise<void> {
  const now = waiting;
  waiting = [];
  if (now.length === 0) return;
  const deviceIds = now.map((each) => each.deviceId);
  const outcome = await post(`/beta${devicesPath}/executeAction`, {
    actionName: "quickScan",
    deviceIds,
  });
  for (const { resolve } of now) resolve(outcome);
}

const send = MODE === "bulk" ? sendGathered : sendAlone;
const worker = new Worker("deliver", ({ data }) => send((data as { deviceId: string }).deviceId), {
  connection: { host: "127.0.0.1", port: Number(REDIS_PORT) },
  concurrency,
});
worker.on("error", (error) => console.error(error.message));
process.on("disconnect", () => process.exit());
await worker.waitUntilReady();
process.send?.("ready");
