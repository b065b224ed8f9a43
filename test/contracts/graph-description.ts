/**
 * Judges requests to Graph and its answers by Microsoft's own description of it. `$batch`, which the
 * description leaves out, is judged by the rules of its documentation, part by part.
 */
import { batchProblems } from "./graph-batch.ts";
import { filterProperties } from "./graph-filter.ts";
import {
  configurationJudge,
  type GraphVersion,
  type Judge,
  judgeOf,
  type Operation,
  type Schema,
} from "./graph-schemas.ts";

export { graphDescriptionPresent } from "./graph-schemas.ts";

/** A request as it would be sent. `path` starts behind the version; it may carry the query itself. */
export type DescribedRequest = {
  readonly version: GraphVersion;
  readonly method: string;
  readonly path: string;
  readonly query?: URLSearchParams | Readonly<Record<string, string>>;
  /** The parsed body; left out or undefined when none is sent. */
  readonly body?: unknown;
};

/** An answer to a request. */
export type DescribedAnswer = Omit<DescribedRequest, "query"> & { readonly status: number };

/** What is wrong with a request, in words. Empty when the description allows it. */
export function requestProblems(request: DescribedRequest): readonly string[] {
  const [path = "", ownQuery = ""] = request.path.split("?");
  if (path === "/$batch") return batchProblems(request, requestProblems);
  const judge = judgeFor(request.version, request.method, path);
  const operation = findOperation(judge, request.method, path);
  if (operation === undefined) return [`${request.method} ${path} is not in ${request.version}`];
  const query = new URLSearchParams(ownQuery);
  for (const [name, value] of new URLSearchParams(request.query)) query.set(name, value);
  return [
    ...queryProblems(judge, operation, query),
    ...bodyProblems(judge, operation, request.body),
  ];
}

/** What is wrong with an answer, in words. Empty when the description allows it. */
export function answerProblems(answer: DescribedAnswer): readonly string[] {
  const [path = ""] = answer.path.split("?");
  const judge = judgeFor(answer.version, answer.method, path);
  if (path === "/$batch" && answer.status === 200) return batchAnswerProblems(answer.body);
  const operation = findOperation(judge, answer.method, path);
  const errorSchema = { $ref: "#/components/schemas/microsoft.graph.ODataErrors.ODataError" };
  if (answer.status >= 400) return judge.problems(errorSchema, answer.body);
  if (operation === undefined) return [`${answer.method} ${path} is not in ${answer.version}`];
  const schema = answerSchema(judge, operation);
  if (schema === undefined) {
    return answer.body === undefined || answer.body === "" ? [] : ["no body is described"];
  }
  return judge.problems(schema, answer.body);
}

/** The part of the description that has the operation. */
function judgeFor(version: GraphVersion, method: string, path: string): Judge {
  const own = judgeOf(version);
  const has = (judge: Judge): boolean => findOperation(judge, method, path) !== undefined;
  return [own, configurationJudge(version)].find(has) ?? own;
}

function findOperation(judge: Judge, method: string, path: string): Operation | undefined {
  const segments = path.split("/");
  const fits = (template: string): boolean => {
    const wanted = template.split("/");
    return (
      wanted.length === segments.length &&
      wanted.every(
        (part, at) => part === segments[at] || (part.startsWith("{") && segments[at] !== ""),
      )
    );
  };
  return Object.keys(judge.description.paths)
    .filter(fits)
    .toSorted((a, b) => placeholders(a) - placeholders(b))
    .map((template) => judge.description.paths[template]?.[method.toLowerCase()])
    .find((operation) => operation !== undefined);
}

const placeholders = (template: string): number => template.split("{").length;

function queryProblems(
  judge: Judge,
  operation: Operation,
  query: URLSearchParams,
): readonly string[] {
  const { parameters } = judge.description.components;
  const names = (operation.parameters ?? []).map(
    (parameter) => parameter.name ?? parameters[parameter.$ref?.split("/").at(-1) ?? ""]?.name,
  );
  // Links to further pages carry it; nobody may make it up.
  const known = new Set([...names, "$skiptoken"]);
  const unknown = [...query.keys()].filter((name) => !known.has(name));
  const entity = entityProperties(judge, operation);
  const used = [
    ...(query.get("$select")?.split(",") ?? []),
    ...filterProperties(query.get("$filter") ?? ""),
  ];
  const missing = entity === undefined ? [] : used.filter((name) => !entity.has(name));
  return [
    ...unknown.map((name) => `the query option ${name} is not described`),
    ...missing.map((name) => `there is no property ${name} to select or filter by`),
  ];
}

function bodyProblems(judge: Judge, operation: Operation, body: unknown): readonly string[] {
  const named = operation.requestBody?.$ref?.split("/").at(-1);
  const described =
    named === undefined ? operation.requestBody : judge.description.components.requestBodies[named];
  const schema = described?.content?.["application/json"]?.schema;
  if (schema !== undefined) {
    return body === undefined ? ["a body is needed"] : judge.problems(schema, body);
  }
  // Batch parts of actions without parameters carry an empty object.
  const empty = body === undefined || JSON.stringify(body) === "{}";
  return empty ? [] : ["no body is described"];
}

function answerSchema(judge: Judge, operation: Operation): Schema | undefined {
  const given = operation.responses["2XX"];
  const name = given?.$ref?.split("/").at(-1);
  const response = name === undefined ? given : judge.description.components.responses[name];
  const content = response?.content;
  const schema = (content?.["application/json"] ?? content?.["text/plain"])?.schema;
  return schema;
}

/** The names an entity has, where the operation answers with one or with a list of them. */
function entityProperties(judge: Judge, operation: Operation): ReadonlySet<string> | undefined {
  const schema = answerSchema(judge, operation);
  if (schema === undefined) return undefined;
  const list = judge.resolve(schema).properties?.["value"]?.items;
  const names = judge.resolve(list ?? schema)["x-all-properties"];
  return names === undefined ? undefined : new Set(names);
}

function batchAnswerProblems(body: unknown): readonly string[] {
  const responses = (body as { readonly responses?: unknown } | undefined)?.responses;
  if (!Array.isArray(responses)) return ["a batch answer needs a list of responses"];
  return responses.flatMap((each: Readonly<Record<string, unknown>>, at) => {
    const named = typeof each["id"] === "string" && typeof each["status"] === "number";
    return named ? [] : [`/responses/${at} needs an id and a status`];
  });
}
