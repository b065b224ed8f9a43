/** Answers a request by the function whose route it matches: key, worker, invocation, response. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Call } from "../runs/invocations.ts";
import type { Run } from "../runs/runner.ts";
import { BodyRefused, readBody, requestData, writeResponse } from "./exchange.ts";
import { grantOf, type Keys, suffices } from "./keys.ts";
import { writeEmpty, writeProblem } from "./problem.ts";
import type { RouteMatch, Routes } from "./routes.ts";
import type { Forwarder } from "./stream.ts";
import { headersOf, queryPairs, type Target } from "./target.ts";
import { triggerMetadata } from "./trigger-metadata.ts";

export type HttpFunctionsOptions = {
  readonly routes: Routes;
  readonly keys: Keys;
  readonly run: Run;
  /** Resolves when a worker can take invocations; false when that takes too long. */
  readonly workerReady: () => Promise<boolean>;
  /** Address of the worker's own HTTP server, when the app streams. */
  readonly streamUri: () => string | undefined;
  readonly forwarder: Forwarder;
  readonly customHeaders: Readonly<Record<string, string>>;
  /** Whether the root, where no function takes it, is a page; it is an empty answer otherwise. */
  readonly homePage: boolean;
  /** Largest request body outside of streaming, in bytes. */
  readonly bodyLimit: number;
};

/** Answers one request. */
export type HttpAnswer = (
  request: IncomingMessage,
  response: ServerResponse,
  target: Target,
) => Promise<void>;

export function httpFunctions(options: HttpFunctionsOptions): HttpAnswer {
  const { routes, keys, workerReady, streamUri } = options;
  return async (request, response, target) => {
    // Requests that come before the app is loaded, or between two workers, wait for it.
    if (!(await workerReady())) {
      const detail = "The worker process is not running.";
      return writeProblem(response, 503, "Not ready", detail, { "retry-after": "5" });
    }
    const match = routes.find(target.method, target.path);
    if (!match) return writeUnmatched(response, target, options.homePage);
    const grant = grantOf(keys, target.key, match.fn.name);
    if (match.fn.disabled && grant !== "admin") return writeEmpty(response, 404);
    if (!suffices(grant, match.fn.authLevel)) return writeEmpty(response, 401);
    const uri = streamUri();
    if (uri) return stream(options, request, response, target, match, uri);
    await answer(options, request, response, target, match);
  };
}

/** The host's home page comes behind all functions (`HomepageMiddleware`), and for `/` alone, by any method. */
function writeUnmatched(response: ServerResponse, { path }: Target, homePage: boolean): void {
  if (path !== "") return writeEmpty(response, 404);
  if (!homePage) return void response.writeHead(204).end();
  response.writeHead(200, { "content-type": "text/html" });
  response.end("<!doctype html><title>Functions</title><p>Your functions host is running.</p>\n");
}

/** The body of known length, which the host reads before it binds the trigger; undefined when it has answered. */
async function bodyOf(
  request: IncomingMessage,
  response: ServerResponse,
  limit: number,
): Promise<{ readonly bytes: Buffer | undefined } | undefined> {
  try {
    return { bytes: await readBody(request, limit) };
  } catch (error) {
    if (!(error instanceof BodyRefused)) {
      // The caller went away in the middle of its own request.
      response.destroy();
      return undefined;
    }
    response.setHeader("connection", "close");
    writeEmpty(response, error.status);
    return undefined;
  }
}

async function answer(
  { run, customHeaders, bodyLimit }: HttpFunctionsOptions,
  request: IncomingMessage,
  response: ServerResponse,
  target: Target,
  { fn, params }: RouteMatch,
): Promise<void> {
  const body = await bodyOf(request, response, bodyLimit);
  if (body === undefined) return;
  const outcome = await run(fn, {
    ...traceOf(request),
    data: requestData(request, target, params, body.bytes),
  });
  if (outcome.ok) return writeResponse(response, outcome.returnValue?.http, customHeaders);
  if (outcome.workerLost) writeProblem(response, 502, "Worker lost", outcome.fault.message);
  else writeEmpty(response, 500);
}

/**
 * Streaming functions get their request by HTTP, and the invocation carries the trigger metadata. A body of known
 * length is in there too, so that it is read before anything is forwarded; a chunked one goes straight through.
 */
async function stream(
  { run, forwarder, customHeaders, bodyLimit }: HttpFunctionsOptions,
  request: IncomingMessage,
  response: ServerResponse,
  target: Target,
  { fn, params }: RouteMatch,
  uri: string,
): Promise<void> {
  const chunked = "transfer-encoding" in request.headers;
  const body = chunked ? { bytes: undefined } : await bodyOf(request, response, bodyLimit);
  if (body === undefined) return;
  // Whoever hung up meanwhile is told to nobody, least of all to a worker that would wait for the request.
  if (response.closed) return;
  const { bytes } = body;
  const invocationId = randomUUID();
  const outcome = run(fn, {
    ...traceOf(request),
    invocationId,
    data: { http: {} },
    triggerMetadata: triggerMetadata({
      params,
      query: queryPairs(target),
      headers: headersOf(request),
      body: bytes,
    }),
  });
  forwarder.forward(
    { request, response, target, invocationId, customHeaders, bytes },
    uri,
    outcome,
  );
}

function traceOf({ headers }: IncomingMessage): Pick<Call, "traceParent" | "traceState"> {
  const { traceparent, tracestate } = headers;
  return {
    ...(typeof traceparent === "string" ? { traceParent: traceparent } : {}),
    ...(typeof tracestate === "string" ? { traceState: tracestate } : {}),
  };
}
