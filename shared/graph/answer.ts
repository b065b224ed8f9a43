/**
 * What Graph's answer to one request means for whoever asked, whether it came alone or inside a
 * `$batch`. The distinction that matters: was it done, was it surely not done, or can nobody tell?
 */

/** One answer, judged. */
export type GraphAnswer =
  | { readonly kind: "ok"; readonly status: number; readonly body: unknown }
  /** 429: surely not done. Come back after the time, or after a back-off where Graph gave none. */
  | { readonly kind: "throttled"; readonly retryAfterMs?: number }
  /** 503: surely not done; the service said so itself. */
  | { readonly kind: "busy"; readonly retryAfterMs?: number }
  /** A final no. Asking again gives the same answer. */
  | {
      readonly kind: "refused";
      readonly reason: RefusalReason;
      readonly code: string;
      readonly message: string;
      readonly requestId?: string;
    }
  /** Cut connection, time-out, 500, 502, 504: it may have been done. Look before doing it again. */
  | { readonly kind: "unclear"; readonly why: string };

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
export function judge({ status, retryAfter, body }: RawAnswer, now: number): GraphAnswer {
  if (status >= 200 && status < 300) return { kind: "ok", status, body };
  const retryAfterMs = retryAfterToMs(retryAfter, now);
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
  // 424 is how the 2021 text of the batching page describes throttled parts.
  if (status === 429 || status === 424) return { kind: "throttled", ...wait };
  if (status === 503) return { kind: "busy", ...wait };
  if ((status >= 500 && status !== 501) || status === 408)
    return { kind: "unclear", why: `HTTP ${status}` };
  return { kind: "refused", reason: reasons[status] ?? "other", ...errorOf(body) };
}

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

/** Graph's error code and message; Intune nests a JSON text inside `message`. */
function errorOf(body: unknown): { code: string; message: string; requestId?: string } {
  const error = record(record(body)["error"]);
  const requestId = record(error["innerError"])["request-id"];
  return {
    code: typeof error["code"] === "string" ? error["code"] : "unknown",
    message: messageOf(error["message"]),
    ...(typeof requestId === "string" ? { requestId } : {}),
  };
}

function messageOf(message: unknown): string {
  if (typeof message !== "string") return "";
  try {
    const inner = record(JSON.parse(message))["Message"];
    return typeof inner === "string" ? inner : message;
  } catch {
    // Not nested: most of Graph writes plain text here.
    return message;
  }
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
