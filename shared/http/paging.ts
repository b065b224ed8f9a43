/** Paged lists: tokens that name their list, and links that lead on. Callers get them sealed (page-seal.ts). */
import * as z from "zod";
import { fail, type Result, succeed } from "../kernel/failure.ts";

/** A page as a use case gives it: items, and where the next one starts (undefined at the end). */
export type Page<T> = {
  readonly items: readonly T[];
  readonly next?: string;
  /** Items left out because the caller does not reach them; absent for who reaches everything. */
  readonly hidden?: number;
};

/** Query parameters that every list takes. */
export const PageQuery = {
  top: z.coerce.number().int().min(1).max(1000).default(100).describe("Most items in one page"),
  pageToken: z.string().max(4096).optional().describe("From the nextLink of the page before"),
};

/** Schema of a list's body. */
export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({
    value: z.array(item),
    nextLink: z.string().optional().describe("The next page; absent on the last one"),
    hidden: z
      .int()
      .optional()
      .describe("Left out of this page: outside the collections that your roles reach"),
  });

/**
 * Packs a position. `list` names the list and its filters, so that a token of one list is refused by every
 * other.
 */
export const pageToken = (list: string, position: string): string =>
  Buffer.from(JSON.stringify([2, list, position])).toString("base64url");

const Token = z.tuple([z.literal(2), z.string(), z.string()]);

/** Unpacks a token that `list` gave out; undefined in, undefined out: the first page. */
export function positionOf(list: string, token: string | undefined): Result<string | undefined> {
  if (token === undefined) return succeed(undefined);
  const refused = fail(
    "bad-page-token",
    "The paging token does not belong to this list. Follow nextLink unchanged, or start without one.",
    { faults: [{ pointer: "/query/pageToken", detail: "not a token of this list" }] },
  );
  try {
    const text = Buffer.from(token, "base64url").toString("utf8");
    const [, of, position] = Token.parse(JSON.parse(text));
    return of === list ? succeed(position) : refused;
  } catch {
    return refused;
  }
}

/** The body of a page: items, and a link with the same query and the next token. */
export function pageBody<T>(url: URL, list: string, page: Page<T>): PageBody<T> {
  const { items: value, next, hidden } = page;
  const body = { value, ...(hidden === undefined ? {} : { hidden }) };
  if (next === undefined) return body;
  const link = new URL(url);
  link.searchParams.set("pageToken", pageToken(list, next));
  return { ...body, nextLink: link.toString() };
}

type PageBody<T> = {
  readonly value: readonly T[];
  readonly nextLink?: string;
  readonly hidden?: number;
};
