/** The results of a device's actions as Graph shows them. */
import type { ActionResult } from "../../fleet/action-results.ts";
import { configMgrDoor, shownName } from "../../fleet/actions.ts";
import type { GraphVersion } from "../exchange.ts";
import { graphTime } from "./device-facts.ts";
import type { DeviceAt } from "./device-property.ts";

/** JSON text of a device's `deviceActionResults`, newest first. */
export function deviceActionResults(device: DeviceAt, version: GraphVersion): string {
  const { tenant, index, now } = device;
  return JSON.stringify(tenant.results.of(index, now).map((result) => record(result, version)));
}

function record(result: ActionResult, version: GraphVersion): object {
  const { kind, state, startedAt, updatedAt } = result;
  const configMgr = kind.action.name === configMgrDoor;
  const plain = {
    actionName: shownName(kind),
    actionState: state,
    startDateTime: graphTime(startedAt),
    lastUpdatedDateTime: graphTime(updatedAt),
  };
  // The derived type of ConfigMgr results exists in beta only.
  const type = configMgr && version === "v1.0" ? undefined : kind.action.resultType;
  if (type === undefined) return plain;
  return { "@odata.type": type, ...plain, ...(configMgr ? delivery(result) : scanType(result)) };
}

function scanType({ kind }: ActionResult): object {
  return { scanType: kind.action.scanType ?? null };
}

/** The ConfigMgr part: the connector first, then the site, then what the client said. */
function delivery({ state }: ActionResult): object {
  const actionDeliveryStatus =
    state === "pending" ? "deliveredToConnectorService" : "deliveredToOnPremisesServer";
  return { actionDeliveryStatus, errorCode: state === "failed" ? -2_016_411_107 : 0 };
}
