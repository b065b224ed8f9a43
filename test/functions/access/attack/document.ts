/** The operations of the API as its own document tells them: what an attacker reads first. */

import { queries } from "../../support/sync-bodies.ts";

/** An operation of the document. */
export type Described = {
  readonly id: string;
  readonly method: string;
  /** Path with `{parameters}`. */
  readonly path: string;
  readonly pathParameters: readonly string[];
  readonly queryParameters: readonly string[];
  readonly headerParameters: readonly string[];
  readonly takesBody: boolean;
  readonly open: boolean;
};

type Parameter = { readonly name: string; readonly in: string };
type Entry = {
  readonly operationId: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: unknown;
  readonly security?: readonly unknown[];
};

/** All operations, in the document's order. */
export function operationsIn(document: Record<string, unknown>): Described[] {
  const paths = document["paths"] as Record<string, Record<string, Entry>>;
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, entry]) => described(path, method, entry)),
  );
}

function described(path: string, method: string, entry: Entry): Described {
  const { operationId: id, parameters, requestBody, security } = entry;
  const named = (place: string) =>
    parameters.filter((each) => each.in === place).map(({ name }) => name);
  return {
    id,
    method: method.toUpperCase(),
    path,
    pathParameters: named("path"),
    queryParameters: named("query"),
    headerParameters: named("header"),
    takesBody: requestBody !== undefined,
    open: security?.length === 0,
  };
}

/** Names in paths: a sync that nobody has begun, an item that every tenant has, a webhook or task that nobody has made. */
export const aboutSyncs: Readonly<Record<string, string>> = {
  actionId: "restart",
  syncId: "0".repeat(22),
  baselineId: "0".repeat(22),
  version: "1",
  listPart: "1",
  type: "roleScopeTag",
  key: "Default",
  webhookId: "0".repeat(22),
  deadLetterId: "0".repeat(22),
  taskId: "0".repeat(22),
  templateId: "0".repeat(22),
  calendarId: "holidays",
  runId: "0".repeat(22),
  deliveryId: "0".repeat(32),
  outputId: "0".repeat(32),
};

/** The path with its parameters filled in, and what its query must have; one that nobody knows is a gap in the test. */
export const pathWith = (
  { id, path }: Pick<Described, "id" | "path">,
  ids: Readonly<Record<string, string>>,
): string =>
  path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = ids[name] ?? aboutSyncs[name];
    if (value === undefined) throw new Error(`${id}: no test knows an id for {${name}}`);
    return value;
  }) + (queries[id] ?? "");
