/** `GET /deviceManagement/remoteActionAudits`: who asked which device for what, newest first. Beta only. */

import { actionNamed } from "../../fleet/actions.ts";
import type { LedgerRow } from "../../ledger.ts";
import { badRequest } from "../errors.ts";
import { type GraphCall, type GraphHandler, ok } from "../exchange.ts";
import { listBody, readOptions } from "../query-options.ts";
import { pick } from "./autopilot.ts";
import { deviceName, graphTime, userPrincipalName } from "./device-facts.ts";

/** The audits are read from the ledger, so clearing the ledger clears them too. */
export const listAudits: GraphHandler = (call) => {
  const options = readOptions(call.query, { list: true });
  if ("wrong" in options) return badRequest(call, options.wrong);
  const { ledger } = call.state;
  const entities: string[] = [];
  // Positions count from the newest row, kept as "rows older than this", so that new rows do not shift pages.
  let position = (options.from === 0 ? ledger.length() : options.from) - 1;
  for (; position >= 0 && entities.length < options.top; position -= 1) {
    const row = ledger.row(position, { tenantId: call.tenant.id });
    if (row === undefined) continue;
    entities.push(JSON.stringify(pick(audit(call, row, position), options.select)));
  }
  const next = position >= 0 ? position + 1 : undefined;
  return ok(listBody(call, { context: "deviceManagement/remoteActionAudits", entities, next }));
};

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
