/** Time: moments, durations and waiting. The only place that reads the machine's clock; all else is handed a `Clock`. */

/** A moment, in milliseconds since 1970-01-01T00:00:00Z. */
export type Instant = number;

/** Tells the time. Tests move their own. */
export type Clock = { readonly now: () => Instant };

/** The machine's clock. */
export const systemClock: Clock = { now: () => Date.now() };

/** ISO 8601 text of a moment, in UTC with milliseconds. */
export const toIso = (instant: Instant): string => new Date(instant).toISOString();

/** The moment an ISO 8601 text names, or undefined when the text names none. */
export function fromIso(text: string): Instant | undefined {
  const instant = Date.parse(text);
  return Number.isNaN(instant) ? undefined : instant;
}

// Durations of ISO 8601 in the exact units (weeks to seconds); months and years have no fixed length.

const second = 1000;
const unitMs = { W: 604_800, D: 86_400, H: 3600, M: 60, S: 1 };
const pattern = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/;

/** Milliseconds of a duration such as `PT24H` or `P7D`; undefined when it is not one, or is empty. */
export function durationMs(text: string): number | undefined {
  const match = pattern.exec(text);
  if (!match || text === "P" || text.endsWith("T")) return undefined;
  const amounts = match.slice(1).map((digits) => Number(digits ?? 0));
  const sum = Object.values(unitMs).reduce(
    (total, unit, index) => total + unit * (amounts[index] ?? 0),
    0,
  );
  return sum * second;
}

/**
 * Milliseconds to wait before attempt `attempt + 1`: doubling from `baseMs` up to `maxMs`, spread by
 * `random` (0 to 1) over the upper half, so that many waiters do not come back together.
 */
export function backoffMs(
  attempt: number,
  { baseMs, maxMs, random }: { baseMs: number; maxMs: number; random: number },
): number {
  const full = Math.min(baseMs * 2 ** Math.max(0, attempt - 1), maxMs);
  return Math.round(full / 2 + (full / 2) * random);
}

// What services say of how long to wait.

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
