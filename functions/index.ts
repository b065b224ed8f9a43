/**
 * Entry of the Functions worker.
 *
 * Settings are judged after registration: a worker that throws before it has registered anything
 * reports success with no functions, and the app would look healthy while it serves nothing.
 */
import { openApiDocument } from "../shared/http/openapi.ts";
import { functions, operations } from "./functions.ts";
import { register } from "./register.ts";
import type { Services } from "./services.ts";
import { readSettings } from "./settings.ts";
import { version } from "./version.ts";

const services = Promise.withResolvers<Services>();
register(functions, services.promise);
const openApi = () => openApiDocument(operations, version);
const settings = readSettings(process.env);

// Storage, Graph and sign-in are most of the code, and no part of the answer to the host's first questions.
// They are loaded while the host starts its listeners; an invocation that comes before that waits.
async function loadServices(): Promise<Services> {
  const { buildServices } = await import("./services.ts");
  return buildServices(settings, openApi);
}
setImmediate(() => services.resolve(loadServices()));
