/**
 * Runs the functions host as a child of the benchmark, so that its memory can be told from ours. It
 * ends when its parent says so, or ends.
 */
import { startHost } from "../../local/host/host.ts";

const [appDir = "."] = process.argv.slice(2);
const host = await startHost({
  appDir,
  port: 0,
  log: ({ level, message }) => {
    if (level === "error" || level === "warning") process.stderr.write(`${level}: ${message}\n`);
  },
});

let ending = false;
function end(): void {
  if (ending) return;
  ending = true;
  void host.stop().finally(() => process.exit());
}
process.on("message", end);
process.on("disconnect", end);
// A Ctrl-C reaches every process of the terminal: only the parent ends this one.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => undefined);
process.send?.({ url: host.url, workerPid: host.workerPid(), masterKey: host.keys.masterKey });
