/** CORS for one machine: the origins of local.settings.json. */
import type { IncomingMessage, ServerResponse } from "node:http";

export type Cors = { readonly origins: readonly string[]; readonly credentials: boolean };

/**
 * Adds the headers that let an allowed origin read the answer.
 * @returns Whether this was a preflight request, which is answered then.
 */
export function applyCors(cors: Cors, request: IncomingMessage, response: ServerResponse): boolean {
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
