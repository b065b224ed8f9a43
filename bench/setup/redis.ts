/** A Redis of the benchmark's own: on a free port, in memory, gone afterwards. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { freePort } from "../../local/start/home-lock.ts";
import { scratchFolder } from "./scratch.ts";

/** A running Redis. */
export type Redis = { readonly port: number; readonly stop: () => Promise<void> };

/** The version of this machine's redis-server; undefined where there is none. */
export function redisVersion(): string | undefined {
  const { stdout } = spawnSync("redis-server", ["--version"], { encoding: "utf8" });
  return /v=(\S+)/.exec(stdout ?? "")?.[1];
}

/** Starts Redis without persistence, and waits until it takes connections. */
export async function startRedis(): Promise<Redis> {
  const folder = scratchFolder("muster-redis");
  const port = await freePort();
  const child = spawn(
    "redis-server",
    ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
    { cwd: folder.path, stdio: ["ignore", "pipe", "inherit"] },
  );
  const abandon = (): void => void child.kill("SIGKILL");
  process.once("exit", abandon);
  const ended = once(child, "exit");
  const ready = new Promise<void>((resolve) => {
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      if (text.includes("Ready to accept connections")) resolve();
    });
  });
  await Promise.race([
    ready,
    ended.then(() => {
      throw new Error("redis-server ended before it was ready.");
    }),
  ]);
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await ended;
    process.off("exit", abandon);
    folder.remove();
  };
  return { port, stop };
}
