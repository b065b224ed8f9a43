/** The only place that reads the machine's clock. Everything else is handed a `Clock`. */

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
