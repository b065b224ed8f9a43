/** What every answer tells a browser to do with it. Pure. */

/** An answer is data: it loads nothing, stands in no frame, and is taken for what it says it is. */
const data = {
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
} as const;

const yearSeconds = 365 * 24 * 3600;

/**
 * The headers. `secure`: the request came by https, which is where browsers listen to the demand to come by
 * https only; over http it must not be said (RFC 6797, 7.2).
 */
export const browserHeaders = (secure: boolean): Readonly<Record<string, string>> =>
  secure ? { ...data, "strict-transport-security": `max-age=${yearSeconds}` } : data;
