/**
 * Imports of hardware into Autopilot, in the documented shapes: a record of each device that stays "unknown" for a while,
 * then is complete or failed, and is there until somebody deletes it.
 */
import { fraction, seedOf } from "../../fleet/chance.ts";
import { guidOf } from "../../fleet/guids.ts";
import {
  hardwareKey,
  type ImportError,
  type ImportRecord,
  type Registrations,
} from "../../fleet/registrations.ts";
import { badRequest, notFound } from "../errors.ts";
import { type GraphCall, type GraphHandler, noContent, ok } from "../exchange.ts";
import { listBody, pageOf, readOptions } from "../query-options.ts";
import { pick } from "./autopilot.ts";

const context = "deviceManagement/importedWindowsAutopilotDeviceIdentities";
const nobody = "00000000-0000-0000-0000-000000000000";

type Given = Readonly<Record<string, unknown>>;
const text = (given: Given, name: string): string =>
  typeof given[name] === "string" ? given[name] : "";

const members = new Set([
  "@odata.type",
  "groupTag",
  "serialNumber",
  "productKey",
  "importId",
  "hardwareIdentifier",
  "assignedUserPrincipalName",
  "state",
]);
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** `POST .../importedWindowsAutopilotDeviceIdentities/import`. */
export const importHardware: GraphHandler = (call) => {
  const value = call.body.kind === "json" ? (call.body.value as Given) : {};
  const list = value["importedWindowsAutopilotDeviceIdentities"];
  if (!Array.isArray(list) || list.length === 0)
    return badRequest(call, "The parameter 'importedWindowsAutopilotDeviceIdentities' is missing.");
  for (const given of list as Given[]) {
    const unknown = Object.keys(given).find((name) => !members.has(name));
    if (unknown !== undefined) return badRequest(call, `The property '${unknown}' does not exist.`);
    const hash = text(given, "hardwareIdentifier");
    if (!base64.test(hash))
      return badRequest(
        call,
        `Cannot convert the literal '${hash}' to the expected type 'Edm.Binary'.`,
      );
  }
  const records = (list as Given[]).map((given) => take(call, given));
  return ok(
    JSON.stringify({
      "@odata.context": `${call.origin}/${call.version}/$metadata#${context}`,
      value: records.map((record) => shown(record, call.now)),
    }),
  );
};

function take(call: GraphCall, given: Given): ImportRecord {
  const { state, tenant, behaviour, now } = call;
  const { registrations } = state;
  const { records, devices } = registrations.of(tenant.id);
  const [serialNumber, productKey] = [text(given, "serialNumber"), text(given, "productKey")];
  const hash = text(given, "hardwareIdentifier");
  const key = hardwareKey(serialNumber, productKey, hash);
  registrations.submit({ tenantId: tenant.id, route: "graph", key, time: now });
  state.importsMade += 1;
  const seed = seedOf(`${tenant.id} ${state.importsMade}`);
  const id = guidOf(seed, state.importsMade, seed ^ 3, state.importsMade);
  const registrationId = guidOf(seed ^ 1, state.importsMade, seed ^ 5, state.importsMade);
  const chance = fraction(seed, state.importsMade, 1);
  const [least, most] = behaviour.importMs;
  const endsAt = now + Math.round(least + (most - least) * chance);
  const error = faultOf(call, key, hash) ?? heldBy(registrations, tenant.id, key);
  const groupTag = text(given, "groupTag");
  const user = text(given, "assignedUserPrincipalName");
  if (error === undefined) {
    registrations.hold(key, tenant.id);
    const isDropped = fraction(seed, state.importsMade, 2) < behaviour.droppedTagRate;
    devices.set(registrationId, {
      id: registrationId,
      key,
      serialNumber,
      productKey,
      groupTag: isDropped ? "" : groupTag,
      user,
      addressableUserName: "",
      displayName: "",
      shownAt: endsAt + behaviour.identityLagMs,
    });
  }
  const about = { id, importId: text(given, "importId"), groupTag, serialNumber, productKey, user };
  const record: ImportRecord = {
    ...about,
    key,
    endsAt,
    ...(error && { error }),
    registrationId: error === undefined ? registrationId : "",
  };
  records.set(id, record);
  return record;
}

