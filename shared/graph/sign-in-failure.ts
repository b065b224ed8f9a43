/** What it means for a request that no token could be had for it. */
import type { GraphAnswer } from "./answer.ts";

/**
 * Errors that a later try may not have: OAuth's own, and the sign-in library's words for an answer that did
 * not come or was a gateway's page. Everything else needs an administrator.
 */
const passing = new Set([
  "temporarily_unavailable",
  "server_error",
  "network_error",
  "no_network_connectivity",
  "post_request_failed",
  "unexpected_error",
  "token_parsing_error",
  "openid_config_error",
  "endpoints_resolution_error",
]);

/** Sorts an error of the sign-in library: passing trouble, or a refusal with Entra's own words. */
export function signInFailure(error: unknown): GraphAnswer {
  const { errorCode, errorMessage, status, message } = fieldsOf(error);
  const isPassing =
    errorCode === undefined || passing.has(errorCode) || status === 429 || (status ?? 0) >= 500;
  if (isPassing) return { kind: "busy" };
  return {
    kind: "refused",
    reason: "signedOut",
    code: errorCode,
    message: `sign-in failed: ${errorMessage ?? message ?? ""}`,
  };
}

type Fields = {
  readonly errorCode?: string;
  readonly errorMessage?: string;
  readonly status?: number;
  readonly message?: string;
};

/** The sign-in library's errors carry the OAuth error in these fields. */
const fieldsOf = (error: unknown): Fields =>
  typeof error === "object" && error !== null ? error : {};
