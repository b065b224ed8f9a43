/**
 * What is answered: successes by what they mean, failures as RFC 9457 problem documents, and what a browser is told
 * about either. The one place that gives an outcome its status number.
 */
import * as z from "zod";
import type { Failure, FailureCode } from "../kernel/failure.ts";
import { staysPrivate } from "../kernel/values.ts";

/** What a handler answers: a status, and a JSON body, a text or a stream of text or bytes. */
export type Reply = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Sent instead of `body`, piece by piece, so that a large answer needs no memory. */
  readonly stream?: AsyncIterable<string | Uint8Array>;
  readonly contentType?: string;
};

/** 200 with a body; `etag` for what can be changed. */
export const ok = (body: unknown, etag?: string): Reply => ({
  status: 200,
  body,
  ...(etag === undefined ? {} : { headers: { etag } }),
});

/**
 * 200 with how far something is that goes on by itself, and when it is worth looking again: sooner while it moves fast, later
 * while it waits, and not at all once it has ended.
 */
export const ongoing = (body: unknown, speed: "fast" | "slow" | "ended"): Reply => ({
  ...ok(body),
  ...(speed === "ended" ? {} : { headers: { "retry-after": speed === "fast" ? "1" : "5" } }),
});

/** 201: something new stands at `location`. */
export const created = (location: string, body: unknown, etag?: string): Reply => ({
  status: 201,
  body,
  headers: { location, ...(etag === undefined ? {} : { etag }) },
});

/** 202: work began; look at `location`, first after `retryAfterSeconds`. */
export const accepted = (location: string, body: unknown, retryAfterSeconds = 1): Reply => ({
  status: 202,
  body,
  headers: { location, "retry-after": String(retryAfterSeconds) },
});

/** 302: what was asked for stands elsewhere. */
export const found = (location: string): Reply => ({ status: 302, headers: { location } });

/** 204: done, nothing to say. */
export const noContent = (): Reply => ({ status: 204 });

/** 200 with text that is produced while it is sent. */
export const streamed = (contentType: string, stream: AsyncIterable<string>): Reply => ({
  status: 200,
  stream,
  contentType,
});

/** 200 with a file that is produced while it is sent, and that a browser keeps under this name. */
export const download = (
  contentType: string,
  fileName: string,
  stream: AsyncIterable<Uint8Array>,
): Reply => ({
  status: 200,
  headers: { "content-disposition": `attachment; filename="${fileName}"` },
  stream,
  contentType,
});

/** How a page for a person's browser answers. */
const pageStatuses = { done: 200, refused: 400, unknown: 404 } as const;

