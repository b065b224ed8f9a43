/**
 * What the Functions host says of an HTTP request beside the request itself: its trigger metadata. Pure.
 *
 * The host gathers it for every HTTP trigger, from the body, then the query, then the route, into one dictionary
 * that ignores case: a later value replaces an earlier one, but the first spelling of a name stays. `Query` and
 * `Headers` are added only where nobody has taken these names before. (`HttpTriggerAttributeBindingProvider` and
 * `Utility` in Azure/azure-webjobs-sdk-extensions, `ScriptInvocationContextExtensions` in
 * Azure/azure-functions-host; read in the state of 2024-10.)
 */
import type { TypedData } from "../app/protocol.ts";

/** What the metadata is made of. */
export type MetadataSource = {
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

/** How deeply a JSON text nests. */
function depthOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [token] of json.matchAll(/"(?:\\.|[^"\\])*"|[[\]{}]/g)) {
    if (token === "{" || token === "[") deepest = Math.max(deepest, (depth += 1));
    else if (token === "}" || token === "]") depth -= 1;
  }
  return deepest;
}
