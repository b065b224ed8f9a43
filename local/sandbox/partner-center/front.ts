/**
 * The door of Partner Center: `/partner-center/v1/...`. It knows the partner by its token, which has to be of the home
 * directory and of somebody who has signed in with a second factor, and answers in the documented shapes.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { nextChance, type Tenant } from "../fleet/tenants.ts";
import { header, readBody } from "../http/messages.ts";
import { homeTenantId } from "../sign-in/directories.ts";
import type { Caller, TokenCheck } from "../sign-in/tokens.ts";
import { findTenant, nextRequestId, type State } from "../state.ts";
import {
  addDevices,
  createBatch,
  deploymentOf,
  listBatches,
  listDevices,
  removeDevice,
  setPolicies,
  showStatus,
} from "./deployment.ts";
import { type PartnerAnswer, type PartnerCall, type PartnerHandler, refused } from "./exchange.ts";
import { listCustomers, requestRelationship, showCustomer, showMfa } from "./relationships.ts";

/** What every address of Partner Center begins with. */
export const partnerCenterPrefix = "/partner-center";

type Route = readonly [
  method: string,
  path: RegExp,
  handle: PartnerHandler,
  /** Whether no app may ask it by itself. */
  person?: true,
];

const batch = String.raw`^\/customers\/([^/]+)\/deviceBatches`;
const routes: readonly Route[] = [
  ["GET", /^\/customers$/, listCustomers],
  ["GET", /^\/customers\/relationshiprequests$/, requestRelationship],
  ["GET", /^\/applicationmfaadoptionstatus$/, showMfa, true],
  ["GET", /^\/customers\/([^/]+)$/, showCustomer],
  ["POST", new RegExp(`${batch}$`), createBatch, true],
  ["GET", new RegExp(`${batch}$`), listBatches],
  ["POST", new RegExp(String.raw`${batch}\/([^/]+)\/devices$`), addDevices],
  ["GET", new RegExp(String.raw`${batch}\/([^/]+)\/devices$`), listDevices],
  ["DELETE", new RegExp(String.raw`${batch}\/([^/]+)\/devices\/([^/]+)$`), removeDevice],
  ["GET", /^\/customers\/([^/]+)\/batchJobStatus\/([^/]+)$/, showStatus],
  ["PATCH", /^\/customers\/([^/]+)\/DevicePolicyUpdates$/, setPolicies],
];

/** Answers one request. */
export async function answerPartnerCenter(
  { state, checkPartner }: { readonly state: State; readonly checkPartner: TokenCheck },
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const text = await readBody(incoming);
  const url = new URL(incoming.url ?? "/", "http://sandbox");
  const path = url.pathname.slice(`${partnerCenterPrefix}/v1`.length);
  const found = routes.flatMap(([method, pattern, handle, person = false]) => {
    const match = method === incoming.method ? pattern.exec(path) : null;
    return match === null ? [] : [{ handle, person, ids: match.slice(1).map(decodeURIComponent) }];
  })[0];
  const requestId = header(incoming, "ms-requestid");
  const send = (answer: PartnerAnswer): void => finish(state, { incoming, response }, answer);
  const count = (status: number): void =>
    state.requests.count(`partner ${incoming.method} ${kindOf(path)}`, status);
  const caller = callerOf(checkPartner, incoming, found?.person ?? false);
  if ("status" in caller) {
    count(caller.status);
    return send(caller);
  }
  if (found === undefined) return send(refused(404, 404, "Resource not found."));
  const [customerId] = found.ids;
  const tenant = customerId === undefined ? undefined : findTenant(state, customerId);
  if (customerId !== undefined && tenant === undefined)
    return send(refused(404, 60_003, "The tenant was not found."));
  const behaviour =
    tenant === undefined ? state.behaviour.everybody() : state.behaviour.of(tenant.id);
  if (tenant !== undefined && !behaviour.reseller && found.handle !== showCustomer)
    return send(refused(403, 20_002, "The partner has no sales relationship with the customer."));
  const call: PartnerCall = {
    state,
    behaviour,
    query: url.searchParams,
    ids: found.ids,
    body: parsed(text),
    continuation: header(incoming, "ms-continuationtoken"),
    ifMatch: header(incoming, "if-match"),
    now: Date.now(),
    origin: "https://admin.microsoft.example",
  };
  const whole = tenant === undefined ? call : { ...call, tenant };
  if (tenant === undefined) {
    count(200);
    return send(found.handle(whole));
  }
  misbehaving(whole, { tenant, incoming, requestId, send, count, handle: found.handle });
}

