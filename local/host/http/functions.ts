/**
 * Answers a request by the function whose route it matches: key, worker, invocation, response; or, where the app
 * streams, the worker's own HTTP server.
 */

import { randomUUID } from "node:crypto";
import {
  Agent,
  type ClientRequest,
  type IncomingMessage,
  type ServerResponse,
  request as send,
} from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { type Call, type HttpFunction, type Outcome, type Run } from "../app/functions.ts";
import {
  BodyRefused,
  type HttpAnswer,
  headersOf,
  queryPairs,
  readBody,
  requestData,
  type Target,
  triggerMetadata,
  writeEmpty,
  writeProblem,
  writeResponse,
} from "./exchange.ts";
import { grantOf, type Keys, suffices } from "./keys.ts";
import { compileTemplate, type TemplateTest } from "./route-template.ts";

// Which function answers a request.
//
// The Functions host tries routes in the order of function NAMES and takes the first that matches: there
// is no rule of specificity. The method is part of the match, so a wrong method finds nothing.

type RouteMatch = {
  readonly fn: HttpFunction;
  readonly params: Readonly<Record<string, string>>;
};

export type Routes = {
  /** @param path Decoded path without its leading slash. */
  readonly find: (method: string, path: string) => RouteMatch | undefined;
  readonly problems: readonly string[];
};

/** Builds the table; routes that the Functions host would refuse are reported as problems. */
export function buildRoutes(functions: readonly HttpFunction[], prefix: string): Routes {
  const problems: string[] = [];
  const taken = new Map<string, string>();
  const table: { readonly fn: HttpFunction; readonly match: TemplateTest }[] = [];
  for (const fn of functions.toSorted(byName)) {
    const template = [prefix.replace(/^\/|\/$/g, ""), fn.route].filter(Boolean).join("/");
    const problem = refusal(fn) ?? conflict(fn, template, taken);
    if (problem) problems.push(problem);
    try {
      table.push({ fn, match: compileTemplate(template) });
    } catch (error) {
      problems.push(`${fn.name}: the route '${fn.route}' is invalid: ${(error as Error).message}`);
    }
  }
  return { find: (method, path) => find(table, method, path), problems };
}

function find(
  table: readonly { readonly fn: HttpFunction; readonly match: TemplateTest }[],
  method: string,
  path: string,
): RouteMatch | undefined {
  for (const { fn, match } of table) {
    if (!fn.methods.includes(method)) continue;
    const params = match(path);
    if (params) return { fn, params };
  }
  return undefined;
}

/** By code, capitals and small letters alike: in capitals, since `_` comes after them and before the small ones. */
const byName = (a: HttpFunction, b: HttpFunction): number => {
  const [first, second] = [a.name.toUpperCase(), b.name.toUpperCase()];
  return first < second ? -1 : first > second ? 1 : 0;
};

function refusal({ name, route }: HttpFunction): string | undefined {
  const reserved = /^(admin|runtime)/i.exec(route)?.[1];
  return reserved && `${name}: the route '${route}' starts with '${reserved}', which is reserved`;
}

function conflict(fn: HttpFunction, template: string, taken: Map<string, string>) {
  for (const method of fn.methods) {
    const key = `${method} ${template.toLowerCase()}`;
    const other = taken.get(key);
    if (other) return `${fn.name}: ${method} '${fn.route}' is already the route of ${other}`;
    taken.set(key, fn.name);
  }
  return undefined;
}

// Streaming HTTP: the raw request goes to the worker's own HTTP server, and the answer comes back there.
//
// The invocation runs beside it. When it fails, or returns no response, the library sends nothing to that server's
// caller (Azure/azure-functions-nodejs-library issue 324), and the Functions host waits for its proxy before it
// looks at how the invocation ended (GrpcWorkerChannel). So the request hangs until the silence ends it.

/** Longest silence on the worker's side, as the Functions host has it. */
const longestSilenceMs = 240_000;
/** How long what a caller still sends is read and forgotten once it has its answer, as Kestrel has it. */
const drainMs = 5_000;
/** A body up to this size has left the connection to the worker even when nobody reads it. */
const surelyReadBytes = 16 * 1024;
const hopByHop = new Set(
  "connection keep-alive proxy-authenticate proxy-authorization te trailer transfer-encoding upgrade".split(
    " ",
  ),
);

