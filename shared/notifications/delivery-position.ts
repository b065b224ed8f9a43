/** Where a page of deliveries begins, as text for the way through a client. Pure. */

/**
 * Behind device `from`; with `token` where storage said that the query from there goes on. Row keys never
 * change, so that a place holds while states do.
 */
export type Position = { readonly from?: string; readonly token?: string };

const between = "|";

/** A position as text. */
export const positionText = ({ from = "", token = "" }: Position): string =>
  token === "" ? from : from + between + token;

/** The position that a text names; none: the beginning. */
export function positionFrom(text = ""): Position {
  const at = text.indexOf(between);
  const [from, token] = at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
  return { ...(from === "" ? {} : { from }), ...(token === "" ? {} : { token }) };
}
