/** `npm start`: a whole Muster on this machine, until Ctrl-C or SIGTERM. */
import { fileURLToPath } from "node:url";
import { startMuster } from "./start/muster.ts";
import { readStartSettings, signInHint } from "./start/settings.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

function fail(cause: unknown): void {
  console.error(cause instanceof Error ? cause.message : cause);
  process.exitCode = 1;
}

async function run(): Promise<void> {
  const end = Promise.withResolvers<void>();
  const ended = end.promise.catch(fail);
  // A terminal and npm may both pass on the same signal: only the first one counts.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => end.resolve());
  const settings = readStartSettings(process.env, root);
  const muster = await startMuster(settings, end.reject);
  const pages = `The console: ${muster.url}/console/`;
  console.log(`Muster is ready at ${muster.url}\n${pages}\n${signInHint(settings, root)}`);
  await ended;
  await muster.stop();
}

await run().catch(fail);
process.exit();
