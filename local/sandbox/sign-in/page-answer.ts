/** Sending a page: to browsers as HTML, to a terminal as the sentence that matters. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { header } from "../http/messages.ts";

/** What browsers are told about our pages. */
const headers = {
  "Cache-Control": "no-store",
  "Content-Security-Policy":
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
  "X-Content-Type-Options": "nosniff",
};

/** Answers with a page; `text` is what a caller gets that does not ask for HTML. */
export function sendPage(
  request: IncomingMessage,
  response: ServerResponse,
  answer: { readonly status: number; readonly html: string; readonly text: string },
): void {
  const wantsHtml = header(request, "accept")?.includes("text/html") === true;
  const type = wantsHtml ? "text/html" : "text/plain";
  response.writeHead(answer.status, { ...headers, "Content-Type": `${type}; charset=utf-8` });
  response.end(wantsHtml ? answer.html : `${answer.text}\n`);
}

/** Whether a form comes from another site than ours, which answers to two names. */
export function isForeign(request: IncomingMessage, ownOrigin: string): boolean {
  const origin = header(request, "origin");
  const names = [ownOrigin, ownOrigin.replace("127.0.0.1", "localhost")];
  return origin !== undefined && !names.includes(origin);
}
