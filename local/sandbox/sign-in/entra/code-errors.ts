/** What becomes of codes that are exchanged for tokens, in Entra's words. */
import type { TokenFailure } from "../../behaviour.ts";
import type { EntraFault } from "./entra-errors.ts";

const fault = (error: string, number: number, text: string): EntraFault => ({
  status: 400,
  error,
  number,
  text,
});

/** Nobody has typed the code yet. */
export const pending = fault(
  "authorization_pending",
  70_016,
  "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
);

/** The person pressed Cancel. Microsoft names the error, not its number: this is the one of refused consent. */
export const declined = fault(
  "authorization_declined",
  65_004,
  "The user declined to authorize the application.",
);

/** Nobody typed the code in time. */
export const expired = fault(
  "expired_token",
  70_020,
  "The provided value for the input parameter 'device_code' is not valid. This device code has expired.",
);

/** No such device code, or it was handed out to another app or directory. */
export const codeUnknown = fault(
  "bad_verification_code",
  70_018,
  "The provided value for the input parameter 'device_code' is not valid.",
);

/** The code has given its tokens already. */
export const redeemed = fault(
  "invalid_grant",
  54_005,
  "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.",
);

/** A code or refresh token that is none of ours, or no longer. */
export const grantInvalid = (text: string): EntraFault =>
  fault("invalid_grant", 70_000, `The provided grant is invalid or malformed: ${text}.`);

/** Asked again before the interval was over. The error is RFC 8628's; the number, of client loops, is ours. */
export const tooFast = fault(
  "slow_down",
  50_196,
  "The device polls faster than the interval it was given.",
);

const grantRefused = (number: number, text: string, suberror?: string): EntraFault => ({
  ...fault("invalid_grant", number, text),
  ...(suberror === undefined ? {} : { suberror }),
});

/** What trouble with a person's tokens looks like; where the connection is cut, there is no answer at all. */
export const failures: Readonly<Record<Exclude<TokenFailure, "cut">, EntraFault>> = {
  slowDown: tooFast,
  busy: {
    ...fault(
      "temporarily_unavailable",
      90_033,
      "A transient error has occurred. Please try again.",
    ),
    status: 503,
  },
  throttled: {
    ...fault("temporarily_unavailable", 90_055, "There are too many requests. Please try again."),
    status: 429,
  },
  blocked: grantRefused(
    53_003,
    "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
    "message_only",
  ),
  revoked: grantRefused(
    50_173,
    "The provided grant has expired due to it being revoked, a fresh auth token is needed.",
    "bad_token",
  ),
  unused: grantRefused(700_082, "The refresh token has expired due to inactivity."),
  tooOld: grantRefused(
    70_043,
    "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access.",
    "token_expired",
  ),
  secondFactor: grantRefused(
    50_076,
    "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access the resource.",
    "basic_action",
  ),
  consentMissing: grantRefused(
    65_001,
    "The user or administrator has not consented to use the application.",
    "consent_required",
  ),
  disabled: grantRefused(50_057, "The user account is disabled."),
};
