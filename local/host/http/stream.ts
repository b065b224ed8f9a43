/**
 * Streaming HTTP: the raw request goes to the worker's own HTTP server, and the answer comes back there.
 *
 * The invocation runs beside it. When it fails, or returns no response, the library sends nothing to that server's
 * caller (Azure/azure-functions-nodejs-library issue 324), and the Functions host waits for its proxy before it
 * looks at how the invocation ended (GrpcWorkerChannel). So the request hangs until the silence ends it.
 */
import {
  Agent,
  type ClientRequest,
  type IncomingMessage,
  type ServerResponse,
  request as send,
} from "node:http";
import type { Outcome } from "../runs/invocations.ts";
import { writeEmpty, writeProblem } from "./problem.ts";
import type { Target } from "./target.ts";

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

export type Exchange = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: Target;
  readonly invocationId: string;
  readonly customHeaders: Readonly<Record<string, string>>;
  /** The body, where the host has read it already. */
  readonly bytes?: Buffer | undefined;
};

/** @param silenceMs Only tests shorten it. */
export function createForwarder(silenceMs = longestSilenceMs): Forwarder {
  const agent = new Agent({ keepAlive: true });
  return {
    forward(exchange, workerUri, outcome) {
      const { request, response } = exchange;
      const upstream = openUpstream(exchange, workerUri, agent, silenceMs);
      upstream.on("response", (answer) => relay(answer, exchange));
      upstream.on("error", () => {
        request.unpipe(upstream);
        request.resume();
        // The invocation's own end says more about what happened, and comes too.
        void outcome.then((end) => answerFor(end, response));
      });
      response.on("close", () => {
        if (!response.writableFinished) abandon(upstream);
        else letGo(request, upstream);
      });
      // The worker waits for its request's headers without end, so they never wait for the body's first piece.
      upstream.flushHeaders();
      if (exchange.bytes === undefined) request.pipe(upstream);
      else upstream.end(exchange.bytes);
    },
    close: () => agent.destroy(),
  };
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
  if (response.writableFinished || response.destroyed) return;
  if (!outcome.ok && outcome.workerLost)
    writeProblem(response, 502, "Worker lost", outcome.fault.message);
  else writeEmpty(response, 500);
}

function rawPairs(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at < raw.length; at += 2) pairs.push([raw[at] ?? "", raw[at + 1] ?? ""]);
  return pairs;
}
