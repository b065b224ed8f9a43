/** `POST /$batch`: up to 20 requests in one, each served, throttled and answered on its own. */
import { guidOf } from "../fleet/guids.ts";
import { partPrefix } from "../request-counts.ts";
import { nextRequestId } from "../state.ts";
import { badRequest, poisonError } from "./errors.ts";
import { type GraphAnswer, type JsonBody, ok } from "./exchange.ts";
import { type GraphRequest, serve } from "./serve.ts";

const mostParts = 20;
const partMembers = new Set(["id", "method", "url", "headers", "body", "dependsOn"]);
const methods = new Set(["GET", "POST", "PUT", "PATCH", "DELETE"]);

type Part = {
  readonly id: string;
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly dependsOn: readonly string[];
};

/** Serves the parts and answers them in no order, as Graph may. */
export function serveBatch(request: GraphRequest): GraphAnswer {
  const parts = readParts(request.body);
  if (typeof parts === "string") return badRequest(request, parts);
  const named = parts.flatMap(({ url }) => /managedDevices\/([^/?]+)/.exec(url)?.[1] ?? []);
  const broken = named.length > 1 ? poisonError(request, named) : undefined;
  if (broken !== undefined) return broken;
  const statuses = new Map<string, number>();
  const answers = parts.map((part) => {
    const failed = part.dependsOn.some((id) => (statuses.get(id) ?? 400) >= 400);
    const answer = failed ? dependencyFailed(request, part) : servePart(request, part);
    statuses.set(part.id, answer.status);
    return written(part.id, answer, request.clientRequestId);
  });
  return ok(`{"responses":[${shuffled(answers, request.requestId).join(",")}]}`);
}

function readParts(body: JsonBody): readonly Part[] | string {
  const requests =
    body.kind === "json" && isRecord(body.value) ? body.value["requests"] : undefined;
  if (!Array.isArray(requests)) return "Invalid batch payload format.";
  if (requests.length < 1 || requests.length > mostParts) {
    return `Number of batch request steps must be between 1 and the max value of ${mostParts}.`;
  }
  const parts: Part[] = [];
  for (const given of requests) {
    const part = readPart(given);
    if (typeof part === "string") return part;
    if (parts.some(({ id }) => id === part.id))
      return `Request Id ${part.id} is used more than once.`;
    parts.push(part);
  }
  const unknown = parts
    .flatMap((part) => part.dependsOn)
    .find((id) => !parts.some((part) => part.id === id));
  return unknown === undefined ? parts : `Request Id ${unknown} in dependsOn does not exist.`;
}

function readPart(given: unknown): Part | string {
  if (!isRecord(given)) return "Invalid batch payload format.";
  const { id, method, url, headers = {}, body, dependsOn = [] } = given;
  if (typeof id !== "string" || id === "") return "Every batch request needs an id.";
  const extra = Object.keys(given).find((name) => !partMembers.has(name));
  if (extra !== undefined) return `The property '${extra}' of a batch request is not known.`;
  if (typeof method !== "string" || !methods.has(method.toUpperCase()))
    return "Invalid method in batch.";
  if (typeof url !== "string" || !url.startsWith("/"))
    return "A batch url must be relative to the version.";
  if (!isRecord(headers) || Object.values(headers).some((value) => typeof value !== "string")) {
    return "The headers of a batch request must be strings.";
  }
  if (!Array.isArray(dependsOn)) return "dependsOn must be a list of ids.";
  return {
    id,
    method: method.toUpperCase(),
    url,
    headers: headers as Record<string, string>,
    body,
    dependsOn: dependsOn as readonly string[],
  };
}

function servePart(request: GraphRequest, part: Part): GraphAnswer {
  const requestId = nextRequestId(request.state);
  const clientRequestId = header(part, "client-request-id") ?? request.clientRequestId;
  const traced = { ...request, requestId, clientRequestId };
  const json = header(part, "content-type")?.toLowerCase().startsWith("application/json") === true;
  if (part.method !== "GET" && part.method !== "DELETE" && !(part.body !== undefined && json)) {
    const needed =
      "Write requests (excluding DELETE) must contain the Content-Type header and a body.";
    request.state.requests.count(`${partPrefix}${part.method} without body`, 400);
    return withRequestId(badRequest(traced, needed), requestId);
  }
  const body: JsonBody =
    part.body === undefined ? { kind: "none" } : { kind: "json", value: part.body };
  const headers = Object.fromEntries(
    Object.entries(part.headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const { method, url: target } = part;
  const { kind, answer } = serve({ ...traced, method, target, body, headers });
  request.state.requests.count(partPrefix + kind, answer.status);
  return withRequestId(answer, requestId);
}

function withRequestId(answer: GraphAnswer, requestId: string): GraphAnswer {
  return { ...answer, headers: { ...answer.headers, "request-id": requestId } };
}

function dependencyFailed(request: GraphRequest, part: Part): GraphAnswer {
  const body = JSON.stringify({
    error: { code: "FailedDependency", message: "A request this one depends on has failed." },
  });
  request.state.requests.count(`${partPrefix}${part.method} after a failure`, 424);
  return { status: 424, body };
}

function written(id: string, answer: GraphAnswer, clientRequestId: string | undefined): string {
  const headers: Record<string, string> = { "Cache-Control": "no-cache", ...answer.headers };
  if (clientRequestId !== undefined) headers["client-request-id"] ??= clientRequestId;
  if (answer.body !== undefined) headers["Content-Type"] = answer.contentType ?? "application/json";
  const body = answer.body === undefined ? "" : `,"body":${answer.body}`;
  return `{"id":${JSON.stringify(id)},"status":${answer.status},"headers":${JSON.stringify(headers)}${body}}`;
}

/** An order that differs from request to request, but is the same for the same request. */
function shuffled(answers: readonly string[], requestId: string): readonly string[] {
  const salt = Number.parseInt(requestId.slice(0, 8), 16);
  return answers
    .map((answer, position) => ({
      answer,
      key: guidOf(Math.imul(salt ^ (position + 1), 0x9e3779b1), 0, 0, 0),
    }))
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ answer }) => answer);
}

function header(part: Part, name: string): string | undefined {
  return Object.entries(part.headers).find(([key]) => key.toLowerCase() === name)?.[1];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
