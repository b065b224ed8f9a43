/** Origins whose pages may call the API from a browser, and what such a browser is told. Pure. */
import { staysPrivate } from "../kernel/values.ts";
import type { Reply } from "./reply.ts";

/** What a browser may send along; anything else it asks for is not on the list, and it does not call. */
const allowHeaders = "Accept, Authorization, Content-Type, Idempotency-Key, If-Match";
const allowMethods = "GET, POST, PUT, PATCH, DELETE";
/** What a page may read, beside the few headers that every page may. */
const exposeHeaders =
  "Allow, ETag, Idempotency-Replayed, Location, Retry-After, WWW-Authenticate, X-Request-Id";
/** How long a browser may go by one preflight; an origin that was struck off is shut out after it. */
const maxAgeSeconds = 600;

/**
 * Whether a text is an origin just as browsers send it. Not `*` and no pattern, since a page anywhere could
 * call then; not `null`, which any page can make itself; and https, except on the machine itself.
 */
export function isOrigin(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.origin !== text || text.includes("*")) return false;
  return staysPrivate(text);
}

/** What every answer says about who may read it. Without the origin on the list: nobody's page. */
export const sharing = (
  allowed: readonly string[],
  origin: string | null,
): Readonly<Record<string, string>> => ({
  // Whatever keeps answers must not give one page what was meant for another.
  vary: "Origin",
  ...(origin !== null && allowed.includes(origin)
    ? { "access-control-allow-origin": origin, "access-control-expose-headers": exposeHeaders }
    : {}),
});

/**
 * The answer to a browser's question whether it may call. It is the same for every path, there or not: who
 * asks has not signed in.
 */
export function preflight(allowed: readonly string[], origin: string | null): Reply {
  if (origin === null || !allowed.includes(origin)) return { status: 204 };
  return {
    status: 204,
    headers: {
      "access-control-allow-methods": allowMethods,
      "access-control-allow-headers": allowHeaders,
      "access-control-max-age": String(maxAgeSeconds),
    },
  };
}
