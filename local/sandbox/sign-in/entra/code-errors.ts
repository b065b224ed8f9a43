/** What becomes of codes that are exchanged for tokens, in Entra's words. */
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
