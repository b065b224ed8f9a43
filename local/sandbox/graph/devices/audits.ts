/** `GET /deviceManagement/remoteActionAudits`: who asked which device for what, newest first. Beta only. */

import { actionNamed } from "../../fleet/actions.ts";
import type { LedgerRow } from "../../ledger.ts";
import { badRequest, graphError } from "../errors.ts";
import { type GraphCall, type GraphHandler, ok } from "../exchange.ts";
import { listBody, readOptions } from "../query-options.ts";
import { pick } from "./autopilot.ts";
import { deviceName, graphTime, userPrincipalName } from "./device-facts.ts";

/**
 * The audits are read from the ledger, so clearing the ledger clears them too. Newest first, with or without
 * `$orderby`; `$filter` takes a least `requestDateTime`, as far as the behaviour lets it.
 */
export const listAudits: GraphHandler = (call) => {
  const { audits, auditLagMs, auditOptions } = call.behaviour;
  if (audits === "refused")
    return graphError(call, 403, "Forbidden", "Audits are not for this app.");
  const options = readOptions(call.query, {
    list: true,
    filter: auditOptions,
    order: auditOptions,
  });
  if ("wrong" in options) return badRequest(call, options.wrong);
  const least = leastTime(options.filter);
  if (least === undefined) return badRequest(call, "The filter is not supported here.");
  const { ledger } = call.state;
  const entities: string[] = [];
  // Positions count from the newest row, kept as "rows older than this", so that new rows do not shift pages.
  let position = (options.from === 0 ? ledger.length() : options.from) - 1;
  if (audits === "empty") position = -1;
  for (; position >= 0 && entities.length < options.top; position -= 1) {
    const row = ledger.row(position, { tenantId: call.tenant.id });
    if (row === undefined || row.time > call.now - auditLagMs) continue;
    // The ledger is in the order of time.
    if (row.time < least) {
      position = -1;
      break;
    }
    entities.push(JSON.stringify(pick(audit(call, row, position), options.select)));
  }
  const next = position >= 0 ? position + 1 : undefined;
  return ok(listBody(call, { context: "deviceManagement/remoteActionAudits", entities, next }));
};

/** The earliest time that the filter lets through; undefined for a filter that is not understood. */
function leastTime(filter: string | undefined): number | undefined {
  if (filter === undefined) return 0;
  const [, text = ""] = /^requestDateTime ge (\S+)$/.exec(filter) ?? [];
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}

function audit(call: GraphCall, row: LedgerRow, position: number): Record<string, unknown> {
  const { tenant, now } = call;
  const index = tenant.fleet.ids.indexOf(row.deviceId) ?? 0;
  const result = tenant.results.of(index, now).find(({ kind }) => kind.action.name === row.action);
  return {
    id: tenant.families.users.at(2 ** 31 + position),
    deviceDisplayName: deviceName(tenant, index),
    userName: null,
    initiatedByUserPrincipalName: null,
    action: actionNamed(row.action).audit,
    requestDateTime: graphTime(row.time),
    deviceOwnerUserPrincipalName: userPrincipalName(tenant, index),
    deviceIMEI: "",
    // A row whose result was replaced by a newer request has no state of its own any more.
    actionState: result?.startedAt === row.time ? result.state : "none",
    managedDeviceId: row.deviceId,
    deviceActionCategory: row.bulk ? "bulk" : "single",
    bulkDeviceActionId: row.bulk ? row.requestId : null,
  };
}
