/** Reading managed devices: the list with its pages and filters, the count, and one device by id. */
import { fraction } from "../../fleet/chance.ts";
import type { Tenant } from "../../fleet/tenants.ts";
import { badRequest, notFound } from "../errors.ts";
import { type GraphAnswer, type GraphCall, type GraphHandler, ok } from "../exchange.ts";
import { entityBody, listBody, readOptions } from "../query-options.ts";
import { deviceActionResults } from "./action-result-record.ts";
import { always, type DeviceAt } from "./device-property.ts";
import { deviceWriter, propertyNames, propertyReader } from "./device-record.ts";
import { type DeviceFilter, readFilter } from "./filter.ts";

const results = "deviceActionResults";
const everything: DeviceFilter = { test: () => true };

/**
 * `GET /deviceManagement/managedDevices`. Action results in a list are always empty: they are filled
 * in for a single device only, and only when selected.
 */
export const listDevices: GraphHandler = (call) => listWhere(call, () => true);

/** `GET /deviceManagement/comanagedDevices`: the same list, co-managed devices only. */
export const listComanagedDevices: GraphHandler = (call) =>
  listWhere(call, (tenant, index) => tenant.fleet.profile(index).management === "coManaged");

function listWhere(
  call: GraphCall,
  belongs: (tenant: Tenant, index: number) => boolean,
): GraphAnswer {
  const options = readOptions(call.query, { list: true, filter: true });
  if ("wrong" in options) return badRequest(call, options.wrong);
  const filter =
    options.filter === undefined ? everything : readFilter(call.version, options.filter);
  if ("wrong" in filter) return badRequest(call, filter.wrong);
  const names = selected(call, options.select);
  if ("wrong" in names) return badRequest(call, names.wrong);
  const write = deviceWriter(call.version, names.names, { [results]: always({ json: "[]" }) });
  const { tenant, now } = call;
  const entities: string[] = [];
  let next: number | undefined;
  for (const index of candidates(tenant, filter, options.from)) {
    const device = { tenant, index, now };
    if (!tenant.fleet.visible(index) || !belongs(tenant, index) || !filter.test(device)) continue;
    if (entities.length === options.top) {
      next = index;
      break;
    }
    entities.push(write(device));
  }
  const count =
    options.count && options.from === 0 ? matching(tenant, filter, belongs, now) : undefined;
  const context = `deviceManagement/managedDevices${suffix(options.select)}`;
  return ok(listBody(call, { context, entities, count, next }));
}

/** `GET /deviceManagement/managedDevices/$count`: a number as plain text. */
export const countDevices: GraphHandler = (call) => {
  const filterText = call.query.get("$filter");
  const filter = filterText === null ? everything : readFilter(call.version, filterText);
  if ("wrong" in filter) return badRequest(call, filter.wrong);
  const count = matching(call.tenant, filter, () => true, call.now);
  return { status: 200, body: String(count), contentType: "text/plain" };
};

/** `GET /deviceManagement/managedDevices/{id}`. */
export const getDevice: GraphHandler = (call) => {
  const options = readOptions(call.query, { list: false });
  if ("wrong" in options) return badRequest(call, options.wrong);
  const names = selected(call, options.select);
  if ("wrong" in names) return badRequest(call, names.wrong);
  const [id = ""] = call.ids;
  const index = call.tenant.fleet.find(id);
  if (index === undefined) return notFound(call, `The device ${id}`);
  const device: DeviceAt = { tenant: call.tenant, index, now: call.now };
  const write = deviceWriter(call.version, names.names, {
    [results]: (at) => ({
      json: keepsSilent(call, at) ? "[]" : deviceActionResults(at, call.version),
    }),
  });
  return ok(
    entityBody(call, `deviceManagement/managedDevices${suffix(options.select)}`, write(device)),
  );
};

function selected(
  call: GraphCall,
  select: readonly string[] | undefined,
): { readonly names: readonly string[] } | { readonly wrong: string } {
  if (select === undefined) return { names: propertyNames[call.version] };
  const unknown = select.find(
    (name) => name !== results && propertyReader(call.version, name) === undefined,
  );
  if (unknown === undefined) return { names: select };
  return {
    wrong: `Could not find a property named '${unknown}' on type 'microsoft.graph.managedDevice'.`,
  };
}

/** Devices whose results never show, whatever they did: the same ones at every look. */
const keepsSilent = ({ behaviour }: GraphCall, { tenant, index }: DeviceAt): boolean =>
  behaviour.emptyResultsRate > 0 &&
  fraction(tenant.number, index, 0x77) < behaviour.emptyResultsRate;

const suffix = (select: readonly string[] | undefined): string =>
  select === undefined ? "" : `(${select.join(",")})`;

/** The positions worth testing: one for a filter that names a single device, else all from a start on. */
function* candidates(
  tenant: Tenant,
  filter: Exclude<DeviceFilter, { wrong: string }>,
  from: number,
): Generator<number> {
  if (filter.exact !== undefined) {
    const { property, value } = filter.exact;
    const family = property === "id" ? tenant.fleet.ids : tenant.families.entraDevices;
    const index = family.indexOf(value);
    if (index !== undefined && index >= from && index < tenant.fleet.size()) yield index;
    return;
  }
  for (let index = from; index < tenant.fleet.size(); index += 1) yield index;
}

function matching(
  tenant: Tenant,
  filter: Exclude<DeviceFilter, { wrong: string }>,
  belongs: (tenant: Tenant, index: number) => boolean,
  now: number,
): number {
  let count = 0;
  for (const index of candidates(tenant, filter, 0)) {
    if (!tenant.fleet.visible(index) || !belongs(tenant, index)) continue;
    if (filter.test({ tenant, index, now })) count += 1;
  }
  return count;
}
