/**
 * What Graph's answer to one request means for whoever asked, whether it came alone or inside a
 * `$batch`. The distinction that matters: was it done, was it surely not done, or can nobody tell?
 *
 * A proxy or a gateway between us and Graph may answer in its place, with any status. Only what has the shape of
 * Graph's own answers is Graph's word: everything else is unclear, which for a write means that it may have been
 * done, and for a read that the next one may get through. The sign-in service is such a third one too: what its errors
 * mean for a request that gets no token stands at the end.
 */
import { retryAfterToMs } from "../kernel/clock.ts";
import {
  bodyOf,
  foreignWords,
  maxReasonChars,
  type OutsideBody,
  plainText,
  reasonIn,
  reasonOf,
  type ServiceError,
  serviceErrorIn,
} from "../kernel/outside-text.ts";
import { loopDetected, loopRestMs, passingSignInCodes } from "../kernel/sign-in-codes.ts";

/** One answer, judged, with those of its headers that say something to whoever asked. */
export type GraphAnswer = Judged & { readonly headers?: AnswerHeaders };

type Judged =
  | { readonly kind: "ok"; readonly status: number; readonly body: unknown }
  /** 429: surely not done. Come back after the time, or after a back-off where Graph gave none. */
  | { readonly kind: "throttled"; readonly retryAfterMs?: number; readonly why: string }
  /** 503, no token, a refused one: surely not done; the next time it may be. */
  | { readonly kind: "busy"; readonly retryAfterMs?: number; readonly why: string }
  /**
   * Intune holds the write until a second administrator approves it: surely not done, and approving it does not do
   * it either. The identical request has to be made again then, with this code.
   */
  | { readonly kind: "approvalNeeded"; readonly approvalCode: string; readonly why: string }
  /** In a batch: surely not done, since a request that it depends on failed. */
  | { readonly kind: "dependencyFailed"; readonly why: string }
  /** A final no. Asking again gives the same answer. */
  | ({ readonly kind: "refused"; readonly reason: RefusalReason } & ServiceError)
  /**
   * Cut connection, time-out, 500, 502, 504, somebody else's page: it may have been done. Look before doing it
   * again. `tooMuch`: a smaller request may get an answer.
   */
  | { readonly kind: "unclear"; readonly why: string; readonly tooMuch?: true };

/** Why Graph refuses, as far as it makes a difference to a caller. */
export type RefusalReason = keyof typeof reasons | "other";

const reasons = {
  signedOut: 401,
  forbidden: 403,
  notFound: 404,
  /** It is there already, or something else is being done with it. */
  conflict: 409,
  /** It is no longer what `If-Match` says. */
  changed: 412,
} as const;

const reasonFor = (status: number): RefusalReason => {
  const names = Object.keys(reasons) as (keyof typeof reasons)[];
  return names.find((name) => reasons[name] === status) ?? "other";
};

const keptHeaders = [
  "etag",
  "location",
  "operation-location",
  "preference-applied",
  "request-id",
  "retry-after",
  "x-ms-throttle-information",
  "x-ms-throttle-limit-percentage",
  "x-msft-approval-code",
] as const;

type KeptHeader = (typeof keptHeaders)[number];
const isKept = (name: string): name is KeptHeader =>
  (keptHeaders as readonly string[]).includes(name);

/** Headers by their names in lower case. */
type AnswerHeaders = Readonly<Partial<Record<KeptHeader, string>>>;

/** Graph's id of the request, for whoever asks Microsoft about it; undefined where the answer has none that is one. */
export function requestIdOf(answer: GraphAnswer | undefined): string | undefined {
  const id = answer?.headers?.["request-id"] ?? "";
  return /^[\w-]{1,64}$/.test(id) ? id : undefined;
}

/** The parts of an answer that the judgement needs. */
type RawAnswer = {
  readonly status: number;
  /** Under names in any case. */
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  /** Whether it answers a part of a batch that depends on another. */
  readonly dependent?: boolean;
};

/** Judges a status with its body. `now` turns an HTTP-date in Retry-After into a span. */
export function judge(raw: RawAnswer, now: number): GraphAnswer {
  const headers = headersIn(raw.headers ?? {});
  const judged = meaningOf(raw, headers, now);
  return Object.keys(headers).length === 0 ? judged : { ...judged, headers };
}

/** Nothing that anybody sends as a header may fill a row or a log. */
const maxHeaderChars = 2048;

