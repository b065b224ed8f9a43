/**
 * The worker process: loads one app and runs its invocations, until told to end or left alone.
 *
 * It ends with its host: a closed channel means that the host is gone, so nobody would hear a result.
 */
import { glob, readFile } from "node:fs/promises";
import { createRequire, enableCompileCache } from "node:module";
import { Server } from "node:net";
import { extname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { FromWorker, Loaded, ToWorker } from "../app/protocol.ts";
import { createRegistry, provideCoreApi, type Registry } from "./core.ts";
import { createWorkerLog, faultOf, runInvocation } from "./run-invocation.ts";

// Loads the app the way the Functions worker does: entry files, start hooks, capabilities, functions.

/**
 * Loads the app in `appDir` into this process, which can hold one app only.
 * @throws Whatever the app throws while it loads. In Azure some of that passes for an app without functions.
 */
async function loadApp(
  registry: Registry,
  appDir: string,
  main: string | undefined,
): Promise<Loaded> {
  for (const file of await entryFiles(appDir, main)) await loadFile(file, appDir);
  const { hooks } = registry;
  await hooks.run("appStart", {
    hookData: hooks.appData,
    appHookData: hooks.appData,
    functionAppDirectory: appDir,
  });
  const capabilities = await onLoopback(
    async () => (await registry.model()?.getCapabilities?.(defaultCapabilities())) ?? {},
  );
  const functions = registry.close();
  if (functions.length > 0 && !registry.model()) {
    throw new Error("The app registered functions without a programming model.");
  }
  return { kind: "loaded", functions, capabilities };
}

/** The files that package.json `main` names, a path or a glob, in a stable order. */
async function entryFiles(appDir: string, main: string | undefined): Promise<readonly string[]> {
  if (!main) throw new Error('package.json has no "main", so there is nothing to load.');
  const found: string[] = [];
  for await (const file of glob(main.replace(/^\.\//, ""), { cwd: appDir })) found.push(file);
  if (found.length === 0) throw new Error(`package.json "main" matches no file: ${main}`);
  return found.toSorted().map((file) => join(appDir, file));
}

async function loadFile(file: string, appDir: string): Promise<void> {
  if (await isModule(file, appDir)) await import(pathToFileURL(file).href);
  else createRequire(join(appDir, "package.json"))(file);
}

async function isModule(file: string, appDir: string): Promise<boolean> {
  const extension = extname(file);
  if (extension === ".mjs") return true;
  if (extension !== ".js") return false;
  const { type } = JSON.parse(await readFile(join(appDir, "package.json"), "utf8")) as {
    readonly type?: string;
  };
  return type === "module";
}

/**
 * Runs `work` while servers that name no address listen on the loopback interface.
 * A streaming app's own HTTP server would listen on all of them, open to the whole network.
 */
async function onLoopback<T>(work: () => Promise<T>): Promise<T> {
  const listen = Reflect.get(Server.prototype, "listen") as (...args: unknown[]) => Server;
  const listenHere = function (this: Server, ...args: unknown[]): Server {
    const anywhere = typeof args[0] === "function" || args.length === 0;
    return listen.apply(this, anywhere ? [0, "127.0.0.1", ...args] : args);
  };
  Reflect.set(Server.prototype, "listen", listenHere);
  try {
    return await work();
  } finally {
    Reflect.set(Server.prototype, "listen", listen);
  }
}

const defaultCapabilities = (): Record<string, string> => ({
  RawHttpBodyBytes: "true",
  RpcHttpTriggerMetadataRemoved: "true",
  RpcHttpBodyOnly: "true",
  IgnoreEmptyValuedRpcHttpHeaders: "true",
  UseNullableValueDictionaryForHttp: "true",
  WorkerStatus: "true",
  TypedDataCollection: "true",
  HandlesWorkerTerminateMessage: "true",
});

// The process itself.

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
