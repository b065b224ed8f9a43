/**
 * Reads one type of a tenant's configuration whole: every page of its list, whatever stands only in the items, and
 * their nested lists to the end. It can stop anywhere and go on from what it has, and it never takes a part for the
 * whole: an item that was read in part says so, and a list that did not come to its end is no list.
 */
import { setImmediate } from "node:timers/promises";
import { type GraphAnswer, wordsOf } from "../../graph/answer.ts";
import { atMost } from "../../kernel/concurrency.ts";
import type { ConfigurationType, NestedList, ReasonCode } from "../catalogue/configuration-type.ts";
import type { JsonObject } from "../items/json.ts";
import type { Later, PacedCall, PacedGraph } from "./paced-graph.ts";

/** Graph, as far as it is only read. */
export type Reads = Pick<PacedGraph, "read" | "readTogether">;

/** What has been read so far. */
export type ReadSoFar = {
  readonly items: readonly JsonObject[];
  /** Where the list goes on; absent at its beginning and at its end. */
  readonly nextLink?: string;
  readonly listed: boolean;
  /** It was empty where there had been items, and is read again. */
  readonly doubted?: true;
  /** Items whose own content has been read, from the first. */
  readonly detailed: number;
  /** Ids of items that were read in part, with the reason. */
  readonly incomplete: Readonly<Record<string, string>>;
  readonly requests: number;
};

export const nothingRead: ReadSoFar = {
  items: [],
  listed: false,
  detailed: 0,
  incomplete: {},
  requests: 0,
};

/** How reading went on. */
export type ReadOutcome =
  | { readonly kind: "read"; readonly reading: ReadSoFar }
  | (Later & { readonly reading: ReadSoFar })
  | {
      readonly kind: "failed";
      readonly reading: ReadSoFar;
      readonly reason: ReasonCode;
      readonly detail: string;
      readonly requestId?: string;
      /** It was a link that was refused, and not the list. */
      readonly atLink?: true;
    };

const batchParts = 20;
/** So many batches of a type are under way together. */
const atOnce = 4;
/** Far more than any list has. */
const maxPages = 2_000;
const inCircle = "the list's links lead in a circle";

/** How it is read. */
type Reading = {
  /** Asked before each request. */
  readonly mayGoOn?: () => boolean;
  /** Is given items as soon as they are whole, in any order. */
  readonly take?: (items: readonly JsonObject[]) => void;
};

/** So often a list whose link was refused is read from its beginning. */
const maxRestarts = 2;

/**
 * Goes on reading while `mayGoOn`: what stands only in the items as soon as it is known which there are. A link that is
 * refused may have run out, and says nothing about the list: its beginning does.
 */
export async function readType(
  graph: Reads,
  asking: PacedCall,
  type: ConfigurationType,
  from: ReadSoFar,
  how: Reading = {},
): Promise<ReadOutcome> {
  let outcome = await readOn(graph, asking, type, from, how);
  for (let restarts = 0; restarts < maxRestarts; restarts += 1) {
    if (outcome.kind !== "failed" || outcome.atLink !== true) return outcome;
    const anew = { ...nothingRead, requests: outcome.reading.requests };
    outcome = await readOn(graph, asking, type, anew, how);
  }
  return outcome;
}

async function readOn(
  graph: Reads,
  asking: PacedCall,
  type: ConfigurationType,
  from: ReadSoFar,
  { mayGoOn = () => true, take = () => undefined }: Reading,
): Promise<ReadOutcome> {
  const limited = atMost(atOnce);
  const parts: Promise<Details | Later>[] = [];
  let isStopped = false;
  const whole = async (part: readonly JsonObject[]): Promise<Details | Later> => {
    // The next page is asked for before anything is made of this one.
    await setImmediate();
    if (isStopped || !mayGoOn()) return timeIsOver;
    const details = await detailsOf(graph, asking, type, part);
    if ("kind" in details) isStopped = true;
    else take(details.items);
    return details;
  };
  let begun = from.detailed;
  const begin = ({ items, listed }: ReadSoFar): void => {
    const least = listed ? 1 : batchParts;
    while (items.length - begun >= least) {
      const part = items.slice(begun, begun + batchParts);
      begun += part.length;
      parts.push(limited(() => whole(part)));
    }
  };
  try {
    const listed = await readList(graph, asking, type, from, mayGoOn, begin);
    let { reading } = listed;
    if (listed.kind === "failed") return listed;
    for (const part of parts) {
      const details = await part;
      // What was read behind a gap is read again: it is only known how far the items are whole from the first.
      if ("kind" in details) return { ...(listed.kind === "later" ? listed : details), reading };
      reading = withDetails(reading, details);
    }
    return { ...listed, reading };
  } finally {
    isStopped = true;
    await Promise.allSettled(parts);
  }
}