/** What the host says of a request; a caller's own word on it ends here (YARP's default transforms). */
const hostsOwn = new Set(["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"]);

export type Forwarder = {
  /** Sends `request` to the worker at `workerUri` and its answer to `response`, while `outcome` is pending. */
  readonly forward: (exchange: Exchange, workerUri: string, outcome: Promise<Outcome>) => void;
  readonly close: () => void;
};

type Exchange = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: Target;
  readonly invocationId: string;
  readonly customHeaders: Readonly<Record<string, string>>;
  /** The body, where the host has read it already. */
  readonly bytes?: Buffer | undefined;
  /** Largest body that is sent on, in bytes. */
  readonly bodyLimit?: number;
};

/**
 * A connection to the worker that goes idle is closed a second later. The worker closes it after five, and a request
 * that is sent at that very moment is lost: its invocation would wait for it without end.
 */
const idle = { keepAlive: true, agentKeepAliveTimeoutBuffer: 4_000 };

/** How often, and how long after, a request without a body goes again that the worker's end cut off before it answered
 * (the host's `RetryProxyHandler`). One whose body has begun cannot: it hangs, there as here. */
const tries = { most: 10, firstPauseMs: 50, longestPauseMs: 250 };

const isBare = ({ request, bytes }: Exchange): boolean =>
  bytes === undefined && !("transfer-encoding" in request.headers);

/** @param silenceMs Only tests shorten it. */
export function createForwarder(silenceMs = longestSilenceMs): Forwarder {
  const agent = new Agent(idle);
  return {
    forward(exchange, workerUri, outcome) {
      const { request, response } = exchange;
      let upstream: ClientRequest;
      const attempt = (nth: number): void => {
        if (response.closed) return;
        upstream = openUpstream(exchange, workerUri, agent, silenceMs);
        upstream.on("response", (answer) => whenSent(upstream, () => relay(answer, exchange)));
        upstream.on("close", () => {
          // Closed under its body by a worker that has answered: Node's client calls that no error.
          if (!upstream.writableFinished) void outcome.then((end) => answerFor(end, response));
        });
        upstream.on("error", ({ code }: NodeJS.ErrnoException) => {
          request.unpipe(upstream);
          request.resume();
          const isCut = code !== undefined && nth < tries.most && !response.headersSent;
          const pauseMs = Math.min(tries.firstPauseMs * 2 ** (nth - 1), tries.longestPauseMs);
          const again = isCut && isBare(exchange) ? [sleep(pauseMs)] : [];
          // The invocation's own end says more about what happened, and comes too.
          void Promise.race([outcome, ...again]).then((end) =>
            end === undefined ? attempt(nth + 1) : answerFor(end, response),
          );
        });
        // The worker waits for its request's headers without end, so they never wait for the body's first piece.
        upstream.flushHeaders();
        if (exchange.bytes === undefined && !isBare(exchange)) pipeBody(exchange, upstream);
        else upstream.end(exchange.bytes);
      };
      response.on("close", () => {
        if (!response.writableFinished) abandon(upstream);
        else letGo(request, upstream);
      });
      attempt(1);
    },
    close: () => agent.destroy(),
  };
}

/** Kestrel ends a body that grows too large under whoever reads it: its request is broken, and so is its answer. */
function pipeBody({ request, bodyLimit = Infinity }: Exchange, upstream: ClientRequest): void {
  let bytes = 0;
  request.on("data", ({ byteLength }: Buffer) => {
    bytes += byteLength;
    if (bytes > bodyLimit) upstream.destroy(new BodyRefused(413));
  });
  request.pipe(upstream);
}

/** The host sends the whole body before it reads an answer (`HttpConnection.SendAsync` in dotnet/runtime). */
function whenSent(upstream: ClientRequest, done: () => void): void {
  if (upstream.writableFinished) return done();
  const { socket } = upstream;
  // Node's client stops listening to its socket once the answer is whole.
  const drained = (): void => void upstream.emit("drain");
  socket?.on("drain", drained);
  upstream.once("finish", done).once("close", () => socket?.off("drain", drained));
}

