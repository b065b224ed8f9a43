/**
 * Checks Entra access tokens: who issued them, for whom, until when, and that nobody made them up.
 *
 * The order matters: what costs nothing comes first, and no address is called that a stranger chose.
 */
import { decodeJwt, decodeProtectedHeader, errors, jwtVerify } from "jose";
import type { Clock } from "../kernel/clock.ts";
import { fail, type Result } from "../kernel/failure.ts";
import type { Caller } from "./caller.ts";
import { callerOf, type TokenDemands } from "./token-claims.ts";
import { type KeySource, KeysUnavailable } from "./token-keys.ts";

/** The step at which a token fails; for the log, where it helps and harms nobody. */
export type TokenStep =
  | "missing"
  | "scheme"
  | "oversized"
  | "malformed"
  | "algorithm"
  | "directory"
  | "keys-unavailable"
  | "unknown-key"
  | "signature"
  | "issuer"
  | "audience"
  | "expired"
  | "not-yet-valid"
  | "claims"
  | "consent";

/** What a token came to. */
export type TokenVerdict =
  | { readonly kind: "caller"; readonly caller: Caller }
  | { readonly kind: "refused"; readonly step: TokenStep };

/** Which tokens are taken. */
export type TokenRules = TokenDemands & {
  /** Directories whose people and apps may call at all; in lower case. */
  readonly homeTenantIds: readonly string[];
  /** Values of `aud`: the client id of the API's registration, and its `api://` address. */
  readonly audiences: readonly string[];
  readonly keys: KeySource;
  readonly clock: Clock;
};

/**
 * Longest Authorization header that is looked at. The token of somebody in 200 groups, the most that Entra
 * lists, has some 12,700 characters; Node refuses all headers together beyond 16 KiB, and says nothing to us.
 */
export const maxTokenChars = 14 * 1024;
/** Entra signs with RS256. The list is ours: a token does not choose how it is checked. */
const algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
/** Clocks differ a little; more than this is not a clock. */
const toleranceSeconds = 60;

/** Makes the check of an Authorization header. Never throws for what a caller sent. */
export function tokenCheck(rules: TokenRules) {
  return async (authorization: string | null): Promise<TokenVerdict> => {
    const token = bearerOf(authorization);
    if (typeof token !== "string") return refused(token.step);
    const tenantId = directoryOf(token, rules);
    if (typeof tenantId !== "string") return refused(tenantId.step);
    try {
      const { issuer, keyOf } = await rules.keys(tenantId);
      const { payload } = await jwtVerify(token, keyOf, {
        issuer,
        audience: [...rules.audiences],
        algorithms,
        clockTolerance: toleranceSeconds,
        currentDate: new Date(rules.clock.now()),
        requiredClaims: ["exp", "nbf", "iat", "tid"],
      });
      return callerOf(payload, rules);
    } catch (error) {
      return refused(stepOf(error));
    }
  };
}

type Stopped = { readonly step: TokenStep };

function bearerOf(authorization: string | null): string | Stopped {
  if (authorization === null || authorization.trim() === "") return { step: "missing" };
  if (authorization.length > maxTokenChars) return { step: "oversized" };
  const [scheme, token, ...rest] = authorization.trim().split(/ +/);
  if (scheme?.toLowerCase() !== "bearer" || token === undefined || rest.length > 0)
    return { step: "scheme" };
  return token;
}

/** The directory that a token says it is from, if that one is let in. Nothing of it is believed yet. */
function directoryOf(token: string, rules: TokenRules): string | Stopped {
  try {
    const { alg } = decodeProtectedHeader(token);
    if (alg === undefined || !algorithms.includes(alg)) return { step: "algorithm" };
    const { tid } = decodeJwt(token);
    if (typeof tid !== "string") return { step: "claims" };
    const tenantId = tid.toLowerCase();
    return rules.homeTenantIds.includes(tenantId) ? tenantId : { step: "directory" };
  } catch {
    return { step: "malformed" };
  }
}

const claimSteps: Readonly<Record<string, TokenStep>> = {
  aud: "audience",
  iss: "issuer",
  nbf: "not-yet-valid",
};

/** jose's errors in our words. What is not about the token is a bug, and is thrown on. */
function stepOf(error: unknown): TokenStep {
  if (error instanceof KeysUnavailable || error instanceof errors.JWKSTimeout)
    return "keys-unavailable";
  if (error instanceof errors.JWTExpired) return "expired";
  if (error instanceof errors.JWTClaimValidationFailed)
    return error.reason === "check_failed" ? (claimSteps[error.claim] ?? "claims") : "claims";
  if (error instanceof errors.JWSSignatureVerificationFailed) return "signature";
  if (error instanceof errors.JWKSNoMatchingKey) return "unknown-key";
  if (error instanceof errors.JWKSMultipleMatchingKeys) return "unknown-key";
  if (error instanceof errors.JOSEAlgNotAllowed) return "algorithm";
  if (error instanceof errors.JWKSInvalid) return "keys-unavailable";
  // What has no code of its own is an answer of the key address that is no key set.
  if (error instanceof errors.JOSEError)
    return error.code === "ERR_JOSE_GENERIC" ? "keys-unavailable" : "malformed";
  throw error;
}

const refused = (step: TokenStep): TokenVerdict => ({ kind: "refused", step });

/** What a caller is told about a refused token: enough to mend an honest mistake, no more. */
export function tokenRefusal(step: TokenStep): Result<never> {
  switch (step) {
    case "missing":
    case "scheme":
      return fail(
        "unauthenticated",
        "Send Authorization: Bearer with an access token for this API.",
      );
    case "expired":
      return fail("unauthenticated", "The access token has expired. Get a new one.");
    case "keys-unavailable":
      return fail(
        "sign-in-unavailable",
        "The access token cannot be checked: the sign-in service does not answer. Try again.",
        { retryAfterSeconds: 5 },
      );
    case "consent":
      return fail(
        "forbidden",
        "The access token is genuine, but carries no permission for this API. Ask for its scope, or have its app role assigned.",
      );
    default:
      return fail("unauthenticated", "The access token is not one for this API.");
  }
}