async function readList(
  graph: Reads,
  asking: PacedCall,
  type: ConfigurationType,
  from: ReadSoFar,
  mayGoOn: () => boolean,
  begin: (reading: ReadSoFar) => void,
): Promise<ReadOutcome> {
  let reading = from;
  const seen = new Set<string>();
  const known = new Set(reading.items.map(idOf));
  begin(reading);
  while (!reading.listed) {
    if (!mayGoOn()) return { ...timeIsOver, reading };
    const { nextLink } = reading;
    const answer = await graph.read(
      asking,
      nextLink === undefined ? { path: type.list } : { nextLink },
    );
    if (answer.kind === "later") return { ...answer, reading };
    const counted = { ...reading, requests: reading.requests + 1 };
    if (answer.kind !== "ok") return refusedPage(answer, counted, nextLink);
    const page = pageIn(type, answer.body);
    if (page === undefined) return notAList(counted);
    if (page.nextLink !== undefined && seen.has(page.nextLink)) return circle(reading);
    seen.add(page.nextLink ?? "");
    reading = withPage(reading, { ...page, items: newIn(page.items, known) });
    begin(reading);
  }
  return { kind: "read", reading };
}

function refusedPage(
  answer: Exclude<GraphAnswer, { kind: "ok" }>,
  reading: ReadSoFar,
  nextLink: string | undefined,
): ReadOutcome {
  const failed = failure(answer, reading);
  return nextLink !== undefined && isAboutLink(answer) ? { ...failed, atLink: true } : failed;
}

const isAboutLink = (answer: GraphAnswer): boolean =>
  answer.kind === "refused" &&
  answer.reason !== "signedOut" &&
  answer.reason !== "forbidden" &&
  answer.code !== "foreign-next-link";

const circle = (reading: ReadSoFar): ReadOutcome => ({
  kind: "failed",
  reading,
  reason: "unavailable",
  detail: inCircle,
});

/** Those that no page before had: lists move while they are read. What has no id is told apart by nothing. */
function newIn(items: readonly JsonObject[], known: Set<string>): readonly JsonObject[] {
  return items.filter((item) => {
    const id = idOf(item);
    const isNew = id === "" || !known.has(id);
    known.add(id);
    return isNew;
  });
}

function withPage(before: ReadSoFar, page: Page): ReadSoFar {
  const { nextLink: _, ...reading } = before;
  const items = [...reading.items, ...page.items];
  const next = page.nextLink === undefined ? { listed: true } : { nextLink: page.nextLink };
  return { ...reading, items, requests: reading.requests + 1, ...next };
}

function withDetails(
  reading: ReadSoFar,
  { items: read, incomplete, requests }: Details,
): ReadSoFar {
  const { items, detailed } = reading;
  return {
    ...reading,
    items: [...items.slice(0, detailed), ...read, ...items.slice(detailed + read.length)],
    detailed: detailed + read.length,
    incomplete: { ...reading.incomplete, ...incomplete },
    requests: reading.requests + requests,
  };
}

type Details = {
  readonly items: readonly JsonObject[];
  readonly incomplete: Readonly<Record<string, string>>;
  readonly requests: number;
};

async function detailsOf(
  graph: Reads,
  asking: PacedCall,
  type: ConfigurationType,
  part: readonly JsonObject[],
): Promise<Details | Later> {
  const whole = await wholeItems(graph, asking, type, part);
  return "kind" in whole ? whole : withAllNested(graph, asking, type, whole);
}

/** Lists inside of items to their ends: those that the type names, and others of which items brought the first page. */
async function withAllNested(
  graph: Reads,
  asking: PacedCall,
  type: ConfigurationType,
  from: Details,
): Promise<Details | Later> {
  const known = new Set(type.nested?.map(({ into }) => into));
  const linked = [...new Set(from.items.flatMap(linksIn))].filter((into) => !known.has(into));
  let details = from;
  for (const nested of [...(type.nested ?? []), ...linked.map((into) => ({ into }))]) {
    const next = await withNested(graph, asking, type, nested, details);
    if ("kind" in next) return next;
    details = next;
  }
  return details;
}

/** Items as they are read one by one, where their content stands only there. */
async function wholeItems(
  graph: Reads,
  asking: PacedCall,
  type: ConfigurationType,
  part: readonly JsonObject[],
): Promise<Details | Later> {
  if (type.contentIn !== "item") return { items: part, incomplete: {}, requests: 0 };
  const paths = part.map((item) => type.item.replace("{id}", encodeURIComponent(idOf(item))));
  const answered = await graph.readTogether(asking, paths);
  if (answered.kind === "later") return answered;
  const incomplete: Record<string, string> = {};
  const items = part.map((item, at) => {
    const body = bodyIn(answered.answers[at]);
    if (body === undefined) incomplete[idOf(item)] = whyNot(answered.answers[at]);
    return body ?? item;
  });
  return { items, incomplete, requests: 1 };
}

