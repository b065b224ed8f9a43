/**
 * Lists: in pages, whose tokens name their list and whose links lead on, sealed on their way through a client; and as
 * CSV, produced while it is sent.
 */

import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from "node:crypto";
import { stringify } from "csv-stringify/sync";
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

// Seals paging tokens for their way through a client (docs/decisions/0014). A position names what comes next
// in storage, also where the caller may not see it: sealed, it can neither be read nor made up.

/** Closes tokens on their way out, and opens them on their way in. */
export type PageSeal = {
  readonly close: (token: string) => string;
  /** The token inside; undefined when it was not closed with this key, or was changed. */
  readonly open: (sealed: string) => string | undefined;
  /** Tells two texts with tokens apart, and nothing else of them; another key tells all apart. */
  readonly mark: (text: string) => string;
};

const algorithm = "aes-256-gcm";
const keyBytes = 32;
const ivBytes = 12;
const tagBytes = 16;

/** A seal whose key comes from a secret that every instance of the app has. */
export function pageSeal(secret: string): PageSeal {
  const keyFor = (purpose: string) =>
    Buffer.from(hkdfSync("sha256", secret, "", purpose, keyBytes));
  const key = keyFor("muster paging tokens");
  const markKey = keyFor("muster marks of pages");
  return {
    mark: (text) => createHmac("sha256", markKey).update(text).digest("base64url"),
    close(token) {
      const iv = randomBytes(ivBytes);
      const cipher = createCipheriv(algorithm, key, iv, { authTagLength: tagBytes });
      const content = Buffer.concat([cipher.update(token, "base64url"), cipher.final()]);
      return Buffer.concat([iv, cipher.getAuthTag(), content]).toString("base64url");
    },
    open(sealed) {
      const bytes = Buffer.from(sealed, "base64url");
      if (bytes.byteLength <= ivBytes + tagBytes) return undefined;
      const iv = bytes.subarray(0, ivBytes);
      const decipher = createDecipheriv(algorithm, key, iv, { authTagLength: tagBytes });
      decipher.setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes));
      try {
        const content = bytes.subarray(ivBytes + tagBytes);
        return Buffer.concat([decipher.update(content), decipher.final()]).toString("base64url");
      } catch {
        return undefined;
      }
    },
  };
}

// CSV (RFC 4180): a header line, CRLF, and cells that no spreadsheet takes for formulas or for more than one row.

/** The query of lists that are also had as CSV. */
export const CsvQuery = {
  bom: z
    .enum(["true", "false"])
    .optional()
    .describe("true: CSV begins with a byte order mark, by which Excel knows that it is UTF-8"),
};

/** Rows gathered before they are sent on. */
const rowsPerPiece = 500;

/** A document of `records`: a cell for each column, empty where a record has none. */
export async function* csvOf<R extends object>(
  columns: readonly string[],
  records: AsyncIterable<R>,
  bom: string | undefined,
): AsyncGenerator<string> {
  yield (bom === "true" ? "\u{feff}" : "") + csvRows([columns]);
  let rows: unknown[][] = [];
  for await (const record of records) {
    const cells = new Map<string, unknown>(Object.entries(record));
    rows.push(columns.map((column) => cells.get(column) ?? ""));
    if (rows.length < rowsPerPiece) continue;
    yield csvRows(rows);
    rows = [];
  }
  if (rows.length > 0) yield csvRows(rows);
}

/** What some reader ends a row at: quoted, it stays inside of its cell. */
const rowEnds = /[\n\v\f\r\u0085\u2028\u2029]/;

/** Rows as text. A cell that a spreadsheet would calculate begins with an apostrophe. */
export const csvRows = (rows: readonly (readonly unknown[])[]): string =>
  stringify(
    rows.map((row) => [...row]),
    { escape_formulas: true, quoted_match: rowEnds, record_delimiter: "windows" },
  );
