/** The address of an HTTP request: path, query and key. Pure. */
import type { IncomingMessage } from "node:http";

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
