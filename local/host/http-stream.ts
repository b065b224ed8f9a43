/**
 * Streaming HTTP: the raw request goes to the worker's own HTTP server, and the answer comes back there.
 *
 * The invocation runs beside it. When it fails, nobody answers on the worker's side, so the host does.
 */
import {
  Agent,
  type ClientRequest,
  type IncomingMessage,
  type ServerResponse,
  request as send,
} from "node:http";
import { writeEmpty, writeProblem } from "./http-problem.ts";
import type { Target } from "./http-target.ts";
import type { Outcome } from "./invocations.ts";

/** Longest silence on the worker's side, as the Functions host has it. */
const silenceMs = 240_000;
/** How long what a caller still sends is read and forgotten once it has its answer, as Kestrel has it. */
const drainMs = 5_000;
/** A body up to this size has left the connection to the worker even when nobody reads it. */
const surelyReadBytes = 16 * 1024;
/** An answer is on its way before the invocation's end is told; this is how long it may take longer. */
const answerGraceMs = 2_000;

const hopByHop = new Set(
  "connection keep-alive proxy-authenticate proxy-authorization te trailer transfer-encoding upgrade".split(
    " ",
  ),
);

/** What the host says of a request; a caller's own word on it ends here. */
const hostsOwn = new Set(["x-ms-invocation-id", "x-forwarded-host", "x-forwarded-proto"]);

export type Forwarder = {
  /** Sends `request` to the worker at `workerUri` and its answer to `response`, while `outcome` is pending. */
  readonly forward: (exchange: Exchange, workerUri: string, outcome: Promise<Outcome>) => void;
  readonly close: () => void;
};

export type Exchange = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: Target;
  readonly invocationId: string;
  readonly customHeaders: Readonly<Record<string, string>>;
};

export function createForwarder(): Forwarder {
  const agent = new Agent({ keepAlive: true });
  return {
    forward(exchange, workerUri, outcome) {
      const { request, response } = exchange;
      const upstream = openUpstream(exchange, workerUri, agent);
      upstream.on("response", (answer) => relay(answer, exchange));
      upstream.on("error", () => {
        // The invocation's own end says more about what happened, and comes too.
        request.unpipe(upstream);
        request.resume();
      });
      response.on("close", () => {
        if (!response.writableFinished) upstream.destroy();
        else letGo(request, upstream);
      });
      request.pipe(upstream);
      void outcome.then((end) => settle(end, exchange, upstream));
    },
    close: () => agent.destroy(),
  };
}

function openUpstream(
  { request, target, invocationId }: Exchange,
  workerUri: string,
  agent: Agent,
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
      ["x-ms-invocation-id", invocationId],
      ["x-forwarded-host", request.headers.host ?? "localhost"],
      ["x-forwarded-proto", "http"],
    ].flat(),
  }).on("timeout", function abort(this: ClientRequest) {
    this.destroy(new Error("the worker was silent for too long"));
  });
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

function relay(answer: IncomingMessage, { response, customHeaders }: Exchange): void {
  for (const [name, value] of Object.entries(customHeaders)) response.setHeader(name, value);
  const headers = rawPairs(answer.rawHeaders).filter(([name]) => !hopByHop.has(name.toLowerCase()));
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

/** Answers for a worker that will not. */
function settle(outcome: Outcome, { response }: Exchange, upstream: ClientRequest): void {
  if (response.writableFinished || response.destroyed) return;
  if (outcome.ok) {
    if (!response.headersSent) expectAnswer(response, upstream);
    return;
  }
  upstream.destroy();
  if (outcome.workerLost) writeProblem(response, 502, "Worker lost", outcome.fault.message);
  else writeEmpty(response, 500);
}

/** A function that succeeded without an answer returned none, which nobody else would tell the caller. */
function expectAnswer(response: ServerResponse, upstream: ClientRequest): void {
  const timer = setTimeout(() => {
    if (response.headersSent) return;
    upstream.destroy();
    writeProblem(response, 500, "No response", "A streaming function must return a response.");
  }, answerGraceMs);
  response.on("close", () => clearTimeout(timer));
}

function rawPairs(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at < raw.length; at += 2) pairs.push([raw[at] ?? "", raw[at + 1] ?? ""]);
  return pairs;
}
