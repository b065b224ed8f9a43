/** What it means for a request that no token could be had for it. */
import { reasonIn, reasonOf } from "../kernel/outside-text.ts";
import { type GraphAnswer, wordsOf } from "./answer.ts";

/**
 * The whole list of what only an administrator can mend: OAuth's names for a request, an app, a secret or a
 * permission that is wrong. Everything else may pass: a service that does not answer or answers in a gateway's
 * words, and what the sign-in library makes up by itself. For a minute or longer after a 429 or a 5xx it answers
 * from memory, without asking, with an error that has numbers in the place of a name, and no status.
 */
const final: ReadonlySet<string> = new Set([
  "access_denied",
  "consent_required",
  "interaction_required",
  "invalid_client",
  "invalid_grant",
  "invalid_request",
  "invalid_resource",
  "invalid_scope",
  "invalid_target",
  "unauthorized_client",
  "unsupported_grant_type",
]);

/** Sorts an error of the sign-in library: passing trouble, or a refusal with Entra's own words. */
export function signInFailure(
  error: unknown,
): Extract<GraphAnswer, { readonly kind: "busy" | "refused" }> {
  const { errorCode, errorMessage, status } = fieldsOf(error);
  const code = typeof errorCode === "string" ? errorCode : "";
  const words = reasonIn(errorMessage) || reasonOf(error);
  const message = `sign-in failed: ${words}`;
  if (final.has(code) && isRefusal(status))
    return { kind: "refused", reason: "signedOut", code, message };
  return { kind: "busy", why: wordsOf({ code: code || "no token", message }) };
}

/** Errors that the library raises for a person to act on carry no status; of the others it must be a refusal's. */
const isRefusal = (status: unknown): boolean =>
  status === undefined || (typeof status === "number" && refusals.has(status));
const refusals: ReadonlySet<number> = new Set([400, 401, 403, 404]);

type Fields = {
  readonly errorCode?: unknown;
  readonly errorMessage?: unknown;
  readonly status?: unknown;
};

/** The sign-in library's errors carry the OAuth error in these fields. */
const fieldsOf = (error: unknown): Fields =>
  typeof error === "object" && error !== null ? error : {};
