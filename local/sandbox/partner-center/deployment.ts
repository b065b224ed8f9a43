/**
 * Device batches of a customer: a batch's name becomes the group tag of its devices. What becomes of a device is settled
 * when it is handed in, and shown when its time has come; a batch is called finished whatever became of its devices.
 */
import { fraction, seedOf } from "../fleet/chance.ts";
import { guidOf } from "../fleet/guids.ts";
import { hardwareKey, type ImportError } from "../fleet/registrations.ts";
import type { Tenant } from "../fleet/tenants.ts";
import {
  collection,
  etagOf,
  type PartnerAnswer,
  type PartnerCall,
  type PartnerHandler,
  refused,
} from "./exchange.ts";

type Device = {
  readonly id: string;
  readonly key: string;
  readonly serialNumber: string;
  readonly productKey: string;
  readonly oemManufacturerName: string;
  readonly modelName: string;
  readonly uploadedDate: string;
  readonly endsAt: number;
  readonly error?: ImportError | undefined;
  policies: readonly unknown[];
};
type Job = { readonly startedAt: number; readonly devices: readonly Device[] };
type Batch = { readonly id: string; readonly createdAt: string; devices: Device[] };

/** What one customer has. */
type Deployment = {
  readonly batches: Map<string, Batch>;
  readonly jobs: Map<string, Job>;
  /** Answers to writes, by the id of their request. */
  readonly answers: Map<string, PartnerAnswer>;
};

const deployments = new WeakMap<Tenant, Deployment>();

/** The batches of a customer; they begin with the first look at them. */
export function deploymentOf(tenant: Tenant): Deployment {
  const known = deployments.get(tenant);
  if (known !== undefined) return known;
  const fresh: Deployment = { batches: new Map(), jobs: new Map(), answers: new Map() };
  deployments.set(tenant, fresh);
  return fresh;
}

type Customer = PartnerCall & { readonly tenant: Tenant };
/** Of operations whose path names a customer. */
const ofCustomer =
  (handle: (call: Customer, deployment: Deployment) => PartnerAnswer): PartnerHandler =>
  (call) =>
    call.tenant === undefined
      ? refused(404, 60_003, "The tenant was not found.")
      : handle({ ...call, tenant: call.tenant }, deploymentOf(call.tenant));

const perPage = 100;
const names = new Set([
  "serialNumber",
  "productKey",
  "hardwareHash",
  "oemManufacturerName",
  "modelName",
  "policies",
]);
type Given = Readonly<Record<string, unknown>>;
const isGiven = (value: unknown): value is Given => typeof value === "object" && value !== null;
const text = (given: Given, name: string): string =>
  typeof given[name] === "string" ? given[name] : "";

/** `POST .../deviceBatches`. */
export const createBatch = ofCustomer((call, deployment) => {
  const body = isGiven(call.body) ? call.body : {};
  const [id, devices] = [text(body, "batchId"), body["devices"]];
  if (id === "") return refused(400, 2000, "batchId is missing.");
  if (deployment.batches.has(id)) return refused(409, 2001, "The batch exists.");
  const taken = takeAll(call, id, devices);
  if ("status" in taken) return taken;
  const createdAt = new Date(call.now).toISOString();
  deployment.batches.set(id, { id, createdAt, devices: [...taken.devices] });
  return begun(call, taken);
});

/** `POST .../deviceBatches/{batch}/devices`. */
export const addDevices = ofCustomer((call, { batches }) => {
  const batch = batches.get(call.ids[1] ?? "");
  if (batch === undefined) return refused(404, 2002, "The batch was not found.");
  const taken = takeAll(call, batch.id, call.body);
  if ("status" in taken) return taken;
  batch.devices = [...batch.devices, ...taken.devices];
  return begun(call, taken);
});

