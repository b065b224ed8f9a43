/** `SMS_ClientOperation`: starting operations on clients, and the counts of what became of them. */

import { timelineOf } from "../fleet/tenants.ts";
import { nextRequestId } from "../state.ts";
import { list, refused, type SiteAnswer, type SiteCall, type SiteHandler } from "./exchange.ts";
import { chosen, fits, type Row, readQuery } from "./odata.ts";
import { clientIndex, countsOf, type Operation, siteOf, systemIndex } from "./site.ts";

/** Types that `InitiateClientOperation` starts here; scripts and CMPivot have calls of their own. */
const types = new Set([1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 125, 150]);
const parameters = ["Type", "TargetCollectionID", "RandomizationWindow", "TargetResourceIDs"];

/** What an operation is to do. */
export type Order = {
  readonly type: number;
  readonly collectionId: string;
  readonly targets: readonly number[];
  /** The name of the effect in the ledger, and what it carries. */
  readonly effect: readonly [name: string, detail: string];
};

/** Starts an operation: into the ledger for every client, then among the site's operations. */
export function start(call: SiteCall, { type, collectionId, targets, effect }: Order): Operation {
  const { state, tenant, behaviour, now } = call;
  const site = siteOf(tenant);
  const kind = state.kinds.of(...effect);
  const requestId = nextRequestId(state);
  const request = state.ledger.open({ requestId, clientRequestId: null, bulk: targets.length > 1 });
  const timelines = targets.map((resourceId) => {
    const index = clientIndex(tenant, resourceId, now);
    if (index === undefined) return undefined;
    state.ledger.record(tenant.ledger, index, kind, request, now);
    return timelineOf(tenant, index, kind, behaviour, now);
  });
  site.nextOperation += 1;
  const id = site.nextOperation;
  const operation = {
    id,
    type,
    collectionId,
    targets,
    timelines,
    requestedAt: now,
    carries: effect[1],
  };
  site.operations.set(id, operation);
  return operation;
}

/** `InitiateClientOperation`. */
export const initiate: SiteHandler = (call) => {
  const { body } = call;
  if (typeof body !== "object" || body === null) return refused(400, "The body must be JSON.");
  const given = body as Record<string, unknown>;
  const unknown = Object.keys(given).find((name) => !parameters.includes(name));
  if (unknown !== undefined) return refused(400, `The parameter ${unknown} is unknown.`);
  const { Type, TargetCollectionID, RandomizationWindow = 0, TargetResourceIDs } = given;
  if (typeof Type !== "number" || !types.has(Type)) return refused(400, "Type is not valid.");
  if (TargetCollectionID !== "SMS00001") return refused(400, "There is no such collection.");
  if (!isWhole(RandomizationWindow)) return refused(400, "RandomizationWindow is not valid.");
  if (!Array.isArray(TargetResourceIDs) || !TargetResourceIDs.every(isWhole))
    return refused(400, "TargetResourceIDs is not valid.");
  if (TargetResourceIDs.length === 0 || TargetResourceIDs.length > 500)
    return refused(400, "This stand-in takes 1 to 500 resource ids.");
  const { id } = start(call, {
    type: Type,
    collectionId: TargetCollectionID,
    targets: [...new Set<number>(TargetResourceIDs)],
    effect: ["clientOperation", String(Type)],
  });
  return { status: 201, body: { ReturnValue: 0, OperationID: id } };
};

const flags = new Set([
  "PushOnlyAssignedClients",
  "Forced",
  "ForceReinstall",
  "PushEvenIfDC",
  "InformationOnly",
  "SpecifySiteCode",
]);

/** `SMS_Collection.CreateCCR`: writes a client push request, and returns 1 for a system that it does not know. */
export const pushClient: SiteHandler = ({ state, tenant, behaviour, body, now }) => {
  if (typeof body !== "object" || body === null) return refused(400, "The body must be JSON.");
  const { ResourceID, ...given } = body as Record<string, unknown>;
  if (!isWhole(ResourceID)) return refused(400, "ResourceID is not valid.");
  const wrong = Object.entries(given).find(
    ([name, value]) => !flags.has(name) || typeof value !== "boolean",
  );
  if (wrong !== undefined)
    return refused(400, `The parameter ${wrong[0]} is unknown or not valid.`);
  const index = systemIndex(tenant, ResourceID);
  if (index === undefined) return { status: 201, body: { ReturnValue: 1 } };
  const kind = state.kinds.of("clientPush", given["Forced"] === true ? "forced" : "gentle");
  const requestId = nextRequestId(state);
  const request = state.ledger.open({ requestId, clientRequestId: null, bulk: false });
  state.ledger.record(tenant.ledger, index, kind, request, now);
  siteOf(tenant).pushes.set(index, timelineOf(tenant, index, kind, behaviour, now));
  return { status: 201, body: { ReturnValue: 0 } };
};

const columns = [
  "ID",
  "PrimaryActionType",
  "CollectionID",
  "TargetType",
  "State",
  "RequestedTime",
  "CreatedBy",
];

/** `GET SMS_ClientOperation`: without the lazy property. */
export const listOperations: SiteHandler = ({ tenant, query }) => {
  const asked = readQuery(query, columns);
  if (typeof asked === "string") return refused(400, asked);
  const rows = [...siteOf(tenant).operations.values()].map(operationRow);
  return list(rows.filter((row) => fits(asked, row)).map((row) => chosen(asked, row)));
};

/** `GET SMS_ClientOperation(id)`: with the targets. */
export const showOperation: SiteHandler = (call) =>
  withOperation(call, (operation) => [
    { ...operationRow(operation), TargetResourceIDs: operation.targets },
  ]);

/** `GET SMS_ClientOperationStatus(id)`: counts, and nothing about a single client. */
export const showStatus: SiteHandler = (call) =>
  withOperation(call, (operation) => {
    const { total, completed, failed, offline, unknown, expired } = countsOf(operation, call.now);
    return [
      {
        ID: operation.id,
        Type: operation.type,
        TotalClients: total,
        CompletedClients: completed,
        FailedClients: failed,
        OfflineClients: offline,
        UnknownClients: unknown,
        IsExpired: expired,
        RequestedTime: new Date(operation.requestedAt).toISOString(),
      },
    ];
  });

/** Answers about the operation that the path names. */
function withOperation(
  { tenant, ids: [id] }: SiteCall,
  show: (operation: Operation) => readonly Row[],
): SiteAnswer {
  const operation = siteOf(tenant).operations.get(Number(id));
  return operation === undefined ? refused(404, "Not found.") : list(show(operation));
}

const operationRow = ({ id, type, collectionId, requestedAt }: Operation): Row => ({
  ID: id,
  PrimaryActionType: type,
  CollectionID: collectionId,
  TargetType: 1,
  State: 1,
  RequestedTime: new Date(requestedAt).toISOString(),
  CreatedBy: "CONTOSO\\muster-relay$",
});

const isWhole = (value: unknown): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 0;
