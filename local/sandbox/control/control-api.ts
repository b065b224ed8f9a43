/** Control over the stand-in itself: no sign-in, for programs of this machine only. Not part of any Microsoft service. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { header, readBody, sendJson } from "../http/messages.ts";
import type { State } from "../state.ts";
import {
  changeBehaviour,
  decideHeldWrite,
  resetBehaviour,
  showBehaviour,
  showHeldWrites,
} from "./behaviour.ts";
import type { ControlHandler } from "./call.ts";
import {
  addConfiguration,
  changeConfiguration,
  changeConsent,
  countConfiguration,
  removeConfiguration,
  showConfiguration,
  showWrites,
} from "./configuration.ts";
import {
  clearLedger,
  resetRequests,
  showLedger,
  showLedgerSummary,
  showRegistrations,
  showRequests,
} from "./ledger.ts";
import { changeTenant, createTenant, listTenants, removeTenant, showDevices } from "./tenants.ts";

const item = /^\/tenants\/([^/]+)\/configuration\/([^/]+)\/([^/]+)$/;

const routes: readonly (readonly [method: string, path: RegExp, handle: ControlHandler])[] = [
  ["GET", /^\/tenants$/, listTenants],
  ["POST", /^\/tenants$/, createTenant],
  ["PATCH", /^\/tenants\/([^/]+)$/, changeTenant],
  ["DELETE", /^\/tenants\/([^/]+)$/, removeTenant],
  ["GET", /^\/tenants\/([^/]+)\/devices$/, showDevices],
  ["POST", /^\/tenants\/([^/]+)\/consent$/, changeConsent],
  ["GET", /^\/tenants\/([^/]+)\/configuration$/, countConfiguration],
  ["GET", /^\/tenants\/([^/]+)\/configuration\/([^/]+)(?:\/([^/]+))?$/, showConfiguration],
  ["POST", /^\/tenants\/([^/]+)\/configuration\/([^/]+)$/, addConfiguration],
  ["PATCH", item, changeConfiguration],
  ["PUT", item, changeConfiguration],
  ["DELETE", item, removeConfiguration],
  ["GET", /^\/configuration-writes$/, showWrites],
  ["GET", /^\/behaviour$/, showBehaviour],
  ["PUT", /^\/behaviour$/, changeBehaviour],
  ["DELETE", /^\/behaviour$/, resetBehaviour],
  ["GET", /^\/held-writes$/, showHeldWrites],
  ["PUT", /^\/held-writes\/([^/]+)$/, decideHeldWrite],
  ["GET", /^\/ledger$/, showLedger],
  ["DELETE", /^\/ledger$/, clearLedger],
  ["GET", /^\/ledger\/summary$/, showLedgerSummary],
  ["GET", /^\/registrations$/, showRegistrations],
  ["GET", /^\/requests$/, showRequests],
  ["DELETE", /^\/requests$/, resetRequests],
];

/** What every control address starts with. */
export const controlPrefix = "/_sandbox";

/** A page can send any other text to anywhere without asking first. */
const json = /^application\/json(;|$)/i;

/** Answers one control request. */
export async function answerControl(
  state: State,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://sandbox");
  const path = url.pathname.slice(controlPrefix.length);
  const text = await readBody(request);
  if (text !== "" && !json.test(header(request, "content-type") ?? ""))
    return sendJson(response, 415, { error: "send Content-Type: application/json" });
  const body = readJson(text);
  if (body === undefined)
    return sendJson(response, 400, { error: "the body must be a JSON object" });
  for (const [method, pattern, handle] of routes) {
    const found = method === request.method ? pattern.exec(path) : null;
    if (found === null) continue;
    const ids = found.slice(1).flatMap((id): readonly string[] => (id === undefined ? [] : [id]));
    const call = { state, method, ids, query: url.searchParams, body, response };
    const answer = await handle(call);
    if (answer === undefined) return;
    if (answer.body !== undefined) return sendJson(response, answer.status, answer.body);
    response.writeHead(answer.status);
    response.end();
    return;
  }
  sendJson(response, 404, { error: `the sandbox has no ${request.method} ${url.pathname}` });
}

function readJson(text: string): Readonly<Record<string, unknown>> | undefined {
  if (text === "") return {};
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    return value as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
