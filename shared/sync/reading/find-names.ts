/**
 * Finds the names of what a configuration refers to by id: directory objects are asked of Graph, a thousand at a
 * time; other configuration was read by the same sync, or stands in the last snapshot.
 */

import type { GraphAnswer } from "../../graph/answer.ts";
import { inChunks } from "../../kernel/concurrency.ts";
import { typeOfFamily } from "../catalogue/catalogue.ts";
import type { ReasonCode, ReferenceFamily } from "../catalogue/configuration-type.ts";
import type { Resolve, Shaped } from "../items/canonical.ts";
import type { ReferenceToken } from "../items/item.ts";
import { type JsonObject, textOf } from "../items/json.ts";
import type { Referable } from "../items/references.ts";
import { tokensIn } from "../plan/shape.ts";
import type { Repository, Tree } from "../revisions/revisions.ts";
import type { GraphReads } from "./gathered.ts";
import type { Later } from "./paced-graph.ts";

/** Ids in parts that a look-up takes. */
const inLookups = (ids: readonly string[]): string[][] => inChunks(ids, 1_000);

/** Names, or why they could not be had: then the type is not read, since half of it would look changed. */
type FoundNames =
  | { readonly kind: "found"; readonly resolve: Resolve }
  | { readonly kind: "failed"; readonly reason: ReasonCode; readonly detail: string };

/** What the directory calls the families that it knows by object ids. */
const objects: Partial<Record<ReferenceFamily, string>> = {
  group: "group",
  user: "user",
  workloadIdentity: "servicePrincipal",
};

/** An item that a deploy has made or changed: no sync has read it yet. */
export type MadeItem = { readonly type: string; readonly id: string; readonly name: string };

/** What the directory was asked for already, by family and id: types that are read together ask once. */
export type Asked = Map<string, Promise<Thing | NotKnown | undefined>>;

/** What else is known. */
type Beside = { readonly asked?: Asked | undefined; readonly made?: readonly MadeItem[] };

/** Finds names for one type at a time. */
export class NameFinder {
  readonly #directory: Directory;
  readonly #revisions: Repository;

  constructor(graph: GraphReads, revisions: Repository) {
    this.#directory = new Directory(graph);
    this.#revisions = revisions;
  }

  /** `tree`: the tenant as it was last read, by this sync where it has come so far. */
  async find(
    tenantId: string,
    items: readonly Pick<Shaped, "references">[],
    tree: Tree,
    { asked = new Map(), made = [] }: Beside = {},
  ): Promise<FoundNames> {
    const names = new Map<string, string>();
    // Families are asked for beside each other: a policy names people, groups, roles and applications.
    const families = [...referencesIn(items)].map(async ([family, ids]) => {
      const found = await this.#ask(tenantId, family, [...ids], asked);
      if ("kind" in found) return found;
      return { family, things: [...found, ...(await this.#inTree(tenantId, family, tree))] };
    });
    for (const found of await Promise.all(families)) {
      if ("kind" in found) return found;
      for (const { id, name } of found.things)
        names.set(`${found.family} ${id.toLowerCase()}`, name);
    }
    for (const { type: family, id, name } of made) names.set(`${family} ${id.toLowerCase()}`, name);
    return {
      kind: "found",
      resolve: (family, id) => {
        const name = names.get(`${family} ${id.toLowerCase()}`);
        return name === undefined ? undefined : { name };
      },
    };
  }

  /** Items of the family that the tree has; groups are the directory's to name. */
  async #inTree(tenantId: string, family: ReferenceFamily, tree: Tree): Promise<Thing[]> {
    const type = family === "group" ? undefined : typeOfFamily(family)?.key;
    if (type === undefined) return [];
    const listed = await this.#revisions.list(tenantId, type, tree[type]);
    return listed.flatMap(({ id, name }) => (id === undefined ? [] : [{ id, name }]));
  }

  /** GraphReads the directory for those that nobody has asked for, and waits for the others. */
  async #ask(
    tenantId: string,
    family: ReferenceFamily,
    ids: readonly string[],
    asked: Asked,
  ): Promise<readonly Thing[] | NotKnown> {
    const keyOf = (id: string): string => `${family} ${id.toLowerCase()}`;
    const fresh = ids.filter((id) => !asked.has(keyOf(id)));
    const found = this.#directory.byIds(tenantId, family, new Set(fresh));
    const byId = found.then((things) =>
      "kind" in things ? things : new Map(things.map((thing) => [thing.id.toLowerCase(), thing])),
    );
    for (const id of fresh)
      asked.set(
        keyOf(id),
        byId.then((things) => ("kind" in things ? things : things.get(id.toLowerCase()))),
      );
    const known = await Promise.all([byId, ...ids.map((id) => asked.get(keyOf(id)))]);
    const things: Thing[] = [];
    for (const each of known)
      if (each !== undefined && "kind" in each) return each;
      else if (each !== undefined && "id" in each) things.push(each);
    return things;
  }
}

/** Every id of the items that has to be known by name. */
function referencesIn(
  items: readonly Pick<Shaped, "references">[],
): ReadonlyMap<ReferenceFamily, ReadonlySet<string>> {
  const wanted = new Map<ReferenceFamily, Set<string>>();
  for (const { references } of items)
    for (const { $ref, id } of references)
      wanted.set($ref, (wanted.get($ref) ?? new Set()).add(id));
  return wanted;
}

type Thing = { readonly id: string; readonly name: string };
type NotKnown = { readonly kind: "failed"; readonly reason: ReasonCode; readonly detail: string };

/** What the directory itself answers about people, groups, applications and roles. */
class Directory {
  readonly #graph: GraphReads;

