/** A whole Muster on one machine: storage, sandbox and functions, started and stopped in order. */
import { join } from "node:path";
import { ensureBuilt } from "../../scripts/build.ts";
import { ownFolder } from "../kept-file.ts";
import { appSettings } from "./app-settings.ts";
import { type Azurite, startAzurite } from "./azurite.ts";
import { giveFirstRoles } from "./first/first-roles.ts";
import { makeSample } from "./first/sample.ts";
import { startFunctions } from "./functions.ts";
import { freePort, isTaken, keptKey, lockHome } from "./home-lock.ts";
import { keepRunning, type Part } from "./keep-running.ts";
import { readyFile, removeReady, signInFacts } from "./ready.ts";
import { type Sandbox, startSandbox } from "./sandbox.ts";
import type { StartSettings } from "./settings.ts";

/** A running Muster. */
export type Muster = {
  readonly url: string;
  /** Drains and ends everything; nothing is left running. */
  readonly stop: () => Promise<void>;
};

/** Hears of a part that cannot be kept running. */
export type OnLost = (cause: Error) => void;

/**
 * Starts everything and writes `ready.json`.
 * @throws Words for people when it cannot start; nothing is left running then.
 */
export async function startMuster(settings: StartSettings, onLost: OnLost): Promise<Muster> {
  const undo: (() => unknown)[] = [];
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).toReversed()) await step();
  };
  try {
    const url = await startInOrder(settings, onLost, undo);
    return { url, stop };
  } catch (cause) {
    await stop();
    throw cause;
  }
}

/** Each step leaves in `undo` what takes it back. */
async function startInOrder(
  { port, home, sample }: StartSettings,
  onLost: OnLost,
  undo: (() => unknown)[],
): Promise<string> {
  ownFolder(home);
  ownFolder(join(home, "logs"));
  undo.push(await lockHome(home));
  removeReady(home);
  if (port !== 0 && (await isTaken(port))) {
    throw new Error(`Port ${port} is taken: set PORT to another one, or to 0 for any free one.`);
  }
  const [azurite, sandbox] = await startSurroundings(home, onLost, undo);
  const adminToken = keptKey(home, "admin-token");
  const chosenPort = port === 0 ? await freePort() : port;
  const url = `http://127.0.0.1:${chosenPort}`;
  const storageConnection = azurite.connectionString;
  const common = { url, sandboxUrl: sandbox.url, adminToken, storageConnection, pid: process.pid };
  const ready = readyFile(home, { ...common, signIn: signInFacts(sandbox) });
  undo.push(() => removeReady(home));
  const stopFunctions = await startFunctions({
    port: chosenPort,
    keysFile: join(home, "keys", "functions.json"),
    logFile: logFile(home, "functions"),
    settings: appSettings({
      adminToken,
      azurite,
      sandbox,
      keyFile: join(home, "sealing-keys.json"),
    }),
    onReady: ready.runsAs,
  });
  undo.push(stopFunctions);
  await giveFirstRoles({ url, adminToken }, sandbox.home, storageFolder(home));
  if (sample) await makeSample({ url, adminToken }, sandbox.url, storageFolder(home));
  ready.open();
  return url;
}

/** What the functions need around them; the build meanwhile, since neither waits for the other. */
async function startSurroundings(
  home: string,
  onLost: OnLost,
  undo: (() => unknown)[],
): Promise<[Azurite, Sandbox]> {
  const kept = async <P extends Part>(name: string, start: (previous?: P) => Promise<P>) => {
    const part = await keepRunning(start, ({ message }) =>
      onLost(new Error(`${name} cannot be kept running: ${message}.`)),
    );
    undo.push(part.stop);
    return part.first;
  };
  const starting = [
    kept<Azurite>("Azurite", (previous) =>
      startAzurite({
        folder: storageFolder(home),
        logFile: logFile(home, "azurite"),
        ...(previous ? { ports: previous.ports } : {}),
      }),
    ),
    kept<Sandbox>("The sandbox", (previous) =>
      startSandbox({ home: join(home, "sandbox"), logFile: logFile(home, "sandbox"), previous }),
    ),
    ensureBuilt(),
  ] as const;
  // All of them have ended or begun before anything is taken back.
  await Promise.allSettled(starting);
  const [azurite, sandbox] = await Promise.all(starting);
  return [azurite, sandbox];
}

const storageFolder = (home: string): string => join(home, "azurite");
const logFile = (home: string, name: string): string => join(home, "logs", `${name}.log`);
