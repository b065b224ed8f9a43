/**
 * The worker process: loads one app and runs its invocations, until told to end or left alone.
 *
 * It ends with its host: a closed channel means that the host is gone, so nobody would hear a result.
 */
import { enableCompileCache } from "node:module";
import type { FromWorker, ToWorker } from "../app/protocol.ts";
import { provideCoreApi } from "./core-api.ts";
import { loadApp } from "./load-app.ts";
import { createRegistry } from "./registry.ts";
import { faultOf, runInvocation } from "./run-invocation.ts";
import { createWorkerLog } from "./worker-log.ts";

// Most of a restart is compiling the app; the cache keeps that out of the gap.
enableCompileCache();

const registry = createRegistry();
const log = createWorkerLog(registry.hooks, send);
provideCoreApi(registry, (level, category, message) => log.write({ level, category, message }));

// A terminal and a service manager signal every process of the group; the host decides when this one ends.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => undefined);
process.on("disconnect", () => process.exit(1));
process.on("message", (message: ToWorker) => {
  switch (message.kind) {
    case "load":
      return void load(message.appDir, message.main);
    case "invoke":
      return void runInvocation(registry, log, message).then(send);
    case "terminate":
      return void terminate();
  }
});

function send(message: FromWorker): void {
  if (process.connected) process.send?.(message);
}

async function load(appDir: string, main: string | undefined): Promise<void> {
  try {
    send(await loadApp(registry, appDir, main));
  } catch (error) {
    send({ kind: "load-failed", fault: faultOf(error) });
  }
}

async function terminate(): Promise<void> {
  const { hooks } = registry;
  try {
    await hooks.run("appTerminate", { hookData: hooks.appData, appHookData: hooks.appData });
  } catch (error) {
    const { stack, message } = faultOf(error);
    log.write({ level: "error", category: "system", message: `appTerminate: ${stack ?? message}` });
  }
  send({ kind: "terminated" });
}