function openUpstream(
  { request, target, invocationId }: Exchange,
  workerUri: string,
  agent: Agent,
  silenceMs: number,
): ClientRequest {
  const kept = rawPairs(request.rawHeaders).filter(([given]) => {
    const name = given.toLowerCase();
    return name === "transfer-encoding" || !(hopByHop.has(name) || hostsOwn.has(name));
  });
  return send({
    // The worker says "localhost" and listens on every interface; the address spares looking it up.
    host: "127.0.0.1",
    port: new URL(workerUri).port,
    agent,
    method: target.method,
    path: target.raw,
    timeout: silenceMs,
    headers: [
      ...kept,
      // Added, not set: a caller's own value stays, and the worker waits for the host's in vain. That is what
      // `DefaultHttpProxyService` does, and nothing behind it can mend it (docs/azure.md).
      ...("x-ms-invocation-id" in request.headers ? [] : [["x-ms-invocation-id", invocationId]]),
      ["x-forwarded-for", request.socket.remoteAddress ?? "127.0.0.1"],
      ["x-forwarded-host", request.headers.host ?? "localhost"],
      ["x-forwarded-proto", "http"],
    ].flat(),
  }).on("timeout", function abort(this: ClientRequest) {
    this.destroy(new Error("the worker was silent for too long"));
  });
}

/**
 * Ends a request whose caller is gone, but not before its headers are with the worker: an invocation that never
 * sees its request waits until `functionTimeout`, which costs the worker and all else that it is doing.
 */
function abandon(upstream: ClientRequest): void {
  const { socket } = upstream;
  if (socket === null) upstream.once("socket", () => abandon(upstream));
  else if (socket.connecting) socket.once("connect", () => setImmediate(() => upstream.destroy()));
  else setImmediate(() => upstream.destroy());
}

/**
 * Frees both connections of a request that has its answer. A body that nobody read would stand in the way of
 * whatever comes next on them: the caller's is drained, or closed when that takes too long, and the
 * worker's is given up, because nothing shows whether the worker has read it.
 */
function letGo(request: IncomingMessage, upstream: ClientRequest): void {
  const length = Number(request.headers["content-length"] ?? 0);
  const small = length <= surelyReadBytes && !("transfer-encoding" in request.headers);
  if (!request.complete || !small) upstream.socket?.destroy();
  if (request.complete) return;
  request.unpipe(upstream);
  request.resume();
  const enough = setTimeout(() => request.destroy(), drainMs);
  request.once("close", () => clearTimeout(enough));
}

/** Headers of an answer that end at the proxy: those of the hop, and YARP's own exception. */
const notPassedOn = new Set([...hopByHop, "strict-transport-security"]);

function relay(answer: IncomingMessage, { response, customHeaders }: Exchange): void {
  for (const [name, value] of Object.entries(customHeaders)) response.setHeader(name, value);
  const headers = rawPairs(answer.rawHeaders).filter(
    ([name]) => !notPassedOn.has(name.toLowerCase()),
  );
  for (const [name] of headers) response.removeHeader(name);
  for (const [name, value] of headers) response.appendHeader(name, value);
  response.writeHead(answer.statusCode ?? 200);
  // Whoever waits for the first event must get the headers before it.
  response.flushHeaders();
  answer.pipe(response);
  answer.on("close", () => {
    if (!answer.complete) response.destroy();
  });
}

/** Answers for a worker that did not. */
function answerFor(outcome: Outcome, response: ServerResponse): void {
  if (response.writableEnded || response.destroyed) return;
  if (!outcome.ok && outcome.workerLost)
    writeProblem(response, 502, "Worker lost", outcome.fault.message);
  else writeEmpty(response, 500);
}

function rawPairs(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at < raw.length; at += 2) pairs.push([raw[at] ?? "", raw[at + 1] ?? ""]);
  return pairs;
}

// From a request to its answer.

type HttpFunctionsOptions = {
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
    await answerByCall(options, request, response, target, match);
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

async function answerByCall(
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
    { request, response, target, invocationId, customHeaders, bytes, bodyLimit },
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
