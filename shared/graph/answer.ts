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
  type ServiceError,
  serviceErrorIn,
} from "../kernel/outside-text.ts";

/** One answer, judged. */
export type GraphAnswer =
  | { readonly kind: "ok"; readonly status: number; readonly body: unknown }
  /** 429: surely not done. Come back after the time, or after a back-off where Graph gave none. */
  | { readonly kind: "throttled"; readonly retryAfterMs?: number; readonly why: string }
  /** 503, no token, a refused one: surely not done; the next time it may be. */
  | { readonly kind: "busy"; readonly retryAfterMs?: number; readonly why: string }
  /** A final no. Asking again gives the same answer. */
  | ({ readonly kind: "refused"; readonly reason: RefusalReason } & ServiceError)
  /**
   * Cut connection, time-out, 500, 502, 504, somebody else's page: it may have been done. Look before doing it
   * again. `tooMuch`: a smaller request may get an answer.
   */
  | { readonly kind: "unclear"; readonly why: string; readonly tooMuch?: true };

/** Why Graph refuses, as far as it makes a difference to a caller. */
export type RefusalReason = "signedOut" | "forbidden" | "notFound" | "other";

const reasons: Readonly<Record<number, RefusalReason>> = {
  401: "signedOut",
  403: "forbidden",
  404: "notFound",
};

/** The parts of an answer that the judgement needs. */
export type RawAnswer = {
  readonly status: number;
  readonly retryAfter?: string | null | undefined;
  readonly body: unknown;
};

/** Judges a status with its body. `now` turns an HTTP-date in Retry-After into a span. */
export function judge({ status, retryAfter, body: given }: RawAnswer, now: number): GraphAnswer {
  const body = bodyOf(given);
  const retryAfterMs = retryAfterToMs(retryAfter, now);
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
  if (isSuccess(status))
    return body.kind === "foreign"
      ? unclear(status, body, undefined)
      : { kind: "ok", status, body: body.kind === "object" ? body.fields : undefined };
  const error = serviceErrorIn(body);
  const why = error === undefined ? `HTTP ${status}` : wordsOf(error);
  if (tooMuch.has(status)) return { ...unclear(status, body, error), tooMuch: true };
  // Without a word of its own a status still says as much as HTTP lets it say.
  if (error === undefined && (body.kind !== "none" || !sayEnough.has(status)))
    return unclear(status, body, error);
  // 424 is how the 2021 text of the batching page describes throttled parts.
  if (status === 429 || status === 424) return { kind: "throttled", ...wait, why };
  if (status === 503) return { kind: "busy", ...wait, why };
  if (status >= 500 && status !== 501) return unclear(status, body, error);
  const words = error ?? { code: "unknown", message: why };
  return { kind: "refused", reason: reasons[status] ?? "other", ...words };
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
): Extract<GraphAnswer, { kind: "unclear" }> {
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
