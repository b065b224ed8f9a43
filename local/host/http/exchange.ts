/**
 * HTTP as the host has it: the address of a request, its body, the request and response as the worker's RPC data, the
 * metadata beside it, and what the host itself answers.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { HttpCookie, HttpData, Nullable, TypedData } from "../app/protocol.ts";

// The address of an HTTP request: path, query and key. Pure.

export type Target = {
  readonly method: string;
  /** Path and query as they were sent. */
  readonly raw: string;
  /** Path without its leading slash, decoded as ASP.NET Core does: all but `%2F`. */
  readonly path: string;
  /** Repeated names are joined with a comma: that is how the host hands them on. */
  readonly query: Readonly<Record<string, string>>;
  /** Access key, from the header or else from `?code=`. */
  readonly key: string | undefined;
  /** `scheme://host` as the caller sees it. */
  readonly origin: string;
};

export function targetOf(request: IncomingMessage): Target {
  const raw = request.url ?? "/";
  const mark = raw.indexOf("?");
  const query = mark < 0 ? {} : joined(new URLSearchParams(raw.slice(mark + 1)));
  const header = request.headers["x-functions-key"];
  return {
    method: request.method ?? "GET",
    raw,
    path: decodePath(mark < 0 ? raw : raw.slice(0, mark)),
    query,
    key: (typeof header === "string" && header) || query["code"],
    origin: `http://${request.headers.host ?? "localhost"}`,
  };
}

/** Names and values of the query in their order, repeated ones too. */
export const queryPairs = ({ raw }: Target): URLSearchParams =>
  new URLSearchParams(raw.includes("?") ? raw.slice(raw.indexOf("?") + 1) : "");

function decodePath(path: string): string {
  const bare = path.replace(/^\//, "");
  if (!bare.includes("%")) return bare;
  try {
    return decodeURIComponent(bare.replace(/%2f/gi, "%252F"));
  } catch {
    return bare;
  }
}

/** Joins the values of equal names with commas. */
function joined(pairs: Iterable<readonly [string, string]>): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of pairs) {
    const earlier = result[name];
    result[name] = earlier === undefined ? value : `${earlier},${value}`;
  }
  return result;
}

/** The headers of a request, lower-cased and joined. */
export function headersOf({ rawHeaders }: IncomingMessage): Record<string, string> {
  const pairs: [string, string][] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    pairs.push([(rawHeaders[at] ?? "").toLowerCase(), rawHeaders[at + 1] ?? ""]);
  }
  return joined(pairs);
}

// One `Set-Cookie` header from the cookie data of a response. Pure.

const sameSiteText = {
  none: undefined,
  lax: "Lax",
  strict: "Strict",
  explicitNone: "None",
} as const;

function cookieText(cookie: HttpCookie): string {
  const { domain, path, expires, secure, httpOnly, maxAge, sameSite = "none" } = cookie;
  const seconds = expires?.value?.seconds;
  const attributes: readonly [string, string | number | boolean | undefined][] = [
    ["expires", seconds === undefined ? undefined : new Date(seconds * 1000).toUTCString()],
    ["max-age", maxAge?.value],
    ["domain", domain?.value],
    ["path", path?.value ?? "/"],
    ["secure", secure?.value],
    ["samesite", sameSiteText[sameSite]?.toLowerCase()],
    ["httponly", httpOnly?.value],
  ];
  const text = attributes
    .filter(([, value]) => value !== undefined && value !== false)
    .map(([name, value]) => (value === true ? `; ${name}` : `; ${name}=${value}`));
  return `${encodeURIComponent(cookie.name)}=${encodeURIComponent(cookie.value)}${text.join("")}`;
}

/** Answers one request. */
export type HttpAnswer = (
  request: IncomingMessage,
  response: ServerResponse,
  target: Target,
) => Promise<void>;

/** Said when the host ends a request over its body. */
export class BodyRefused extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`the body was refused with ${status}`);
    this.status = status;
  }
}

/** A body that comes more slowly than this is given up, after a while: Kestrel's own defaults. */
const slowest = { bytesPerSecond: 240, graceMs: 5_000 };

/**
 * The body of a request that says how long it is.
 *
 * A chunked request arrives empty: outside of streaming that is what the Functions host does
 * (Azure/azure-functions-nodejs-library issue 171).
 * @throws {BodyRefused} When it is larger than `limit` bytes, or comes too slowly.
 */
