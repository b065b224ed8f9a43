/** A functions app in a host of its own, with the process ids that memory is read from. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** A hosted app. */
export type Hosted = {
  readonly url: string;
  /** The process that polls queues and listens: Azure's part of the job. */
  readonly hostPid: number;
  /** The process that runs the functions: the app. */
  readonly workerPid: number;
  /** Opens the host's own addresses, by which a timer is run now. */
  readonly masterKey: string;
  readonly stop: () => Promise<void>;
};

const entry = fileURLToPath(new URL("host-process.ts", import.meta.url));

/** Hosts the app of a folder. @throws When it does not load. */
export async function startHosted(
  appDir: string,
  settings: Readonly<Record<string, string>>,
): Promise<Hosted> {
  const child = fork(entry, [appDir], {
    env: { ...process.env, ...settings },
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const ended = once(child, "exit");
  const announced = await Promise.race([
    once(child, "message").then(
      ([message]) => message as Pick<Hosted, "url" | "workerPid" | "masterKey">,
    ),
    ended.then(() => {
      throw new Error(`The host of ${appDir} ended before it was ready.`);
    }),
  ]);
  const stop = async (): Promise<void> => {
    if (child.connected) child.send("end");
    await ended;
  };
  return { ...announced, hostPid: child.pid ?? 0, stop };
}