type Door = {
  readonly tenant: Tenant;
  readonly incoming: IncomingMessage;
  readonly requestId: string | undefined;
  readonly handle: PartnerHandler;
  readonly send: (answer: PartnerAnswer) => void;
  readonly count: (status: number) => void;
};

/** Trouble first, then the answer, late or never. The same request id is given the same answer. */
function misbehaving(call: PartnerCall, door: Door): void {
  const { tenant, incoming, requestId, handle, send, count } = door;
  const { behaviour } = call;
  const chance = (rate: number): boolean => rate > 0 && nextChance(tenant, behaviour.seed) < rate;
  const cut = chance(behaviour.cutRate);
  if (cut && chance(0.5)) {
    incoming.socket.destroy();
    return;
  }
  const { answers } = deploymentOf(tenant);
  const isWrite = incoming.method !== "GET";
  const before = isWrite ? answers.get(requestId ?? "") : undefined;
  const busy = busyNow(call, tenant, chance);
  const answer = busy ?? before ?? handle(call);
  if (isWrite && requestId !== undefined && busy === undefined) answers.set(requestId, answer);
  count(answer.status);
  const isLost = isWrite && busy === undefined && chance(behaviour.lostAnswerRate);
  const finished = (): void => {
    if (cut) incoming.socket.destroy();
    else send(isLost ? refused(504, 504, "The gateway timed out.") : answer);
  };
  setTimeout(finished, behaviour.latencyMs + (chance(behaviour.slowRate) ? behaviour.slowMs : 0));
}

function busyNow(
  { behaviour, now }: PartnerCall,
  { window }: Tenant,
  chance: (rate: number) => boolean,
): PartnerAnswer | undefined {
  const { throttle, throttleRate, errorRate } = behaviour;
  if (throttle !== null) {
    if (now - window.startedAt >= throttle.windowSeconds * 1000)
      Object.assign(window, { startedAt: now, requests: 0 });
    window.requests += 1;
    if (window.requests > throttle.limit) return tooMany(throttle.retryAfter);
  }
  if (chance(throttleRate)) return tooMany(1);
  return chance(errorRate) ? refused(503, 503, "The service is unavailable.") : undefined;
}

const tooMany = (retryAfter: number | null): PartnerAnswer => ({
  ...refused(429, 429, "Too many requests."),
  headers: retryAfter === null ? {} : { "Retry-After": String(retryAfter) },
});

/** Who asks, or why nobody is let in: another's token, no second factor, an app where it takes a person. */
function callerOf(
  check: TokenCheck,
  incoming: IncomingMessage,
  person: boolean,
): Caller | PartnerAnswer {
  const denied = refused(401, 400, "Access denied.");
  const token = /^Bearer (.+)$/i.exec(header(incoming, "authorization") ?? "")?.[1];
  const verdict = token === undefined ? undefined : check(token, Date.now());
  if (verdict?.kind !== "caller") return denied;
  const { caller } = verdict;
  if (caller.tenantId !== homeTenantId || (person && caller.userId === undefined)) return denied;
  if (caller.userId !== undefined && !caller.mfa)
    return refused(403, 900_421, "The request was not made with multifactor authentication.");
  return caller;
}

function finish(
  state: State,
  { incoming, response }: { incoming: IncomingMessage; response: ServerResponse },
  { status, body, headers = {} }: PartnerAnswer,
): void {
  const text = body === undefined ? undefined : JSON.stringify(body);
  response.writeHead(status, {
    "MS-RequestId": header(incoming, "ms-requestid") ?? nextRequestId(state),
    "MS-CorrelationId": header(incoming, "ms-correlationid") ?? nextRequestId(state),
    "MS-CV": "sandbox.0",
    "MS-ServerId": "0",
    ...(text === undefined ? {} : { "Content-Type": "application/json; charset=utf-8" }),
    ...headers,
  });
  response.end(text);
}

const kindOf = (path: string): string =>
  path
    .replaceAll(/\/customers\/[0-9a-f-]{36}/g, "/customers/{id}")
    .replaceAll(/(deviceBatches|devices|batchJobStatus)\/[^/]+/g, "$1/{id}");

function parsed(text: string): unknown {
  try {
    return text === "" ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}
