/**
 * What every answer tells a browser to do with it: an answer is data, it loads nothing, stands in no frame, and is
 * taken for what it says it is. That browsers should come by https is said by host.json (docs/decisions/0023).
 */
export const browserHeaders: Readonly<Record<string, string>> = {
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
};
