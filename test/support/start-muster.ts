/** A whole Muster of a test's own, started the way `npm start` does it, in a home that is thrown away. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Ready } from "../../local/start/ready.ts";

const entry = fileURLToPath(new URL("../../local/start.ts", import.meta.url));

/** A Muster that is being started; tests of the start itself look at it closely. */
export type Launch = {
  /** Resolves with the line that says ready; rejects with what was printed when it ends before that. */
  readonly ready: Promise<string>;
  /** Everything printed so far, on either stream. */
  readonly printed: () => string;
  /** Resolves with the exit code. */
  readonly exit: Promise<number | null>;
  readonly signal: (name: NodeJS.Signals) => void;
  /** Signals it and everything it started, as a terminal does. Not on Windows. */
  readonly signalGroup: (name: NodeJS.Signals) => void;
};

/** Starts Muster in `home`, without its sample; the environment's own `PORT` and `MUSTER_*` do not leak in. */
export function launchMuster(home: string, environment: Record<string, string> = {}): Launch {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(PORT|MUSTER_.*)$/.test(name),
  );
  const child = spawn(process.execPath, [entry], {
    env: {
      ...Object.fromEntries(inherited),
      PORT: "0",
      MUSTER_HOME: home,
      MUSTER_SAMPLE: "off",
      ...environment,
    },
    stdio: ["ignore", "pipe", "pipe"],
    // A process group of its own, so that signalGroup does not reach the tests.
    detached: process.platform !== "win32",
  });
  const abandon = (): void => void child.kill("SIGKILL");
  process.once("exit", abandon);
  child.once("exit", () => process.off("exit", abandon));
  let text = "";
  const exit = once(child, "close").then(([code]) => code as number | null);
  const ready = new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (part: string) => {
        text += part;
        const line = /^Muster is ready at .*\n/m.exec(text);
        if (line) resolve(line[0]);
      });
    }
    void exit.then((code) => reject(new Error(`It ended with code ${code}: ${text}`)));
  });
  // Who only waits for the exit must not be told off for a start that failed as expected.
  ready.catch(() => undefined);
  const signal = (name: NodeJS.Signals): void => void child.kill(name);
  const signalGroup = (name: NodeJS.Signals): void => {
    if (child.pid !== undefined) process.kill(-child.pid, name);
  };
  return { ready, printed: () => text, exit, signal, signalGroup };
}

/** What `ready.json` says at this moment. */
export const readReady = (home: string): Ready =>
  JSON.parse(readFileSync(join(home, "ready.json"), "utf8")) as Ready;

/** A new, empty home; its owner removes it. */
export const makeHome = (): string => mkdtempSync(join(tmpdir(), "muster-"));

/** A running Muster with everything a caller needs. */
export type RunningMuster = Pick<
  Ready,
  "url" | "sandboxUrl" | "adminToken" | "storageConnection"
> & {
  readonly home: string;
  /** What ready.json says now: its `hostPid` changes when the functions are restarted. */
  readonly current: () => Ready;
  /** Everything it has printed so far. */
  readonly printed: () => string;
  readonly stop: () => Promise<void>;
};

/** Starts a Muster on free ports in a home of its own. `stop` ends it and removes the home. */
export async function startMuster(environment?: Record<string, string>): Promise<RunningMuster> {
  const home = makeHome();
  const { ready, exit, signal, printed } = launchMuster(home, environment);
  await ready;
  const { url, sandboxUrl, adminToken, storageConnection } = readReady(home);
  const stop = async (): Promise<void> => {
    signal("SIGTERM");
    await exit;
    rmSync(home, { recursive: true, force: true });
  };
  const current = (): Ready => readReady(home);
  return { url, sandboxUrl, adminToken, storageConnection, home, current, printed, stop };
}