export async function readBody(
  request: IncomingMessage,
  limit: number,
): Promise<Buffer | undefined> {
  const length = Number(request.headers["content-length"] ?? 0);
  if (length > limit) throw new BodyRefused(413);
  if (!(length > 0)) {
    request.resume();
    return undefined;
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  let slow = false;
  const started = Date.now();
  const watch = setInterval(() => {
    const ms = Date.now() - started;
    slow = ms > slowest.graceMs && bytes < (slowest.bytesPerSecond * ms) / 1000;
    if (slow) request.emit("error", new BodyRefused(408));
  }, 1_000);
  try {
    for await (const chunk of request) {
      chunks.push(chunk as Buffer);
      bytes += (chunk as Buffer).byteLength;
    }
  } finally {
    clearInterval(watch);
  }
  return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
}

/** The request as a function's input. */
export function requestData(
  request: IncomingMessage,
  { method, origin, raw, query }: Target,
  params: Readonly<Record<string, string>>,
  body: Buffer | undefined,
): TypedData {
  return {
    http: {
      method,
      url: origin + raw,
      nullableHeaders: nullable(headersOf(request)),
      nullableQuery: nullable(query),
      nullableParams: nullable(params),
      ...(body ? { body: { bytes: body } } : {}),
    },
  };
}

const nullable = (map: Readonly<Record<string, string>>): Record<string, Nullable<string>> =>
  Object.fromEntries(Object.entries(map).map(([name, value]) => [name, { value }]));

/** Headers that the server itself decides. */
const ownHeaders = new Set(["content-length", "transfer-encoding", "connection", "keep-alive"]);

/** Writes what a function returned; nothing at all is 204. */
export function writeResponse(
  response: ServerResponse,
  data: HttpData | undefined,
  customHeaders: Readonly<Record<string, string>>,
): void {
  for (const [name, value] of Object.entries(customHeaders)) response.setHeader(name, value);
  if (!data) return void response.writeHead(204).end();
  response.statusCode = Number(data.statusCode ?? 200);
  for (const [name, value] of Object.entries(data.headers ?? {})) {
    if (!ownHeaders.has(name.toLowerCase())) response.setHeader(name, value);
  }
  const cookies = (data.cookies ?? []).map(cookieText);
  if (cookies.length > 0) response.setHeader("set-cookie", cookies);
  const body = bytesOf(data.body);
  if (response.statusCode !== 204 && response.statusCode !== 304) {
    response.setHeader("content-length", body.byteLength);
  }
  response.end(body);
}

function bytesOf(body: TypedData | null | undefined): Uint8Array {
  if (body?.bytes) return body.bytes;
  return Buffer.from(body?.string ?? body?.json ?? "");
}

// What the Functions host says of an HTTP request beside the request itself: its trigger metadata. Pure.
//
// The host gathers it for every HTTP trigger, from the body, then the query, then the route, into one dictionary
// that ignores case: a later value replaces an earlier one, but the first spelling of a name stays. `Query` and
// `Headers` are added only where nobody has taken these names before. (`HttpTriggerAttributeBindingProvider` and
// `Utility` in Azure/azure-webjobs-sdk-extensions, `ScriptInvocationContextExtensions` in
// Azure/azure-functions-host; read in the state of 2024-10.)

/** What the metadata is made of. */
type MetadataSource = {
  /** The values of the route template's names. */
  readonly params: Readonly<Record<string, string>>;
  /** Names and values of the query in their order. */
  readonly query: Iterable<readonly [string, string]>;
  readonly headers: Readonly<Record<string, string>>;
  /** A body of known length; the host does not look into a chunked one. */
  readonly body: Buffer | undefined;
};

/** The metadata of a request to a streaming worker. */
export function triggerMetadata(source: MetadataSource): Record<string, TypedData> {
  const data = new Map<string, { name: string; value: TypedData }>();
  const put = (name: string, value: TypedData): void => {
    const key = name.toLowerCase();
    data.set(key, { name: data.get(key)?.name ?? name, value });
  };
  for (const [name, value] of scalarsOf(source.body)) put(name, value);
  // The last of several values wins here, though the query itself keeps them all.
  const query = new Map(source.query);
  for (const [name, value] of query)
    if (name.toLowerCase() !== "code") put(name, { string: value });
  for (const [name, value] of Object.entries(source.params)) put(name, { string: value });
  if (!data.has("query")) put("Query", { json: JSON.stringify(Object.fromEntries(query)) });
  if (!data.has("headers")) put("Headers", { json: JSON.stringify(source.headers) });
  return Object.fromEntries(Array.from(data.values(), ({ name, value }) => [name, value]));
}

/** The deepest nesting that the host's JSON reader takes; a deeper body gives no metadata at all. */
const maxDepth = 64;

/** The top level of a JSON object: texts for scalars, objects whole, neither arrays nor nulls. */
function scalarsOf(body: Buffer | undefined): [string, TypedData][] {
  const text = body?.toString("utf8").replace(/^\uFEFF/, "") ?? "";
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return [];
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return [];
  if (depthOf(text) > maxDepth) return [];
  return Object.entries(parsed).flatMap(([name, value]): [string, TypedData][] => {
    if (value === null || Array.isArray(value)) return [];
    if (typeof value === "object") return [[name, { json: JSON.stringify(value) }]];
    if (typeof value === "boolean") return [[name, { string: value ? "True" : "False" }]];
    return [[name, { string: String(value) }]];
  });
}

/** How deeply a JSON text nests. By its characters: an expression for texts of any length runs out of stack in a long one. */
function depthOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  let isText = false;
  for (let at = 0; at < json.length; at += 1) {
    const char = json[at];
    if (char === '"') isText = !isText;
    else if (isText) at += char === "\\" ? 1 : 0;
    else if (char === "{" || char === "[") deepest = Math.max(deepest, (depth += 1));
    else if (char === "}" || char === "]") depth -= 1;
  }
  return deepest;
}

// What the host itself answers when no function did.

/** An empty answer, as the Functions host gives for 401, 404 and 500. */
export function writeEmpty(response: ServerResponse, status: number): void {
  if (response.headersSent) return void response.destroy();
  response.writeHead(status, { "content-length": 0 }).end();
}

/** A problem document (RFC 9457), for faults that only a host on one machine has to explain. */
export function writeProblem(
  response: ServerResponse,
  status: number,
  title: string,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  // Half an answer cannot be taken back; a broken connection tells the caller so.
  if (response.headersSent) return void response.destroy();
  const body = JSON.stringify({ type: "about:blank", title, status, detail });
  response.writeHead(status, { "content-type": "application/problem+json", ...headers }).end(body);
}

export function writeJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json; charset=utf-8" });
  response.end(JSON.stringify(value));
}
