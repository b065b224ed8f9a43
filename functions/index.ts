/**
 * Entry of the Functions worker.
 *
 * Settings are judged after registration: a worker that throws before it has registered anything
 * reports success with no functions, and the app would look healthy while it serves nothing.
 */
import { openApiDocument } from "../shared/http/openapi.ts";
import { functions, operations } from "./functions.ts";
import { register } from "./register.ts";
import { buildServices, type Services } from "./services.ts";
import { readSettings } from "./settings.ts";
import { version } from "./version.ts";

const services = Promise.withResolvers<Services>();
register(functions, services.promise);
const openApi = () => openApiDocument(operations, version);
services.resolve(buildServices(readSettings(process.env), openApi));