function takeAll(call: Customer, batchId: string, given: unknown): Job | PartnerAnswer {
  if (!Array.isArray(given) || given.length === 0 || !given.every(isGiven))
    return refused(400, 2000, "devices is missing.");
  const unknown = given.flatMap(Object.keys).find((name) => !names.has(name));
  if (unknown !== undefined) return refused(400, 2000, `The property ${unknown} is not known.`);
  const isKnowable = given.every(
    (one) =>
      text(one, "hardwareHash") !== "" ||
      text(one, "productKey") !== "" ||
      (text(one, "serialNumber") !== "" &&
        text(one, "oemManufacturerName") !== "" &&
        text(one, "modelName") !== ""),
  );
  if (!isKnowable) return refused(400, 2000, "A device cannot be identified.");
  return { startedAt: call.now, devices: given.map((one) => take(call, batchId, one)) };
}

/** Taken; the address of its status comes without the version, as it does there. */
function begun({ state, tenant }: Customer, job: Job): PartnerAnswer {
  state.importsMade += 1;
  const seed = seedOf(`${tenant.id} job ${state.importsMade}`);
  const id = guidOf(seed, state.importsMade, seed ^ 3, seed ^ 5);
  deploymentOf(tenant).jobs.set(id, job);
  return {
    status: 202,
    headers: { Location: `/customers/${tenant.id}/batchJobStatus/${id}` },
  };
}

function take({ state, tenant, behaviour, now }: Customer, tag: string, given: Given): Device {
  const { registrations } = state;
  const [serialNumber, productKey] = [text(given, "serialNumber"), text(given, "productKey")];
  const key = hardwareKey(serialNumber, productKey, text(given, "hardwareHash"));
  registrations.submit({ tenantId: tenant.id, route: "partnerCenter", key, time: now });
  state.importsMade += 1;
  const seed = seedOf(`${tenant.id} ${state.importsMade}`);
  const id = guidOf(seed, state.importsMade, seed ^ 7, state.importsMade);
  const [least, most] = behaviour.importMs;
  const endsAt = now + Math.round(least + (most - least) * fraction(seed, state.importsMade, 1));
  const error = errorOf({ state, tenant, behaviour }, key, text(given, "hardwareHash"));
  if (error === undefined) {
    registrations.hold(key, tenant.id);
    const user = { user: "", addressableUserName: "", displayName: "" };
    const about = { id, key, serialNumber, productKey, groupTag: tag, ...user };
    registrations.of(tenant.id).devices.set(id, {
      ...about,
      shownAt: endsAt + behaviour.identityLagMs,
    });
  }
  return {
    id,
    key,
    serialNumber,
    productKey,
    oemManufacturerName: text(given, "oemManufacturerName"),
    modelName: text(given, "modelName"),
    uploadedDate: new Date(now).toISOString(),
    endsAt,
    error,
    policies: [],
  };
}

function errorOf(
  { state, tenant, behaviour }: Pick<Customer, "state" | "tenant" | "behaviour">,
  key: string,
  hash: string,
): ImportError | undefined {
  const fault = behaviour.importFaults[key];
  const met = state.importFaultsMet.get(key) ?? 0;
  if (fault !== undefined) {
    state.importFaultsMet.set(key, met + 1);
    const { times = Number.POSITIVE_INFINITY, ...error } = fault;
    if (met < times) return error;
  }
  const isHash =
    hash === "" || Buffer.from(hash.slice(0, 4), "base64").toString("latin1", 0, 2) === "OA";
  if (!isHash) return { code: 802, name: "InvalidZtdHardwareHash" };
  const holder = state.registrations.holder(key);
  if (holder === undefined) return undefined;
  return holder === tenant.id
    ? { code: 806, name: "ZtdDeviceAlreadyAssigned" }
    : { code: 808, name: "ZtdDeviceAssignedToAnotherTenant" };
}

const isOver = ({ endsAt }: Device, now: number): boolean => now >= endsAt;

/** `GET .../deviceBatches`. */
export const listBatches = ofCustomer(({ tenant, now }, { batches }) =>
  collection(
    [...batches.values()].map(({ id, createdAt, devices }) => ({
      id,
      createdBy: "partner",
      creationDate: createdAt,
      status: devices.every((device) => isOver(device, now)) ? "finished" : "processing",
      devicesCount: devices.length,
      devicesLink: {
        // One path for all of them: whoever follows it finds nothing where there are several.
        uri: `/customers/${tenant.id}/deviceBatches/devices`,
        method: "GET",
        headers: [],
      },
      attributes: { etag: etagOf(id, devices.length), objectType: "DeviceBatch" },
    })),
  ),
);

