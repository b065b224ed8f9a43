/** Reading configuration: lists in pages, single items, and lists that are a part of an item. */

import { readCondition } from "../conditions.ts";
import { badRequest, graphError } from "../errors.ts";
import { type GraphAnswer, type GraphCall, ok } from "../exchange.ts";
import { entityBody, listBody, pageOf, readOptions } from "../query-options.ts";
import { isBody, readExpand, shown } from "./shown.ts";
import { configurationOf, singletonId } from "./store.ts";
import type { Body, ConfigurationSort } from "./types.ts";

/** 404 in the words of a directory and of Intune alike. */
export const itemMissing = (call: GraphCall, id: string): GraphAnswer =>
  graphError(
    call,
    404,
    "ResourceNotFound",
    `Resource '${id}' does not exist or one of its queried reference-property objects are not present.`,
  );

/** Types whose lists want to be told of which scope. */
const scoped = new Set(["pimRoleSettings", "roleManagementPolicy"]);

/** `GET` of a whole list, page by page. */
export function readList(call: GraphCall, sort: ConfigurationSort): GraphAnswer {
  const condition = readCondition(call.query.get("$filter") ?? undefined);
  if ("wrong" in condition) return badRequest(call, condition.wrong);
  const isScoped = ["scopeId", "scopeType"].every((name) => condition.names.includes(name));
  if (scoped.has(sort.key) && !isScoped)
    return badRequest(call, "The filter must name scopeId and scopeType.");
  const bodies = configurationOf(call.tenant).allSeen(sort.key, call.now);
  return readBodies(call, sort, bodies.filter(condition.test));
}

/** Answers with a page of items that are all at hand. */
function readBodies(
  call: GraphCall,
  sort: ConfigurationSort,
  bodies: readonly Body[],
): GraphAnswer {
  const query = new URLSearchParams(call.query);
  query.delete("$expand");
  const options = readOptions(query, { list: true, filter: true, page: sort.page });
  if ("wrong" in options) return badRequest(call, options.wrong);
  const expansion = readExpand(call.query.get("$expand"), sort.navigation, true);
  if (expansion === undefined) return badRequest(call, "Parsing OData Select and Expand failed.");
  const page = pageOf(bodies, options);
  const entities = page.items.map((body) =>
    JSON.stringify(selected(shown(call, sort, body, expansion, true), options.select)),
  );
  return ok(listBody(call, { context: sort.path, ...page, entities }));
}

/** `GET` of one item. */
export function readItem(call: GraphCall, sort: ConfigurationSort, id: string): GraphAnswer {
  const query = new URLSearchParams(call.query);
  query.delete("$expand");
  const options = readOptions(query, { list: false });
  if ("wrong" in options) return badRequest(call, options.wrong);
  const expansion = readExpand(call.query.get("$expand"), sort.navigation, false);
  if (expansion === undefined) return badRequest(call, "Parsing OData Select and Expand failed.");
  const body = configurationOf(call.tenant).seen(sort.key, id, call.now);
  if (body === undefined) return itemMissing(call, id);
  const entity = JSON.stringify(selected(shown(call, sort, body, expansion), options.select));
  return ok(entityBody(call, sort.path, entity));
}

/** `GET` of a list that is a part of an item, or of one of its elements. */
export function readPart(
  call: GraphCall,
  sort: ConfigurationSort,
  [id, name, partId]: readonly [id: string, name: string, partId?: string | undefined],
): GraphAnswer {
  const body = configurationOf(call.tenant).seen(sort.key, id, call.now);
  if (body === undefined) return itemMissing(call, id);
  const value = shown(call, sort, body, { [name]: {} })[name];
  const at = id === singletonId ? sort.path : `${sort.path}('${id}')`;
  const within: ConfigurationSort = {
    ...sort,
    path: `${at}/${name}`,
    page: 25,
    navigation: sort.navigation[name] ?? {},
  };
  if (!Array.isArray(value))
    return isBody(value)
      ? ok(entityBody(call, within.path, JSON.stringify(value)))
      : itemMissing(call, name);
  if (partId === undefined) return readBodies(call, { ...within, key: "" }, value.filter(isBody));
  const part = value.filter(isBody).find((one) => String(one["id"]) === partId);
  if (part === undefined) return itemMissing(call, partId);
  return ok(entityBody(call, within.path, JSON.stringify(part)));
}

/** The chosen members, and always what the item is. */
const selected = (body: Body, select: readonly string[] | undefined): Body =>
  select === undefined
    ? body
    : Object.fromEntries(
        Object.entries(body).filter(([name]) => select.includes(name) || name.includes("@odata.")),
      );
