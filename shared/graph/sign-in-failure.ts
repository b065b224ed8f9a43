/** What it means for a request that no token could be had for it. */
import { maxReasonChars, plainText, reasonIn, reasonOf } from "../kernel/outside-text.ts";
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

/**
 * What Entra's numbers mean for an administrator, and what to do. Both in as few words as fit, with the code, into the
 * detail that is kept for a device.
 */
export const signInAdvice: Readonly<Record<string, readonly [happened: string, advice: string]>> = {
  // The app and its tenant.
  "90002": [
    "there is no such tenant in this cloud",
    "check the tenant id and the authority's cloud",
  ],
  "900023": ["this is no tenant id", "check the tenant id"],
  "700016": ["the app is not in this tenant", "have its administrator consent to the app"],
  "7000229": ["the app is not in this tenant", "have its administrator consent to the app"],
  "7000112": ["the app is disabled", "enable it in the tenant's enterprise applications"],
  "500011": [
    "what is asked for is not in this tenant",
    "check the resource's address, or add it to the tenant",
  ],
  "650052": [
    "the tenant has not taken up the service",
    "check its subscription, then consent again",
  ],
  "650053": ["the app asks for a permission that is not there", "correct the app's permissions"],
  "700038": ["this is no app's id", "check the client id"],
  // Consent.
  "65001": ["nobody has consented to the app's permissions", "have an administrator consent"],
  "65004": ["the person declined consent", "sign in again and accept, or ask an administrator"],
  "90094": ["an administrator must consent first", "have one consent to the app"],
  "50105": ["the user is not assigned to the app", "assign the user or a group to it"],
  // How the app proves itself.
  "7000215": ["the client secret is wrong", "set the secret's value, not its id"],
  "7000222": ["the client secret has expired", "make a new one and set it"],
  "7000218": ["no secret or certificate was sent", "set one, or allow public client flows"],
  "700025": ["the app is a public client", "set no secret for it, or register it as confidential"],
  "700027": [
    "the certificate is not registered, or has expired",
    "upload to the app the one that is set",
  ],
  "700024": ["the signed proof is outside its time", "set this machine's clock right"],
  "1002012": ["the scope is no resource with /.default", "check the resource's address"],
  "70011": ["the scope is not valid", "check the resource's address"],
  // The person who signs in.
  "50034": ["the user is not in this tenant", "check the name and the tenant"],
  "90072": ["the user is not in this tenant", "invite the user, or sign in as another"],
  "50020": ["the user is not in this tenant", "invite the user, or sign in as another"],
  "50057": ["the account is disabled", "enable it, or sign in as another"],
  "50053": [
    "the account is locked, or its address blocked",
    "wait, or have an administrator unlock it",
  ],
  "50055": ["the password has expired", "change it, then sign in again"],
  "50126": ["the name or the password is wrong", "sign in again"],
  "50058": ["nobody is signed in", "sign in again"],
  "50173": ["the password was changed since", "sign in again"],
  "70008": ["the sign-in has expired", "sign in again"],
  "70043": ["the sign-in has expired by policy", "sign in again"],
  "700082": ["the sign-in was not used for too long", "sign in again"],
  // What the tenant demands of a sign-in.
  "50072": ["a second factor must be registered", "sign in again and register it"],
  "50074": ["a second factor is required", "sign in again and complete it"],
  "50076": ["a second factor is required", "sign in again and complete it"],
  "50079": ["a second factor must be registered", "sign in again and register it"],
  "50158": ["a demand of conditional access is not met", "sign in again and meet it"],
  "53000": ["the device is not compliant", "sign in from one that is, or change the policy"],
  "53001": [
    "the device is not joined to the domain",
    "sign in from one that is, or change the policy",
  ],
  "53002": ["the app is not an approved one", "sign in with one that is, or change the policy"],
  "53003": [
    "conditional access blocks the sign-in",
    "exempt the app or the user, or meet the policy",
  ],
  "530003": ["the device must be managed", "sign in from one that is, or change the policy"],
  "53011": ["the user is blocked by a risk", "have an administrator dismiss it"],
  "500021": ["tenant restrictions block this tenant", "allow it at the network's proxy"],
};

/** Entra's words, behind what they mean where that is known: the number stays, since people search for it. */
function withAdvice(words: string, full: unknown): string {
  const number = /AADSTS(\d+)/.exec(typeof full === "string" ? full : words)?.[1] ?? "";
  const known = Object.hasOwn(signInAdvice, number) ? signInAdvice[number] : undefined;
  return known === undefined
    ? words
    : plainText(`AADSTS${number}, ${known[0]}: ${known[1]} (${words})`, maxReasonChars);
}

/** Sorts an error of the sign-in library: passing trouble, or a refusal with Entra's own words. */
export function signInFailure(
  error: unknown,
): Extract<GraphAnswer, { readonly kind: "busy" | "refused" }> {
  const { errorCode, errorMessage, status } = fieldsOf(error);
  const code = typeof errorCode === "string" ? errorCode : "";
  const words = withAdvice(reasonIn(errorMessage) || reasonOf(error), errorMessage);
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
