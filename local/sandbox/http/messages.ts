/** Reading requests and writing answers on plain node:http. */
import type { IncomingMessage, ServerResponse } from "node:http";

/** Bodies larger than this are refused; Graph's own limit is 4 MB. */
const largestBody = 4 * 1024 * 1024;

/** The whole body as text. Throws when it is too large or the caller went away. */
export function readBody(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > largestBody) request.destroy(new Error("the body is too large"));
      else chunks.push(chunk);
    });
    request.once("end", () => resolve(chunks.length === 0 ? "" : Buffer.concat(chunks).toString()));
    request.once("error", reject);
    request.once("close", () => reject(new Error("the caller went away")));
  });
}

/** A header as one text, or undefined. */
export function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** Answers with JSON. */
export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const text = JSON.stringify(value);
  response.writeHead(status, {
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(text),
  });
  response.end(text);
}

const loopback = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i;

/**
 * Whether a request was sent to this machine by its own name. A web page whose name was made to lead here sends
 * another one, and its browser would let it read the answer.
 */
export const isForUs = (request: IncomingMessage): boolean =>
  loopback.test(header(request, "host") ?? "");

/** Whether a web page of somebody else sent it: programs send neither of these headers. */
export function isFromPage(request: IncomingMessage): boolean {
  const [origin, site] = [header(request, "origin"), header(request, "sec-fetch-site")];
  if (origin !== undefined && origin !== `http://${header(request, "host")}`) return true;
  return site !== undefined && site !== "same-origin" && site !== "none";
}
