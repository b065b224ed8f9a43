/** Successful answers, by what they mean. */

/** What a handler answers: a status, and a JSON body, a text or a stream of text. */
export type Reply = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Sent instead of `body`, piece by piece, so that a large answer needs no memory. */
  readonly stream?: AsyncIterable<string>;
  readonly contentType?: string;
};

/** 200 with a body; `etag` for what can be changed. */
export const ok = (body: unknown, etag?: string): Reply => ({
  status: 200,
  body,
  ...(etag === undefined ? {} : { headers: { etag } }),
});

/** 201: something new stands at `location`. */
export const created = (location: string, body: unknown, etag?: string): Reply => ({
  status: 201,
  body,
  headers: { location, ...(etag === undefined ? {} : { etag }) },
});

/** 202: work began; look at `location`, first after `retryAfterSeconds`. */
export const accepted = (location: string, body: unknown, retryAfterSeconds = 1): Reply => ({
  status: 202,
  body,
  headers: { location, "retry-after": String(retryAfterSeconds) },
});

/** 204: done, nothing to say. */
export const noContent = (): Reply => ({ status: 204 });

/** 200 with text that is produced while it is sent. */
export const streamed = (contentType: string, stream: AsyncIterable<string>): Reply => ({
  status: 200,
  stream,
  contentType,
});

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
