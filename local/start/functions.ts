/** The functions, run by the local host, with the host's log in a file. */
import { createWriteStream } from "node:fs";
import { fileURLToPath } from "node:url";
import { startHost } from "../host/host.ts";
import { type LogEntry, terminalLog } from "../host/runs/log.ts";
import { ownerOnly } from "../kept-file.ts";

const appDir = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Starts the functions.
 * @param options.settings The app's settings, on top of this process's environment.
 * @param options.onReady Told the worker's process id once all listen, and again after every restart.
 * @returns What drains and ends them.
 * @throws When the app does not load, with every wrong setting named.
 */
export async function startFunctions(options: {
  readonly port: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly keysFile: string;
  readonly logFile: string;
  readonly onReady: (hostPid: number) => void;
  /** How long a message stays with whoever received it; the real host's ten minutes when absent. */
  readonly messageLeaseSeconds?: number;
}): Promise<() => Promise<void>> {
  const { port, settings, keysFile, logFile, onReady, messageLeaseSeconds } = options;
  const file = createWriteStream(logFile, { flags: "a", mode: ownerOnly });
  const intoFile = terminalLog((line) => file.write(line));
  const onTerminal = terminalLog((line) => process.stderr.write(line), "error");
  let listening = false;
  const host = await startHost({
    appDir,
    port,
    keysFile,
    env: settings,
    ...(messageLeaseSeconds === undefined ? {} : { messageLeaseSeconds }),
    log: (entry: LogEntry) => {
      intoFile(entry);
      onTerminal(entry);
    },
    onWorker: (pid) => {
      if (listening) onReady(pid);
    },
  });
  listening = true;
  onReady(host.workerPid() ?? 0);
  return async () => {
    await host.stop();
    file.end();
  };
}