async function withNested(
  graph: Reads,
  asking: PacedCall,
  type: ConfigurationType,
  nested: Linked | NestedList,
  details: Details,
): Promise<Details | Later> {
  const open = details.items.filter(
    (item) => "path" in nested && !Array.isArray(item[nested.into]),
  );
  const firsts = await firstPages(graph, asking, type, nested, open);
  if ("kind" in firsts) return firsts;
  const incomplete: Record<string, string> = { ...details.incomplete };
  let requests = details.requests + (open.length > 0 ? 1 : 0);
  const items: JsonObject[] = [];
  for (const item of details.items) {
    if (!("path" in nested) && linkOf(item, nested.into) === undefined) {
      items.push(item);
      continue;
    }
    const whole = await nestedIn(graph, asking, nested, item, firsts.get(item));
    if ("kind" in whole) return whole;
    requests += whole.requests;
    const why = whole.why ?? tooFew(nested, item, whole.items.length);
    if (why !== undefined) incomplete[idOf(item)] = why;
    // Its link was followed: who finds one takes the list for its first page.
    const { [linkName(nested.into)]: _, ...rest } = item;
    items.push({ ...rest, [nested.into]: whole.items });
  }
  return { items, incomplete, requests };
}

/** A list that stands in an item alone: it has a link, and no path of its own. */
type Linked = Pick<NestedList, "into" | "countedBy">;
const linkEnd = "@odata.nextLink";
const linkName = (into: string): string => into + linkEnd;
const linksIn = (item: JsonObject): string[] =>
  Object.keys(item)
    .filter((name) => name.endsWith(linkEnd))
    .map((name) => name.slice(0, -linkEnd.length));

/** Where a list inside an item goes on, where the item brought its first page only. */
function linkOf(item: JsonObject, into: string): string | undefined {
  const link = item[linkName(into)];
  return typeof link === "string" && link !== "" ? link : undefined;
}

/** First pages of a nested list, of the items that did not bring theirs along. */
async function firstPages(
  graph: Reads,
  asking: PacedCall,
  type: ConfigurationType,
  nested: Linked | NestedList,
  items: readonly JsonObject[],
): Promise<ReadonlyMap<JsonObject, GraphAnswer> | Later> {
  if (items.length === 0 || !("path" in nested)) return new Map();
  const answered = await graph.readTogether(
    asking,
    items.map((item) => nestedPath(type, nested, idOf(item))),
  );
  if (answered.kind === "later") return answered;
  return new Map(items.map((item, at) => [item, answered.answers[at] as GraphAnswer]));
}

/** A nested list to its end: from the page that the item brought along, or from the one that was asked for. */
async function nestedIn(
  graph: Reads,
  asking: PacedCall,
  { into }: Linked,
  item: JsonObject,
  first: GraphAnswer | undefined,
): Promise<Nested | Later> {
  if (first !== undefined) return nestedList(graph, asking, first);
  const brought = (Array.isArray(item[into]) ? item[into] : []) as readonly JsonObject[];
  const link = linkOf(item, into);
  if (link === undefined) return { items: brought, requests: 0 };
  const next = await graph.read(asking, { nextLink: link });
  if (next.kind === "later") return next;
  const rest = await nestedList(graph, asking, next, new Set(brought.map(idOf)));
  return "kind" in rest ? rest : { ...rest, items: [...brought, ...rest.items] };
}

function tooFew({ countedBy, into }: Linked, item: JsonObject, read: number) {
  const counted = countedBy === undefined ? undefined : item[countedBy];
  return typeof counted === "number" && read < counted
    ? `${read} of ${counted} ${into} were read`
    : undefined;
}

/** One item as it is now, or that it is not there. */
type ReadItem =
  | { readonly kind: "item"; readonly raw: JsonObject }
  | { readonly kind: "absent" }
  | Later
  | Extract<ReadOutcome, { kind: "failed" }>;

/** Reads one item whole. */
export async function readItem(
  graph: Reads,
  asking: PacedCall,
  type: ConfigurationType,
  id: string,
): Promise<ReadItem> {
  const path =
    type.kind === "singleton" ? type.list : type.item.replace("{id}", encodeURIComponent(id));
  const answer = await graph.read(asking, { path });
  if (answer.kind === "later") return answer;
  if (answer.kind === "refused" && answer.reason === "notFound") return { kind: "absent" };
  if (answer.kind !== "ok") return failure(answer, nothingRead);
  const raw = bodyIn(answer);
  if (raw === undefined) return notAList(nothingRead);
  const own = { ...raw, id: raw["id"] ?? id };
  const from: Details = { items: [own], incomplete: {}, requests: 1 };
  const details = await withAllNested(graph, asking, type, from);
  if ("kind" in details) return details;
  const [detail] = Object.values(details.incomplete);
  if (detail !== undefined)
    return { kind: "failed", reading: nothingRead, reason: "incompleteRead", detail };
  const [whole = own] = details.items;
  return { kind: "item", raw: whole === own ? raw : whole };
}

