/**
 * Failures as HTTP: RFC 9457 problem documents. The one place that gives a failure its status number.
 */
import * as z from "zod";
import type { Failure, FailureCode } from "../kernel/failure.ts";
import type { Reply } from "./reply.ts";

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
  "nothing-to-retry": { status: 409, title: "No delivery is in a state to retry" },
  "precondition-failed": { status: 412, title: "It changed since you read it" },
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
  "unknown-device": { status: 404, title: "No such device" },
  "unknown-notification": { status: 404, title: "No such notification" },
  "unknown-refresh": { status: 404, title: "No such refresh" },
  "unknown-route": { status: 404, title: "No such path" },
  "unknown-tenant": { status: 404, title: "No such tenant" },
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
      .array(z.object({ pointer: z.string(), detail: z.string() }))
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
