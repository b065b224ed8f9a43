/**
 * Spares whoever looks again and again what they have already: every answer to a GET that is JSON carries a version of just
 * this answer in `ETag`, and one that the caller names in `If-None-Match` comes back as 304 without its body. Rows have
 * versions too, but an answer may say more than its row (counts, what a caller reaches): so the version is of what is
 * answered, with the row's in front of it where `If-Match` takes that. Pure.
 */
import { digest } from "../kernel/values.ts";
import type { Reply } from "./reply.ts";

/** Hexadecimal digits of an answer's part: nobody tries for two answers with the same. */
const digits = 32;
const answerPart = new RegExp(`~[0-9a-f]{${digits}}(?="$)`);

/**
 * The reply with its version, or 304 where `held`, the `If-None-Match` of the request, names it. `content` is what the
 * version is of, where that is not the body itself. Headers stay: `Retry-After` says when to look again either way.
 */
export function unlessUnchanged(
  reply: Reply,
  held: string | null,
  content: unknown = reply.body,
): Reply {
  const { status, headers, body, contentType } = reply;
  if (status !== 200 || body === undefined || contentType !== undefined) return reply;
  const mark = digest(JSON.stringify(content)).slice(0, digits);
  // Weak: the links of two pages that say the same are sealed differently.
  const own = headers?.["etag"];
  const etag = own === undefined ? `W/"${mark}"` : own.replace(/"$/, `~${mark}"`);
  const versioned = { ...headers, etag };
  return namesVersion(held, etag)
    ? { status: 304, headers: versioned }
    : { ...reply, headers: versioned };
}

/** Whether a list of versions, or `*`, has this one; compared weakly (RFC 9110, 13.1.2). */
function namesVersion(held: string | null, etag: string): boolean {
  if (held === null) return false;
  if (held.trim() === "*") return true;
  const opaque = etag.replace(/^W\//, "");
  return Array.from(held.matchAll(/"[^"]*"/g), ([each]) => each).includes(opaque);
}

/** The row's version in an `ETag` that an answer to a GET had; any other stays what it is. */
export const versionOfRow = (etag: string): string => etag.replace(answerPart, "");
