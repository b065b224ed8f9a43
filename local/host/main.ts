/**
 * `node local/host/main.ts <appDir> [--port n] [--keys file]`: hosts an app until told to end.
 *
 * Ends with 0 after a drain, with 1 when the app cannot be hosted.
 */
import { parseArgs } from "node:util";
import { HostRefusal } from "./app/app-files.ts";
import type { HostedFunction } from "./app/functions.ts";
import { type Host, startHost } from "./host.ts";

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { port: { type: "string" }, keys: { type: "string" } },
  });
  const [appDir = "."] = positionals;
  const port = values.port ?? process.env["PORT"];
  const host = await startHost({
    appDir,
    port: port === undefined ? undefined : Number(port),
    keysFile: values.keys,
  });
  for (const fn of host.functions) process.stdout.write(`  ${describe(fn)}\n`);
  process.stdout.write(`Functions host is listening at ${host.url}\n`);
  endOnSignal(host);
}

function describe(fn: HostedFunction): string {
  const name = `${fn.name}${fn.disabled ? " (disabled)" : ""}: `;
  switch (fn.kind) {
    case "http":
      return `${name}${fn.methods.join(",")} ${fn.route}`;
    case "queue":
      return `${name}queue ${fn.queue}`;
    case "timer":
      return `${name}timer ${fn.expression}`;
  }
}

/** The first signal drains; a second one does not wait. */
function endOnSignal(host: Host): void {
  let ending = false;
  const end = (): void => {
    if (ending) process.exit(1);
    ending = true;
    void host.stop().then(() => process.exit(0));
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, end);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof HostRefusal ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
