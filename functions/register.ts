/** Registers definitions with the Functions runtime. The only file that imports `app`. */
import { app, type InvocationContext } from "@azure/functions";
import { count, inSpan, readStamp, seconds, traceIdNow } from "../shared/telemetry/trace.ts";
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

/** Registers every function. `services` is asked by each invocation; requests go `first`; `atEnd` is done before the worker ends. */
export function register(
  functions: readonly AnyFunction<Services>[],
  services: () => Promise<Services>,
  first: Pick<Precedence, "request" | "message">,
  atEnd: () => Promise<void>,
): void {
  app.setup({ enableHttpStream: true });
  app.hook.appTerminate(atEnd);
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
        const attributes = { ...named(context), ...tenantIn(request.params) };
        const span = { kind: "request", host: hostSpanOf(context), attributes } as const;
        return inSpan(`${method} /${path}`, span, async (note) => {
          const answer = await serveHttp(definition, incoming, context, tools);
          note({ "http.response.status_code": answer.status ?? 0 });
          return answer;
        });
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
        const { name: queue } = definition;
        const { traceparent: parent, due, ids } = readStamp(message);
        if (due !== undefined)
          seconds("muster.queue.age", Math.max(0, Date.now() - due) / 1000, { queue });
        const tries = Number(context.triggerMetadata?.["dequeueCount"] ?? 1);
        if (tries > 1) count("muster.queue.redeliveries", 1, { queue });
        const tools = { services: await services(), log: logTo(context), tries };
        const attributes = { ...named(context), ...ids, "muster.tries": tries };
        const span = { kind: "message", parent, host: hostSpanOf(context), attributes } as const;
        return inSpan(queue, span, () => serveQueue(definition, message, context, tools));
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
      first.message(async () => {
        const tools = { services: await services(), log: logTo(context) };
        const attributes = named(context);
        const span = { kind: "timer", host: hostSpanOf(context), attributes } as const;
        return inSpan(definition.name, span, () => definition.handle(tools));
      }),
  });
}

const hostSpanOf = ({ traceContext }: InvocationContext) => traceContext?.traceParent;

const named = ({ functionName, invocationId }: InvocationContext) => ({
  "faas.name": functionName,
  "faas.invocation_id": invocationId,
});

const tenantIn = ({ tenantId }: Readonly<Record<string, string>>) =>
  tenantId === undefined ? {} : { "muster.tenantId": tenantId };

/** One line of JSON per event, so that a query can find it by its ids. */
const logTo =
  (context: InvocationContext): Log =>
  (event, fields = {}) => {
    const trace = traceIdNow();
    context.log(JSON.stringify({ event, ...fields, ...(trace === undefined ? {} : { trace }) }));
  };
