/** Paging tokens at the door: handlers make and read them plain, callers only ever have sealed ones. */
import type { PageSeal } from "../shared/http/page-seal.ts";
import type { Reply } from "../shared/http/reply.ts";

const name = "pageToken";

/** The query with its token opened; one that does not open becomes one that no list takes. */
export function openedQuery(
  query: Readonly<Record<string, string>>,
  seal: PageSeal,
): Readonly<Record<string, string>> {
  const sealed = query[name];
  return sealed === undefined ? query : { ...query, [name]: seal.open(sealed) ?? "" };
}

/** The reply with the token of its link sealed, if it is a page that has a next one. */
export function sealedReply(reply: Reply, seal: PageSeal): Reply {
  const { nextLink } = (reply.body ?? {}) as { readonly nextLink?: unknown };
  if (typeof nextLink !== "string") return reply;
  const link = new URL(nextLink);
  const token = link.searchParams.get(name);
  if (token === null) return reply;
  link.searchParams.set(name, seal.close(token));
  return { ...reply, body: { ...(reply.body as object), nextLink: link.toString() } };
}
