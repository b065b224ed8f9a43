/**
 * Starts the relay: `node relay/main.ts`, with its settings in the environment. SIGTERM, SIGINT and SIGHUP end it
 * in good order and with 0; what keeps it from starting is told in words, and with 1.
 */
import { lineLog } from "./base/log.ts";
import { readSettings } from "./base/settings.ts";
import { runRelay } from "./relay.ts";

const stopper = new AbortController();
// A terminal, npm and a service manager may all pass on the same signal: only the first one counts.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => stopper.abort());
try {
  await runRelay(readSettings(process.env), lineLog, stopper.signal);
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
process.exit();
