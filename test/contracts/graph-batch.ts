/** The documented rules of `$batch` requests. Each part is then judged like a request of its own. */
import type { GraphVersion } from "./graph-schemas.ts";

type Request = {
  readonly version: GraphVersion;
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
};

const mostParts = 20;
const members = new Set(["id", "method", "url", "headers", "body", "dependsOn"]);

/** What is wrong with a batch, in words. `judgePart` judges one part. */
export function batchProblems(
  batch: Request,
  judgePart: (part: Request) => readonly string[],
): readonly string[] {
  if (batch.method !== "POST") return ["a batch must be a POST"];
  const { requests, ...rest } = (batch.body ?? {}) as Readonly<Record<string, unknown>>;
  if (!Array.isArray(requests)) return ["a batch needs a list of requests"];
  const extra = Object.keys(rest).map((name) => `/${name} is not a member of a batch`);
  if (requests.length < 1 || requests.length > mostParts) {
    return [...extra, `a batch takes 1 to ${mostParts} requests`];
  }
  const parts = requests as readonly Readonly<Record<string, unknown>>[];
  const ids = new Set(parts.map((part) => part["id"]));
  const repeated = ids.size === parts.length ? [] : ["the ids of a batch must differ"];
  const found = parts.flatMap((part, at) =>
    partProblems(part, batch.version, judgePart).map((problem) => `/requests/${at}: ${problem}`),
  );
  return [...extra, ...repeated, ...found];
}

function partProblems(
  part: Readonly<Record<string, unknown>>,
  version: GraphVersion,
  judgePart: (part: Request) => readonly string[],
): readonly string[] {
  const { id, method, url, headers, body } = part;
  const extra = Object.keys(part).filter((name) => !members.has(name));
  const problems = extra.map((name) => `${name} is not a member of a part`);
  if (typeof id !== "string" || id === "") problems.push("the id must be a text");
  if (typeof method !== "string" || typeof url !== "string") {
    return [...problems, "a part needs a method and a url"];
  }
  if (!url.startsWith("/") || /^\/(v1\.0|beta)\//.test(url)) {
    problems.push("the url must be relative to the version");
  }
  const types = Object.entries((headers ?? {}) as Readonly<Record<string, unknown>>);
  const json = types.some(
    ([name, value]) => name.toLowerCase() === "content-type" && String(value).includes("json"),
  );
  if (method === "POST" && body === undefined)
    problems.push("a POST part must carry a body, if only {}");
  if (body !== undefined && !json) problems.push("a part with a body needs a JSON Content-Type");
  return [...problems, ...judgePart({ version, method, path: url, body })];
}