  constructor(graph: GraphReads) {
    this.#graph = graph;
  }

  /** Those of the ids that are there, with their names; of a family that is none of the directory's, none. */
  async byIds(
    tenantId: string,
    family: ReferenceFamily,
    ids: ReadonlySet<string>,
  ): Promise<readonly Thing[] | NotKnown> {
    if (ids.size === 0) return [];
    const asking = askingIn(tenantId);
    if (family === "directoryRole") {
      const listed = objectsIn(
        await this.#graph.read(asking, { path: "/directoryRoleTemplates?$select=id,displayName" }),
      );
      return typeof listed === "string" ? unavailable(family, listed) : listed.map(thingOf(family));
    }
    if (family === "servicePrincipal") return this.#applications(tenantId, [...ids]);
    const kind = objects[family];
    if (kind === undefined) return [];
    const things: Thing[] = [];
    for (const part of inLookups([...ids])) {
      const body = { ids: part, types: [kind] };
      const request = { method: "POST" as const, path: "/directoryObjects/getByIds", body };
      const listed = objectsIn(await this.#graph.query(asking, request));
      if (typeof listed === "string") return unavailable(family, listed);
      things.push(...listed.map(thingOf(family)));
    }
    return things;
  }

  /** All of a family that are called like that; two are enough to know that it is not clear. */
  async byName(
    tenantId: string,
    family: ReferenceFamily,
    name: string,
  ): Promise<readonly Thing[] | NotKnown> {
    const collection = { group: "groups", user: "users", workloadIdentity: "servicePrincipals" };
    const place = collection[family as keyof typeof collection];
    if (place === undefined) return [];
    const property = family === "user" ? "userPrincipalName" : "displayName";
    const filter = encodeURIComponent(`${property} eq '${name.replaceAll("'", "''")}'`);
    const path = `/${place}?$filter=${filter}&$select=id,displayName,${property}&$top=2`;
    const listed = objectsIn(await this.#graph.read(askingIn(tenantId), { path }));
    return typeof listed === "string" ? unavailable(family, listed) : listed.map(thingOf(family));
  }

  /** Applications by their appIds: one that the tenant does not have is not there. */
  async #applications(
    tenantId: string,
    appIds: readonly string[],
  ): Promise<readonly Thing[] | NotKnown> {
    const things: Thing[] = [];
    for (const part of inChunks(
      appIds.filter((id) => appIdPattern.test(id)),
      batchParts,
    )) {
      const answered = await this.#graph.readTogether(
        askingIn(tenantId),
        part.map((id) => `/servicePrincipals(appId='${id}')?$select=id,appId,displayName`),
      );
      if (answered.kind === "later") return unavailable("servicePrincipal", answered.why);
      const found = part.map((id, at) => applicationIn(id, answered.answers[at] as GraphAnswer));
      const unknown = found.find((each) => typeof each === "string");
      if (unknown !== undefined) return unavailable("servicePrincipal", unknown);
      things.push(...found.filter((each) => typeof each === "object"));
    }
    return things;
  }
}

/** An application as it was answered; undefined where it is not there, and words where nobody can tell. */
function applicationIn(id: string, answer: GraphAnswer): Thing | string | undefined {
  if (answer.kind === "ok") {
    const { displayName } = (answer.body ?? {}) as JsonObject;
    return { id, name: typeof displayName === "string" ? displayName : "" };
  }
  if (answer.kind !== "refused") return answer.why;
  return answer.reason === "notFound" ? undefined : answer.message;
}

const appIdPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const batchParts = 20;

const askingIn = (tenantId: string) => ({
  tenantId,
  asker: tenantId,
  graph: "v1.0" as const,
  workload: "identityReads" as const,
});

const thingOf =
  (family: ReferenceFamily) =>
  (object: JsonObject): Thing => {
    const { id, displayName, userPrincipalName } = object;
    const name = (family === "user" ? userPrincipalName : undefined) ?? displayName;
    return { id: textOf(id), name: textOf(name) };
  };

// The other way: what in the tenant references can stand for.

/** Things that references can stand for, or why they could not be had. */
type FoundThings =
  | { readonly kind: "found"; readonly things: readonly Referable[] }
  | { readonly kind: "failed"; readonly reason: ReasonCode; readonly detail: string };

/** Finds what the references of bodies can stand for in a tenant, by their ids, and by their names. */
export class ThingFinder {
  readonly #directory: Directory;
  readonly #revisions: Repository;

