/**
 * Runs Azurite as a child that lives no longer than its parent.
 *
 * Azurite saves what it holds when told to close. Here only the parent tells it: a Ctrl-C reaches every
 * process of the terminal at once, and Azurite must outlive the functions that still write to it.
 */
import { createRequire, enableCompileCache, Module } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { lockHome } from "./home-lock.ts";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
let shutDown: (() => void) | undefined;

for (const signal of signals) process.on(signal, () => undefined);
// Azurite listens for signals only once it is up, so its listeners are taken over as they come.
process.on("newListener", (event, listener) => {
  if (!signals.includes(String(event))) return;
  shutDown = listener as () => void;
  setImmediate(() => process.off(String(event), listener));
});

/** Lets Azurite save and close. */
function close(): void {
  if (!shutDown) process.exit(0);
  shutDown();
  shutDown = () => undefined;
  if (process.connected) process.disconnect();
}
process.on("message", close);
process.on("disconnect", close);

// A parent that died reads nothing any more; saving matters more than saying so.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);

// A parent that was killed outright may have left an Azurite behind that is still saving.
const [flag, folder = ""] = process.argv.slice(2);
if (flag === "--location") await lockWhenFree(folder);

// What it writes holds rows of devices and people: its own files are for their owner only.
process.umask(0o077);
enableCompileCache();
const require = createRequire(import.meta.url);
const server = require.resolve("azurite/dist/src/azurite.js");
// Telemetry is off, and its 2,800 modules are more than half of what a start takes. Of the rest a quarter is what keeps
// blobs in an SQL server, where a setting that is not ours names one.
delete process.env["AZURITE_DB"];
for (const unused of ["applicationinsights", "./blob/SqlBlobServer.js"]) {
  const path = createRequire(server).resolve(unused);
  require.cache[path] = Object.assign(new Module(path), { loaded: true });
}
require(server);

async function lockWhenFree(place: string): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    try {
      await lockHome(place);
      return;
    } catch {
      await sleep(100);
    }
  }
  throw new Error(`Another Azurite keeps ${place} in use.`);
}
