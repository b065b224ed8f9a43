/** Starts the relay: `node relay/main.ts`, with its settings in the environment. Ends on SIGTERM or SIGINT. */
import { lineLog } from "./log.ts";
import { startRelay } from "./relay.ts";
import { readSettings } from "./settings.ts";

try {
  const relay = await startRelay(readSettings(process.env), lineLog);
  let stopping = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (stopping) return;
      stopping = true;
      void relay.stop().then(() => process.exit(0));
    });
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