  constructor(graph: GraphReads, revisions: Repository) {
    this.#directory = new Directory(graph);
    this.#revisions = revisions;
  }

  /** `tree`: the tenant as it was read. `made`: what the same deploy has made. */
  async find(
    tenantId: string,
    tree: Tree,
    bodies: readonly (JsonObject | undefined)[],
    made: readonly MadeItem[] = [],
  ): Promise<FoundThings> {
    const tokens = bodies.flatMap((body) => (body === undefined ? [] : [...tokensIn(body)]));
    const things: Referable[] = [];
    for (const [family, wanted] of Map.groupBy(tokens, ({ $ref }) => $ref)) {
      const type = typeOfFamily(family)?.key;
      const listed = await this.#revisions.list(tenantId, type ?? "", tree[type ?? ""]);
      const own: Thing[] = [
        ...listed.flatMap(({ id, name }) => (id === undefined ? [] : [{ id, name }])),
        ...made.filter((each) => each.type === type).map(({ id, name }) => ({ id, name })),
      ];
      const missing = await this.#ask(tenantId, family, wanted, own);
      if (missing !== undefined) return missing;
      things.push(...own.map((thing) => ({ family, ...thing })));
    }
    return { kind: "found", things };
  }

  /** GraphReads the directory for what is not among `own`: by ids, and what is not there by names. */
  async #ask(
    tenantId: string,
    family: ReferenceFamily,
    wanted: readonly ReferenceToken[],
    own: Thing[],
  ): Promise<NotKnown | undefined> {
    const unknown = (): ReferenceToken[] =>
      wanted.filter(
        ({ id, name }) =>
          !own.some((thing) => thing.id.toLowerCase() === id?.toLowerCase() || thing.name === name),
      );
    const ids = new Set(unknown().flatMap(({ id }) => id ?? []));
    const byId = await this.#directory.byIds(tenantId, family, ids);
    if ("kind" in byId) return byId;
    own.push(...byId);
    for (const name of new Set(unknown().flatMap((token) => token.name ?? []))) {
      const byName = await this.#directory.byName(tenantId, family, name);
      if ("kind" in byName) return byName;
      own.push(...byName);
    }
    return undefined;
  }
}

const unavailable = (family: string, detail: string): NotKnown => ({
  kind: "failed",
  reason: "unavailable",
  detail: `names and ids of ${family}: ${detail}`,
});

/** The objects of a list, or why there are none to be had. */
function objectsIn(answer: GraphAnswer | Later): readonly JsonObject[] | string {
  if (answer.kind !== "ok") return answer.kind === "refused" ? answer.message : answer.why;
  const { value } = (answer.body ?? {}) as { readonly value?: unknown };
  return Array.isArray(value) ? (value as JsonObject[]) : "the answer is no list";
}
