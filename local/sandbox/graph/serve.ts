/**
 * Serves one Graph operation, whether it came by itself or in a batch: misbehaviour first, then what
 * the operation says.
 */
import type { Behaviour } from "../behaviour.ts";
import { nextChance, type Tenant } from "../fleet/tenants.ts";
import type { State } from "../state.ts";
import { holdWrite } from "./approvals.ts";
import { configurationOperation, type Operation } from "./configuration/operations.ts";
import { badRequest, graphError, intuneError, tooManyRequests, unavailable } from "./errors.ts";
import type { GraphAnswer, GraphVersion, JsonBody } from "./exchange.ts";
import { matchRoute } from "./routes.ts";

/** A request of a known caller, not yet matched with an operation. */
export type GraphRequest = {
  readonly state: State;
  readonly tenant: Tenant;
  readonly behaviour: Behaviour;
  /** Permissions that the token carries: the app's own, or those in somebody's name. */
  readonly roles: readonly string[];
  readonly appId: string;
  readonly userId: string | undefined;
  readonly version: GraphVersion;
  readonly method: string;
  readonly origin: string;
  /** Path and query below the version, as sent. */
  readonly target: string;
  readonly body: JsonBody;
  /** By their names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly requestId: string;
  readonly clientRequestId: string | undefined;
  readonly now: number;
};

/** An answer, and how the request is counted. */
export type Served = { readonly kind: string; readonly answer: GraphAnswer };

/** Serves one operation. It never serves `$batch`. */
export function serve(request: GraphRequest): Served {
  const url = splitTarget(request.target);
  const operation = operationOf(request, url.path);
  if (operation === undefined) {
    const last = url.path.slice(url.path.lastIndexOf("/") + 1);
    const answer = badRequest(request, `Resource not found for the segment '${last}'.`);
    return { kind: `${request.method} unknown`, answer };
  }
  const { kind, isHeld } = operation;
  const refused =
    misbehave(request) ?? operation.refuse(request) ?? (isHeld ? holdWrite(request) : undefined);
  if (refused !== undefined) return { kind, answer: refused };
  const query = new URLSearchParams(url.query);
  const answer = operation.handle({ ...request, path: url.path, query, ids: [] });
  return { kind, answer: isAnswerLost(request) ? gatewayTimeout(request) : answer };
}

function operationOf({ version, method }: GraphRequest, path: string): Operation | undefined {
  const match = matchRoute(version, method, path);
  if (match === undefined) return configurationOperation(version, method, path);
  const { route, ids } = match;
  return {
    kind: route.kind,
    isHeld: true,
    refuse: (request) => forbidden(request, route.roles),
    handle: (call) => route.handle({ ...call, ids }),
  };
}

/** Whether a gateway gives up waiting for the answer to something that has happened. */
const isAnswerLost = ({ behaviour, tenant, method }: GraphRequest): boolean =>
  method !== "GET" &&
  behaviour.lostAnswerRate > 0 &&
  nextChance(tenant, behaviour.seed) < behaviour.lostAnswerRate;

const gatewayTimeout = (request: GraphRequest): GraphAnswer =>
  graphError(request, 504, "GatewayTimeout", "The gateway timed out.");

/** Counts the request against the tenant's window, then leaves the rest to chance. */
function misbehave(request: GraphRequest): GraphAnswer | undefined {
  const { tenant, behaviour, now } = request;
  const { throttle, throttleRate, errorRate, seed } = behaviour;
  if (throttle !== null) {
    const { window } = tenant;
    if (now - window.startedAt >= throttle.windowSeconds * 1000) {
      window.startedAt = now;
      window.requests = 0;
    }
    window.requests += 1;
    if (window.requests > throttle.limit) return tooManyRequests(request, throttle.retryAfter);
  }
  if (throttleRate > 0) {
    const chance = nextChance(tenant, seed);
    if (chance < throttleRate) {
      return tooManyRequests(request, chance < throttleRate / 2 ? null : 1);
    }
  }
  if (errorRate > 0 && nextChance(tenant, seed) < errorRate) return unavailable(request);
  return undefined;
}

function forbidden(request: GraphRequest, roles: readonly string[]): GraphAnswer | undefined {
  if (roles.some((role) => request.roles.includes(role))) return undefined;
  const text = `Application is not authorized to perform this operation. Application must have one of the following scopes: ${roles.join(", ")}`;
  return intuneError(request, 403, "Forbidden", text);
}

function splitTarget(target: string): { readonly path: string; readonly query: string } {
  const at = target.indexOf("?");
  return at < 0
    ? { path: target, query: "" }
    : { path: target.slice(0, at), query: target.slice(at + 1) };
}