type Nested = {
  readonly items: readonly JsonObject[];
  readonly why?: string;
  readonly requests: number;
};

/** A nested list from its first page to its end, without what is `known` of it: what comes twice must not stand for what is missing. */
async function nestedList(
  graph: Reads,
  asking: PacedCall,
  first: GraphAnswer,
  known = new Set<string>(),
): Promise<Nested | Later> {
  const items: JsonObject[] = [];
  const seen = new Set<string>();
  let answer: GraphAnswer | Later = first;
  for (let requests = 0; ; requests += 1) {
    if (answer.kind === "later") return answer;
    const page: Page | undefined = answer.kind === "ok" ? listIn(answer.body) : undefined;
    if (page === undefined) return { items, why: whyNot(answer), requests };
    items.push(...newIn(page.items, known));
    const { nextLink } = page;
    if (nextLink === undefined) return { items, requests };
    if (seen.has(nextLink) || seen.size === maxPages) return { items, why: inCircle, requests };
    seen.add(nextLink);
    answer = await graph.read(asking, { nextLink });
  }
}

const nestedPath = (type: ConfigurationType, { path }: NestedList, id: string): string =>
  `${(type.item.split("?")[0] ?? "").replace("{id}", encodeURIComponent(id))}${path}`;

type Page = { readonly items: readonly JsonObject[]; readonly nextLink?: string };

function pageIn(type: ConfigurationType, body: unknown): Page | undefined {
  if (type.kind === "list") return listIn(body);
  return isObject(body) ? { items: [body] } : undefined;
}

/** A page of a list in Graph's shape; whatever is no object in it is none of ours, and makes the page no page. */
function listIn(body: unknown): Page | undefined {
  if (!isObject(body) || !Array.isArray(body["value"])) return undefined;
  const items = body["value"].filter(isObject);
  if (items.length !== body["value"].length) return undefined;
  const link = body["@odata.nextLink"];
  return typeof link === "string" && link !== "" ? { items, nextLink: link } : { items };
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const bodyIn = (answer: GraphAnswer | undefined): JsonObject | undefined =>
  answer?.kind === "ok" && isObject(answer.body) ? answer.body : undefined;

/** The id of an item as Graph gives it; an item without one cannot be told from others. */
export const idOf = (item: JsonObject): string =>
  typeof item["id"] === "string" ? item["id"] : "";

const whyNot = (answer: GraphAnswer | undefined): string => {
  if (answer === undefined || answer.kind === "ok") return "the answer has no content";
  return answer.kind === "refused" ? wordsOf(answer) : answer.why;
};

const timeIsOver: Later = { kind: "later", afterMs: 0, why: "its time in this pass is over" };

const notAList = (reading: ReadSoFar): Extract<ReadOutcome, { kind: "failed" }> => ({
  kind: "failed",
  reading,
  reason: "unavailable",
  detail: "the answer is not in the shape of a list",
});

/** Why a type cannot be read. A refusal is about the app's permissions, or about what the tenant has a licence for. */
function failure(
  answer: Exclude<GraphAnswer, { kind: "ok" }>,
  reading: ReadSoFar,
): Extract<ReadOutcome, { kind: "failed" }> {
  const requestId = answer.headers?.["request-id"];
  const traced = requestId === undefined ? {} : { requestId };
  const failed = (reason: ReasonCode): Extract<ReadOutcome, { kind: "failed" }> => ({
    kind: "failed",
    reading,
    reason,
    detail: answer.kind === "refused" ? wordsOf(answer) : answer.why,
    ...traced,
  });
  if (answer.kind !== "refused") return failed("unavailable");
  if (/licen[sc]e|subscription|not provisioned/i.test(answer.message))
    return failed("licenceMissing");
  const isForbidden = answer.reason === "forbidden" || answer.reason === "signedOut";
  return failed(isForbidden ? "consentMissing" : "unavailable");
}

/** Any list of Graph's to its end; undefined when it does not come to one. */
export async function readWhole(
  graph: Reads,
  asking: PacedCall,
  path: string,
): Promise<readonly JsonObject[] | undefined> {
  const first = await graph.read(asking, { path });
  if (first.kind === "later") return undefined;
  const list = await nestedList(graph, asking, first);
  return "kind" in list || list.why !== undefined ? undefined : list.items;
}
