/**
 * The door of Graph: reads the request, knows the caller by its token, and sends the answer, late or
 * never when the behaviour says so.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { nextChance } from "../fleet/tenants.ts";
import { header, readBody } from "../http/messages.ts";
import { homeTenantId } from "../sign-in/directories.ts";
import type { TokenCheck } from "../sign-in/tokens.ts";
import { findTenant, nextRequestId, type State } from "../state.ts";
import { serveBatch } from "./batch.ts";
import { answerDelegations } from "./delegations.ts";
import { badRequest, graphError } from "./errors.ts";
import type { GraphAnswer, GraphVersion, JsonBody } from "./exchange.ts";
import { type GraphRequest, type Served, serve } from "./serve.ts";

const prefix = /^\/(v1\.0|beta)(\/.*)$/;
const diagnostic = JSON.stringify({
  ServerInfo: {
    DataCenter: "Sandbox",
    Slice: "E",
    Ring: "1",
    ScaleUnit: "000",
    RoleInstance: "SANDBOX",
  },
});

/** Whether an address belongs to Graph. */
export const isGraph = (url: string): boolean => prefix.test(url);

/** What the door needs. */
export type Door = { readonly state: State; readonly check: TokenCheck };

/** Answers one request to Graph. */
export async function answerGraph(
  door: Door,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { state } = door;
  const text = await readBody(incoming);
  const request = knownRequest(door, incoming, text);
  if ("refused" in request) {
    state.requests.count(
      request.refused.status < 300 ? "GET delegations" : "refused",
      request.refused.status,
    );
    send(response, request.refused, request.traced);
    return;
  }
  const { behaviour, tenant } = request;
  const cut = behaviour.cutRate > 0 ? nextChance(tenant, behaviour.seed) : 1;
  if (cut < behaviour.cutRate / 2) {
    state.requests.count("cut before the effect", 0);
    incoming.socket.destroy();
    return;
  }
  const served = serveAny(request);
  state.requests.count(served.kind, cut < behaviour.cutRate ? 0 : served.answer.status);
  const slow = behaviour.slowRate > 0 && nextChance(tenant, behaviour.seed) < behaviour.slowRate;
  const waitMs = behaviour.latencyMs + (slow ? behaviour.slowMs : 0);
  const finish = (): void => {
    if (cut < behaviour.cutRate) incoming.socket.destroy();
    else send(response, served.answer, request);
  };
  if (waitMs > 0) setTimeout(finish, waitMs);
  else finish();
}

function serveAny(request: GraphRequest): Served {
  if (request.target !== "/$batch") return serve(request);
  if (request.method === "POST") return { kind: "POST $batch", answer: serveBatch(request) };
  return { kind: "$batch misused", answer: badRequest(request, "A batch must be a POST.") };
}

type Traced = Pick<GraphRequest, "requestId" | "clientRequestId" | "now">;
/** An answer that is not that of a tenant with devices. */
type Refused = { readonly refused: GraphAnswer; readonly traced: Traced };

function knownRequest(door: Door, incoming: IncomingMessage, text: string): GraphRequest | Refused {
  const { state } = door;
  const now = Date.now();
  const requestId = nextRequestId(state);
  const traced = { requestId, clientRequestId: header(incoming, "client-request-id"), now };
  const unauthorized = (message: string): Refused => ({
    refused: graphError(traced, 401, "InvalidAuthenticationToken", message),
    traced,
  });
  const token = /^Bearer (.+)$/i.exec(header(incoming, "authorization") ?? "")?.[1];
  if (token === undefined) return unauthorized("Access token is empty.");
  const verdict = door.check(token, now);
  if (verdict.kind === "refused") return unauthorized(verdict.reason);
  const [, version = "v1.0", target = "/"] = prefix.exec(incoming.url ?? "") ?? [];
  const origin = `http://${header(incoming, "host") ?? "127.0.0.1"}`;
  const { caller } = verdict;
  if (caller.tenantId === homeTenantId) {
    const refused = answerDelegations(state, { ...traced, ...caller, target, origin });
    return { refused, traced };
  }
  const tenant = findTenant(state, caller.tenantId);
  if (tenant === undefined) return unauthorized("The tenant of the token does not exist.");
  return {
    ...traced,
    state,
    tenant,
    behaviour: state.behaviour.of(tenant.id),
    roles: verdict.caller.roles,
    userId: verdict.caller.userId,
    appId: verdict.caller.appId,
    version: version as GraphVersion,
    method: incoming.method ?? "GET",
    origin,
    target,
    headers: singleHeaders(incoming),
    body: jsonBody(incoming, text),
  };
}

const singleHeaders = ({ headers }: IncomingMessage): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));

function jsonBody(incoming: IncomingMessage, text: string): JsonBody {
  if (text === "") return { kind: "none" };
  if (header(incoming, "content-type")?.startsWith("application/json") !== true) {
    return { kind: "malformed" };
  }
  try {
    return { kind: "json", value: JSON.parse(text) as unknown };
  } catch {
    return { kind: "malformed" };
  }
}

function send(response: ServerResponse, answer: GraphAnswer, traced: Traced): void {
  const headers: Record<string, string | number> = {
    "request-id": traced.requestId,
    "client-request-id": traced.clientRequestId ?? traced.requestId,
    "x-ms-ags-diagnostic": diagnostic,
    ...answer.headers,
  };
  if (answer.body !== undefined) {
    const json =
      "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";
    headers["Content-Type"] = answer.contentType ?? json;
    headers["Content-Length"] = Buffer.byteLength(answer.body);
  }
  response.writeHead(answer.status, headers);
  response.end(answer.body);
}
