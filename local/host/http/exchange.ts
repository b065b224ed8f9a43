/** An HTTP request and response as the worker's RPC data, and back. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { HttpCookie, HttpData, Nullable, TypedData } from "../app/protocol.ts";
import { headersOf, type Target } from "./target.ts";

// One `Set-Cookie` header from the cookie data of a response. Pure.

const sameSiteText = {
  none: undefined,
  lax: "Lax",
  strict: "Strict",
  explicitNone: "None",
} as const;

function cookieText(cookie: HttpCookie): string {
  const { domain, path, expires, secure, httpOnly, maxAge, sameSite = "none" } = cookie;
  const seconds = expires?.value?.seconds;
  const attributes: readonly [string, string | number | boolean | undefined][] = [
    ["expires", seconds === undefined ? undefined : new Date(seconds * 1000).toUTCString()],
    ["max-age", maxAge?.value],
    ["domain", domain?.value],
    ["path", path?.value ?? "/"],
    ["secure", secure?.value],
    ["samesite", sameSiteText[sameSite]?.toLowerCase()],
    ["httponly", httpOnly?.value],
  ];
  const text = attributes
    .filter(([, value]) => value !== undefined && value !== false)
    .map(([name, value]) => (value === true ? `; ${name}` : `; ${name}=${value}`));
  return `${encodeURIComponent(cookie.name)}=${encodeURIComponent(cookie.value)}${text.join("")}`;
}

/** Said when the host ends a request over its body. */
export class BodyRefused extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`the body was refused with ${status}`);
    this.status = status;
  }
}

/** A body that comes more slowly than this is given up, after a while: Kestrel's own defaults. */
const slowest = { bytesPerSecond: 240, graceMs: 5_000 };

/**
 * The body of a request that says how long it is.
 *
 * A chunked request arrives empty: outside of streaming that is what the Functions host does
 * (Azure/azure-functions-nodejs-library issue 171).
 * @throws {BodyRefused} When it is larger than `limit` bytes, or comes too slowly.
 */
export async function readBody(
  request: IncomingMessage,
  limit: number,
): Promise<Buffer | undefined> {
  const length = Number(request.headers["content-length"] ?? 0);
  if (length > limit) throw new BodyRefused(413);
  if (!(length > 0)) {
    request.resume();
    return undefined;
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  let slow = false;
  const started = Date.now();
  const watch = setInterval(() => {
    const ms = Date.now() - started;
    slow = ms > slowest.graceMs && bytes < (slowest.bytesPerSecond * ms) / 1000;
    if (slow) request.emit("error", new BodyRefused(408));
  }, 1_000);
  try {
    for await (const chunk of request) {
      chunks.push(chunk as Buffer);
      bytes += (chunk as Buffer).byteLength;
    }
  } finally {
    clearInterval(watch);
  }
  return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
}

/** The request as a function's input. */
export function requestData(
  request: IncomingMessage,
  { method, origin, raw, query }: Target,
  params: Readonly<Record<string, string>>,
  body: Buffer | undefined,
): TypedData {
  return {
    http: {
      method,
      url: origin + raw,
      nullableHeaders: nullable(headersOf(request)),
      nullableQuery: nullable(query),
      nullableParams: nullable(params),
      ...(body ? { body: { bytes: body } } : {}),
    },
  };
}

const nullable = (map: Readonly<Record<string, string>>): Record<string, Nullable<string>> =>
  Object.fromEntries(Object.entries(map).map(([name, value]) => [name, { value }]));

/** Headers that the server itself decides. */
const ownHeaders = new Set(["content-length", "transfer-encoding", "connection", "keep-alive"]);

/** Writes what a function returned; nothing at all is 204. */
export function writeResponse(
  response: ServerResponse,
  data: HttpData | undefined,
  customHeaders: Readonly<Record<string, string>>,
): void {
  for (const [name, value] of Object.entries(customHeaders)) response.setHeader(name, value);
  if (!data) return void response.writeHead(204).end();
  response.statusCode = Number(data.statusCode ?? 200);
  for (const [name, value] of Object.entries(data.headers ?? {})) {
    if (!ownHeaders.has(name.toLowerCase())) response.setHeader(name, value);
  }
  const cookies = (data.cookies ?? []).map(cookieText);
  if (cookies.length > 0) response.setHeader("set-cookie", cookies);
  const body = bytesOf(data.body);
  if (response.statusCode !== 204 && response.statusCode !== 304) {
    response.setHeader("content-length", body.byteLength);
  }
  response.end(body);
}

function bytesOf(body: TypedData | null | undefined): Uint8Array {
  if (body?.bytes) return body.bytes;
  return Buffer.from(body?.string ?? body?.json ?? "");
}
