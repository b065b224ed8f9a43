/**
 * BullMQ's worker, in a process of its own as in production: one job per device, whose return value,
 * the outcome, BullMQ keeps in Redis.
 */
import { Queue, Worker } from "bullmq";

const { REDIS_PORT, GRAPH_URL = "", GRAPH_TOKEN = "", MODE } = process.env;
const devicesPath = "/deviceManagement/managedDevices";
/** Jobs under way at once; the bulk form needs several hundreds of them, to gather a request for 100. */
const concurrency = MODE === "each" ? 64 : 400;
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

const connection = { host: "127.0.0.1", port: Number(REDIS_PORT) };
const queue = new Queue("deliver", { connection });

/** One step of a device; its outcome stays with the job, and the next step is a job of its own. */
async function stepOf(data: { deviceId: string; left?: number }): Promise<string> {
  const { deviceId, left = 1 } = data;
  const outcome = await (MODE === "each" ? sendAlone(deviceId) : sendGathered(deviceId));
  if (left > 1) await queue.addBulk([{ name: "deliver", data: { deviceId, left: left - 1 } }]);
  return outcome;
}

const worker = new Worker("deliver", ({ data }) => stepOf(data as { deviceId: string }), {
  connection,
  concurrency,
});
worker.on("error", (error) => console.error(error.message));
process.on("disconnect", () => process.exit());
await worker.waitUntilReady();
process.send?.("ready");
