/**
 * Starts the relay: `node relay/main.ts [--confirm-devices=<n>]`, with its settings in the environment. SIGTERM, SIGINT and SIGHUP end it
 * in good order and with 0; what keeps it from starting is told in words, and with 1.
 */
import { parseArgs } from "node:util";
import { lineLog } from "./base/process.ts";
import { runRelay } from "./relay.ts";
import { readSettings } from "./settings.ts";

const stopper = new AbortController();
// A terminal, npm and a service manager may all pass on the same signal: only the first one counts.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => stopper.abort());
try {
  const settings = { ...readSettings(process.env), confirmDevices: confirmed(process.argv) };
  await runRelay(settings, lineLog, stopper.signal);
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
process.exit();

/** What the command line confirms. @throws In words, at anything else. */
function confirmed([, , ...args]: readonly string[]): number | undefined {
  const { "confirm-devices": given } = parseArgs({
    args,
    options: { "confirm-devices": { type: "string" } },
  }).values;
  if (given === undefined) return undefined;
  if (!/^\d{1,7}$/.test(given))
    throw new Error("--confirm-devices: a number of devices, such as 12");
  return Number(given);
}
