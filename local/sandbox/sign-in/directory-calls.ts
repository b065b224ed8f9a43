/** Requests to one directory: which of its addresses is meant, and what Entra would say before the provider. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { readBody, sendJson } from "../http/messages.ts";
import type { Door } from "./doors.ts";
import { correlationOf } from "./entra/answers.ts";
import { failures, tooFast } from "./entra/code-errors.ts";
import { type Endpoint, translated } from "./entra/dialect.ts";
import { type EntraFault, entraError } from "./entra/entra-errors.ts";
import { graphScopes, type Resource } from "./entra/resources.ts";
import { pageFault } from "./entra/single-page.ts";
import { answerChoosePage } from "./pages/choose-page.ts";
import { answerConsentPage, consentPaths } from "./pages/consent-page.ts";
import { failurePage, sendPage } from "./pages/pages.ts";
import type { PollInterval } from "./poll-interval.ts";
import { choosePath, routes } from "./provider.ts";
import { type ProviderRequest, withForm } from "./request-copy.ts";

/** What all directories share. */
export type CallOptions = {
  readonly resources: readonly Resource[];
  readonly interval: PollInterval;
};

/** Entra's place for a directory's configuration, and the provider's own. */
const configuration = "/.well-known/openid-configuration";

/** Answers a request; `rest` is its address after the directory. */
export async function answerDirectory(
  calls: CallOptions,
  door: Door,
  rest: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [path = "", query = ""] = rest.split("?");
  if (consentPaths.includes(path))
    return answerConsentPage(door, new URLSearchParams(query), request, response);
  if (path.startsWith(choosePath)) return answerChoosePage(door, request, response);
  if (path === `/v2.0${configuration}`) return pass(door, configuration, request, response);
  if (path === routes.authorization) return authorize(calls, door, query, request, response);
  if (path === routes.token || path === routes.device_authorization)
    return form(calls, door, path, request, response);
  if (path === routes.jwks || path.startsWith(`${routes.authorization}/`))
    return pass(door, path, request, response);
  sendJson(response, 404, { error: `nothing is served at ${path}` });
}

/** The provider finds the address it is mounted at by comparing the two addresses. */
function pass(
  door: Door,
  address: string,
  request: ProviderRequest,
  response: ServerResponse,
): Promise<void> {
  request.url = address;
  request.originalUrl = `/${door.directory.id}${address}`;
  return door.handle(request, response);
}

async function form(
  { resources, interval }: CallOptions,
  door: Door,
  path: typeof routes.token | typeof routes.device_authorization,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method !== "POST") return pass(door, path, request, response);
  const asked = new URLSearchParams(await readBody(request));
  await sleep(door.directory.latencyMs());
  const endpoint: Endpoint = path === routes.token ? "token" : "devicecode";
  const sent = consented(door, asked, translated(endpoint, asked, resources));
  if ("error" in sent) return refuse(sent, Object.assign(request, { asked }), response);
  const refusal = endpoint === "token" && (await pageFault(door, asked, request, response));
  if (refusal) return refuse(refusal, Object.assign(request, { asked }), response);
  const failure = endpoint === "token" && isPersons(asked) ? door.directory.failure() : "none";
  if (failure === "cut") return void request.socket.destroy();
  if (failure !== "none")
    return refuse(failures[failure], Object.assign(request, { asked }), response);
  const deviceCode = sent.get("device_code");
  if (deviceCode !== null && interval.tooFast(deviceCode, Date.now()))
    return refuse(tooFast, Object.assign(request, { asked }), response);
  await pass(door, path, Object.assign(withForm(request, sent), { asked }), response);
  if (response.statusCode !== 200) return;
  if (deviceCode !== null) interval.remove(deviceCode);
  if (endpoint === "devicecode") door.codes.lastAt = Date.now();
}

const isPersons = (asked: URLSearchParams): boolean =>
  asked.get("grant_type") !== "client_credentials";

/** Refuses a permission of Graph that is asked for by its name and that no administrator has consented to. */
function consented(
  { directory }: Door,
  asked: URLSearchParams,
  sent: URLSearchParams | EntraFault,
): URLSearchParams | EntraFault {
  const words = asked.get("scope")?.split(" ") ?? [];
  const names = words.map((word) => word.slice(word.lastIndexOf("/") + 1));
  const isMissing = (name: string): boolean =>
    graphScopes.includes(name) && !directory.scopes().includes(name);
  return !("error" in sent) && names.some(isMissing) ? failures.consentMissing : sent;
}

/** A browser that asks for a code. */
async function authorize(
  { resources }: CallOptions,
  door: Door,
  query: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const asked = new URLSearchParams(query);
  const sent = consented(door, asked, translated("authorize", asked, resources));
  if (!("error" in sent))
    return pass(door, `${routes.authorization}?${sent.toString()}`, request, response);
  const text = `AADSTS${sent.number}: ${sent.text}`;
  sendPage(request, response, { status: 400, html: failurePage(text), text });
}

/** Answers with an error in Entra's words. */
export function refuse(
  fault: EntraFault,
  request: ProviderRequest,
  response: ServerResponse,
): void {
  sendJson(response, fault.status, entraError(fault, correlationOf(request)));
}
