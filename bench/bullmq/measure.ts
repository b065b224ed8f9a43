/**
 * BullMQ doing the same work: one job per device, the same Graph calls, an outcome kept per device.
 *
 * Nothing else of this project needs BullMQ or a Redis client, so this folder has a lockfile of its own,
 * which is installed here, the first time.
 */
import { execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { startRedis } from "../redis.ts";
import {
  deviceIds,
  makeFleet,
  reached,
  type Surroundings,
  startSurroundings,
} from "../surroundings.ts";
import { timed, until } from "../timing.ts";
import { appToken } from "../token.ts";

/** How its worker asks Graph: device by device, or gathered into bulk requests of up to 100. */
const modes = ["each", "bulk"] as const;
type Mode = (typeof modes)[number];

const folder = fileURLToPath(new URL(".", import.meta.url));
const installer = fileURLToPath(new URL("../../scripts/ensure-installed.mjs", import.meta.url));
const entry = fileURLToPath(new URL("worker.ts", import.meta.url));
const jobsAtOnce = 1_000;
const warmUp = 1_000;

/** Devices per second from the first job added until the last outcome is kept, by mode. */
export async function measureBullmq(devices: number): Promise<Record<Mode, number>> {
  execFileSync(process.execPath, [installer, folder], { stdio: ["ignore", 2, 2] });
  const surroundings = await startSurroundings();
  const rates = { each: 0, bulk: 0 };
  try {
    for (const mode of modes) rates[mode] = await rateOf(surroundings, mode, devices);
    return rates;
  } finally {
    await surroundings.stop();
  }
}

async function rateOf({ sandbox }: Surroundings, mode: Mode, devices: number): Promise<number> {
  const tenantId = await makeFleet(sandbox.url, devices + warmUp, "bulk");
  const ids = await deviceIds(sandbox.url, tenantId, devices + warmUp);
  const redis = await startRedis();
  const child = fork(entry, [], {
    env: {
      ...process.env,
      REDIS_PORT: String(redis.port),
      GRAPH_URL: sandbox.graphUrl,
      GRAPH_TOKEN: await appToken(sandbox, tenantId),
      MODE: mode,
    },
  });
  const ended = once(child, "exit");
  await Promise.race([
    once(child, "message"),
    ended.then(() => {
      throw new Error("BullMQ's worker ended before it was ready.");
    }),
  ]);
  // By name and late: neither a bundler nor a test runner may look for it before it is installed.
  const { Queue } = createRequire(import.meta.url)("bullmq") as typeof import("bullmq");
  const queue = new Queue("deliver", { connection: { host: "127.0.0.1", port: redis.port } });
  const run = async (part: readonly string[], total: number): Promise<void> => {
    for (let from = 0; from < part.length; from += jobsAtOnce) {
      const jobs = part.slice(from, from + jobsAtOnce);
      await queue.addBulk(jobs.map((deviceId) => ({ name: "deliver", data: { deviceId } })));
    }
    await until("BullMQ's jobs", async () => (await queue.getCompletedCount()) === total);
  };
  await run(ids.slice(0, warmUp), warmUp);
  const { seconds } = await timed(() => run(ids.slice(warmUp), ids.length));
  await queue.close();
  child.disconnect();
  await ended;
  await redis.stop();
  const { distinct } = await reached(sandbox.url, tenantId);
  if (distinct !== ids.length)
    throw new Error(`BullMQ reached ${distinct} devices of ${ids.length}.`);
  return devices / seconds;
}
