/** The stand-ins for Microsoft's cloud, in a child process that lives no longer than this one. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { fileURLToPath } from "node:url";
import { ownerOnly } from "../kept-file.ts";
import type { Sandbox as Announcement } from "../sandbox/sandbox.ts";
import type { Part } from "./keep-running.ts";

/** A running sandbox: its addresses and what the app signs in with. */
export type Sandbox = Part & Omit<Announcement, "stop"> & { readonly pid: number };

const entry = fileURLToPath(new URL("sandbox-process.ts", import.meta.url));

/** Starts the sandbox and waits until it answers. @throws When it ends before that. */
export async function startSandbox(options: {
  readonly home: string;
  readonly logFile: string;
  /** What ran before on this machine: the new one answers at the same addresses. */
  readonly previous?: Sandbox | undefined;
}): Promise<Sandbox> {
  const { home, logFile, previous } = options;
  const ports = [previous?.url, previous?.authorityUrl].map((url) =>
    url ? new URL(url).port : "0",
  );
  const child = fork(entry, [home, ...ports], { stdio: ["ignore", "pipe", "pipe", "ipc"] });
  const log = createWriteStream(logFile, { flags: "a", mode: ownerOnly });
  child.stdout?.pipe(log, { end: false });
  child.stderr?.pipe(log, { end: false });
  const ended = once(child, "exit").then(() => undefined);
  const announcement = await Promise.race([
    once(child, "message").then(([message]) => message as Omit<Announcement, "stop">),
    ended.then(() => {
      throw new Error(`The sandbox ended before it was ready: see ${logFile}.`);
    }),
  ]);
  const stop = async (): Promise<void> => {
    // It keeps nothing that would have to be saved.
    child.kill("SIGKILL");
    await ended;
  };
  return { ...announcement, pid: child.pid ?? 0, ended, stop };
}
