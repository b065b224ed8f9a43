/** The HTTP server of the host: tells admin endpoints and functions apart. */

import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type HostLog, messageOf } from "../runs/log.ts";
import { type HttpAnswer, targetOf, writeEmpty } from "./exchange.ts";

// CORS for one machine: the origins of local.settings.json.

type Cors = { readonly origins: readonly string[]; readonly credentials: boolean };

/**
 * Adds the headers that let an allowed origin read the answer.
 * @returns Whether this was a preflight request, which is answered then.
 */
function applyCors(cors: Cors, request: IncomingMessage, response: ServerResponse): boolean {
  const { origin } = request.headers;
  if (!origin || !(cors.origins.includes("*") || cors.origins.includes(origin))) return false;
  response.setHeader("access-control-allow-origin", cors.origins.includes("*") ? "*" : origin);
  response.setHeader("vary", "origin");
  if (cors.credentials) response.setHeader("access-control-allow-credentials", "true");
  const method = request.headers["access-control-request-method"];
  if (request.method !== "OPTIONS" || !method) return false;
  response.setHeader("access-control-allow-methods", method);
  const headers = request.headers["access-control-request-headers"];
  if (headers) response.setHeader("access-control-allow-headers", headers);
  response.writeHead(204).end();
  return true;
}

/** Longest URL the Functions host takes, in bytes. */
const urlLimit = 8_192;

export type HttpFront = {
  readonly port: number;
  /** Takes no new connections; resolves when the open ones are done, at the latest after `graceMs`. */
  readonly close: (graceMs: number) => Promise<void>;
};

type HttpFrontOptions = {
  readonly port: number;
  readonly cors: Cors;
  readonly log: HostLog;
};

/** What answers requests once the host knows; until then they wait. */
export type Answers = { readonly admin: HttpAnswer; readonly functions: HttpAnswer };

/** Listens on the loopback interface. Rejects when the port is taken. */
export async function listen(
  { port, cors, log }: HttpFrontOptions,
  answers: Promise<Answers>,
): Promise<HttpFront> {
  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (applyCors(cors, request, response)) return;
    if ((request.url ?? "").length > urlLimit) return writeEmpty(response, 414);
    const target = targetOf(request);
    const { admin, functions } = await answers;
    const answer = /^admin(\/|$)/i.test(target.path) ? admin : functions;
    await answer(request, response, target);
  }
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      log("error", `A request failed in the host: ${messageOf(error)}`);
      writeEmpty(response, 500);
    });
  });
  // An upload may be streamed for as long as it likes.
  server.requestTimeout = 0;
  server.keepAliveTimeout = 75_000;
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    close: (graceMs) => close(server, graceMs),
  };
}

async function close(server: Server, graceMs: number): Promise<void> {
  const closed = once(server, "close");
  server.close();
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(timer);
}
