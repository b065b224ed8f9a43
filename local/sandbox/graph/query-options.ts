/** The OData query options of a Graph request: which of them are understood, and what they mean. */
import type { GraphCall } from "./exchange.ts";

/** The options of a list or of a single entity. */
export type QueryOptions = {
  readonly select: readonly string[] | undefined;
  readonly top: number;
  readonly filter: string | undefined;
  readonly count: boolean;
  readonly expand: string | undefined;
  /** The position at which this page starts; 0 on page one. */
  readonly from: number;
};

/** The options, or why they are refused. */
export type ReadOptions = QueryOptions | { readonly wrong: string };

/** What a list understands besides $select. */
export type Understood = {
  readonly list: boolean;
  readonly filter?: boolean;
  readonly order?: boolean;
  readonly expand?: readonly string[];
  /** Entries of a page when the caller names no number. */
  readonly page?: number;
};

/** Intune answers pages of at most this size, and takes it for a missing $top too. */
const largestPage = 1_000;

/** Reads the options. An option that is not understood is refused rather than ignored. */
export function readOptions(query: URLSearchParams, understood: Understood): ReadOptions {
  const names = namesOf(understood);
  const unknown = [...query.keys()].find((name) => !names.has(name));
  if (unknown !== undefined)
    return { wrong: `The query option '${unknown}' is not supported here.` };
  const top = Number(query.get("$top") ?? understood.page ?? largestPage);
  if (!Number.isInteger(top) || top < 1 || top > largestPage) {
    return {
      wrong: `The limit of '${largestPage}' for $top has been exceeded, or it is no number.`,
    };
  }
  const from = readSkipToken(query.get("$skiptoken"));
  if (from === undefined) return { wrong: "The $skiptoken is not valid." };
  const expand = query.get("$expand") ?? undefined;
  if (expand !== undefined && !understood.expand?.includes(expand)) {
    return { wrong: `Expanding '${expand}' is not supported here.` };
  }
  const select = query
    .get("$select")
    ?.split(",")
    .map((name) => name.trim());
  const filter = query.get("$filter") ?? undefined;
  return { select, top, filter, count: query.get("$count") === "true", expand, from };
}

function namesOf({ list, filter, order, expand }: Understood): ReadonlySet<string> {
  return new Set([
    "$select",
    ...(list ? ["$top", "$count", "$skiptoken"] : []),
    ...(filter === true ? ["$filter"] : []),
    ...(order === true ? ["$orderby"] : []),
    ...(expand === undefined ? [] : ["$expand"]),
  ]);
}

/** The absolute link to the page that starts at a position; every other option goes along. */
function nextLink(call: GraphCall, from: number): string {
  const query = new URLSearchParams(call.query);
  query.set("$skiptoken", Buffer.from(`muster-sandbox/${from}`).toString("base64url"));
  return `${call.origin}/${call.version}${call.path}?${query.toString().replaceAll("%24", "$")}`;
}

/** Writes a list. The entities are JSON text already. */
export function listBody(
  call: GraphCall,
  page: {
    readonly context: string;
    readonly entities: readonly string[];
    readonly count?: number | undefined;
    readonly next?: number | undefined;
  },
): string {
  const count = page.count === undefined ? "" : `,"@odata.count":${page.count}`;
  const next =
    page.next === undefined
      ? ""
      : `,"@odata.nextLink":${JSON.stringify(nextLink(call, page.next))}`;
  return `{"@odata.context":"${context(call, page.context)}"${count}${next},"value":[${page.entities.join(",")}]}`;
}

/** Writes one entity, given as JSON text of an object. */
export function entityBody(call: GraphCall, name: string, entity: string): string {
  return `{"@odata.context":"${context(call, `${name}/$entity`)}",${entity.slice(1)}`;
}

/** Cuts one page out of entities that are all at hand. */
export function pageOf<T>(
  items: readonly T[],
  options: QueryOptions,
): {
  readonly items: readonly T[];
  readonly count: number | undefined;
  readonly next: number | undefined;
} {
  const end = options.from + options.top;
  return {
    items: items.slice(options.from, end),
    count: options.count && options.from === 0 ? items.length : undefined,
    next: end < items.length ? end : undefined,
  };
}

function context(call: GraphCall, name: string): string {
  return `${call.origin}/${call.version}/$metadata#${name}`;
}

function readSkipToken(token: string | null): number | undefined {
  if (token === null) return 0;
  const text = Buffer.from(token, "base64url").toString();
  const found = /^muster-sandbox\/(\d+)$/.exec(text);
  return found === null ? undefined : Number(found[1]);
}
