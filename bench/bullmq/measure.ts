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
import { stepsOfRun } from "../measures/runs.ts";
import { several, smallFleet, smallFleets, type Thousands } from "../measures/small.ts";
import { startRedis } from "../setup/redis.ts";
import {
  deviceIds,
  makeFleet,
  reached,
  reachedAt,
  type Surroundings,
  startSurroundings,
} from "../setup/surroundings.ts";
import { median, timed, until } from "../setup/timing.ts";
import { appToken } from "../setup/token.ts";

/** How its worker asks Graph: device by device, or gathered into bulk requests of up to 100. */
type Mode = "each" | "bulk";

const folder = fileURLToPath(new URL(".", import.meta.url));
const installer = fileURLToPath(new URL("../../scripts/ensure-installed.mjs", import.meta.url));
const entry = fileURLToPath(new URL("worker.ts", import.meta.url));
const jobsAtOnce = 1_000;
const warmUp = 1_000;

/** What BullMQ does in a mode. */
export type BullmqRun = {
  /** Devices per second from the first job added until the last outcome is kept. */
  readonly perSecond: number;
  readonly thousand: Thousands;
};

/** Measures both modes. */
export async function measureBullmq(devices: number): Promise<Record<Mode, BullmqRun>> {
  execFileSync(process.execPath, [installer, folder], { stdio: ["ignore", 2, 2] });
  const surroundings = await startSurroundings();
  try {
    const each = await measureMode(surroundings, "each", devices);
    return { each, bulk: await measureMode(surroundings, "bulk", devices) };
  } finally {
    await surroundings.stop();
  }
}

/** Measures six steps for each device, one job after the other, in both modes: devices and steps per second. */
export async function measureBullmqSteps(devices: number): Promise<Record<Mode, number>> {
  execFileSync(process.execPath, [installer, folder], { stdio: ["ignore", 2, 2] });
  const surroundings = await startSurroundings();
  const { sandbox } = surroundings;
  try {
    const all = warmUp + devices;
    const tenantId = await makeFleet(sandbox.url, all, "bulk");
    const ids = await deviceIds(sandbox.url, tenantId, all);
    const inMode = async (mode: Mode): Promise<number> => {
      const contender = await startContender(sandbox, tenantId, mode);
      await contender.run(ids.slice(0, warmUp), stepsOfRun);
      const { seconds } = await timed(() => contender.run(ids.slice(warmUp), stepsOfRun));
      await contender.stop();
      return (devices * stepsOfRun) / seconds;
    };
    return { each: await inMode("each"), bulk: await inMode("bulk") };
  } finally {
    await surroundings.stop();
  }
}

/** BullMQ's worker with its Redis; `run` adds jobs for devices, and waits until all of their steps are done. */
async function startContender(sandbox: Surroundings["sandbox"], tenantId: string, mode: Mode) {
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
  let total = 0;
  const run = async (part: readonly string[], left = 1): Promise<void> => {
    total += part.length * left;
    for (let from = 0; from < part.length; from += jobsAtOnce) {
      const jobs = part.slice(from, from + jobsAtOnce);
      await queue.addBulk(jobs.map((deviceId) => ({ name: "deliver", data: { deviceId, left } })));
    }
    await until("BullMQ's jobs", async () => (await queue.getCompletedCount()) === total);
  };
  const stop = async (): Promise<void> => {
    await queue.close();
    child.disconnect();
    await ended;
    await redis.stop();
  };
  return { run, stop };
}

async function measureMode(
  { sandbox }: Surroundings,
  mode: Mode,
  devices: number,
): Promise<BullmqRun> {
  const all = warmUp + smallFleets * smallFleet + devices;
  const tenantId = await makeFleet(sandbox.url, all, "bulk");
  const ids = await deviceIds(sandbox.url, tenantId, all);
  const { run, stop } = await startContender(sandbox, tenantId, mode);
  let sent = warmUp;
  await run(ids.slice(0, warmUp));
  const fleets: { seconds: number; begunAt: number; part: readonly string[] }[] = [];
  for (let nth = 0; nth < smallFleets; nth += 1) {
    const part = ids.slice(sent, sent + smallFleet);
    sent += smallFleet;
    const begunAt = Date.now();
    const { seconds } = await timed(() => run(part));
    fleets.push({ seconds, begunAt, part });
  }
  const { seconds } = await timed(() => run(ids.slice(sent)));
  await stop();
  const { distinct } = await reached(sandbox.url, tenantId);
  if (distinct !== ids.length)
    throw new Error(`BullMQ reached ${distinct} devices of ${ids.length}.`);
  const times = await reachedAt(sandbox.url, tenantId);
  const firsts = fleets.map(({ begunAt, part }) => {
    const reachedTimes = part.map((id) => times.get(id) ?? Number.NaN);
    return Math.min(...reachedTimes) - begunAt;
  });
  return {
    perSecond: devices / seconds,
    thousand: {
      seconds: median(fleets.map((each) => each.seconds)),
      firstDeviceMs: several(firsts),
    },
  };
}
