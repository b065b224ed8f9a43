/**
 * Entry of the Functions worker.
 *
 * Settings are judged after registration: a worker that throws before it has registered anything
 * reports success with no functions, and the app would look healthy while it serves nothing.
 */
import { join } from "node:path";
import { openApiDocument } from "../shared/http/operation.ts";
import { systemClock } from "../shared/kernel/clock.ts";
import { observed } from "../shared/telemetry/trace.ts";
import { precedence } from "../shared/work/precedence.ts";
import { functions, operations } from "./functions.ts";
import { register } from "./register.ts";
import type { Services } from "./services.ts";
import { readSettings } from "./settings.ts";

// The version that the API document and the change log name.

export const version = "0.1.0";

let loading: Promise<Services> | undefined;
const services = (): Promise<Services> => (loading ??= loadServices());
const first = precedence();
/** Telemetry that is kept still goes out before the worker ends. */
let endTelemetry = (): Promise<void> => Promise.resolve();
register(functions, services, first, () => endTelemetry());
const settings = readSettings(process.env);
let described: ReturnType<typeof openApiDocument> | undefined;
/** Made once: anybody may ask for it. */
const openApi = () => (described ??= openApiDocument(operations, version, settings.publicUrl));

/** Beside the bundle. */
const pages = { folder: join(import.meta.dirname, "console"), version };

/** Storage, Graph and sign-in are most of the code, and no part of the answers to the host's first questions. */
async function loadServices(): Promise<Services> {
  const { buildServices } = await import("./services.ts");
  await beginTelemetry();
  const intercept = observed(first.intercept);
  return buildServices(settings, openApi, { clock: systemClock, intercept, console: pages });
}

/** Whoever cannot say what they do does it all the same. */
async function beginTelemetry(): Promise<void> {
  const { telemetry, storage } = settings;
  if (telemetry === undefined) return;
  try {
    const { listen } = await import("../shared/telemetry/listen.ts");
    const { identityCredential } = await import("../shared/storage/connection.ts");
    const clientId = storage.kind === "identity" ? storage.clientId : undefined;
    endTelemetry = await listen(telemetry, () => identityCredential(clientId));
  } catch (error) {
    console.error(JSON.stringify({ event: "telemetry.fail", reason: String(error) }));
  }
}

/** The first invocation should find the services loaded; one that comes earlier loads them itself. */
async function loadAhead(): Promise<void> {
  // An error here has no caller, so it ends the worker: better that than an app that fails every invocation.
  await services();
}
/** Long enough for the worker to have told the host what functions there are. */
const afterStartMs = 100;
setTimeout(() => void loadAhead(), afterStartMs);
