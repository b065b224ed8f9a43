/**
 * The door of AdminService: `/sites/{tenant}/{site}/AdminService/...`, one address for each tenant's site.
 * It lets in whoever sends credentials, and answers late or never when the behaviour says so.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { nextChance } from "../fleet/tenants.ts";
import { header, readBody, sendJson } from "../http/messages.ts";
import { findTenant, type State } from "../state.ts";
import {
  listScriptStatus,
  listScripts,
  runPivot,
  runScript,
  showPivotResult,
} from "./device-calls.ts";
import { refused, type SiteAnswer, type SiteCall, type SiteHandler } from "./exchange.ts";
import { initiate, listOperations, pushClient, showOperation, showStatus } from "./operations.ts";
import { siteCode } from "./site.ts";
import { listSites, listSystems } from "./systems.ts";

const prefix = /^\/sites\/([^/]+)\/([^/]+)\/AdminService(\/[^?]*)/;

/** Whether an address belongs to a site. */
export const isSite = (url: string): boolean => prefix.test(url);

const routes: readonly (readonly [method: string, path: RegExp, handle: SiteHandler])[] = [
  ["GET", /^\/wmi\/SMS_Site$/, listSites],
  ["GET", /^\/wmi\/SMS_R_System$/, listSystems],
  ["POST", /^\/wmi\/SMS_ClientOperation\.InitiateClientOperation$/, initiate],
  ["POST", /^\/wmi\/SMS_Collection\.CreateCCR$/, pushClient],
  ["GET", /^\/wmi\/SMS_ClientOperation$/, listOperations],
  ["GET", /^\/wmi\/SMS_ClientOperation\((\d+)\)$/, showOperation],
  ["GET", /^\/wmi\/SMS_ClientOperationStatus\((\d+)\)$/, showStatus],
  ["GET", /^\/v1\.0\/Script$/, listScripts],
  ["GET", /^\/wmi\/SMS_ScriptsExecutionStatus$/, listScriptStatus],
  ["POST", /^\/v1\.0\/Device\((\d+)\)\/AdminService\.RunScript$/, runScript],
  ["POST", /^\/v1\.0\/Device\((\d+)\)\/AdminService\.RunCMPivot$/, runPivot],
  [
    "GET",
    /^\/v1\.0\/Device\((\d+)\)\/AdminService\.CMPivotResult\(OperationId=(\d+)\)$/,
    showPivotResult,
  ],
];

/** Answers one request to a site. */
export async function answerSite(
  state: State,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const text = await readBody(incoming);
  const url = new URL(incoming.url ?? "/", "http://sandbox");
  const [, tenantId = "", site = "", path = ""] = prefix.exec(url.pathname) ?? [];
  const tenant = findTenant(state, tenantId);
  if (tenant === undefined || site.toUpperCase() !== siteCode)
    return sendJson(response, 404, { error: { message: "there is no such site" } });
  if (header(incoming, "authorization") === undefined) {
    response.writeHead(401, { "WWW-Authenticate": "Negotiate" });
    response.end();
    return;
  }
  const behaviour = state.behaviour.of(tenant.id);
  const chance = (): number => nextChance(tenant, behaviour.seed);
  const cut = behaviour.cutRate > 0 ? chance() : 1;
  if (cut < behaviour.cutRate / 2) {
    incoming.socket.destroy();
    return;
  }
  const call = { state, tenant, behaviour, query: url.searchParams, ids: [], body: parsed(text) };
  const busy = behaviour.errorRate > 0 && chance() < behaviour.errorRate;
  const answer = busy
    ? refused(503, "The service is unavailable.")
    : serve({ ...call, now: Date.now() }, incoming.method ?? "GET", path);
  state.requests.count(`site ${incoming.method}`, answer.status);
  const slow = behaviour.slowRate > 0 && chance() < behaviour.slowRate;
  setTimeout(
    () => {
      if (cut < behaviour.cutRate) incoming.socket.destroy();
      else sendJson(response, answer.status, answer.body);
    },
    behaviour.latencyMs + (slow ? behaviour.slowMs : 0),
  );
}

function serve(call: SiteCall, method: string, path: string): SiteAnswer {
  for (const [verb, pattern, handle] of routes) {
    const found = verb === method ? pattern.exec(path) : null;
    if (found !== null) return handle({ ...call, ids: found.slice(1) });
  }
  return refused(404, `Resource not found for ${method} ${path}.`);
}

function parsed(text: string): unknown {
  try {
    return text === "" ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}
