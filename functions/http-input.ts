/** Reads a request into what its handler takes: path, query and body by the operation's own schemas. */

import { faultsOf, invalidRequest, mediaTypeOf, pointerOf, readBody } from "../shared/http/body.ts";
import type { Operation } from "../shared/http/operation.ts";
import type { PageSeal } from "../shared/http/paging.ts";
import type { Reply } from "../shared/http/reply.ts";
import { unlessUnchanged, versionOfRow } from "../shared/http/unchanged.ts";
import { fileOf } from "../shared/http/upload.ts";
import type { Clock } from "../shared/kernel/clock.ts";
import { type Fault, type Result, succeed } from "../shared/kernel/failure.ts";
import { digest, newestFirstId } from "../shared/kernel/values.ts";
import type { HttpInput } from "./define.ts";
import type { Incoming } from "./http-request.ts";

/** What reading and answering works with. */
export type InputNeeds = {
  readonly clock: Clock;
  /** What seals paging tokens; it may have to be fetched first, and is wanted only where there is a token. */
  readonly pages: () => Promise<PageSeal>;
  readonly publicUrl: string | undefined;
};

// Paging tokens on their way in and out: handlers make and read them plain, callers only ever have sealed ones.

const tokenName = "pageToken";

/** The query with its token opened; one that does not open becomes one that no list takes. */
async function openedQuery(
  query: Readonly<Record<string, string>>,
  pages: InputNeeds["pages"],
): Promise<Readonly<Record<string, string>>> {
  const sealed = query[tokenName];
  if (sealed === undefined) return query;
  return { ...query, [tokenName]: (await pages()).open(sealed) ?? "" };
}

/**
 * The reply as it leaves: the token of a page's link is sealed, and links lead to where callers reach the app. Handlers
 * know nothing of that address, and answers that are kept for a repeated request do not hold it. What a GET answers has a
 * version, and is not sent to who has it.
 */
export async function outwardReply(
  reply: Reply,
  { method, headers: asked }: Pick<Incoming, "method" | "headers">,
  { pages, publicUrl }: Pick<InputNeeds, "pages" | "publicUrl">,
): Promise<Reply> {
  const versioned = (answer: Reply, content?: unknown): Reply =>
    method === "GET" ? unlessUnchanged(answer, asked.get("if-none-match"), content) : answer;
  const { headers, body } = reply;
  const location = headers?.["location"];
  const outward =
    publicUrl === undefined || location === undefined
      ? reply
      : { ...reply, headers: { ...headers, location: publicUrl + location } };
  const { nextLink } = (body ?? {}) as { readonly nextLink?: unknown };
  if (typeof nextLink !== "string") return versioned(outward);
  const seal = await pages();
  const link = new URL(nextLink);
  const token = link.searchParams.get(tokenName);
  if (token !== null) link.searchParams.set(tokenName, seal.close(token));
  const address =
    publicUrl === undefined ? link.toString() : publicUrl + link.pathname + link.search;
  // Sealed, a token is another one each time; as it is, a hash of it could be tried with guesses.
  const content = { ...(body as object), nextLink: seal.mark(nextLink) };
  return versioned({ ...outward, body: { ...(body as object), nextLink: address } }, content);
}

/** A request that is well formed, with its body as it was sent. */
export type Read = { readonly input: HttpInput<Operation>; readonly text: string };

/** Reads what the request's address and headers say, or names every fault in the address. */
export async function readAddress(
  operation: Operation,
  request: Incoming,
  { clock, pages }: Pick<InputNeeds, "clock" | "pages">,
): Promise<Result<HttpInput<Operation>>> {
  const url = new URL(request.url);
  const faults: Fault[] = [];
  const params = check(operation.params, request.params, "/path", faults);
  const asked = await openedQuery(Object.fromEntries(url.searchParams), pages);
  const query = check(operation.query, asked, "/query", faults);
  if (faults.length > 0) return invalidRequest(faults);
  const input = {
    params,
    query,
    body: undefined,
    ifMatch: ifMatchOf(request.headers.get("if-match")),
    seed: newestFirstId(clock.now()),
    url,
    accept: request.headers.get("accept") ?? "",
    asked: {
      acceptEncoding: request.headers.get("accept-encoding") ?? "",
      ifNoneMatch: request.headers.get("if-none-match") ?? undefined,
    },
  };
  // The schemas are the operation's own: what they gave is what its handler was typed with.
  return succeed(input as HttpInput<Operation>);
}

/** Reads the body to what the address said. A file is left to the handler, which judges it while it comes. */
export async function readWhole(
  { body: schema, file: takes, idempotent }: Operation,
  { headers, body }: Incoming,
  input: HttpInput<Operation>,
): Promise<Result<Read>> {
  if (schema === undefined) return succeed({ input, text: "" });
  if (takes !== undefined && mediaTypeOf({ headers }) !== "application/json") {
    const file = fileOf({ headers, body }, takes.type, takes.maxBytes);
    if (!file.ok) return file;
    const isKeyed = idempotent === true && headers.get("idempotency-key") !== null;
    return isKeyed
      ? readKeyed(file.value, input)
      : succeed({ input: { ...input, file: file.value }, text: "" });
  }
  const read = await readBody({ headers, body }, schema, takes?.maxBytes);
  if (!read.ok) return read;
  const { value, text } = read.value;
  return succeed({ input: { ...input, body: value }, text });
}

/** Reads a file that comes with a key: whether it is the same request again is seen by its bytes. */
async function readKeyed(
  file: NonNullable<HttpInput<Operation>["file"]>,
  input: HttpInput<Operation>,
): Promise<Result<Read>> {
  const pieces: Buffer[] = [];
  const came = await file((piece) => {
    pieces.push(Buffer.from(piece));
  });
  if (!came.ok) return came;
  const whole = Buffer.concat(pieces);
  const again: typeof file = (take) => {
    take(whole);
    return Promise.resolve(succeed(undefined));
  };
  return succeed({ input: { ...input, file: again }, text: digest(whole.toString("latin1")) });
}

/** An id that the path names, such as the tenant's; undefined where it names none. */
export function idIn(params: unknown, name: "tenantId" | "collectionId"): string | undefined {
  const id = (params as Readonly<Record<string, unknown>> | undefined)?.[name];
  return typeof id === "string" ? id : undefined;
}

function check(
  schema: Operation["params"],
  value: Readonly<Record<string, unknown>>,
  prefix: string,
  faults: Fault[],
): unknown {
  if (schema === undefined) {
    for (const name of prefix === "/query" ? Object.keys(value) : [])
      faults.push({ pointer: prefix + pointerOf([name]), detail: "this operation takes no query" });
    return undefined;
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  faults.push(...faultsOf(parsed.error, prefix));
  return undefined;
}

/** `*` asks for nothing but that there is something, which every handler sees for itself. */
const ifMatchOf = (header: string | null): string | undefined =>
  header === null || header.trim() === "*" ? undefined : versionOfRow(header);
