/** Registers definitions with the Functions runtime. The only file that imports `app`. */
import { app, type InvocationContext } from "@azure/functions";
import type { AnyFunction, HttpFunction, Log, QueueFunction, TimerFunction } from "./define.ts";
import { incomingOf, watchRequests } from "./http-request.ts";
import { serveHttp } from "./serve-http.ts";
import { serveQueue } from "./serve-queue.ts";
import type { Services } from "./services.ts";

/** Registers every function. `services` is asked by each invocation. */
export function register(
  functions: readonly AnyFunction[],
  services: () => Promise<Services>,
): void {
  app.setup({ enableHttpStream: true });
  const arrivalOf = watchRequests();
  for (const definition of functions) {
    switch (definition.kind) {
      case "http":
        registerHttp(definition, services, arrivalOf);
        break;
      case "queue":
        registerQueue(definition, services);
        break;
      case "timer":
        registerTimer(definition, services);
        break;
    }
  }
}

function registerHttp(
  definition: HttpFunction,
  services: () => Promise<Services>,
  arrivalOf: ReturnType<typeof watchRequests>,
): void {
  const { name, method, path } = definition.operation;
  app.http(name, {
    methods: [...(definition.methods ?? [method])],
    route: path,
    // Callers are authenticated by the app itself: platform keys know no people and no tenants.
    authLevel: "anonymous",
    handler: async (request, context) => {
      const incoming = await incomingOf(path, request, arrivalOf(context.invocationId));
      const tools = { services: await services(), log: logTo(context) };
      return serveHttp(definition, incoming, context, tools);
    },
  });
}

function registerQueue(definition: QueueFunction, services: () => Promise<Services>): void {
  app.storageQueue(definition.name, {
    queueName: definition.name,
    connection: "AzureWebJobsStorage",
    handler: async (message, context) =>
      serveQueue(definition, message, context, { services: await services(), log: logTo(context) }),
  });
}

function registerTimer(definition: TimerFunction, services: () => Promise<Services>): void {
  app.timer(definition.name, {
    schedule: definition.schedule,
    handler: async (_timer, context) =>
      definition.handle({ services: await services(), log: logTo(context) }),
  });
}

/** One line of JSON per event, so that a query can find it by its ids. */
const logTo =
  (context: InvocationContext): Log =>
  (event, fields = {}) =>
    context.log(JSON.stringify({ event, ...fields }));