/** What the behaviour has for a device; a fault with `times` ends with the last of them. */
function faultOf(
  { behaviour, state }: GraphCall,
  key: string,
  hash: string,
): ImportError | undefined {
  const fault = behaviour.importFaults[key];
  if (fault !== undefined) {
    const { times = Number.POSITIVE_INFINITY, ...error } = fault;
    const met = state.importFaultsMet.get(key) ?? 0;
    state.importFaultsMet.set(key, met + 1);
    if (met < times) return error;
  }
  const isHash = Buffer.from(hash.slice(0, 4), "base64").toString("latin1", 0, 2) === "OA";
  return isHash ? undefined : { code: 802, name: "InvalidZtdHardwareHash" };
}

function heldBy(all: Registrations, tenantId: string, key: string): ImportError | undefined {
  const holder = all.holder(key);
  if (holder === undefined) return undefined;
  return holder === tenantId
    ? { code: 806, name: "ZtdDeviceAlreadyAssigned" }
    : { code: 808, name: "ZtdDeviceAssignedToOtherTenant" };
}

/** A record as it is at a moment. The hash is not given back. */
function shown(record: ImportRecord, now: number): Record<string, unknown> {
  const { id, importId, groupTag, serialNumber, productKey, user, error } = record;
  const isOver = now >= record.endsAt;
  const status = isOver ? (error === undefined ? "complete" : "error") : "unknown";
  return {
    id,
    groupTag,
    serialNumber,
    productKey,
    importId,
    hardwareIdentifier: null,
    assignedUserPrincipalName: user,
    state: {
      "@odata.type": "microsoft.graph.importedWindowsAutopilotDeviceIdentityState",
      deviceImportStatus: status,
      deviceRegistrationId: isOver ? record.registrationId : nobody,
      deviceErrorCode: isOver ? (error?.code ?? 0) : 0,
      deviceErrorName: isOver ? (error?.name ?? "") : "",
    },
  };
}

/** `GET .../importedWindowsAutopilotDeviceIdentities`. */
export const listImports: GraphHandler = (call) => {
  const options = readOptions(call.query, { list: true });
  if ("wrong" in options) return badRequest(call, options.wrong);
  const records = [...call.state.registrations.of(call.tenant.id).records.values()];
  const { items, next } = pageOf(records, options);
  const entities = items.map((each) => JSON.stringify(pick(shown(each, call.now), options.select)));
  return ok(listBody(call, { context, entities, next }));
};

// Corporate device identifiers.

const corporate = "deviceManagement/importedDeviceIdentities";

/** `POST .../importedDeviceIdentities/importDeviceIdentityList`: each that is new is taken; it may say so and take none. */
export const importIdentifiers: GraphHandler = (call) => {
  const body = call.body.kind === "json" ? (call.body.value as Given) : {};
  const list = body["importedDeviceIdentities"];
  if (!Array.isArray(list) || typeof body["overwriteImportedDeviceIdentities"] !== "boolean")
    return badRequest(call, "The parameter 'importedDeviceIdentities' is missing.");
  const { registrations } = call.state;
  const { identifiers } = registrations.of(call.tenant.id);
  const value = (list as Given[]).map((given) => {
    const importedDeviceIdentifier = text(given, "importedDeviceIdentifier");
    const isNew = !identifiers.has(importedDeviceIdentifier);
    const about = { tenantId: call.tenant.id, key: importedDeviceIdentifier, time: call.now };
    registrations.submit({ ...about, route: "corporateIdentifiers" });
    if (isNew && !call.behaviour.importsNothing) identifiers.add(importedDeviceIdentifier);
    return {
      importedDeviceIdentifier,
      importedDeviceIdentityType: "manufacturerModelSerial",
      status: isNew,
    };
  });
  return ok(JSON.stringify({ value }));
};

/** `GET .../importedDeviceIdentities`. */
export const listIdentifiers: GraphHandler = (call) => {
  const options = readOptions(call.query, { list: true });
  if ("wrong" in options) return badRequest(call, options.wrong);
  const { items, next } = pageOf(
    [...call.state.registrations.of(call.tenant.id).identifiers],
    options,
  );
  const entities = items.map((importedDeviceIdentifier) =>
    JSON.stringify({
      importedDeviceIdentifier,
      importedDeviceIdentityType: "manufacturerModelSerial",
    }),
  );
  return ok(listBody(call, { context: corporate, entities, next }));
};

/** `DELETE .../importedWindowsAutopilotDeviceIdentities/{id}`. */
export const deleteImport: GraphHandler = (call) => {
  const { records } = call.state.registrations.of(call.tenant.id);
  return records.delete(call.ids[0] ?? "") ? noContent : notFound(call, "The imported device");
};
