/** Registers definitions with the Functions runtime. The only file that imports `app`. */
import { app, type InvocationContext } from "@azure/functions";
import type { Precedence } from "../shared/work/precedence.ts";
import {
  type AnyFunction,
  type HttpFunction,
  type Log,
  type QueueFunction,
  serveQueue,
  type TimerFunction,
} from "./define.ts";
import { incomingOf, watchRequests } from "./http-request.ts";
import { serveHttp } from "./serve-http.ts";
import type { Services } from "./services.ts";

/** Registers every function. `services` is asked by each invocation; requests go `first`. */
export function register(
  functions: readonly AnyFunction<Services>[],
  services: () => Promise<Services>,
  first: Pick<Precedence, "request" | "message">,
): void {
  app.setup({ enableHttpStream: true });
  const arrivalOf = watchRequests();
  for (const definition of functions) {
    switch (definition.kind) {
      case "http":
        registerHttp(definition, services, arrivalOf, first);
        break;
      case "queue":
        registerQueue(definition, services, first);
        break;
      case "timer":
        registerTimer(definition, services, first);
        break;
    }
  }
}

function registerHttp(
  definition: HttpFunction<Services>,
  services: () => Promise<Services>,
  arrivalOf: ReturnType<typeof watchRequests>,
  first: Pick<Precedence, "request">,
): void {
  const { name, method, path } = definition.operation;
  app.http(name, {
    methods: [...(definition.methods ?? [method])],
    route: path,
    // Callers are authenticated by the app itself: platform keys know no people and no tenants.
    authLevel: "anonymous",
    handler: (request, context) => {
      const work = async () => {
        const incoming = await incomingOf(path, request, arrivalOf(context.invocationId));
        const tools = { services: await services(), log: logTo(context) };
        return serveHttp(definition, incoming, context, tools);
      };
      // Whoever looks how far it is must not slow it down by looking.
      return method === "GET" ? work() : first.request(work);
    },
  });
}

function registerQueue(
  definition: QueueFunction<Services>,
  services: () => Promise<Services>,
  first: Pick<Precedence, "message">,
): void {
  app.storageQueue(definition.name, {
    queueName: definition.name,
    connection: "AzureWebJobsStorage",
    handler: (message, context) =>
      first.message(async () => {
        const tools = { services: await services(), log: logTo(context) };
        return serveQueue(definition, message, context, tools);
      }),
  });
}

function registerTimer(
  definition: TimerFunction<Services>,
  services: () => Promise<Services>,
  first: Pick<Precedence, "message">,
): void {
  app.timer(definition.name, {
    schedule: definition.schedule,
    handler: (_timer, context) =>
      first.message(async () =>
        definition.handle({ services: await services(), log: logTo(context) }),
      ),
  });
}

/** One line of JSON per event, so that a query can find it by its ids. */
const logTo =
  (context: InvocationContext): Log =>
  (event, fields = {}) =>
    context.log(JSON.stringify({ event, ...fields }));