function headersIn(given: Readonly<Record<string, unknown>>): AnswerHeaders {
  const kept: Partial<Record<KeptHeader, string>> = {};
  for (const [name, value] of Object.entries(given)) {
    const known = name.toLowerCase();
    if (isKept(known) && (typeof value === "string" || typeof value === "number"))
      kept[known] = String(value).slice(0, maxHeaderChars);
  }
  return kept;
}

function meaningOf(
  { status, body: given, dependent }: RawAnswer,
  headers: AnswerHeaders,
  now: number,
): Judged {
  const body = bodyOf(given);
  const retryAfterMs = retryAfterToMs(headers["retry-after"], now);
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
  if (isSuccess(status))
    return body.kind === "foreign"
      ? unclear(status, body, undefined)
      : { kind: "ok", status, body: body.kind === "object" ? body.fields : undefined };
  const error = serviceErrorIn(body);
  const why = error === undefined ? `HTTP ${status}` : wordsOf(error);
  return (
    aboutOthers(status, dependent, headers, why) ??
    unsureIn(status, body, error) ??
    passingIn(status, wait, why) ??
    refusedOrUnclear(status, body, error, why)
  );
}

/** What is not about this request itself: it waits for an approval, or for another one of its batch. */
function aboutOthers(
  status: number,
  dependent: boolean | undefined,
  headers: AnswerHeaders,
  why: string,
): Judged | undefined {
  // The header decides: Microsoft's texts and labs name different statuses.
  const approvalCode = headers["x-msft-approval-code"];
  if (approvalCode !== undefined && status < 500)
    return { kind: "approvalNeeded", approvalCode: plainText(approvalCode, 64), why };
  return status === 424 && dependent === true ? { kind: "dependencyFailed", why } : undefined;
}

/** What leaves open whether it was done. */
function unsureIn(
  status: number,
  body: OutsideBody,
  error: ServiceError | undefined,
): Judged | undefined {
  if (tooMuch.has(status)) return { ...unclear(status, body, error), tooMuch: true };
  // Without a word of its own a status still says as much as HTTP lets it say.
  const saysNothing = error === undefined && (body.kind !== "none" || !sayEnough.has(status));
  return saysNothing ? unclear(status, body, error) : undefined;
}

/** What is over after a while. 424 is how the 2021 text of the batching page describes throttled parts. */
function passingIn(
  status: number,
  wait: { readonly retryAfterMs?: number },
  why: string,
): Judged | undefined {
  if (status === 429 || status === 424) return { kind: "throttled", ...wait, why };
  return status === 503 ? { kind: "busy", ...wait, why } : undefined;
}

function refusedOrUnclear(
  status: number,
  body: OutsideBody,
  error: ServiceError | undefined,
  why: string,
): Judged {
  if (status >= 500 && status !== 501) return unclear(status, body, error);
  const words = error ?? { code: "unknown", message: why };
  return { kind: "refused", reason: reasonFor(status), ...words };
}

const isSuccess = (status: number): boolean => status >= 200 && status < 300;
/** What a front answers when those behind it were too slow, or broke over what they were asked. */
const tooMuch: ReadonlySet<number> = new Set([408, 500, 502, 504]);
/** Statuses that need no body to be understood: nothing was done. */
const sayEnough: ReadonlySet<number> = new Set([401, 424, 429, 503]);

function unclear(
  status: number,
  body: OutsideBody,
  error: ServiceError | undefined,
): Extract<Judged, { kind: "unclear" }> {
  if (error !== undefined) return { kind: "unclear", why: `HTTP ${status}: ${wordsOf(error)}` };
  if (body.kind === "none") return { kind: "unclear", why: `HTTP ${status}` };
  const words = body.kind === "foreign" ? `: ${foreignWords(body.text)}` : "";
  return { kind: "unclear", why: `HTTP ${status}, and not in Graph's words${words}` };
}

/** An error in one line. */
export const wordsOf = ({ code, message }: Pick<ServiceError, "code" | "message">): string =>
  message === "" ? code : `${code}: ${message}`;

// What it means for a request that no token could be had for it.

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
  const number = numberIn(typeof errorMessage === "string" ? errorMessage : words);
  if (final.has(code) && isRefusal(status) && !passingSignInCodes.has(number))
    return { kind: "refused", reason: "signedOut", code, message };
  const wait = number === loopDetected ? { retryAfterMs: loopRestMs } : {};
  return { kind: "busy", why: wordsOf({ code: code || "no token", message }), ...wait };
}

const numberIn = (words: string): number => Number(/AADSTS(\d{1,9})/.exec(words)?.[1] ?? 0);

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
