/**
 * Signing people in for a tenant, as one object: who holds it needs nothing of the sign-in library, which is loaded
 * with the services and not with what answers the host's first questions.
 */
import { type SignInParts, UserAccounts } from "./accounts.ts";
import { beginBrowserSignIn, finishBrowserSignIn } from "./browser-sign-in.ts";
import { beginConsent, finishConsent } from "./consent.ts";
import {
  beginDeviceCode,
  deviceCodeOf,
  isOverdue,
  pollDeviceCode,
  withdrawSignIn,
} from "./device-code.ts";

/** Without its first argument. */
type Bound<F> = F extends (parts: SignInParts, ...rest: infer A) => infer R
  ? (...rest: A) => R
  : never;

/** Every step of a sign-in, and of an administrator's consent. */
export type SignIns = {
  /** The permissions that a tenant's account has signed in for; none where nobody has. */
  readonly agreed: UserAccounts["agreed"];
  readonly beginDeviceCode: Bound<typeof beginDeviceCode>;
  readonly deviceCodeOf: Bound<typeof deviceCodeOf>;
  readonly isOverdue: Bound<typeof isOverdue>;
  readonly pollDeviceCode: Bound<typeof pollDeviceCode>;
  readonly withdrawSignIn: Bound<typeof withdrawSignIn>;
  readonly beginBrowserSignIn: Bound<typeof beginBrowserSignIn>;
  readonly finishBrowserSignIn: Bound<typeof finishBrowserSignIn>;
  readonly beginConsent: Bound<typeof beginConsent>;
  readonly finishConsent: Bound<typeof finishConsent>;
};

/** Makes them. */
export const signIns = (parts: SignInParts): SignIns => ({
  agreed: (tenantId) => new UserAccounts(parts).agreed(tenantId),
  beginDeviceCode: (...rest) => beginDeviceCode(parts, ...rest),
  deviceCodeOf: (...rest) => deviceCodeOf(parts, ...rest),
  isOverdue: (...rest) => isOverdue(parts, ...rest),
  pollDeviceCode: (...rest) => pollDeviceCode(parts, ...rest),
  withdrawSignIn: (...rest) => withdrawSignIn(parts, ...rest),
  beginBrowserSignIn: (...rest) => beginBrowserSignIn(parts, ...rest),
  finishBrowserSignIn: (...rest) => finishBrowserSignIn(parts, ...rest),
  beginConsent: (...rest) => beginConsent(parts, ...rest),
  finishConsent: (...rest) => finishConsent(parts, ...rest),
});