/** A page for a person whose browser comes back to us: words alone, nothing that loads or runs. */
export function page(kind: keyof typeof pageStatuses, words: string): Reply {
  const text = words.replaceAll(/[&<>"']/g, (sign) => `&#${sign.codePointAt(0)};`);
  const html = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Muster</title><p>${text}</p><p>You can close this page.</p></html>\n`;
  const once = async function* () {
    yield html;
  };
  return { ...streamed("text/html; charset=utf-8", once()), status: pageStatuses[kind] };
}

/** Whether an answer says that there is nothing of that name. */
export const saysUnknown = ({ status }: Reply): boolean => status === pageStatuses.unknown;

/**
 * What every answer tells a browser to do with it: an answer is data, it loads nothing, stands in no frame, and is
 * taken for what it says it is. That browsers should come by https is said by host.json (docs/decisions/0023).
 */
export const browserHeaders: Readonly<Record<string, string>> = {
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
};

// Failures, as problem documents.

/** A name, not an address: `docs/problems.md` explains each code, and no host outlives every version. */
const typePrefix = "urn:muster:problem:";

type Meaning = { readonly status: number; readonly title: string };

/** A new code does not compile until it has a status and a title here. */
export const meanings = {
  "action-needs-parameters": { status: 400, title: "The action's parameters are wrong" },
  "already-exists": { status: 409, title: "It exists already" },
  "bad-page-token": { status: 400, title: "The paging token is not one of ours" },
  "body-too-slow": { status: 408, title: "The request body took too long" },
  "body-too-large": { status: 413, title: "The request body is too large" },
  "confirmation-required": { status: 409, title: "A person has to say that it is true" },
  conflict: { status: 409, title: "The present state does not allow this" },
  forbidden: { status: 403, title: "You may not do this" },
  "graph-refused": { status: 502, title: "Microsoft Graph refused the request" },
  "graph-unavailable": { status: 503, title: "Microsoft Graph does not answer" },
  "idempotency-key-reused": {
    status: 409,
    title: "The idempotency key belongs to another request",
  },
  "internal-error": { status: 500, title: "Something went wrong on our side" },
  "invalid-request": { status: 400, title: "The request is not valid" },
  "malformed-json": { status: 400, title: "The body is not JSON" },
  "method-not-allowed": { status: 405, title: "This path does not take this method" },
  "not-ready": { status: 503, title: "The app cannot do its work now" },
  "nothing-to-retry": { status: 409, title: "No delivery is in a state to retry" },
  "precondition-failed": { status: 412, title: "It changed since you read it" },
  "relationship-missing": { status: 409, title: "Nothing ties the partner to the customer" },
  "device-list-refused": { status: 422, title: "The list of devices has faults" },
  "directory-empty": { status: 409, title: "The tenant's directory is empty" },
  "sign-in-unavailable": { status: 503, title: "Sign-ins cannot be checked now" },
  "tenant-being-removed": { status: 409, title: "The tenant is still being removed" },
  "too-many-requests": { status: 429, title: "Too many requests" },
  "too-many-targets": { status: 400, title: "Too many targets in one request" },
  unauthenticated: { status: 401, title: "Sign in first" },
  "unknown-action": { status: 400, title: "No such action" },
  "unknown-approval": { status: 404, title: "No such approval" },
  "unknown-assignment": { status: 404, title: "No such assignment" },
  "unknown-role": { status: 404, title: "No such role" },
  "unknown-collection": { status: 404, title: "No such collection" },
  "unknown-configuration": { status: 404, title: "No such configuration" },
  "unknown-device": { status: 404, title: "No such device" },
  "unknown-notification": { status: 404, title: "No such notification" },
  "unknown-refresh": { status: 404, title: "No such refresh" },
  "unknown-registration": { status: 404, title: "No such registration" },
  "unknown-route": { status: 404, title: "No such path" },
  "unknown-calendar": { status: 404, title: "No such calendar" },
  "unknown-baseline": { status: 404, title: "No such baseline" },
  "unknown-sync": { status: 404, title: "No such sync" },
  "unknown-run": { status: 404, title: "No such run" },
  "unknown-output": { status: 404, title: "No such output" },
  "unknown-task": { status: 404, title: "No such task" },
  "not-restartable": { status: 409, title: "Not everything that was named can be restarted" },
  "nothing-to-restart": { status: 409, title: "Nothing can be restarted so" },
  "restart-changed": { status: 409, title: "Something has changed since the offer" },
  "restart-not-offered": { status: 409, title: "The restart is not on offer" },
  "section-not-restartable": { status: 409, title: "Devices cannot be restarted in this section" },
  "template-changed": { status: 409, title: "The template does something else by now" },
  "unknown-template": { status: 404, title: "No such template" },
  "unknown-tenant": { status: 404, title: "No such tenant" },
  "unknown-webhook": { status: 404, title: "No such webhook" },
  "unknown-dead-letter": { status: 404, title: "No such message set aside" },
  "not-replayable": { status: 409, title: "This message cannot be sent again" },
  "unsupported-media-type": { status: 415, title: "The body's content type is not supported" },
} as const satisfies Record<FailureCode, Meaning>;

/** The body of every error answer. */
export const Problem = z
  .object({
    type: z.string().describe("The kind of problem as a URI; docs/problems.md explains each"),
    title: z.string(),
    status: z.int(),
    code: z.string().describe("Stable name of the problem; match on this"),
    detail: z.string().describe("What happened this time, and what to do next"),
    instance: z.string().describe("The request this answers, by its id"),
    errors: z
      .array(z.object({ pointer: z.string(), detail: z.string(), code: z.string().optional() }))
      .optional()
      .describe("Each fault with the JSON pointer to its place"),
  })
  .meta({ id: "Problem" });

/** The answer for a failure; `requestId` is what support asks for. */
export function problemReply(failure: Failure, requestId: string): Reply {
  const { status, title } = meanings[failure.code];
  const headers: Record<string, string> = {};
  if (failure.retryAfterSeconds !== undefined)
    headers["retry-after"] = String(Math.ceil(failure.retryAfterSeconds));
  if (failure.allowedMethods !== undefined) headers["allow"] = failure.allowedMethods.join(", ");
  if (failure.code === "unauthenticated") headers["www-authenticate"] = 'Bearer realm="muster"';
  const body = {
    type: `${typePrefix}${failure.code}`,
    title,
    status,
    code: failure.code,
    detail: failure.detail,
    instance: `urn:request:${requestId}`,
    ...(failure.faults === undefined ? {} : { errors: failure.faults }),
  };
  return { status, body, headers, contentType: "application/problem+json" };
}

// Origins whose pages may call the API from a browser.

/** What a browser may send along; anything else it asks for is not on the list, and it does not call. */
const allowHeaders =
  "Accept, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match";
const allowMethods = "GET, POST, PUT, PATCH, DELETE";
/** What a page may read, beside the few headers that every page may. */
const exposeHeaders =
  "Allow, ETag, Idempotency-Replayed, Location, Retry-After, WWW-Authenticate, X-Request-Id";
/** How long a browser may go by one preflight; an origin that was struck off is shut out after it. */
const maxAgeSeconds = 600;

/**
 * Whether a text is an origin just as browsers send it. Not `*` and no pattern, since a page anywhere could
 * call then; not `null`, which any page can make itself; and https, except on the machine itself.
 */
export function isOrigin(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.origin !== text || text.includes("*")) return false;
  return staysPrivate(text);
}

/** What every answer says about who may read it. Where the origin is not on the list: no page. */
export const sharing = (
  allowed: readonly string[],
  origin: string | null,
): Readonly<Record<string, string>> => ({
  // Whatever keeps answers must not give one page what was meant for another.
  vary: "Origin",
  ...(origin !== null && allowed.includes(origin)
    ? { "access-control-allow-origin": origin, "access-control-expose-headers": exposeHeaders }
    : {}),
});

/**
 * The answer to a browser's question whether it may call. It is the same for every path, there or not: who
 * asks has not signed in.
 */
export function preflight(allowed: readonly string[], origin: string | null): Reply {
  if (origin === null || !allowed.includes(origin)) return { status: 204 };
  return {
    status: 204,
    headers: {
      "access-control-allow-methods": allowMethods,
      "access-control-allow-headers": allowHeaders,
      "access-control-max-age": String(maxAgeSeconds),
    },
  };
}
