/** A reply in the Functions library's words, with the headers that every answer carries. */
import type { HttpRequest, HttpResponseInit } from "@azure/functions";
import { browserHeaders } from "../shared/http/browser-headers.ts";
import { sharing } from "../shared/http/origins.ts";
import type { Reply } from "../shared/http/reply.ts";

/** The headers that depend on the request alone, and that no answer to it lacks. */
export const headersFor = (
  request: HttpRequest,
  allowedOrigins: readonly string[],
  requestId: string,
): Readonly<Record<string, string>> => ({
  ...browserHeaders(cameByHttps(request)),
  ...sharing(allowedOrigins, request.headers.get("origin")),
  "x-request-id": requestId,
});

/** In Azure the front end ends TLS, and says by what the caller came. */
const cameByHttps = ({ url, headers }: HttpRequest): boolean =>
  url.startsWith("https:") || headers.get("x-forwarded-proto")?.split(",")[0]?.trim() === "https";

/** Turns a reply into what the Functions library sends; the reply's own headers come last. */
export function toResponse(
  reply: Reply,
  common: Readonly<Record<string, string>>,
): HttpResponseInit {
  const { status, headers, contentType, body, stream } = reply;
  const all: Record<string, string> = { ...common, ...headers };
  if (stream !== undefined) {
    all["content-type"] = contentType ?? "text/plain; charset=utf-8";
    return { status, headers: all, body: bytesOf(stream) };
  }
  if (body === undefined) return { status, headers: all };
  all["content-type"] = contentType ?? "application/json";
  return { status, headers: all, body: JSON.stringify(body) };
}

async function* bytesOf(stream: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  for await (const text of stream) yield encoder.encode(text);
}