/** `GET .../deviceBatches/{batch}/devices`: a hundred at a time. */
export const listDevices = ofCustomer((call, { batches }) => {
  const batch = batches.get(call.ids[1] ?? "");
  if (batch === undefined) return refused(404, 2002, "The batch was not found.");
  const from = Number(Buffer.from(call.continuation ?? "", "base64url").toString() || "0");
  const all = batch.devices.filter(
    (device) => isOver(device, call.now) && device.error === undefined,
  );
  const next = from + perPage;
  const token = Buffer.from(String(next)).toString("base64url");
  return collection(
    all.slice(from, next).map(({ key: _key, endsAt: _endsAt, error: _error, ...device }) => ({
      ...device,
      allowedOperations: ["delete"],
      attributes: { etag: etagOf(device.id, device.policies), objectType: "Device" },
    })),
    next < all.length ? { continuationToken: token } : {},
  );
});

/** `DELETE .../deviceBatches/{batch}/devices/{device}`. */
export const removeDevice = ofCustomer((call, { batches }) => {
  const batch = batches.get(call.ids[1] ?? "");
  const device = batch?.devices.find(({ id }) => id === call.ids[2]);
  if (batch === undefined || device === undefined)
    return refused(404, 2003, "The device was not found.");
  if (call.ifMatch !== undefined && call.ifMatch !== etagOf(device.id, device.policies))
    return refused(400, 2055, "The ETag is stale.");
  batch.devices = batch.devices.filter((one) => one !== device);
  call.state.registrations.of(call.tenant.id).devices.delete(device.id);
  call.state.registrations.hold(device.key, undefined);
  return { status: 204 };
});

/** `PATCH .../DevicePolicyUpdates`. */
export const setPolicies = ofCustomer((call, { batches }) => {
  const given = isGiven(call.body) ? call.body["devices"] : undefined;
  if (!Array.isArray(given)) return refused(400, 2000, "devices is missing.");
  const all = [...batches.values()].flatMap(({ devices }) => devices);
  const devices = given.filter(isGiven).map((one) => {
    const device = all.find(({ id }) => id === text(one, "id"));
    if (device !== undefined && Array.isArray(one["policies"])) device.policies = one["policies"];
    const error = { code: 807, name: "ZtdDeviceIsNotRegistered" };
    return device ?? { ...nobody, id: text(one, "id"), error };
  });
  return begun(call, { startedAt: call.now, devices });
});

const nobody: Device = {
  id: "",
  key: "",
  serialNumber: "",
  productKey: "",
  oemManufacturerName: "",
  modelName: "",
  uploadedDate: "",
  endsAt: 0,
  policies: [],
};

/** `GET .../batchJobStatus/{id}`. Hardware that was known by its hash alone comes back without any name. */
export const showStatus = ofCustomer(({ ids, now }, { jobs }) => {
  const job = jobs.get(ids[1] ?? "");
  if (job === undefined) return refused(404, 2004, "The job was not found.");
  const ends = Math.max(...job.devices.map(({ endsAt }) => endsAt));
  return {
    status: 200,
    body: {
      batchTrackingId: ids[1],
      status: now >= ends ? "finished" : "processing",
      startedTime: at(job.startedAt),
      completedTime: now >= ends ? at(ends) : "0001-01-01T00:00:00",
      devicesStatus: job.devices.map((device) => ({
        ...(device.serialNumber === "" && device.productKey === ""
          ? {}
          : {
              deviceId: device.id,
              serialNumber: device.serialNumber,
              productKey: device.productKey,
            }),
        ...resultOf(device, now),
      })),
      attributes: { etag: etagOf(ids[1], now >= ends), objectType: "BatchUploadDetails" },
    },
  };
});

const at = (time: number): string => new Date(time).toISOString();

function resultOf(device: Device, now: number): object {
  if (!isOver(device, now)) return { status: "processing", errorCode: 0, errorDescription: "" };
  const { code = 0, name = "" } = device.error ?? {};
  const status = device.error === undefined ? "finished" : "finished_with_errors";
  return { status, errorCode: code, errorDescription: name };
}
