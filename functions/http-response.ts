/** A reply in the Functions library's words, with the headers that every answer carries. */
import type { HttpResponseInit } from "@azure/functions";
import type { Reply } from "../shared/http/reply.ts";

/** Turns a reply into what the Functions library sends. */
export function toResponse(reply: Reply, requestId: string): HttpResponseInit {
  const { status, headers, contentType, body, stream } = reply;
  const all: Record<string, string> = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-request-id": requestId,
    ...headers,
  };
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
