/**
 * What Graph's answer to one request means for whoever asked, whether it came alone or inside a
 * `$batch`. The distinction that matters: was it done, was it surely not done, or can nobody tell?
 *
 * A proxy or a gateway between us and Graph may answer in its place, with any status. Only what has the shape of
 * Graph's own answers is Graph's word: everything else is unclear, which for a write means that it may have been
 * done, and for a read that the next one may get through.
 */
import {
  bodyOf,
  foreignWords,
  type OutsideBody,
  plainText,
  type ServiceError,
  serviceErrorIn,
} from "../kernel/outside-text.ts";

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

/** Headers by their names in lower case. */
export type AnswerHeaders = Readonly<Partial<Record<(typeof keptHeaders)[number], string>>>;

/** The parts of an answer that the judgement needs. */
export type RawAnswer = {
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
  const named = Object.entries(given).map(([name, value]) => [name.toLowerCase(), value] as const);
  const kept = named.filter(
    ([name, value]) =>
      (keptHeaders as readonly string[]).includes(name) &&
      (typeof value === "string" || typeof value === "number"),
  );
  return Object.fromEntries(
    kept.map(([name, value]) => [name, String(value).slice(0, maxHeaderChars)]),
  );
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

/** Whoever is told to wait longer asks again after this: one odd header must not stop a tenant for days. */
const maxRetryAfterMs = 3_600_000;

/** Milliseconds of a Retry-After header, delta seconds or an HTTP-date: at most an hour. */
export function retryAfterToMs(text: string | null | undefined, now: number): number | undefined {
  const trimmed = text?.trim() ?? "";
  const isSeconds = /^\d+(\.\d+)?$/.test(trimmed);
  // Date.parse takes almost anything for a date; one of HTTP's begins with the day of the week.
  const isDate = /^[A-Z][a-z]{2}/.test(trimmed);
  const ms = isSeconds ? Number(trimmed) * 1000 : isDate ? Date.parse(trimmed) - now : Number.NaN;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), maxRetryAfterMs);
}
