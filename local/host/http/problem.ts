/** What the host itself answers when no function did. */
import type { ServerResponse } from "node:http";

/** An empty answer, as the Functions host gives for 401, 404 and 500. */
export function writeEmpty(response: ServerResponse, status: number): void {
  if (response.headersSent) return void response.destroy();
  response.writeHead(status, { "content-length": 0 }).end();
}

/** A problem document (RFC 9457), for faults that only a host on one machine has to explain. */
export function writeProblem(
  response: ServerResponse,
  status: number,
  title: string,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  // Half an answer cannot be taken back; a broken connection tells the caller so.
  if (response.headersSent) return void response.destroy();
  const body = JSON.stringify({ type: "about:blank", title, status, detail });
  response.writeHead(status, { "content-type": "application/problem+json", ...headers }).end(body);
}

export function writeJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json; charset=utf-8" });
  response.end(JSON.stringify(value));
}
